// Thresholds per class, as integers: mu(c) = min(mu*, median), nu(c) = max(nu*, median). Paper: Eq. (6), (9).
import { quantise, dequantise } from './quantise.js';

export const MODES = ['capped', 'fixed', 'median'];
export const DEFAULT_RULE = Object.freeze({ muStar: 0.9, nuStar: 0.1, mode: 'capped', muOverrides: {}, nuOverrides: {} });

function oneCriterion(medians, star, mode, overrides, loosest) {
  const numClasses = medians.length;
  const values = new Uint16Array(numClasses);
  const binds = new Uint8Array(numClasses);
  const overridden = new Uint8Array(numClasses);
  const global = quantise(star);
  for (let c = 0; c < numClasses; c++) {
    const median = medians[c];
    // A class that is never predicted has no median: its threshold is the global value.
    let value = median < 0 || mode === 'fixed' ? global : mode === 'median' ? median : loosest(global, median);
    if (median >= 0 && (mode === 'median' || (mode === 'capped' && value !== global))) binds[c] = 1;
    if (overrides[c] !== undefined) {
      value = quantise(overrides[c]);
      overridden[c] = 1;
      binds[c] = 0;
    }
    values[c] = value;
  }
  return { values, binds, overridden };
}

/**
 * Integer thresholds of every class.
 * @param {{mu: number[], nu: number[]}} medians integers 0..65535, -1 for a class that is never predicted
 * @param {object} rule muStar, nuStar, mode, muOverrides, nuOverrides (values in 0..1 by class index)
 */
export function classThresholds(medians, rule) {
  const mu = oneCriterion(medians.mu, rule.muStar, rule.mode, rule.muOverrides, Math.min);
  const nu = oneCriterion(medians.nu, rule.nuStar, rule.mode, rule.nuOverrides, Math.max);
  return {
    mu: mu.values, nu: nu.values,
    muBinds: mu.binds, nuBinds: nu.binds,
    muOverridden: mu.overridden, nuOverridden: nu.overridden,
    absent: Uint8Array.from(medians.mu, (m) => (m < 0 ? 1 : 0)),
  };
}

/** How many classes do not follow the slider at its value: the note that keeps a slider from looking dead. */
export function numBound(flags) {
  let count = 0;
  for (const flag of flags) count += flag;
  return count;
}

/** A rule as the library writes it (ThresholdRule.to_json). */
export function ruleToJson(rule) {
  return {
    mu_star: rule.muStar, nu_star: rule.nuStar, mode: rule.mode,
    mu_overrides: { ...rule.muOverrides }, nu_overrides: { ...rule.nuOverrides },
  };
}

/** Inverse of `ruleToJson`; what is missing takes the paper's value. */
export function ruleFromJson(json) {
  return {
    muStar: json.mu_star ?? DEFAULT_RULE.muStar,
    nuStar: json.nu_star ?? DEFAULT_RULE.nuStar,
    mode: MODES.includes(json.mode) ? json.mode : DEFAULT_RULE.mode,
    muOverrides: { ...(json.mu_overrides ?? {}) },
    nuOverrides: { ...(json.nu_overrides ?? {}) },
  };
}

export function sameRule(a, b) {
  return JSON.stringify(ruleToJson(a)) === JSON.stringify(ruleToJson(b));
}

export function copyRule(rule) {
  return ruleFromJson(ruleToJson(rule));
}

/** Both thresholds of a class pinned where they are: the sliders no longer move it. */
export function lockClass(rule, thresholds, c) {
  const next = copyRule(rule);
  next.muOverrides[c] = dequantise(thresholds.mu[c]);
  next.nuOverrides[c] = dequantise(thresholds.nu[c]);
  return next;
}

/** The class follows the sliders again. */
export function freeClass(rule, c) {
  const next = copyRule(rule);
  delete next.muOverrides[c];
  delete next.nuOverrides[c];
  return next;
}

export function isLocked(rule, c) {
  return rule.muOverrides[c] !== undefined && rule.nuOverrides[c] !== undefined;
}
