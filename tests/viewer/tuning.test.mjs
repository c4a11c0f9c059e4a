// Matching ESL to SSL: met, or how near it comes and what holds it.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SetHistogram } from '../../app/viewer/set-histogram.js';
import { ThresholdsScreen } from '../../app/viewer/thresholds-screen.js';
import { matchCoverage, matchError, saidOfMatch } from '../../app/viewer/tuning.js';
import { made, sessionOf } from './made.mjs';

/** A session on counts of two classes: [class, truth (0 correct, 1 wrong, 2 unlabelled), entropy bin, confidence bin, pixels]. */
function sessionOn(cells) {
  const session = sessionOf();
  const counts = new Uint32Array(2 * 3 * 256 * 256);
  for (const [c, truth, e, p, n] of cells) counts[((c * 3 + truth) * 256 + e) * 256 + p] = n;
  session.histogramHeld = new SetHistogram(counts, 2);
  session.isHistogramDue = false;
  session.info.medians = { mu: [65535, 65535], nu: [0, 0] };
  session.setRule({ muStar: 0.5 });
  return session;
}

const pixels = [[0, 0, 10, 200, 50], [0, 1, 60, 100, 50], [1, 0, 20, 220, 60], [1, 1, 90, 90, 40]];

test('a coverage and an error that can be met are, and are said to be', () => {
  for (const [find, name] of [[matchCoverage, 'coverage'], [matchError, 'error rate']]) {
    const session = sessionOn(pixels);
    const found = find(session);
    assert.ok(found.isMet, JSON.stringify(found));
    assert.equal(saidOfMatch(found, name, session), `ν* now gives ESL the ${name} of SSL.`);
  }
});

test('where classes have their own thresholds, a match says how near it comes and why', () => {
  const session = sessionOn(pixels);
  session.setRule({ nuOverrides: { 0: 0.9 } }); // class 0 keeps all of its pixels at any nu*: 100 of 200
  const said = [];
  const screen = made(ThresholdsScreen, { session, context: { say: (text) => said.push(text) } });
  session.setRule({ nuOverrides: { 0: 0.9, 1: 0.2 } }); // 160 of 200, SSL keeps 110
  screen.match(matchCoverage, 'coverage');
  assert.equal(said.pop(), 'ESL cannot reach the coverage of SSL, 55.00 %: it comes nearest with 80.00 %, at ν* 0, as 2 of 2 classes have a ν(c) of their own.');
  session.setRule({ nuOverrides: { 0: 0.9 } });
  session.info.medians = { mu: [65535, 65535], nu: [0, 22 << 8] };
  session.setRule({});
  screen.match(matchError, 'error rate');
  assert.match(said.pop(), /^ESL cannot reach the error rate of SSL, 0.00 %: .*as 1 of 2 classes has a ν\(c\) of its own, and the median binds for 1\.$/);
});

test('without anything to match, nothing moves', () => {
  const said = [];
  const session = sessionOn([[0, 2, 10, 200, 50]]); // no ground truth
  const screen = made(ThresholdsScreen, { session, context: { say: (text) => said.push(text) } });
  screen.match(matchError, 'error rate');
  assert.match(said[0], /SSL keeps no pixel that tells its error rate/);
  session.histogramHeld = null;
  screen.match(matchCoverage, 'coverage');
  screen.applyPareto();
  assert.deepEqual(said.slice(1), Array(2).fill('The set’s counts are not there yet.'));
  assert.equal(session.rule.nuStar, 0.1);
});
