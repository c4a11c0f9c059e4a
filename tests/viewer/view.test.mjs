import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Camera } from '../../app/viewer/camera.js';
import { splitMaps, boundaryDistance } from '../../app/viewer/images.js';
import { decodeView, encodeView, keepLink } from '../../app/viewer/url-state.js';
import { splitName, visibleRange } from '../../app/viewer/list.js';
import { splitFilter } from '../../app/viewer/ranking.js';
import { auditBindings } from '../../app/viewer/audit-keys.js';
import { Keyboard, keyName } from '../../app/viewer/keyboard.js';
import { explainPixel } from '../../app/viewer/probe.js';
import { outlineOf } from '../../app/viewer/decor.js';
import { classTable, pack, ramp } from '../../app/viewer/heat.js';
import { blinked, KINDS } from '../../app/viewer/kinds.js';
import { refusal } from '../../app/viewer/upload.js';
import { DEFAULT_RULE } from '../../app/viewer/thresholds.js';

test('zooming keeps the image point under the cursor', () => {
  const camera = new Camera();
  camera.fit(551, 427, 2048, 1024);
  for (const factor of [1.3, 2, 0.4, 5]) {
    const before = [camera.toImageX(100, 551), camera.toImageY(300, 427)];
    camera.zoomAt(100, 300, factor, 551, 427);
    assert.ok(Math.abs(camera.toImageX(100, 551) - before[0]) < 1e-9);
    assert.ok(Math.abs(camera.toImageY(300, 427) - before[1]) < 1e-9);
  }
});

test('at 1:1 every screen pixel shows its own image pixel', () => {
  const camera = new Camera();
  camera.fit(64, 32, 64, 32);
  const g = camera.geometry(64, 32, 64, 32);
  assert.deepEqual([...g.across.source], Array.from({ length: 64 }, (_, k) => k));
  assert.deepEqual([g.across.first, g.across.last, g.down.first, g.down.last], [0, 63, 0, 31]);
});

test('enlarged pixels have equal widths, reduced columns all land on the screen', () => {
  const camera = new Camera();
  Object.assign(camera, { cx: 10.3, cy: 10.3, scale: 8 });
  const g = camera.geometry(100, 100, 40, 40);
  const widths = new Map();
  for (const x of g.across.source.slice(8, 92)) widths.set(x, (widths.get(x) ?? 0) + 1);
  assert.ok([...widths.values()].slice(1, -1).every((v) => v === 8));
  camera.fit(50, 50, 1000, 1000);
  const small = camera.geometry(50, 50, 1000, 1000);
  assert.ok(small.across.target.every((s) => s >= 0 && s < 50));
});

test('an answer of /maps is cut by kind; a wrong length is an error that says so', () => {
  const n = 5; // odd: the u16 map after a u8 map is not aligned
  const buffer = new ArrayBuffer(n + 2 * n);
  new DataView(buffer).setUint16(n, 777, true);
  const { pred, conf } = splitMaps(buffer, ['pred', 'conf'], n);
  assert.equal(pred.length, n);
  assert.equal(conf[0], 777);
  assert.throws(() => splitMaps(buffer, ['pred'], n), /must hold 5 bytes/);
  assert.throws(() => splitMaps(buffer, ['conf', 'ent'], n), /too short/);
});

test('the distance to a boundary counts to the nearest other class, not to void', () => {
  const maps = { W: 9, H: 1, label: Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 1, 1) };
  assert.equal(boundaryDistance(maps, 3, 0), 4);
  assert.equal(boundaryDistance({ ...maps, label: Uint8Array.of(0, 0, 0, 0, 255, 255, 255, 255, 255) }, 0, 0, 4), 5);
});

test('a link holds the whole view', () => {
  const view = {
    tab: 'inspect', sid: 'abc', index: 12, camera: [100.5, 20, 3], rule: { ...DEFAULT_RULE, nuStar: 0.115, nuOverrides: { 5: 0.3 }, muOverrides: {} },
    panes: ['photo', 'ssl'], hidden: [1, 2], filter: 'class:rider err>5% unseen', sort: 'ssl_only', scope: 'set', mix: 0.35, colorBy: 'truth',
  };
  const back = decodeView(`#${encodeView(view)}`);
  for (const key of Object.keys(view)) assert.deepEqual(back[key], view[key], key);
});

test('a link that the page wrote over before it heard of it is put back', () => {
  const written = [];
  globalThis.location = { href: 'http://x/#own' };
  globalThis.history = { state: null, replaceState: (state, title, url) => written.push(url) };
  keepLink({ newURL: 'http://x/#pasted' });
  keepLink({ newURL: 'http://x/#own' });
  assert.deepEqual(written, ['http://x/#pasted']);
});

test('nonsense in a link is left out', () => {
  const view = decodeView('#tab=<b>&s=../../x&i=-3&at=1,2&nu=7&mu=abc&p=&n=all&nuc=1:9,x:0.5');
  assert.deepEqual([view.tab, view.sid, view.index, view.camera, view.scope], [undefined, undefined, undefined, undefined, undefined]);
  assert.equal(view.rule.nuStar, 0.1);
  assert.deepEqual(view.rule.nuOverrides, {});
});

