// Search for thresholds on the whole set's counts: match coverage, match error, and the Pareto choice that uses ground truth.
import { CURVE_BINS, CURVE_SHIFT } from './orders.js';
import { dequantise, showPercent } from './quantise.js';
import { curve, errorRate, matchStar, summarise } from './statistics.js';
import { classThresholds, numBound } from './thresholds.js';

/** Coverage and error of ESL at a global nu*, everything else of the rule as it is. */
function eslAt(session, star) {
  const { histogram, numClasses, info, rule } = session;
  const at = curve(histogram.cumulative.esl, numClasses, () => classThresholds(info.medians, { ...rule, nuStar: star }).nu, 'esl', 2);
  return { coverage: at.coverage[0], error: at.error[0] };
}

const NEAR = 0.0005; // half of the last digit that is shown of a share
const STEP = 0.001; // of the grid that nu* is searched on

/**
 * The nu* at which a share of ESL comes nearest to SSL's.
 * `isMet`: it gets there, or passes it between two steps of nu*; `goal` is NaN where SSL has no such share.
 */
function match(session, which, goal) {
  const measure = (star) => eslAt(session, Math.min(1, Math.max(0, star)))[which];
  const star = matchStar(measure, goal);
  const reached = measure(star);
  const near = [star - STEP, star, star + STEP].map(measure).filter(Number.isFinite); // nothing is kept at some
  return { star, goal, reached, isMet: Math.abs(reached - goal) < NEAR || (Math.min(...near) <= goal && goal <= Math.max(...near)) };
}

/** nu* at which ESL keeps as much as SSL does now. */
export function matchCoverage(session) {
  const { all } = summarise(session.histogram.at(session.thresholds), session.numClasses);
  return match(session, 'coverage', all.ssl.kept / all.pixels);
}

/** nu* at which ESL is wrong as often as SSL is now. */
export function matchError(session) {
  const { all } = summarise(session.histogram.at(session.thresholds), session.numClasses);
  return match(session, 'error', errorRate(all.ssl));
}

/** What a match came to, in one sentence; `name` is what was matched. */
export function saidOfMatch({ star, goal, reached, isMet }, name, { thresholds, numClasses }) {
  if (!Number.isFinite(goal)) return `SSL keeps no pixel that tells its ${name}: there is nothing to match.`;
  if (isMet) return `ν* now gives ESL the ${name} of SSL.`;
  const own = numBound(thresholds.nuOverridden);
  const bound = numBound(thresholds.nuBinds);
  const why = [own ? `${own} of ${numClasses} classes ${own === 1 ? 'has a ν(c) of its own' : 'have a ν(c) of their own'}` : '', bound ? `the median binds for ${bound}` : ''].filter(Boolean).join(', and ');
  return `ESL cannot reach the ${name} of SSL, ${showPercent(goal, 1, 2)}: it comes nearest with ${showPercent(reached, 1, 2)}, at ν* ${star}${why ? `, as ${why}` : ''}.`;
}

/** Table-5 grid: coverage and error of ESL at the paper's values of nu*. */
export function sweep(session, stars = [0.05, 0.1, 0.15, 0.2, 0.3]) {
  return stars.map((star) => ({ star, ...eslAt(session, star) }));
}

/**
 * Class thresholds nu(c) with the fewest wrong pixels at no less than `floor` coverage. Uses ground truth.
 * For a price per wrong pixel each class chooses its own bin; the price is found by halving.
 * @returns {Object<number, number>} nu overrides in 0..1
 */
export function pareto(histogram, floor) {
  const { numClasses } = histogram;
  const cumulative = histogram.cumulative.esl;
  let pixels = 0;
  for (let cell = 0; cell < numClasses * 3; cell++) pixels += cumulative[cell * CURVE_BINS + CURVE_BINS - 1];
  let low = 0;
  let high = 1e4;
  for (let k = 0; k < 50; k++) {
    const price = Math.sqrt((low + 1e-3) * (high + 1e-3));
    const kept = chooseBins(cumulative, numClasses, price).kept;
    if (kept / pixels >= floor) low = price;
    else high = price;
  }
  const { bins } = chooseBins(cumulative, numClasses, low);
  return Object.fromEntries(bins.flatMap((bin, c) => (bin < 0 ? [] : [[c, dequantise(Math.min(65535, ((bin + 1) << CURVE_SHIFT) - 1))]])));
}

function chooseBins(cumulative, numClasses, price) {
  let kept = 0;
  const bins = [];
  for (let c = 0; c < numClasses; c++) {
    const o = c * 3 * CURVE_BINS;
    const count = (b) => cumulative[o + b] + cumulative[o + CURVE_BINS + b] + cumulative[o + 2 * CURVE_BINS + b];
    if (count(CURVE_BINS - 1) === 0) {
      bins.push(-1);
      continue;
    }
    let best = 0;
    let value = -Infinity;
    for (let b = 0; b < CURVE_BINS; b++) {
      const v = count(b) - price * cumulative[o + CURVE_BINS + b];
      if (v > value) [best, value] = [b, v];
    }
    bins.push(best);
    kept += count(best);
  }
  return { bins, kept };
}
