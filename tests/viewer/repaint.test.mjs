// Drawing only what changed gives the same pixels as drawing everything.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Camera } from '../../app/viewer/camera.js';
import { drawLayer } from '../../app/viewer/layers.js';
import { buildAll } from '../../app/viewer/orders.js';
import { Dirty, canRepaint, repaint } from '../../app/viewer/repaint.js';
import { Scene } from '../../app/viewer/scene.js';
import { Hits } from '../../app/viewer/scan.js';
import { Selection } from '../../app/viewer/selection.js';
import { randomMaps } from './random-maps.mjs';

const KINDS = ['ssl', 'esl', 'ssl-esl', 'esl-ssl'];

/** A scene without a browser's canvases. */
function sceneOf(maps, selection, camera, w, h, hidden) {
  const scene = new Scene();
  scene.setTables(Array.from({ length: 5 }, (_, c) => [40 * c + 10, 200 - 30 * c, 77]), hidden);
  scene.setImage(maps, selection);
  scene.g = camera.geometry(w, h, maps.W, maps.H);
  scene.ground = Uint32Array.from({ length: w * h }, (_, k) => 0xff000000 | k);
  for (const name of ['sslOnlyHits', 'eslOnlyHits', 'brushHits']) scene[name] = new Hits(w * h);
  return scene;
}

function cameras(maps, w, h) {
  const fitted = new Camera();
  fitted.fit(w, h, maps.W, maps.H);
  return [fitted, ...[[11.3, 17.9, 0.31], [60.2, 30, 0.93], [79, 49, 0.5], [40, 25, 1 / 3]].map(([cx, cy, scale]) => Object.assign(new Camera(), { cx, cy, scale }))];
}

test('repainting what changed sides equals a whole drawing, for every kind, camera and series of moves', () => {
  const [w, h] = [37, 23];
  for (let seed = 1; seed <= 12; seed++) {
    const { maps, thresholds, C } = randomMaps(seed);
    const selection = new Selection(maps, C);
    let t = thresholds();
    selection.apply(t);
    assert.equal(selection.takeChanged('grid'), null, 'after a whole pass anything may have changed');
    selection.orders = buildAll({ ...maps, cell: selection.cell, numClasses: C });
    for (const camera of cameras(maps, w, h)) {
      const scene = sceneOf(maps, selection, camera, w, h, new Set(seed % 3 ? [] : [1]));
      const dirty = new Dirty(w * h);
      const panes = KINDS.map(() => new Uint32Array(w * h).fill(7));
      scene.scan(new Set(KINDS));
      KINDS.forEach((kind, k) => drawLayer(kind, scene, panes[k]));
      let repainted = 0;
      for (let k = 0; k < 8; k++) {
        const step = (v, c) => Math.max(0, Math.min(65535, v + (((k + 1) * 977 + c * 131 + seed) % 1401) - 700));
        t = { mu: t.mu.map(step), nu: t.nu.map(step) };
        selection.apply(t);
        if (k === 3) { // two moves before one drawing
          t = { mu: t.mu.map(step), nu: t.nu.map(step) };
          selection.apply(t);
        }
        const changed = selection.takeChanged('grid');
        if (!canRepaint(scene, changed)) continue;
        repainted++;
        dirty.collect(changed, scene.g);
        KINDS.forEach((kind, n) => {
          const before = panes[n].slice();
          const rows = repaint(kind, scene, panes[n], dirty);
          const touched = Array.from({ length: h }, (_, y) => y).filter((y) => panes[n].slice(y * w, (y + 1) * w).some((v, x) => v !== before[y * w + x]));
          assert.deepEqual([rows.top, rows.bottom], touched.length ? [touched[0], touched[touched.length - 1] + 1] : [h, 0]);
          const whole = new Uint32Array(w * h).fill(7);
          scene.scan(new Set(KINDS));
          drawLayer(kind, scene, whole);
          assert.deepEqual(panes[n], whole, `${kind}, seed ${seed}, scale ${camera.scale}, move ${k}`);
        });
      }
      assert.ok(repainted > 4);
    }
  }
});

test('what lies over the labels, or colours that change without a pixel, ask for a whole drawing', () => {
  const { maps, thresholds, C } = randomMaps(2);
  const selection = new Selection(maps, C);
  selection.apply(thresholds());
  const scene = sceneOf(maps, selection, cameras(maps, 37, 23)[0], 37, 23, new Set());
  const none = new Uint32Array(0);
  assert.ok(canRepaint(scene, none));
  assert.ok(!canRepaint(scene, null));
  for (const change of [{ photoShare: 0.3 }, { brush: new Uint8Array(1) }, { colorBy: 'cause' }, { g: { ...scene.g, scale: 1 } }]) {
    assert.ok(!canRepaint(Object.assign(Object.create(scene), change), none), Object.keys(change)[0]);
  }
});

test('a list that nobody takes does not grow for ever', () => {
  const { maps, thresholds, C } = randomMaps(4);
  const selection = new Selection(maps, C);
  let t = thresholds();
  selection.apply(t);
  selection.orders = buildAll({ ...maps, cell: selection.cell, numClasses: C });
  selection.takeChanged('grid');
  for (let k = 0; k < 60; k++) {
    t = { mu: t.mu.map((v) => (k % 2 ? v - 900 : v + 900)), nu: t.nu };
    selection.apply(t);
  }
  assert.ok(selection.numChanged <= maps.label.length >> 3);
  assert.equal(selection.takeChanged('grid'), null);
});

test('two grids over one selection never miss what the other one drew', () => {
  const { maps, thresholds, C } = randomMaps(5);
  const selection = new Selection(maps, C);
  const t = thresholds();
  selection.apply(t);
  selection.orders = buildAll({ ...maps, cell: selection.cell, numClasses: C });
  selection.takeChanged('inspect');
  selection.apply({ mu: t.mu.map((v) => v ^ 255), nu: t.nu });
  assert.equal(selection.takeChanged('audit'), null);
  assert.equal(selection.takeChanged('inspect'), null, 'the list went to the other grid');
  selection.apply(t);
  assert.ok(selection.takeChanged('inspect').length > 0);
});

test('a move of one threshold leaves the other rule’s pane as it is', () => {
  const { maps, thresholds, C } = randomMaps(6);
  const selection = new Selection(maps, C);
  const t = thresholds();
  selection.apply(t);
  selection.orders = buildAll({ ...maps, cell: selection.cell, numClasses: C });
  selection.takeChanged('grid');
  const [w, h] = [37, 23];
  const scene = sceneOf(maps, selection, cameras(maps, w, h)[0], w, h, new Set());
  const panes = Object.fromEntries(KINDS.map((kind) => [kind, new Uint32Array(w * h)]));
  scene.scan(new Set(KINDS));
  for (const kind of KINDS) drawLayer(kind, scene, panes[kind]);
  selection.apply({ mu: t.mu, nu: t.nu.map((v) => Math.min(65535, v + 900)) });
  const dirty = new Dirty(w * h);
  dirty.collect(selection.takeChanged('grid'), scene.g);
  assert.ok(dirty.count > 0);
  assert.equal(repaint('ssl', scene, panes.ssl, dirty).bottom, 0);
  assert.ok(repaint('esl', scene, panes.esl, dirty).bottom > 0);
  assert.equal(repaint('photo', scene, panes.ssl, dirty), null);
});
