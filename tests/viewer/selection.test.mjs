import assert from 'node:assert/strict';
import { test } from 'node:test';
import { buildAll } from '../../app/viewer/orders.js';
import { ESL, SSL, Selection } from '../../app/viewer/selection.js';
import { errorRate, summarise } from '../../app/viewer/statistics.js';
import { SetHistogram } from '../../app/viewer/set-histogram.js';
import { scanDifferences, Hits, brushMask } from '../../app/viewer/scan.js';
import { Camera } from '../../app/viewer/camera.js';
import { randomMaps } from './random-maps.mjs';

/** Eq. (5), (7), word for word. */
function plain(maps, t) {
  return maps.label.map((c, i) => (c === 255 ? 0 : (maps.conf[i] >= t.mu[c] ? 1 : 0) | (maps.ent[i] <= t.nu[c] ? 2 : 0)));
}

function plainCounts(maps, state, C) {
  const counts = new Uint32Array(C * 12);
  maps.label.forEach((c, i) => {
    if (c === 255) return;
    const truth = maps.truth[i] === 255 ? 2 : maps.truth[i] === c ? 0 : 1;
    counts[(c * 3 + truth) * 4 + state[i]]++;
  });
  return counts;
}

test('the incremental selection equals the plain rule after any series of moves', () => {
  for (let seed = 1; seed <= 20; seed++) {
    const { maps, thresholds, C } = randomMaps(seed);
    const selection = new Selection(maps, C);
    let t = thresholds();
    selection.apply(t);
    assert.deepEqual(selection.state.slice(), plain(maps, t));
    selection.orders = buildAll({ ...maps, cell: selection.cell, numClasses: C });
    for (let k = 0; k < 12; k++) {
      t = { mu: t.mu.map((v) => Math.max(0, Math.min(65535, v + ((k * 977) % 801) - 400))), nu: t.nu.map((v) => Math.max(0, Math.min(65535, v + ((k * 613) % 601) - 300))) };
      if (k === 5) t = thresholds(); // a jump falls back to the whole pass
      if (k === 8) t = { mu: t.mu.fill(0), nu: t.nu.fill(65535) };
      selection.apply(t);
      const expected = plain(maps, t);
      assert.deepEqual(selection.state.slice(), expected, `seed ${seed}, move ${k}`);
      assert.deepEqual(selection.counts.slice(0, C * 12), plainCounts(maps, expected, C));
    }
  }
});

test('a small move touches a small part of the pixels', () => {
  const { maps, C } = randomMaps(3);
  const selection = new Selection(maps, C);
  const flat = (mu, nu) => ({ mu: new Uint16Array(C).fill(mu), nu: new Uint16Array(C).fill(nu) });
  selection.apply(flat(30000, 30000));
  selection.orders = buildAll({ ...maps, cell: selection.cell, numClasses: C });
  selection.apply(flat(30000, 30300));
  assert.ok(selection.touched < maps.label.length / 50, String(selection.touched));
});

test('a pixel on the threshold is kept by both rules', () => {
  const maps = { label: Uint8Array.of(0, 0), conf: Uint16Array.of(500, 499), ent: Uint16Array.of(700, 701), truth: null };
  const selection = new Selection(maps, 1);
  selection.apply({ mu: Uint16Array.of(500), nu: Uint16Array.of(700) });
  assert.deepEqual([...selection.state], [3, 0]);
  assert.deepEqual([...selection.labelOf(SSL)], [0, 255]);
  assert.deepEqual([...selection.labelOf(ESL)], [0, 255]);
});

test('without ground truth all pixels are unlabelled and no error rate exists', () => {
  const { maps, thresholds, C } = randomMaps(4);
  const selection = new Selection({ ...maps, truth: null }, C);
  selection.apply(thresholds());
  const { all } = summarise(selection.counts, C);
  assert.equal(all.labelled, 0);
  assert.ok(Number.isNaN(errorRate(all.ssl)));
  assert.equal(all.pixels, maps.label.filter((c) => c !== 255).length);
});

test('the set’s joint histogram counts exactly at bin edges', () => {
  const { maps, C } = randomMaps(5);
  const selection = new Selection(maps, C);
  const joint = new Uint32Array(C * 3 * 65536);
  maps.label.forEach((c, i) => { if (c !== 255) joint[selection.cell[i] * 65536 + (maps.ent[i] >> 8) * 256 + (maps.conf[i] >> 8)]++; });
  const histogram = new SetHistogram(joint, C);
  const t = { mu: Uint16Array.of(0, 256, 25600, 51200, 65280), nu: Uint16Array.of(255, 511, 25599, 65535, 5119) };
  selection.apply(t);
  assert.deepEqual([...histogram.at(t)].slice(0, C * 12), [...selection.counts].slice(0, C * 12));
});

test('any-hit reduction keeps a one-pixel line whole at every scale', () => {
  const [W, H] = [400, 200];
  const maps = { label: new Uint8Array(W * H), conf: new Uint16Array(W * H).fill(60000), ent: new Uint16Array(W * H), truth: null, W, H };
  for (let x = 0; x < W; x++) maps.ent[101 * W + x] = 40000;
  const selection = new Selection(maps, 1);
  selection.apply({ mu: Uint16Array.of(50000), nu: Uint16Array.of(30000) });
  for (const scale of [0.9, 0.51, 0.333, 0.25, 0.11]) {
    const camera = new Camera();
    Object.assign(camera, { cx: W / 2, cy: H / 2, scale });
    const g = camera.geometry(300, 150, W, H);
    const hits = new Hits(g.w * g.h);
    scanDifferences(selection, maps.label, g, new Uint8Array(256).fill(1), hits, new Hits(g.w * g.h));
    const row = g.down.target[101];
    for (let sx = g.across.first; sx <= g.across.last; sx++) assert.ok(hits.first[row * g.w + sx] >= 0, `scale ${scale}, column ${sx}`);
    assert.equal(hits.count, g.across.last - g.across.first + 1);
  }
});

test('hidden classes give no hits', () => {
  const maps = { label: new Uint8Array(64), conf: new Uint16Array(64).fill(9), ent: new Uint16Array(64).fill(9), truth: null, W: 8, H: 8 };
  const selection = new Selection(maps, 1);
  selection.apply({ mu: Uint16Array.of(0), nu: Uint16Array.of(0) });
  const camera = new Camera();
  camera.fit(4, 4, 8, 8);
  const g = camera.geometry(4, 4, 8, 8);
  const hits = new Hits(16);
  scanDifferences(selection, maps.label, g, new Uint8Array(256), hits, new Hits(16));
  assert.equal(hits.count, 0);
  scanDifferences(selection, maps.label, g, new Uint8Array(256).fill(1), hits, new Hits(16));
  assert.equal(hits.count, 16);
});

test('a brush marks the pixels of its class inside its box, edges included', () => {
  const maps = { label: Uint8Array.of(1, 1, 0, 1), ent: Uint16Array.of(10, 20, 15, 21), conf: Uint16Array.of(5, 5, 5, 5) };
  assert.deepEqual([...brushMask(maps, { cls: 1, e: [10, 20], p: [5, 5] })], [1, 1, 0, 0]);
});
