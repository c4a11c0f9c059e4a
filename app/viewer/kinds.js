// What a pane can show; the first nine have the keys 1 to 9.

export const KINDS = Object.freeze([
  { id: 'photo', name: 'Photo', hint: 'the target image' },
  { id: 'gt', name: 'Ground truth', hint: 'for inspection only', truth: true },
  { id: 'ssl', name: 'SSL', hint: 'kept where P ≥ μ(c)' },
  { id: 'esl', name: 'ESL', hint: 'kept where E ≤ ν(c)' },
  { id: 'ssl-esl', name: 'SSL − ESL', hint: 'kept by SSL only: what ESL drops' },
  { id: 'esl-ssl', name: 'ESL − SSL', hint: 'kept by ESL only' },
  { id: 'entropy', name: 'Entropy', hint: 'E, normalised to 0..1' },
  { id: 'confidence', name: 'Confidence', hint: 'P, the largest probability' },
  { id: 'second', name: 'Second class', hint: 'runner-up at every pixel' },
  { id: 'errors', name: 'Errors', hint: 'wrong pixels, by which rule keeps them', truth: true },
  { id: 'cbst', name: 'CBST', hint: 'class-balanced: arg max of P / threshold(c), kept from 1 on' },
  { id: 'entropy-class', name: 'Class × entropy', hint: 'class colour, dark where unsure' },
  { id: 'prediction', name: 'Prediction', hint: 'every pixel, before any threshold' },
]);

export const KIND = new Map(KINDS.map((kind) => [kind.id, kind]));
export const DEFAULT_PANES = Object.freeze(['photo', 'ssl-esl', 'ssl', 'esl']);

/** SSL and ESL change places while Space is held. */
export function blinked(kind) {
  if (kind === 'ssl') return 'esl';
  if (kind === 'esl') return 'ssl';
  if (kind === 'ssl-esl') return 'esl-ssl';
  if (kind === 'esl-ssl') return 'ssl-esl';
  return kind;
}
