import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Api } from '../../app/viewer/api.js';
import { ImageCache } from '../../app/viewer/images.js';
import { Outbox, newId } from '../../app/viewer/outbox.js';
import { agreement, precision, precisionByPair, raterKappa, standing, verdictBody, whyNone, wrongShare, DECISIONS } from '../../app/viewer/audit-model.js';
import { curve, kappa, wilson } from '../../app/viewer/statistics.js';
import { pareto } from '../../app/viewer/tuning.js';
import { SetHistogram } from '../../app/viewer/set-histogram.js';
import { tableCsv } from '../../app/viewer/table-csv.js';
import { showTime } from '../../app/viewer/job-card.js';

const answer = (status, body) => ({ ok: status < 400, status, statusText: 'x', json: async () => body, arrayBuffer: async () => body });
const storage = () => {
  const held = new Map();
  return { getItem: (k) => held.get(k) ?? null, setItem: (k, v) => held.set(k, v), removeItem: (k) => held.delete(k), key: (n) => [...held.keys()][n], get length() { return held.size; } };
};

test('a lost connection and a 5xx are tried again; a 4xx is told at once in the server’s words', async () => {
  let calls = 0;
  const flaky = new Api('/api/v1', async () => { if (++calls < 3) throw new TypeError('network'); return answer(200, { fine: true }); }, [1, 1]);
  assert.deepEqual(await flaky.json('/stores'), { fine: true });
  calls = 0;
  const gone = new Api('/api/v1', async () => { calls++; return answer(410, { error: 'The image file is gone.' }); }, [1, 1]);
  await assert.rejects(gone.json('/x'), /The image file is gone\./);
  assert.equal(calls, 1);
  const dead = new Api('/api/v1', async () => { throw new TypeError('network'); }, [1]);
  await assert.rejects(dead.json('/x'), /does not answer/);
});

test('what failed once is asked past the HTTP cache, until it answers', async () => {
  const caches = [];
  const api = new Api('', async (_, options) => { caches.push(options.cache); return caches.length < 2 ? answer(410, { error: 'gone' }) : answer(200, {}); }, []);
  await assert.rejects(api.json('/maps'));
  await api.json('/maps');
  await api.json('/maps');
  assert.deepEqual(caches, [undefined, 'reload', undefined]);
});

test('an image that is not predicted yet is told from a failure', async () => {
  const api = new Api('', async () => answer(409, { error: 'Not predicted yet.', waiting: true }), []);
  await assert.rejects(api.json('/x'), (error) => error.waiting === true && error.status === 409);
});

test('a failed image is forgotten, so that Retry asks again; four are kept', async () => {
  let fail = true;
  const api = new Api('', async (url) => {
    if (fail) return answer(500, { error: 'no' });
    if (url.includes('photo')) return answer(410, { error: 'The photo is gone.' });
    return answer(200, new ArrayBuffer(url.includes('gt') ? 2 : 12));
  }, []);
  const cache = new ImageCache(api, { sid: 'a', map_size: [1, 2], num_images: 9, has_truth: true, images: [] });
  await assert.rejects(cache.get(0), /no/);
  fail = false;
  const image = await cache.get(0);
  assert.equal(image.photoError, 'The photo is gone.');
  assert.equal(image.truth.length, 2);
  for (let i = 1; i < 6; i++) await cache.get(i);
  assert.deepEqual([...cache.entries.keys()], [2, 3, 4, 5]);
});

