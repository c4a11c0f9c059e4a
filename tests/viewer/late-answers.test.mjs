// Answers that come in another order than their questions.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FlipOrder } from '../../app/viewer/compare-order.js';
import { CompareScreen } from '../../app/viewer/compare-screen.js';
import { CompareStores } from '../../app/viewer/compare-stores.js';
import { forgetSessions, sessionFor } from '../../app/viewer/session.js';
import { RunSeries } from '../../app/viewer/runs-series.js';
import { made, node, settle } from './made.mjs';

/** A store whose images come when the test says so. */
function slowStore(name) {
  const waiting = [];
  return { name, waiting, cache: { get: (i) => new Promise((go) => waiting.push(() => go({ of: name, i, truth: null }))) } };
}

function twoStores(a, b, pairs) {
  return made(CompareStores, { a, b, pairs, images: {}, state: node(), camera: { fitted: false }, compute() {}, fit() {}, order: { forget() {} } });
}

test('pixels of the stores chosen before never stand under the names of those chosen now', async () => {
  const [old, a, b] = ['old', 'a', 'b'].map(slowStore);
  const view = twoStores(old, old, [{ a: 0, b: 0 }]);
  const first = view.show(0);
  Object.assign(view, { a, b });
  const second = view.show(0);
  for (const answer of [...a.waiting, ...b.waiting]) answer();
  await second;
  for (const answer of old.waiting) answer();
  await first;
  assert.deepEqual([view.current.a.of, view.current.own.of], ['a', 'b']);
});

test('an image that the new order moved is still shown when it comes', async () => {
  const a = slowStore('a');
  const view = twoStores(a, a, [{ a: 4, b: 4 }, { a: 7, b: 7 }]);
  const shown = view.show(0);
  view.at = 1; // as `reorder` does where the same image stands elsewhere
  for (const answer of a.waiting) answer();
  await shown;
  assert.equal(view.current.a.i, 4);
});

/** A Compare view whose panes and tables note what they show. */
function pageOf(stores) {
  const cleared = [];
  const parts = () => ({ shown: 'old', replaceChildren(...nodes) { this.shown = nodes.length ? 'new' : ''; }, set hidden(on) {} });
  const view = made(CompareStores, {
    api: {}, at: 0, picked: null, mappings: new Map(), choiceA: { value: 'a' }, choiceB: { value: 'b' }, images: { replaceChildren() {} }, state: node(), point: node(),
    camera: { fitted: false }, classesButton: {}, body: {}, summary: parts(), classes: parts(), changes: parts(), fillImages() {}, compute() {}, fit() {},
    order: { select: { value: '' }, forget() {}, set() {} },
    panes: [0, 1, 2, 3].map((n) => ({ clear: () => cleared.push(n), name(title, note) { this.title = title; this.note = note; } })), cleared,
  });
  for (const sid of ['a', 'b', 'c']) {
    const session = sessionFor({ base: 'compare' }, sid);
    session.opening = Promise.resolve();
    session.info = { name: `store ${sid}`, class_names: ['x'], map_size: [1, 1], images: ['p', 'q', 'r'].map((name, i) => ({ i, name, done: true })) };
    session.cache = { get: stores[sid] ?? (async (i) => ({ i, of: sid, W: 1, H: 1, truth: null })) };
  }
  view.api = { base: 'compare' };
  return view;
}

test('the image stays when the tab is opened again, though the order has another one at its place', async () => {
  forgetSessions();
  const view = pageOf({});
  await view.openBoth();
  assert.equal(view.current.a.i, 0);
  view.pairs = [2, 1, 0].map((k) => view.pairs[k]); // as `reorder` does
  await view.show(0);
  assert.deepEqual([view.at, view.current.a.i, view.cleared.length], [0, 2, 4], 'cleared when the pair came, not since');
  await view.openBoth();
  assert.deepEqual([view.at, view.current.a.i, view.cleared.length], [2, 2, 4]);
});

test('nothing of the stores chosen before stays while the new ones open, nor of an image where the next cannot be had', async () => {
  forgetSessions();
  const view = pageOf({ c: async () => { throw Object.assign(new Error('It waits.'), { waiting: false }); } });
  await view.openBoth();
  for (const part of [view.summary, view.classes, view.changes]) part.shown = 'old';
  view.names = new Map([['b', 'B now'], ['c', 'C now']]);
  [view.choiceA.value, view.choiceB.value] = ['b', 'c'];
  const opening = view.openBoth();
  assert.deepEqual([view.panes[0].note, view.panes[1].note, view.summary.shown, view.classes.shown, view.changes.shown], ['B now', 'C now', '', '', '']);
  assert.equal(view.current, null);
  await opening;
  assert.deepEqual([view.current, view.state.textContent], [null, 'It waits.']);
  assert.equal(view.cleared.length, 12, 'for the first pair, for the second, and for its image');
});

test('an order of the pair before is neither applied nor asked for again', async () => {
  const orders = [];
  let answer;
  const order = made(FlipOrder, {
    hooks: { api: { flips: () => new Promise((go) => { answer = go; }) }, order: (pairs) => orders.push(pairs) },
    select: { value: 'all' }, note: node(), a: { sid: 'a' }, b: { sid: 'b' }, pairs: [{ a: 0 }],
  });
  order.apply();
  order.forget();
  answer({ counts: {}, num_counted: 1, num_images: 1 });
  await settle();
  order.apply();
  assert.deepEqual(orders, []);
});

test('a link to a pair opens that pair alone, not the stores of the menus first', () => {
  const loads = [];
  const box = () => ({ style: {} });
  const screen = made(CompareScreen, { context: {}, modes: [], view: { root: box() }, pick: box(), both: box(), root: box(), stores: { root: box(), load: (...pair) => loads.push(pair) } });
  screen.setMode('stores', ['a', 'b']);
  screen.setMode('stores');
  screen.setMode('runs');
  assert.deepEqual(loads, [['a', 'b'], []]);
});

test('of two answers to one question about a run’s metrics one is taken', () => {
  const line = (step) => ({ kind: 'train', step, seg_main: 1 });
  const series = new RunSeries();
  series.take({ lines: [line(10), line(20)], from: 0, next: 2 }, 0);
  const answer = { lines: [line(30)], from: 2, next: 3 };
  assert.equal(series.take(answer, 2), true);
  assert.equal(series.take(answer, 2), false);
  assert.deepEqual(series.losses.get('seg_main').x, [10, 20, 30]);
});
