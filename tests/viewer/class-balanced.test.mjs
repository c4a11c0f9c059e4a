import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ClassBalanced, countLabels } from '../../app/viewer/class-balanced.js';
import { PaneCards } from '../../app/viewer/pane-cards.js';
import { drawLayer } from '../../app/viewer/layers.js';
import { Camera } from '../../app/viewer/camera.js';
import { Scene } from '../../app/viewer/scene.js';
import { Selection } from '../../app/viewer/selection.js';
import { decodeView, encodeView } from '../../app/viewer/url-state.js';
import { DEFAULT_RULE } from '../../app/viewer/thresholds.js';

const image = (i) => ({ maps: { i, label: Uint8Array.of(0, 0, 1, 255), truth: null } });

/** A session whose server answers when told to. */
function session() {
  const asked = [];
  const made = {
    info: { map_version: 1, medians: { mu: [5, 7, -1] }, num_counted: 3 }, image: image(0), emitted: [], asked,
    emit(topic) { this.emitted.push(topic); },
    api: { classBalanced: (info, i, portion) => new Promise((resolve, reject) => asked.push({ i, portion, resolve, reject })) },
  };
  made.classBalanced = new ClassBalanced(made);
  return made;
}

const settled = () => new Promise((resolve) => setTimeout(resolve, 0));
const answer = { labels: Uint8Array.of(0, 1, 1, 255), thresholds: Uint16Array.of(900, 300, 65535) };

test('nothing is asked for before a pane shows it, and nothing twice', async () => {
  const s = session();
  s.classBalanced.want();
  assert.equal(s.asked.length, 0);
  s.classBalanced.isShown = true;
  s.classBalanced.want();
  s.classBalanced.want();
  assert.equal(s.asked.length, 1);
  s.asked[0].resolve(answer);
  await settled();
  assert.deepEqual([...s.classBalanced.current.labels], [0, 1, 1, 255]);
  assert.deepEqual(s.classBalanced.range, [[300, 1], [900, 0]]);
  s.classBalanced.want();
  assert.equal(s.asked.length, 1);
  s.info = { ...s.info, num_counted: 4 }; // the set grew: thresholds moved
  s.classBalanced.want();
  assert.equal(s.asked.length, 2);
});

test('a slider in motion asks one question at a time, and the last portion is asked for in the end', async () => {
  const s = session();
  s.classBalanced.isShown = true;
  s.classBalanced.want();
  for (const portion of [0.3, 0.4, 0.5]) {
    s.classBalanced.setPortion(portion);
    s.classBalanced.want();
  }
  assert.deepEqual(s.asked.map((a) => a.portion), [0.2]);
  s.asked[0].resolve(answer);
  await settled();
  assert.equal(s.emitted.at(-1), 'class-balanced'); // which draws, and so asks again
  s.classBalanced.want();
  assert.deepEqual(s.asked.map((a) => a.portion), [0.2, 0.5]);
  assert.ok(s.classBalanced.current, 'the labels of the last portion stay meanwhile');
  s.image = image(1);
  assert.equal(s.classBalanced.current, null, 'another image’s labels never show');
});

test('a portion outside (0, 1] is left alone', () => {
  const s = session();
  for (const portion of [0, -1, 2, NaN]) s.classBalanced.setPortion(portion);
  assert.equal(s.classBalanced.portion, 0.2);
  assert.deepEqual(s.emitted, []);
});

test('a failure is told in the pane, is not asked again by itself, and Retry asks again', async () => {
  const s = session();
  s.classBalanced.isShown = true;
  s.classBalanced.want();
  s.asked[0].reject(new Error('The logits are damaged.'));
  await settled();
  const cards = new PaneCards({ ...s, classBalanced: s.classBalanced, image: { maps: s.image.maps } }, null);
  assert.match(cards.cardOf('cbst')[1], /damaged/);
  s.classBalanced.want();
  assert.equal(s.asked.length, 1);
  s.classBalanced.retry();
  s.classBalanced.want();
  assert.equal(s.asked.length, 2);
  s.asked[1].resolve({ ...answer, labels: new Uint8Array(3) });
  await settled();
  assert.match(s.classBalanced.error, /maps' size, 4 pixels; got 3/);
});

test('labels are counted against themselves, not against the prediction', () => {
  const maps = { label: Uint8Array.of(0, 0, 1, 255, 1), truth: Uint8Array.of(1, 0, 255, 0, 0) };
  assert.deepEqual(countLabels(Uint8Array.of(1, 1, 1, 255, 255), maps), { pixels: 4, kept: 3, labelled: 2, wrong: 1, relabelled: 2 });
});

test('the layer draws the re-weighted class, hidden classes and dropped pixels in the ignore colour', () => {
  const maps = { W: 2, H: 2, label: Uint8Array.of(0, 0, 1, 255), conf: new Uint16Array(4), ent: new Uint16Array(4), truth: null, photo: null };
  const scene = new Scene();
  globalThis.OffscreenCanvas ??= class {};
  scene.setTables([[10, 0, 0], [0, 20, 0]], new Set());
  scene.setImage(maps, new Selection(maps, 2));
  const camera = new Camera();
  camera.fit(2, 2, 2, 2);
  scene.setView(camera.geometry(2, 2, 2, 2));
  scene.classBalanced = answer.labels;
  const out = new Uint32Array(4);
  drawLayer('cbst', scene, out);
  const { classes, ignore } = scene.tables;
  assert.deepEqual([...out], [classes[0], classes[1], classes[1], ignore]);
});

test('a link holds the portion', () => {
  const view = { tab: 'inspect', index: 0, rule: { ...DEFAULT_RULE }, portion: 0.35 };
  assert.equal(decodeView(encodeView(view)).portion, 0.35);
  assert.ok(!encodeView({ ...view, portion: 0.2 }).includes('cb='));
  for (const bad of ['0', '-1', '1.5', 'x', '']) assert.equal(decodeView(`#cb=${bad}`).portion, undefined);
});
