// Which pixels each rule keeps. Eq. (5), (7): P >= mu(c), E <= nu(c), kept on ties.
import { BUCKET_SHIFT, NUM_BUCKETS } from './orders.js';
import { IGNORE } from './quantise.js';

export const SSL = 1;
export const ESL = 2;
export const TRUTH = Object.freeze({ correct: 0, wrong: 1, unlabelled: 2 });

/** Cell of each pixel: class * 3 + {0 correct, 1 wrong, 2 unlabelled}; `numClasses * 3` where there is no prediction. */
export function cellsOf(label, truth, numClasses) {
  const cells = numClasses * 3 < 256 ? new Uint8Array(label.length) : new Uint16Array(label.length);
  const outside = numClasses * 3;
  for (let i = 0; i < label.length; i++) {
    const c = label[i];
    if (c >= numClasses) cells[i] = outside;
    else if (truth === null || truth[i] === IGNORE) cells[i] = c * 3 + 2;
    else cells[i] = c * 3 + (truth[i] === c ? 0 : 1);
  }
  return cells;
}

/** The state of every pixel of one image (bit 0: SSL keeps it, bit 1: ESL keeps it) and its counts, kept in step. */
export class Selection {
  constructor(maps, numClasses) {
    this.maps = maps;
    this.numClasses = numClasses;
    this.numPixels = maps.label.length;
    this.cell = cellsOf(maps.label, maps.truth, numClasses);
    // Whole words of four pixels let the any-hit scan skip what agrees.
    this.words = new Uint32Array((this.numPixels + 3) >> 2);
    this.state = new Uint8Array(this.words.buffer, 0, this.numPixels);
    this.counts = new Uint32Array((numClasses * 3 + 1) * 4);
    this.orders = null;
    this.mu = null;
    this.nu = null;
    this.touched = 0;
    this.changed = new Uint32Array(0); // pixels that changed sides since `takeChanged`, some of them twice
    this.numChanged = 0;
    this.isAllChanged = true; // a whole pass keeps no list
    this.taker = null;
  }

  /**
   * Pixels that changed sides since `taker` asked last, or null where that may be any: after a whole pass, or when
   * another one has asked in between. Valid until the next `apply`.
   */
  takeChanged(taker) {
    const list = this.isAllChanged || taker !== this.taker ? null : this.changed.subarray(0, this.numChanged);
    this.taker = taker;
    this.numChanged = 0;
    this.isAllChanged = false;
    return list;
  }

  /** Bring every pixel in line with the thresholds; returns true when anything may have changed. */
  apply(thresholds) {
    if (this.mu === null) return this.applyAll(thresholds);
    if (this.orders === null || this.spanned(thresholds) > this.numPixels >> 2) {
      return this.differs(thresholds) ? this.applyAll(thresholds) : false;
    }
    this.touched = 0;
    for (let c = 0; c < this.numClasses; c++) {
      if (thresholds.mu[c] !== this.mu[c]) this.move(c, this.mu[c] - 1, thresholds.mu[c] - 1, thresholds.mu[c], SSL);
      if (thresholds.nu[c] !== this.nu[c]) this.move(c, this.nu[c], thresholds.nu[c], thresholds.nu[c], ESL);
    }
    const changed = this.differs(thresholds);
    this.remember(thresholds);
    return changed;
  }

  differs(thresholds) {
    for (let c = 0; c < this.numClasses; c++) {
      if (thresholds.mu[c] !== this.mu[c] || thresholds.nu[c] !== this.nu[c]) return true;
    }
    return false;
  }

  remember(thresholds) {
    this.mu = thresholds.mu.slice();
    this.nu = thresholds.nu.slice();
  }

  applyAll(thresholds) {
    const { cell, state, counts, numPixels, numClasses } = this;
    const { conf, ent } = this.maps;
    const mu = new Int32Array(numClasses * 3 + 1).fill(65536);
    const nu = new Int32Array(numClasses * 3 + 1).fill(-1);
    for (let k = 0; k < numClasses * 3; k++) {
      mu[k] = thresholds.mu[(k / 3) | 0];
      nu[k] = thresholds.nu[(k / 3) | 0];
    }
    counts.fill(0);
    for (let i = 0; i < numPixels; i++) {
      const k = cell[i];
      const s = (conf[i] >= mu[k] ? 1 : 0) | (ent[i] <= nu[k] ? 2 : 0);
      state[i] = s;
      counts[(k << 2) | s]++;
    }
    this.touched = numPixels;
    this.isAllChanged = true;
    this.remember(thresholds);
    return true;
  }

  /** Pixels in the buckets between the old and the new thresholds: the work of an incremental move. */
  spanned(thresholds) {
    let total = 0;
    for (let c = 0; c < this.numClasses; c++) {
      total += bucketSpan(this.orders.conf.starts, c, this.mu[c] - 1, thresholds.mu[c] - 1)[2];
      total += bucketSpan(this.orders.ent.starts, c, this.nu[c], thresholds.nu[c])[2];
    }
    return total;
  }

  /** Pixels of class c whose value lies between two thresholds change sides; the new bit is set from the value itself. */
  move(c, from, to, threshold, bit) {
    const { order, starts } = bit === SSL ? this.orders.conf : this.orders.ent;
    const values = bit === SSL ? this.maps.conf : this.maps.ent;
    const { state, counts, cell } = this;
    const [first, last, span] = bucketSpan(starts, c, from, to);
    this.reserve(span);
    const { changed } = this;
    let n = this.numChanged;
    for (let k = first; k < last; k++) {
      const i = order[k];
      const keeps = bit === SSL ? values[i] >= threshold : values[i] <= threshold;
      const before = state[i];
      const after = keeps ? before | bit : before & ~bit;
      if (after !== before) {
        state[i] = after;
        counts[(cell[i] << 2) | before]--;
        counts[(cell[i] << 2) | after]++;
        changed[n++] = i;
      }
    }
    this.numChanged = n;
    if (n > this.numPixels >> 3) { // nobody draws from so long a list, or nobody draws at all
      this.numChanged = 0;
      this.isAllChanged = true;
    }
    this.touched += span;
  }

  /** Room for `more` entries in the list of changed pixels. */
  reserve(more) {
    const wanted = this.numChanged + more;
    if (wanted <= this.changed.length) return;
    const larger = new Uint32Array(Math.max(4096, wanted + (wanted >> 1)));
    larger.set(this.changed.subarray(0, this.numChanged));
    this.changed = larger;
  }

  /** Full-resolution pseudo-label of one rule: train ids, 255 where it keeps nothing. Eq. (5), (7). */
  labelOf(bit) {
    const out = new Uint8Array(this.numPixels).fill(IGNORE);
    for (let i = 0; i < this.numPixels; i++) if (this.state[i] & bit) out[i] = this.maps.label[i];
    return out;
  }
}

function bucketSpan(starts, c, from, to) {
  if (from === to) return [0, 0, 0];
  const low = Math.max(0, Math.min(from, to) + 1) >> BUCKET_SHIFT;
  const high = Math.max(0, Math.max(from, to)) >> BUCKET_SHIFT;
  const first = starts[c * NUM_BUCKETS + low];
  const last = starts[c * NUM_BUCKETS + high + 1];
  return [first, last, last - first];
}
