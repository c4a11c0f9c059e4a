import assert from 'node:assert/strict';
import { test } from 'node:test';
import { dequantise, quantise, showPercent, showUnit, snap } from '../../app/viewer/quantise.js';
import { classThresholds, copyRule, freeClass, isLocked, lockClass, numBound, ruleFromJson, ruleToJson, sameRule, DEFAULT_RULE } from '../../app/viewer/thresholds.js';

const medians = { mu: [60000, 40000, -1], nu: [1000, 30000, -1] };
const rule = (patch) => ({ ...copyRule(DEFAULT_RULE), ...patch });

test('quantisation rounds halves up, as the kernel does, where Math.round on floats would not matter', () => {
  assert.equal(quantise(0), 0);
  assert.equal(quantise(1), 65535);
  assert.equal(quantise(0.3), Math.floor(65535 * 0.3 + 0.5));
  assert.equal(quantise(0.7), Math.floor(65535 * 0.7 + 0.5));
  for (let k = 0; k <= 65535; k += 7) assert.equal(quantise(dequantise(k)), k);
});

test('capped thresholds take the looser of global value and median (Eq. 6, 9)', () => {
  const t = classThresholds(medians, rule({}));
  assert.deepEqual([...t.mu], [58982, 40000, quantise(0.9)]);
  assert.deepEqual([...t.nu], [quantise(0.1), 30000, quantise(0.1)]);
  assert.deepEqual([...t.muBinds], [0, 1, 0]);
  assert.deepEqual([...t.nuBinds], [0, 1, 0]);
  assert.equal(numBound(t.nuBinds), 1);
});

test('a class that is never predicted follows the global value in every mode, and is told', () => {
  for (const mode of ['capped', 'fixed', 'median']) {
    const t = classThresholds(medians, rule({ mode, muStar: 0.5 }));
    assert.equal(t.mu[2], quantise(0.5));
    assert.equal(t.absent[2], 1);
  }
});

test('fixed ignores medians; median ignores the global value', () => {
  assert.deepEqual([...classThresholds(medians, rule({ mode: 'fixed' })).nu], Array(3).fill(quantise(0.1)));
  const median = classThresholds(medians, rule({ mode: 'median' }));
  assert.deepEqual([...median.mu].slice(0, 2), [60000, 40000]);
  assert.deepEqual([...median.muBinds], [1, 1, 0]);
});

test('an override wins over the median and clears its mark', () => {
  const t = classThresholds(medians, rule({ nuOverrides: { 1: 0.05 } }));
  assert.equal(t.nu[1], quantise(0.05));
  assert.equal(t.nuBinds[1], 0);
  assert.equal(t.nuOverridden[1], 1);
});

test('a locked class keeps its integers when the sliders move, and follows again when freed', () => {
  const before = classThresholds(medians, rule({}));
  const locked = lockClass(rule({}), before, 0);
  assert.ok(isLocked(locked, 0));
  const moved = classThresholds(medians, { ...locked, muStar: 0.2, nuStar: 0.8 });
  assert.equal(moved.mu[0], before.mu[0]);
  assert.equal(moved.nu[0], before.nu[0]);
  assert.ok(!isLocked(freeClass(locked, 0), 0));
});

test('rules survive the trip through the library’s JSON; unknown modes fall back', () => {
  const one = rule({ muStar: 0.85, nuOverrides: { 3: 0.2 } });
  assert.ok(sameRule(one, ruleFromJson(JSON.parse(JSON.stringify(ruleToJson(one))))));
  assert.equal(ruleFromJson({ mode: 'nonsense' }).mode, 'capped');
});

test('numbers are shown in one width, and nothing is divided by zero', () => {
  assert.equal(showUnit(0.912), '.912');
  assert.equal(showUnit(1), '1.00');
  assert.equal(showPercent(1, 0), '—');
  assert.equal(snap(0.1 + 0.005 * 3), 0.115);
  assert.equal(snap(Number.NaN), 0);
  assert.equal(snap(7), 1);
});
