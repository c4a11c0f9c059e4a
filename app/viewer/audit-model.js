// What verdicts say, without a DOM: decisions, rates per class pair with their intervals, agreement.
import { IGNORE, showCount } from './quantise.js';
import { kappa, wilson } from './statistics.js';

/** Keys of the Audit screen. */
export const DECISIONS = Object.freeze({
  a: { key: 'A', name: 'Drop: the label is wrong', decision: 'drop' },
  s: { key: 'S', name: 'Keep: the label is right', decision: 'keep' },
  d: { key: 'D', name: 'Both classes wrong', decision: 'drop', note: 'both classes wrong' },
  x: { key: 'X', name: 'Relabel to the second class', decision: 'relabel' },
  u: { key: 'U', name: 'Unsure', decision: 'unsure' },
});

/** The two differences: the pane that shows one, what a wrong label in it means, and which rule a verdict there agrees with. */
export const DIRECTIONS = Object.freeze({
  ssl_only: { name: 'SSL − ESL', what: 'what ESL drops', pane: 'ssl-esl', rate: 'What ESL drops was wrong', words: { a: 'ESL is right to drop it', s: 'Should be kept: SSL is right' } },
  esl_only: { name: 'ESL − SSL', what: 'what ESL adds', pane: 'esl-ssl', rate: 'What ESL adds was wrong', words: { a: 'Should be dropped: SSL is right', s: 'ESL is right to keep it' } },
});

const BOTH = DECISIONS.d.note;

const WRONG = { drop: true, relabel: true, keep: false, unsure: null };

/** What a verdict says about the predicted label, whichever rule keeps it; null: nothing. */
function saysWrong(verdict) {
  if (verdict?.decision === 'relabel' && verdict.relabel_to === verdict.pred) return false; // earlier pages took that
  return WRONG[verdict?.decision] ?? null;
}

/** The class that X gives to an arc: the one that was chosen, else that of its verdict, else the second. */
export function relabelTarget(item, verdict) {
  const given = verdict?.relabel_to === item.pred ? null : verdict?.relabel_to;
  return item.relabelTo ?? given ?? item.second;
}

/** The body of POST /verdicts. */
export function verdictBody({ id, session, item, decision, user, recipe, note, before }) {
  const body = {
    id, sid: session.sid, i: item.i, item: item.key, decision: decision.decision, runs: item.runs, pred: item.pred, second: item.second,
    weight: item.weight, recipe: recipe ?? '', blind: session.blind, note: [decision.note, note].filter(Boolean).join('; '), user,
  };
  if (decision.decision === 'relabel') body.relabel_to = relabelTarget(item, before);
  return body;
}

/** The body that says a standing verdict again under another id, with another typed note. */
export function withNote({ number, saved, ...verdict }, id, note) {
  return { ...verdict, id, note: [keyOf(verdict) === 'd' ? BOTH : '', note].filter(Boolean).join('; ') };
}

/** The key that gave a verdict. A and D both drop: only the words that D puts into the note tell them apart. */
export function keyOf({ decision, note }) {
  if (decision === 'drop') return typedNote({ note }) === (note ?? '') ? 'a' : 'd';
  return Object.keys(DECISIONS).find((key) => DECISIONS[key].decision === decision);
}

/** What was typed into a verdict's note, without the words that came with its key. */
export function typedNote({ note }) {
  const text = note ?? '';
  return text === BOTH || text.startsWith(`${BOTH}; `) ? text.slice(BOTH.length + 2) : text;
}

/** A queue without arcs: no difference at all, or only specks. */
export function whyNone({ num_pixels: pixels = 0, min_pixels: least }, name, nuStar) {
  if (pixels > 0) return `No arcs at ν* = ${nuStar}: the ${showCount(pixels)} pixels of ${name} lie in pieces of fewer than ${least}, too small to be judged.`;
  return `No ${name} pixels at ν* = ${nuStar}: one rule keeps everything that the other keeps.`;
}

/** Standing verdicts: the last one of each user on each item. */
export function standing(verdicts) {
  const last = new Map();
  for (const verdict of verdicts) last.set(`${verdict.user}\u0000${verdict.item}`, verdict);
  return [...last.values()];
}

