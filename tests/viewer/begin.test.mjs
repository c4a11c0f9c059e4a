// What is begun before the page around the viewer has come.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { prepare } from '../../app/viewer/main.js';
import { damaged, provisional } from '../../app/viewer/top-bar.js';
import { decodeView, wholeView } from '../../app/viewer/url-state.js';
import { forgetSessions, sessionFor } from '../../app/viewer/session.js';

const [W, H] = [4, 2];
const store = (sid) => ({
  sid, name: sid, num_images: 3, num_done: 2, has_truth: false, map_size: [H, W], map_version: '1', class_names: ['a', 'b'], class_colors: [[1, 2, 3], [4, 5, 6]],
  medians: { mu: [0, 0], nu: [9, 9] }, images: [{ i: 0, done: false }, { i: 1, done: true }, { i: 2, done: true }],
});

/** A server with these stores; `asked` collects the paths. */
function serve(sids, hash = '') {
  forgetSessions();
  const asked = [];
  globalThis.location = { hash };
  globalThis.createImageBitmap = async () => ({ width: W, height: H });
  globalThis.fetch = async (url) => {
    const path = url.replace('/api/v1', '');
    asked.push(path);
    const sid = /^\/stores\/(\w+)/.exec(path)?.[1];
    const ok = !sid || sids.includes(sid);
    return {
      ok, status: ok ? 200 : 404, statusText: '', blob: async () => null, arrayBuffer: async () => new ArrayBuffer(W * H * 6),
      json: async () => (!ok ? { error: 'gone' } : sid ? store(sid) : sids.map((s) => ({ sid: s }))),
    };
  };
  return asked;
}

test('the only store and its first image that is done are asked for, each once', async () => {
  const asked = serve(['aa']);
  assert.deepEqual(await prepare(), { sid: 'aa', tab: 'inspect' });
  const { api } = sessionFor({ base: '/api/v1' }, 'aa');
  const session = sessionFor(api, 'aa');
  assert.ok(session.loading);
  await Promise.all([session.show(1), session.show(1)]); // the screen asks for it again while it travels
  assert.equal(session.image.maps.i, 1);
  assert.equal(asked.filter((path) => path.startsWith('/stores/aa/images/1/maps')).length, 1);
  assert.equal(asked.filter((path) => path === '/stores/aa').length, 1);
});

test('a link names store, image, thresholds and tab', async () => {
  serve(['aa', 'bb'], '#tab=audit&s=bb&i=2&nu=0.25&mu=0.75');
  assert.deepEqual(await prepare(), { sid: 'bb', tab: 'audit' });
  const session = sessionFor({ base: '/api/v1' }, 'bb');
  assert.deepEqual([session.index, session.rule.nuStar, session.rule.muStar], [2, 0.25, 0.75]);
});

test('the link is taken by the first screen alone: what was changed since is not put back', async () => {
  const link = '#s=aa&nu=0.25&mu=0.75&hide=1&n=set&cb=0.5&q=class:car';
  serve(['aa'], link);
  await prepare();
  const session = sessionFor({ base: '/api/v1' }, 'aa');
  const said = () => [session.rule.nuStar, [...session.hidden], session.scope, session.classBalanced.portion, session.filter];
  assert.deepEqual(said(), [0.25, [1], 'set', 0.5, 'class:car']);
  assert.deepEqual([session.committed.nuStar, session.past.length], [0.25, 0]);
  session.setRule({ nuStar: 0.23 });
  session.setHidden(new Set());
  session.setScope('image');
  session.classBalanced.setPortion(0.3);
  session.filter = '';
  session.takeLink(decodeView(link)); // another tab opens, the URL is still that of the first
  assert.deepEqual(said(), [0.23, [], 'image', 0.3, '']);
});

test('a link that is put into the open page is taken whole, thresholds as one step of undo', async () => {
  serve(['aa'], '#s=aa&nu=0.25&mu=0.75&hide=1&n=set&cb=0.5&q=class:car');
  await prepare();
  const session = sessionFor({ base: '/api/v1' }, 'aa');
  session.takeLink(wholeView(decodeView('#s=aa&i=2&nu=0.3&mu=0.7&p=ssl,esl')), true);
  assert.deepEqual([session.rule.nuStar, [...session.hidden], session.scope, session.classBalanced.portion, session.filter], [0.3, [], 'image', 0.2, '']);
  session.undo();
  assert.equal(session.rule.nuStar, 0.25);
  assert.deepEqual(wholeView(decodeView('#i=2')), { index: 2 }, 'a link of an image alone changes nothing else');
});

test('a link to an image that is not there begins with the first one that is', async () => {
  const asked = serve(['aa'], '#s=aa&i=9999');
  await prepare();
  assert.ok(asked.some((path) => path.startsWith('/stores/aa/images/1/maps')));
});

test('thresholds set before any screen stood win over a link', () => {
  serve(['aa']);
  const session = sessionFor({ base: '/api/v1' }, 'aa');
  session.setRule({ nuStar: 0.4 });
  session.takeLink(decodeView('#s=aa&nu=0.25'));
  assert.equal(session.rule.nuStar, 0.4);
});

test('with no store, a choice of stores, or one that is gone, nothing is begun and nothing fails', async () => {
  for (const [sids, hash] of [[[], ''], [['aa', 'bb'], ''], [['aa'], '#s=dead']]) {
    serve(sids, hash);
    assert.equal((await prepare()).sid, null);
  }
});

test('an image that is shown already, or is on its way, is not read again; another one is', async () => {
  const asked = serve(['aa']);
  await prepare();
  const session = sessionFor({ base: '/api/v1' }, 'aa');
  await session.show(1);
  const { image } = session;
  await session.show(1);
  assert.equal(session.image, image);
  await session.show(2);
  assert.equal(session.image.maps.i, 2);
  await session.show(1, true);
  assert.equal(asked.filter((path) => path.startsWith('/stores/aa/images/1/maps')).length, 2, 'force reads anew');
});

test('medians that move reach the thresholds and the bar; new images have everything read again', async () => {
  serve(['aa']);
  await prepare();
  const session = sessionFor({ base: '/api/v1' }, 'aa');
  const told = [];
  for (const topic of ['medians', 'info']) session.on(topic, () => told.push(topic));
  let answer = { medians: { mu: [7, 8], nu: [30000, 9] }, num_done: 2, num_counted: 1, provisional: true };
  session.api.medians = async () => answer;
  await session.refreshMedians();
  assert.deepEqual([session.thresholds.mu[0], session.thresholds.nu[0], told], [7, 30000, ['medians']]);
  assert.equal(provisional(session.info), 'medians provisional 1/3 · counting');
  answer = { ...answer, num_done: 3 };
  await session.refreshMedians();
  assert.deepEqual(told, ['medians', 'info']);
  assert.equal(provisional({ num_done: 2, num_images: 3 }), 'medians provisional 2/3');
  assert.equal(provisional({ num_done: 3, num_images: 3, num_counted: 2, num_damaged: 1 }), 'medians of 2 of 3 images', 'nothing is left to count');
  assert.equal(provisional({ num_done: 3, num_images: 4, num_counted: 2, num_damaged: 1 }), 'medians provisional 2/4');
  assert.deepEqual([{}, { num_damaged: 1 }, { num_damaged: 2 }].map(damaged), ['', '1 damaged image left out', '2 damaged images left out']);
});