test('ground truth of another size is refused with a sentence, the image still shows', async () => {
  const api = new Api('', async (url) => (url.includes('photo') ? answer(410, { error: 'x' }) : answer(200, new ArrayBuffer(url.includes('gt') ? 7 : 12))), []);
  const image = await new ImageCache(api, { sid: 'a', map_size: [1, 2], num_images: 1, has_truth: true, images: [] }).get(0);
  assert.equal(image.truth, null);
  assert.match(image.truthError, /must have the maps' size, 2 × 1/);
});

test('the outbox keeps order, survives a dead server and a reload, and sends nothing twice', async () => {
  const sent = [];
  let up = false;
  const send = async (v) => { if (!up) throw Object.assign(new Error('down'), { status: 0 }); sent.push(v.id); };
  const store = storage();
  const first = new Outbox('s', send, store);
  for (let k = 0; k < 20; k++) first.add({ id: String(k) });
  await new Promise((r) => setTimeout(r, 5));
  clearTimeout(first.timer);
  assert.equal(first.size, 20);
  const second = new Outbox('s', send, store); // the page was reloaded
  up = true;
  await second.flush();
  assert.deepEqual(sent, Array.from({ length: 20 }, (_, k) => String(k)));
  assert.equal(new Outbox('s', send, store).size, 0);
});

test('twenty rapid verdicts are all sent, each once, in order', async () => {
  const sent = [];
  const box = new Outbox('r', async (v) => { await new Promise((r) => setTimeout(r, 1)); sent.push(v.id); }, storage());
  for (let k = 0; k < 20; k++) box.add({ id: k });
  while (box.size) await new Promise((r) => setTimeout(r, 5));
  assert.deepEqual(sent, Array.from({ length: 20 }, (_, k) => k));
});

test('an unsent verdict can be withdrawn; a refused one does not block the rest and is not lost', async () => {
  const held = storage();
  const said = [];
  let takes = false;
  const box = new Outbox('w', async (v) => {
    if (takes) return;
    throw v.id === 'bad' ? Object.assign(new Error('refused'), { status: 400 }) : Object.assign(new Error('down'), { status: 0 });
  }, held);
  box.onrefused = (why) => said.push(why);
  box.add({ id: 'bad' });
  box.add({ id: 'good' });
  await new Promise((r) => setTimeout(r, 5));
  clearTimeout(box.timer);
  assert.deepEqual(said, ['refused']);
  assert.equal(box.lastError, 'down', 'the one behind it was tried');
  assert.deepEqual(box.entries.map((e) => e.id), ['bad', 'good']);
  assert.ok(box.withdraw('good'));
  assert.ok(!box.withdraw('good'));
  assert.deepEqual(new Outbox('w', async () => {}, held).entries, [{ id: 'bad' }], 'it is still there after a reload');
  takes = true;
  await box.flush();
  assert.equal(box.size, 1, 'what was refused is asked again on request only');
  await box.retry();
  assert.equal(box.size, 0);
  assert.notEqual(newId(), newId());
});

test('two tabs of one browser keep each other’s unsent verdicts', async () => {
  const held = storage();
  const down = async () => { throw Object.assign(new Error('down'), { status: 0 }); };
  const tabs = [new Outbox('t', down, held), new Outbox('t', down, held)];
  for (let k = 0; k < 6; k++) tabs[k % 2].add({ id: `v${k}` });
  await new Promise((r) => setTimeout(r, 5));
  for (const tab of tabs) clearTimeout(tab.timer);
  const sent = [];
  const next = new Outbox('t', async ({ id }) => { sent.push(id); }, held);
  assert.equal(next.size, 6);
  await next.flush();
  assert.deepEqual(sent.sort(), ['v0', 'v1', 'v2', 'v3', 'v4', 'v5']);
  assert.equal(held.length, 0);
});

test('Wilson intervals: known values, and weights lower the effective n', () => {
  const [low, high] = wilson(8, 10);
  assert.ok(Math.abs(low - 0.4902) < 5e-4 && Math.abs(high - 0.9433) < 5e-4);
  assert.deepEqual(wilson(0, 0), [0, 1]);
  const even = precision(Array.from({ length: 8 }, (_, k) => ({ decision: k < 4 ? 'drop' : 'keep', weight: 1 })));
  const uneven = precision(Array.from({ length: 8 }, (_, k) => ({ decision: k < 4 ? 'drop' : 'keep', weight: k === 0 ? 50 : 1 })));
  assert.equal(even.rate, 0.5);
  assert.ok(uneven.high - uneven.low > even.high - even.low);
});

test('verdicts: unsure counts for nothing, relabel means wrong, the last word of a user stands', () => {
  const v = (item, decision, user = 'ada') => ({ item, decision, user, pred: 0, second: 1, weight: 1 });
  const list = standing([v('a', 'keep'), v('a', 'drop'), v('b', 'relabel'), v('c', 'unsure'), v('d', 'keep')]);
  assert.equal(list.length, 4);
  assert.equal(precision(list).n, 3);
  assert.ok(Math.abs(precision(list).rate - 2 / 3) < 1e-12);
  assert.equal(precisionByPair(list)[0].n, 3);
  assert.deepEqual(agreement(list, new Map([['a', 0.9], ['d', 0.8], ['b', NaN]])), { agree: 1, n: 2 });
});

test('kappa of two raters over the arcs that both judged', () => {
  assert.equal(kappa([['a', 'a'], ['b', 'b']]), 1);
  const list = [...'abcdef'].flatMap((item, k) => [{ item, user: 'x', decision: 'drop' }, { item, user: 'y', decision: k < 3 ? 'drop' : 'keep' }]);
  assert.equal(raterKappa(list).n, 6);
  assert.equal(raterKappa(list.slice(0, 4)), null);
});

test('a verdict holds its own pixels, weight and pair', () => {
  const item = { key: 'k', i: 3, runs: [[5, 2]], pred: 1, second: 2, weight: 4, relabelTo: 7 };
  const body = verdictBody({ id: 'z', session: { sid: 's', blind: true }, item, decision: DECISIONS.x, user: 'ada', note: 'hm' });
  assert.deepEqual([body.runs, body.relabel_to, body.weight, body.blind, body.decision], [[[5, 2]], 7, 4, true, 'relabel']);
  assert.equal(verdictBody({ id: 'z', session: {}, item, decision: DECISIONS.d, user: 'a', note: 'x' }).note, 'both classes wrong; x');
  assert.ok(!('relabel_to' in verdictBody({ id: 'z', session: {}, item, decision: DECISIONS.a, user: 'a' })));
});

test('the share of wrong pixels of an arc leaves void out', () => {
  const maps = { truth: Uint8Array.of(1, 0, 255, 0), label: Uint8Array.of(1, 1, 1, 1) };
  assert.equal(wrongShare(maps, [[0, 4]]), 2 / 3);
  assert.ok(Number.isNaN(wrongShare({ truth: null }, [[0, 1]])));
});

function twoClasses() {
  const joint = new Uint32Array(2 * 3 * 65536);
  const put = (c, truth, e, n) => { joint[(c * 3 + truth) * 65536 + e * 256 + 200] += n; };
  put(0, 0, 10, 900); put(0, 1, 40, 100); put(1, 0, 30, 500); put(1, 1, 60, 500);
  return new SetHistogram(joint, 2);
}

test('curves: coverage rises and ends at one', () => {
  const { coverage, error } = curve(twoClasses().cumulative.esl, 2, (star) => Uint16Array.of(star * 65535, star * 65535), 'esl', 51);
  for (let k = 1; k < 51; k++) assert.ok(coverage[k] >= coverage[k - 1]);
  assert.equal(coverage[50], 1);
  assert.ok(Math.abs(error[50] - 0.3) < 1e-9);
});

test('Pareto leaves the wrong pixels out as long as coverage allows', () => {
  const histogram = twoClasses();
  const nu = pareto(histogram, 0.69);
  const counts = histogram.at({ mu: Uint16Array.of(65535, 65535), nu: Uint16Array.of(nu[0] * 65535 + 0.5, nu[1] * 65535 + 0.5) });
  const wrong = counts[(0 * 3 + 1) * 4 + 2] + counts[(1 * 3 + 1) * 4 + 2];
  const kept = [0, 1, 2, 3, 4, 5].reduce((sum, cell) => sum + counts[cell * 4 + 2] + counts[cell * 4 + 3], 0);
  assert.ok(kept / 2000 >= 0.69 && wrong < 15, `${kept} kept, ${wrong} wrong`);
});

test('time left is told in the unit that fits', () => {
  assert.deepEqual([showTime(-1), showTime(40), showTime(600), showTime(7200)], ['', '40 s left', '10 min left', '2.0 h left']);
});

test('the class table as CSV: one line a class, nothing where no rate exists, no formula from a name', () => {
  const part = (kept, labelled, wrong) => ({ kept, labelled, wrong });
  const row = { pixels: 10, ssl: part(8, 4, 1), esl: part(6, 0, 0), sslOnly: part(2, 2, 1), eslOnly: part(0, 0, 0) };
  const lines = tableCsv({ rows: [row], all: row }, ['=cmd(), x'], { mu: [58982], nu: [6554] }, 'set', true).trim().split('\n');
  assert.equal(lines.length, 3);
  assert.ok(lines[1].startsWith('"\'=cmd(), x",set,10,0.900'), lines[1]);
  assert.ok(lines[1].endsWith(',8,0.250000,6,,2,0.500000,0,'), lines[1]);
  const blind = tableCsv({ rows: [row], all: row }, ['a'], { mu: [58982], nu: [6554] }, 'set', false).trim().split('\n');
  assert.ok(blind.slice(1).every((line) => line.endsWith(',8,,6,,2,,0,')), 'blind mode hides what is wrong in files, too');
});

test('a queue without arcs says whether there is no difference or only specks', () => {
  assert.match(whyNone({ num_pixels: 0, min_pixels: 12 }, 'SSL − ESL', 0.1), /^No SSL − ESL pixels at ν\* = 0.1/);
  assert.match(whyNone({ num_pixels: 56, min_pixels: 12 }, 'SSL − ESL', 0.1), /the 56 pixels of SSL − ESL lie in pieces of fewer than 12/);
});
