// A store that fills while it is looked at: the whole set's numbers follow.
import assert from 'node:assert/strict';
import { mock, test } from 'node:test';
import { Curves } from '../../app/viewer/curves.js';
import { numbersOf, unread } from '../../app/viewer/scope-numbers.js';
import { ThresholdsScreen } from '../../app/viewer/thresholds-screen.js';
import { made, sessionOf, settle } from './made.mjs';

const buffer = new Uint32Array(2 * 3 * 65536).buffer;

/** A session whose server has counted what is done; `asked` collects how many images each answer held. */
function growing() {
  const server = { done: 3, version: '1', asked: [], fails: false };
  const session = sessionOf({
    store: async () => ({ ...session.info, num_images: 9, num_done: server.done, map_version: server.version }),
    hist: async () => {
      const numImages = server.fails ? -1 : server.done;
      server.asked.push(numImages);
      await settle();
      if (server.fails) throw new Error('The server does not answer.');
      return { buffer, numImages };
    },
  });
  return { server, session };
}

test('images that are done later are asked for, once each time, by whoever shows the numbers', async () => {
  const { server, session } = growing();
  await session.refresh();
  for (let frame = 0; frame < 3; frame++) session.histogram;
  await settle();
  assert.deepEqual([server.asked, session.histogramImages], [[3], 3]);
  server.done = 7;
  await session.refresh();
  assert.deepEqual(server.asked, [3], 'nobody has looked');
  const held = session.histogram;
  assert.notEqual(held, null, 'what is held stays until the next has come');
  session.histogram;
  await settle();
  assert.deepEqual([server.asked, session.histogramImages], [[3, 7], 7]);
  assert.notEqual(session.histogram, held);
  server.version = '2';
  await session.refresh();
  assert.equal(session.histogram, null, 'counts of other maps are not shown');
  await settle();
  assert.deepEqual(server.asked, [3, 7, 7]);
});

test('a read that failed is due again after a while, and says why until it succeeds', async () => {
  const { server, session } = growing();
  session.info.num_done = 3;
  server.fails = true;
  const timers = [];
  mock.method(globalThis, 'setTimeout', (run, ms) => { if (ms >= 1000) timers.push(run); else setImmediate(run); });
  const shown = [];
  session.on('histogram', () => shown.push([session.histogram !== null, session.histogramError]));
  session.histogram;
  await new Promise((go) => setImmediate(() => setImmediate(() => setImmediate(go))));
  assert.deepEqual(shown, [[false, 'The server does not answer.']]);
  assert.equal(server.asked.length, 1, 'it is not asked in every frame');
  server.fails = false;
  timers.pop()();
  await new Promise((go) => setImmediate(() => setImmediate(() => setImmediate(go))));
  mock.restoreAll();
  assert.deepEqual(shown.at(-1), [true, null]);
  assert.equal(timers.length, 0);
});

test('the curves and the sweep are made anew when medians or counts move', async () => {
  const { session } = growing();
  let prepared = 0;
  const curves = made(Curves, { session, prepared: '', plots: [{ prepare() { prepared++; }, draw() {} }] });
  for (const medians of [{ mu: [0, 0], nu: [9, 9] }, { mu: [0, 0], nu: [9, 9] }, { mu: [0, 0], nu: [9, 12] }]) {
    session.info.medians = medians;
    curves.draw({}, 'set3');
  }
  assert.equal(prepared, 2);
  const screen = made(ThresholdsScreen, { session, context: { listen: (topic, run) => session.on(topic, run) }, swept: 'made', histograms: {}, density: { prepare() {} }, frames: { request() {} } });
  screen.listen();
  session.emit('histogram');
  assert.equal(screen.swept, null);
  const isMade = () => { try { screen.drawSweep(true); } catch { return true; } return false; }; // without counts a sweep cannot be made
  session.isHistogramDue = false;
  assert.deepEqual([isMade(), isMade()], [true, false]);
  session.info.medians = { mu: [0, 0], nu: [9, 15] };
  assert.ok(isMade());
});

test('labels that cannot be read are told beside the numbers of the set that lack them', async () => {
  const { server, session } = growing();
  const counted = session.api.hist;
  session.api.hist = async () => ({ ...await counted(), numUnread: 2 });
  session.api.medians = async () => ({ medians: session.info.medians, num_done: 3, num_unread: 2, unread: 'The label is gone.' });
  server.done = 3;
  await session.refresh();
  session.histogram;
  await settle();
  await settle();
  assert.equal(session.info.unread, 'The label is gone.', 'the reason is asked for');
  assert.match(numbersOf(session, 'set').note, /3 of 9 images · 2 labels cannot be read/);
  session.blind = true;
  assert.doesNotMatch(numbersOf(session, 'set').note, /label/);
  assert.deepEqual([{}, { num_unread: 1 }].map(unread), ['', '1 label cannot be read']);
});