/**
 * The verdicts on the arcs of one sample, each with the number of arcs that it stands for. The weights of a stratified
 * sample hold when all of it is judged; until then the judged arcs of a class pair stand for all of that pair.
 * @param {Map<string, object>} verdicts one user's, by item
 */
export function ofSample(items, verdicts, sampling) {
  const pairOf = (item) => `${item.pred},${item.second}`;
  const isDecided = (item) => saysWrong(verdicts.get(item.key)) !== null;
  const sums = new Map();
  const decided = new Map();
  for (const item of items) {
    sums.set(pairOf(item), (sums.get(pairOf(item)) ?? 0) + item.weight);
    if (isDecided(item)) decided.set(pairOf(item), (decided.get(pairOf(item)) ?? 0) + 1);
  }
  const weightOf = (item) => (sampling === 'stratified' && isDecided(item) ? sums.get(pairOf(item)) / decided.get(pairOf(item)) : item.weight);
  return items.filter((item) => verdicts.has(item.key)).map((item) => ({ ...verdicts.get(item.key), weight: weightOf(item) }));
}

/**
 * How often the predicted label was wrong, weighted by sampling, with a 95 % Wilson interval on the effective n.
 * @returns {{rate: number, low: number, high: number, n: number}}
 */
export function precision(verdicts) {
  let right = 0;
  let weight = 0;
  let squares = 0;
  let n = 0;
  for (const verdict of verdicts) {
    const wrong = saysWrong(verdict);
    if (wrong === null) continue;
    const w = verdict.weight > 0 ? verdict.weight : 1;
    right += wrong ? w : 0;
    weight += w;
    squares += w * w;
    n++;
  }
  if (n === 0) return { rate: NaN, low: 0, high: 1, n: 0 };
  const effective = (weight * weight) / squares;
  const [low, high] = wilson((right / weight) * effective, effective);
  return { rate: right / weight, low, high, n };
}

/** Precision by class pair, the pairs with most verdicts first. */
export function precisionByPair(verdicts) {
  const pairs = new Map();
  for (const verdict of verdicts) {
    const key = `${verdict.pred},${verdict.second}`;
    if (!pairs.has(key)) pairs.set(key, []);
    pairs.get(key).push(verdict);
  }
  return [...pairs.entries()].map(([key, list]) => {
    const [pred, second] = key.split(',').map(Number);
    return { pred, second, ...precision(list) };
  }).sort((a, b) => b.n - a.n);
}

/** Share of an arc's labelled pixels whose predicted label is wrong; NaN without ground truth there. */
export function wrongShare(maps, runs) {
  if (!maps.truth) return NaN;
  let wrong = 0;
  let labelled = 0;
  for (const [start, length] of runs) {
    for (let i = start; i < start + length; i++) {
      if (maps.truth[i] === IGNORE) continue;
      labelled++;
      if (maps.truth[i] !== maps.label[i]) wrong++;
    }
  }
  return labelled > 0 ? wrong / labelled : NaN;
}

/** How many decided verdicts agree with the majority of ground truth: {agree, n}. */
export function agreement(verdicts, shares) {
  let agree = 0;
  let n = 0;
  for (const verdict of verdicts) {
    const share = shares.get(verdict.item);
    const wrong = saysWrong(verdict);
    if (!(share >= 0) || wrong === null) continue;
    n++;
    if (wrong === share >= 0.5) agree++;
  }
  return { agree, n };
}

/** Cohen's kappa of the two users with most items in common; null below five of them. */
export function raterKappa(verdicts) {
  const users = [...new Set(verdicts.map((v) => v.user))];
  let best = null;
  for (let a = 0; a < users.length; a++) {
    for (let b = a + 1; b < users.length; b++) {
      const other = new Map(verdicts.filter((v) => v.user === users[b]).map((v) => [v.item, v.decision]));
      const pairs = verdicts.filter((v) => v.user === users[a] && other.has(v.item)).map((v) => [v.decision, other.get(v.item)]);
      if (pairs.length >= 5 && (!best || pairs.length > best.n)) best = { users: [users[a], users[b]], n: pairs.length, kappa: kappa(pairs) };
    }
  }
  return best;
}