test('the list makes rows for the viewport only, whatever its length', () => {
  const [first, end] = visibleRange(200000, 800, 10000);
  assert.ok(end - first < 40);
  assert.ok(first <= 200000 / 44 && end >= (200000 + 800) / 44);
  assert.deepEqual(visibleRange(0, 800, 3), [0, 3]);
});

test('seen and unseen stay in the browser, the rest goes to the server', () => {
  assert.deepEqual(splitFilter(' class:rider  unseen err>5% '), { server: 'class:rider err>5%', seen: false, truth: 'err>5%' });
  assert.deepEqual(splitFilter('unseen.png'), { server: 'unseen.png', seen: null, truth: null });
});

test('keys are named with their modifiers; shifted symbols by themselves', () => {
  const key = (k, m = {}) => keyName({ key: k, ctrlKey: false, metaKey: false, altKey: false, shiftKey: false, ...m });
  assert.equal(key('?', { shiftKey: true }), '?');
  assert.equal(key('K', { ctrlKey: true }), 'Ctrl+k');
  assert.equal(key(' '), 'Space');
  assert.equal(key('Z', { ctrlKey: true, shiftKey: true }), 'Ctrl+Shift+z');
});

test('keys rest behind a dialog but for the one that closes it, and an act does not repeat while its key is held', () => {
  const listeners = {};
  globalThis.document = { addEventListener: (name, run) => { listeners[name] = run; }, removeEventListener() {} };
  let isOpen = false;
  const run = [];
  const element = { isConnected: true, offsetParent: {}, querySelector: (what) => (what === '.esl-veil' && isOpen ? {} : null) };
  const screen = { session: {}, judge: (key) => run.push(key), undo: () => run.push('undo'), go: () => run.push('go'), at: 0, context: { top: { recipe: { store: () => run.push('save') } } } };
  new Keyboard(element, [...auditBindings(screen), { keys: ['?'], closes: () => isOpen, run: () => { isOpen = !isOpen; run.push('help'); } }]);
  const press = (key, more = {}) => {
    let isPrevented = false;
    listeners.keydown({ key, target: {}, ctrlKey: false, preventDefault() { isPrevented = true; }, ...more });
    return isPrevented;
  };
  press('a');
  for (const key of ['a', 's', 'd', 'x', 'u', 'z', 'j']) press(key, { repeat: true });
  assert.deepEqual(run, ['a', 'go']);
  press('?');
  for (const key of ['a', 'z', 'j']) assert.ok(!press(key), `${key} is left to the dialog`);
  assert.ok(press('s', { ctrlKey: true }), 'the browser does not save the page instead');
  press('?');
  press('s');
  assert.deepEqual(run, ['a', 'go', 'help', 'help', 's']);
  delete globalThis.document;
});

test('the probe says which rule keeps a pixel and what set its threshold', () => {
  const maps = { W: 1, H: 1, label: Uint8Array.of(0), second: Uint8Array.of(1), truth: Uint8Array.of(1), conf: Uint16Array.of(50000), ent: Uint16Array.of(9000) };
  const t = { mu: [50000], nu: [8999], muOverridden: [0], nuOverridden: [1], muBinds: [1], nuBinds: [0] };
  const p = explainPixel(maps, t, 0, 0);
  assert.deepEqual([p.sslKeeps, p.eslKeeps, p.why.mu, p.why.nu, p.truth], [true, false, 'median', 'override', 1]);
});

test('the outline of a run has its outer edges only', () => {
  assert.equal(outlineOf([[0, 2]], 10).length / 4, 6);
  assert.equal(outlineOf([[0, 2], [10, 2]], 10).length / 4, 8);
});

test('colours: hidden classes take the ground, ramps rise, blink swaps and returns', () => {
  const table = classTable([[1, 2, 3], [4, 5, 6]], 99, new Set([1]));
  assert.deepEqual([table[0], table[1], table[255]], [pack(1, 2, 3), 99, 99]);
  const luma = (w) => (w & 255) + ((w >> 8) & 255) + ((w >> 16) & 255);
  const entropy = ramp('entropy');
  for (let k = 8; k < 256; k += 8) assert.ok(luma(entropy[k]) > luma(entropy[k - 8]));
  for (const { id } of KINDS) assert.equal(blinked(blinked(id)), id);
});

test('own images: kind and size are checked before anything is sent', () => {
  assert.match(refusal({ type: 'image/gif', size: 1 }), /PNG or JPEG/);
  assert.match(refusal({ type: 'image/png', size: 21e6 }), /20 MB/);
  assert.equal(refusal({ type: 'image/jpeg', size: 1e6 }), '');
});

test('a long name keeps the end that tells it from its neighbours', () => {
  assert.deepEqual(splitName('train/aachen/aachen_000012_000019_leftImg8bit.png'), ['aachen_000', '012_000019']);
  assert.deepEqual(splitName('a/one.jpg'), ['', 'one']);
  assert.equal(splitName('${alert(1)}<img src=x onerror=alert(1)>.png').join(''), '${alert(1)}<img src=x onerror=alert(1)>');
});
