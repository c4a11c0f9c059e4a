// What the figures are drawn from: the numbers of the screen, nothing else.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FIGURES, figureValues } from '../../app/viewer/figure-values.js';
import { buildAll } from '../../app/viewer/orders.js';
import { numbersOf } from '../../app/viewer/scope-numbers.js';
import { Selection } from '../../app/viewer/selection.js';
import { errorRate, summarise } from '../../app/viewer/statistics.js';
import { DEFAULT_RULE, classThresholds } from '../../app/viewer/thresholds.js';
import { randomMaps } from './random-maps.mjs';

/** As much of a session as numbers are made of. */
function sessionOf(seed, more = {}) {
  const { maps, C } = randomMaps(seed);
  const info = { class_names: Array.from({ length: C }, (_, c) => (c ? `class ${c}` : '=1+1')), images: [{ name: 'a/b/one.png' }], medians: { mu: Array(C).fill(40000), nu: Array(C).fill(9000) } };
  const session = { info, rule: DEFAULT_RULE, scope: 'image', showsTruth: true, blind: false, numClasses: C, thresholds: classThresholds(info.medians, DEFAULT_RULE), filter: '', filtered: null, ...more };
  const selection = new Selection({ ...maps, i: 0 }, C);
  selection.apply(session.thresholds);
  const built = buildAll({ ...maps, cell: selection.cell, numClasses: C });
  session.image = { maps: { ...maps, i: 0 }, selection, cumulative: { ssl: built.confCumulative, esl: built.entCumulative } };
  return session;
}

test('bars are the error rates of the class table, gaps where nothing is kept', () => {
  const session = sessionOf(3);
  const { body, csv } = figureValues(FIGURES[0], session, numbersOf(session, 'image'));
  const summary = summarise(session.image.selection.counts, session.numClasses);
  assert.deepEqual(body.esl, summary.rows.map((row) => (Number.isFinite(errorRate(row.esl)) ? errorRate(row.esl) : null)));
  assert.equal(body.scope, 'image one.png');
  assert.deepEqual(body.overall, [errorRate(summary.all.ssl), errorRate(summary.all.esl)]);
  assert.match(csv().split('\n')[1], /^'=1\+1,image,/, 'no cell is a formula');
});

test('a curve passes through the numbers at the threshold on screen', () => {
  const session = sessionOf(4);
  const { all } = summarise(session.image.selection.counts, session.numClasses);
  for (const [figure, rule, star] of [[FIGURES[1], 'esl', DEFAULT_RULE.nuStar], [FIGURES[2], 'ssl', DEFAULT_RULE.muStar]]) {
    const { body, csv } = figureValues(figure, session, numbersOf(session, 'image'));
    assert.equal(body.current, star);
    const at = body.thresholds.findIndex((t) => Math.abs(t - star) < 1e-9);
    assert.ok(Math.abs(body.coverage[at] - all[rule].kept / all.pixels) < 0.01);
    const lines = csv().trim().split('\n');
    assert.equal(lines[0], 'criterion,threshold,coverage,error_rate');
    assert.equal(lines.length, 1 + body.thresholds.length);
    assert.equal(lines[1 + at], [rule === 'esl' ? 'entropy' : 'max_prob', star.toFixed(3), body.coverage[at].toFixed(6), body.error[at].toFixed(6)].join(','));
  }
});

test('what cannot be drawn says why', () => {
  const session = sessionOf(5);
  assert.match(figureValues(FIGURES[1], session, numbersOf(session, 'filter')).missing, /choose Image or Set/);
  assert.match(figureValues(FIGURES[0], session, numbersOf(session, 'filter')).missing, /filter or sort the list first/);
  session.showsTruth = false;
  assert.match(figureValues(FIGURES[0], session, numbersOf(session, 'image')).missing, /no ground truth/);
  session.blind = true;
  assert.match(figureValues(FIGURES[0], session, numbersOf(session, 'image')).missing, /Blind/);
  const { body, csv } = figureValues(FIGURES[1], session, numbersOf(session, 'image'));
  assert.ok(body.error.every((v) => v === null) && body.coverage.some((v) => v > 0));
  assert.match(csv(), /^entropy,0\.100,\d\.\d+,$/m, 'blind: no error in the file either');
});
