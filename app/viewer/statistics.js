// Counts [class, truth, state] -> what the class table, the summary and the curves say. Table 4: share of wrong among kept.
import { CURVE_BINS, CURVE_SHIFT } from './orders.js';

const KEPT = { ssl: [1, 3], esl: [2, 3], sslOnly: [1], eslOnly: [2] };

function part(counts, c, states) {
  let correct = 0;
  let wrong = 0;
  let unlabelled = 0;
  for (const s of states) {
    correct += counts[(c * 3) * 4 + s];
    wrong += counts[(c * 3 + 1) * 4 + s];
    unlabelled += counts[(c * 3 + 2) * 4 + s];
  }
  return { kept: correct + wrong + unlabelled, labelled: correct + wrong, wrong };
}

function add(total, one) {
  total.kept += one.kept;
  total.labelled += one.labelled;
  total.wrong += one.wrong;
}

const none = () => ({ kept: 0, labelled: 0, wrong: 0 });

/** Per-class rows and the total; every part is {kept, labelled, wrong}. */
export function summarise(counts, numClasses) {
  const all = { pixels: 0, labelled: 0, ssl: none(), esl: none(), sslOnly: none(), eslOnly: none() };
  const rows = [];
  for (let c = 0; c < numClasses; c++) {
    const everything = part(counts, c, [0, 1, 2, 3]);
    const row = { pixels: everything.kept, labelled: everything.labelled };
    for (const name of Object.keys(KEPT)) {
      row[name] = part(counts, c, KEPT[name]);
      add(all[name], row[name]);
    }
    all.pixels += row.pixels;
    all.labelled += row.labelled;
    rows.push(row);
  }
  return { rows, all };
}

/** Share of wrong among the kept pixels that have ground truth; NaN where there is none. */
export function errorRate(p) {
  return p.labelled > 0 ? p.wrong / p.labelled : NaN;
}

/** Change of the error rate from SSL to ESL, relative to SSL; NaN where it has no meaning. */
export function relativeChange(all) {
  const before = errorRate(all.ssl);
  return before > 0 ? errorRate(all.esl) / before - 1 : NaN;
}

/** Wilson score interval of k in n at 95 %: [low, high]; weights may make both fractional. */
export function wilson(k, n, z = 1.959964) {
  if (!(n > 0)) return [0, 1];
  const p = k / n;
  const zz = (z * z) / n;
  const middle = (p + zz / 2) / (1 + zz);
  const half = (z / (1 + zz)) * Math.sqrt((p * (1 - p)) / n + zz / (4 * n));
  return [Math.max(0, middle - half), Math.min(1, middle + half)];
}

/** Cohen's kappa of two raters' words over the same items; NaN without overlap. */
export function kappa(pairs) {
  if (pairs.length === 0) return NaN;
  const words = [...new Set(pairs.flat())];
  const share = (side, word) => pairs.filter((p) => p[side] === word).length / pairs.length;
  const observed = pairs.filter(([a, b]) => a === b).length / pairs.length;
  const expected = words.reduce((sum, word) => sum + share(0, word) * share(1, word), 0);
  return expected === 1 ? 1 : (observed - expected) / (1 - expected);
}

/**
 * Error and coverage of one rule against its global threshold, with medians and overrides as they are.
 * @param {Uint32Array|Float64Array} cumulative [class*3+truth][CURVE_BINS], summed from low to high
 * @param {(star: number) => Uint16Array} thresholdsAt integer thresholds by class for a global value
 * @param {'ssl'|'esl'} rule
 */
export function curve(cumulative, numClasses, thresholdsAt, rule, numPoints = 101) {
  const stars = Float64Array.from({ length: numPoints }, (_, k) => k / (numPoints - 1));
  const error = new Float64Array(numPoints);
  const coverage = new Float64Array(numPoints);
  for (let p = 0; p < numPoints; p++) {
    const thresholds = thresholdsAt(stars[p]);
    let kept = 0;
    let labelled = 0;
    let wrong = 0;
    let pixels = 0;
    for (let c = 0; c < numClasses; c++) {
      for (let t = 0; t < 3; t++) {
        const o = (c * 3 + t) * CURVE_BINS;
        const whole = cumulative[o + CURVE_BINS - 1];
        const k = rule === 'esl' ? below(cumulative, o, thresholds[c] + 1) : whole - below(cumulative, o, thresholds[c]);
        pixels += whole;
        kept += k;
        if (t < 2) labelled += k;
        if (t === 1) wrong += k;
      }
    }
    error[p] = labelled > 0 ? wrong / labelled : NaN;
    coverage[p] = pixels > 0 ? kept / pixels : NaN;
  }
  return { stars, error, coverage };
}

/** Pixels with a value below `limit`, linear within a bin. */
export function below(cumulative, offset, limit) {
  const bin = limit >> CURVE_SHIFT;
  if (bin >= CURVE_BINS) return cumulative[offset + CURVE_BINS - 1];
  const before = bin > 0 ? cumulative[offset + bin - 1] : 0;
  return before + ((cumulative[offset + bin] - before) * (limit - (bin << CURVE_SHIFT))) / (1 << CURVE_SHIFT);
}

/** First global threshold on a 0.001 grid at which `measure` comes closest to `goal`. */
export function matchStar(measure, goal) {
  let best = 0;
  let distance = Infinity;
  for (let k = 0; k <= 1000; k++) {
    const off = Math.abs(measure(k / 1000) - goal);
    if (off < distance) [best, distance] = [k / 1000, off];
  }
  return best;
}

