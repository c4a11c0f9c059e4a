// The whole target set as joint counts [class, truth, entropy >> 8, confidence >> 8]: statistics for any thresholds, no pixels.
import { CURVE_BINS } from './orders.js';

const BINS = 256;
const PER_BIN = CURVE_BINS / BINS;

export class SetHistogram {
  /** @param {Uint32Array|Float64Array} counts C * 3 * 256 * 256 */
  constructor(counts, numClasses) {
    if (counts.length !== numClasses * 3 * BINS * BINS) {
      throw new Error(`The set's histogram must hold ${numClasses} classes; it has ${counts.length} bins.`);
    }
    this.counts = counts;
    this.numClasses = numClasses;
    // Sums along confidence, from low to high: one row of 257 for each (cell, entropy bin).
    this.sums = new Float64Array(numClasses * 3 * BINS * (BINS + 1));
    for (let row = 0; row < numClasses * 3 * BINS; row++) {
      let total = 0;
      const o = row * (BINS + 1);
      for (let p = 0; p < BINS; p++) {
        total += counts[row * BINS + p];
        this.sums[o + p + 1] = total;
      }
    }
    this.cumulative = { ssl: this.marginal('conf'), esl: this.marginal('ent') };
  }

  /** Counts [class, truth, state] at integer thresholds; exact at bin edges, linear within a bin. */
  at(thresholds) {
    const out = new Float64Array((this.numClasses * 3 + 1) * 4);
    for (let c = 0; c < this.numClasses; c++) {
      for (let t = 0; t < 3; t++) this.addCell(out, c * 3 + t, thresholds.mu[c], thresholds.nu[c]);
    }
    return out;
  }

  addCell(out, cell, mu, nu) {
    const bin = mu >> 8;
    const part = (mu & 255) / 256;
    const nuBin = nu >> 8;
    const nuPart = ((nu & 255) + 1) / 256;
    for (let e = 0; e < BINS; e++) {
      const o = (cell * BINS + e) * (BINS + 1);
      const whole = this.sums[o + BINS];
      if (whole === 0) continue;
      const kept = whole - (this.sums[o + bin] + (this.sums[o + bin + 1] - this.sums[o + bin]) * part);
      const share = e < nuBin ? 1 : e === nuBin ? nuPart : 0;
      out[cell * 4] += (whole - kept) * (1 - share);
      out[cell * 4 + 1] += kept * (1 - share);
      out[cell * 4 + 2] += (whole - kept) * share;
      out[cell * 4 + 3] += kept * share;
    }
  }

  /** Cumulative marginal [cell][CURVE_BINS] of one criterion. */
  marginal(which) {
    const out = new Float64Array(this.numClasses * 3 * CURVE_BINS);
    for (let cell = 0; cell < this.numClasses * 3; cell++) {
      let total = 0;
      for (let b = 0; b < BINS; b++) {
        const count = which === 'ent' ? this.sums[(cell * BINS + b) * (BINS + 1) + BINS] : this.column(cell, b);
        for (let k = 0; k < PER_BIN; k++) out[cell * CURVE_BINS + b * PER_BIN + k] = total + (count * (k + 1)) / PER_BIN;
        total += count;
      }
    }
    return out;
  }

  column(cell, p) {
    let total = 0;
    for (let e = 0; e < BINS; e++) total += this.counts[(cell * BINS + e) * BINS + p];
    return total;
  }

  /** Entropy or confidence histogram of a class: {correct, wrong, unlabelled}, each 256 counts. */
  histogram(c, which) {
    const names = ['correct', 'wrong', 'unlabelled'];
    const out = {};
    names.forEach((name, t) => {
      const cell = c * 3 + t;
      out[name] = Float64Array.from({ length: BINS }, (_, b) =>
        (which === 'ent' ? this.sums[(cell * BINS + b) * (BINS + 1) + BINS] : this.column(cell, b)));
    });
    return out;
  }

  /** Joint counts of a class [entropy bin][confidence bin], all truths together. */
  joint(c) {
    const out = new Float64Array(BINS * BINS);
    for (let t = 0; t < 3; t++) {
      const o = (c * 3 + t) * BINS * BINS;
      for (let k = 0; k < BINS * BINS; k++) out[k] += this.counts[o + k];
    }
    return out;
  }
}
