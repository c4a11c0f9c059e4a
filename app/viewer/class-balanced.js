// CBST's labels of the image on screen. Re-weighting needs every class's probability, which only the server holds:
// it answers with the labels that `export --criterion class_balanced` writes.
import { IGNORE } from './quantise.js';

export const DEFAULT_PORTION = 0.2;

export class ClassBalanced {
  constructor(session) {
    this.session = session;
    this.portion = DEFAULT_PORTION;
    this.isShown = false; // whether a pane shows it: nothing is asked for before
    this.held = null; // {key, maps, labels, thresholds, counts}
    this.error = null;
    this.failed = null;
    this.isAsking = false;
  }

  setPortion(portion) {
    if (!(portion > 0 && portion <= 1) || portion === this.portion) return;
    this.portion = portion;
    this.session.emit('portion');
  }

  /** What the labels depend on. */
  get key() {
    const { info, image } = this.session;
    return image ? `${image.maps.i}|${this.portion}|${info.map_version}|${info.num_counted ?? ''}` : null;
  }

  /** What there is for the image on screen: the labels of the last portion stay while those of the next one travel. */
  get current() {
    return this.held && this.held.maps === this.session.image?.maps ? this.held : null;
  }

  /** Ask for what is missing: one question at a time, so that a slider in motion never queues up behind itself. */
  async want() {
    const { session, key } = this;
    if (!this.isShown || this.isAsking || key === null || (key === this.held?.key && this.current) || key === this.failed) return;
    const { maps } = session.image;
    this.isAsking = true;
    try {
      const { labels, thresholds } = await session.api.classBalanced(session.info, maps.i, this.portion);
      if (labels.length !== maps.label.length) throw new Error(`CBST's labels must have the maps' size, ${maps.label.length} pixels; got ${labels.length}.`);
      this.held = { key, maps, labels, thresholds, counts: countLabels(labels, maps) };
      this.error = this.failed = null;
    } catch (error) {
      this.failed = key;
      this.error = error.message;
    }
    this.isAsking = false;
    session.emit('class-balanced');
  }

  retry() {
    this.failed = this.error = null;
    this.session.emit('class-balanced');
  }

  /** Least and greatest threshold of the classes that have one: [[value, class], [value, class]], or null. */
  get range() {
    const pairs = [...(this.current?.thresholds ?? [])].map((value, c) => [value, c]).filter(([, c]) => this.session.info.medians.mu[c] >= 0);
    if (pairs.length === 0) return null;
    pairs.sort((a, b) => a[0] - b[0]);
    return [pairs[0], pairs.at(-1)];
  }
}

/** {pixels, kept, labelled, wrong, relabelled}: a label may be another class than the prediction, so wrong is against the label. */
export function countLabels(labels, { label, truth }) {
  const counts = { pixels: 0, kept: 0, labelled: 0, wrong: 0, relabelled: 0 };
  for (let i = 0; i < labels.length; i++) {
    if (label[i] === IGNORE) continue;
    counts.pixels++;
    if (labels[i] === IGNORE) continue;
    counts.kept++;
    if (labels[i] !== label[i]) counts.relabelled++;
    if (truth && truth[i] !== IGNORE) {
      counts.labelled++;
      if (truth[i] !== labels[i]) counts.wrong++;
    }
  }
  return counts;
}
