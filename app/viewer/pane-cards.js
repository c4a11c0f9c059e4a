// What a pane says when it has no picture to show: the cause, in place, with a Retry where one can help.

export class PaneCards {
  constructor(session, grid) {
    this.session = session;
    this.grid = grid;
  }

  draw() {
    const { session, grid } = this;
    for (const pane of grid.shown) {
      const card = this.cardOf(grid.kindOf(pane));
      if (card) pane.showCard(...card);
      else pane.hideCard();
      pane.root.classList.toggle('is-blank', card ? card.blank === true : !session.image);
    }
    grid.root.classList.toggle('is-failed', session.imageError !== null);
  }

  retry() {
    this.session.show(this.session.index, true);
  }

  cardOf(kind) {
    const { session } = this;
    const again = () => this.retry();
    if (session.imageError && session.isWaiting) return blank(['Not predicted yet', `${session.imageError} It is next in the queue and appears here by itself.`]);
    if (session.imageError) return blank(['This image cannot be shown', session.imageError, 'Retry (R)', again]);
    const image = session.image;
    if (!image) return null;
    const { maps, selection } = image;
    const isTruth = kind === 'gt' || kind === 'errors';
    if (isTruth && session.blind) return blank(['Ground truth is hidden', 'Blind mode is on: no picture and no number here uses ground truth.', 'Show it (G)', () => session.setBlind(false)]);
    if (isTruth && maps.truthError) return blank(['Ground truth cannot be used', maps.truthError, 'Retry (R)', again]);
    if (isTruth && !maps.truth) return blank(['No ground truth', 'This image has none. Everything else works without it.']);
    if (kind === 'photo' && maps.photoError) return blank(['The photo cannot be shown', maps.photoError, 'Retry (R)', again]);
    if (kind === 'cbst') return this.balancedCard(session.classBalanced);
    if (kind === 'ssl-esl' || kind === 'esl-ssl') return this.emptyCard(kind, selection);
    return null;
  }

  balancedCard(balanced) {
    if (balanced.error) return blank(['CBST’s labels cannot be shown', balanced.error, 'Retry', () => balanced.retry()]);
    return balanced.current ? null : blank(['Reading CBST’s labels', 'The server re-weights every class’s probability.']);
  }

  emptyCard(kind, selection) {
    const state = kind === 'ssl-esl' ? 1 : 2;
    let pixels = 0;
    for (let k = state; k < selection.counts.length - 4; k += 4) pixels += selection.counts[k];
    if (pixels > 0) return null;
    const [one, other] = state === 1 ? ['SSL', 'ESL'] : ['ESL', 'SSL'];
    return [`No ${one} − ${other} pixels`, `${other} keeps everything here that ${one} keeps.`];
  }
}

function blank(card) {
  card.blank = true;
  return card;
}
