// Numbers of the filtered images are those of the images that are listed, at the thresholds on screen, or none.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ClassTable } from '../../app/viewer/class-table.js';
import { FIGURES, figureValues } from '../../app/viewer/figure-values.js';
import { InspectScreen } from '../../app/viewer/inspect-screen.js';
import { numbersOf } from '../../app/viewer/scope-numbers.js';
import { listOf, made, node, sessionOf, settle } from './made.mjs';

const totals = Array.from({ length: 2 }, () => Array.from({ length: 3 }, () => [0, 1, 2, 3]));
const BRUSH = { cls: 0, e: [0, 9], p: [0, 9] };

/** A session, its list, and the bodies of what was ranked; a filter `broken` is refused. */
function ranked() {
  const bodies = [];
  const session = sessionOf({
    rank: async (_, body) => {
      bodies.push(body);
      if (body.filter === 'broken<') throw new Error('A comparison must be err.');
      return { order: [2, 0], values: [5, 4], totals };
    },
  });
  return { session, list: listOf(session), bodies };
}

async function filterBy(list, text) {
  list.search.value = text;
  await list.rank();
  return numbersOf(list.session, 'filter', list.order.length);
}

test('a filter that is cleared or refused leaves no numbers behind', async () => {
  const { session, list } = ranked();
  const filtered = await filterBy(list, 'png');
  assert.equal(filtered.note, '≈ 2 images');
  assert.match(filtered.missing, /choose Image or Set/, 'the curves say why there are none');
  let told = 0;
  session.on('filter', () => told++);
  for (const text of ['', 'broken<']) {
    await filterBy(list, 'png');
    const numbers = await filterBy(list, text);
    assert.deepEqual([numbers.counts, numbers.note], [null, 'filter or sort the list first'], text);
    assert.match(figureValues(FIGURES[0], session, numbers).missing, /filter or sort the list first/);
  }
  assert.equal(told, 4);
});

test('rows in file order say their number, filtered or not, and what they are sorted by otherwise', async () => {
  const { session, list } = ranked();
  const [, , third] = session.info.images;
  await filterBy(list, 'png');
  assert.equal(list.sub(third, list.values.get(2)), '#2');
  list.key = list.sort.value = 'coverage';
  await list.rank();
  assert.match(list.sub(third, list.values.get(2)), /kept by ESL/);
});

test('what only this browser has seen is listed and has no totals', async () => {
  const { list } = ranked();
  list.seen = new Set([2]);
  await filterBy(list, 'png');
  for (const text of ['png seen', 'seen']) {
    const numbers = await filterBy(list, text);
    assert.deepEqual(list.order, [2]);
    assert.equal(numbers.counts, null);
    assert.match(numbers.note, /seen/);
  }
});

test('a brush is ranked anew when ground truth is hidden and when thresholds or medians move', async () => {
  const { session, list, bodies } = ranked();
  const parts = { session, list, frames: { request() {} }, context: { listen: (topic, run) => session.on(topic, run), touchHash() {} }, colorButton: node(), grid: { scene: { colorBy: 'class' } }, updateTables() {}, applyBrush() {} };
  const screen = made(InspectScreen, parts);
  let waits = 0;
  list.later = () => waits++;
  screen.listen();
  session.setRule({ nuStar: 0.2 });
  assert.equal(waits, 0, 'file order does not depend on thresholds');
  session.brush = BRUSH;
  session.emit('brush');
  await settle();
  assert.deepEqual([list.order, bodies.length], [[2, 0], 1]);
  session.setBlind(true);
  await settle();
  assert.deepEqual([list.order, bodies.at(-1).brush, bodies.length], [[2, 0], BRUSH, 2]);
  session.setRule({ nuStar: 0.3 });
  session.emit('medians');
  assert.equal(waits, 2);
});

test('the class table shows no numbers where there are none', () => {
  const session = sessionOf();
  const label = {};
  const row = { root: { setAttribute: (_, text) => { label.text = text; } }, threshold: { setAttribute() {} }, kept: node(), value: node(), mark: node() };
  const table = made(ClassTable, { session, which: 'nu', rows: [row], toggle: node(), errorHead: node(), decorate() {}, drawBars() {} });
  row.kept.textContent = '90 80';
  table.draw(null);
  table.describe(null);
  assert.deepEqual([row.kept.textContent, label.text], ['–', 'a: no numbers']);
});

test('a list that was taken off its session writes nothing to it any more', async () => {
  const { session, list, bodies } = ranked();
  list.search.value = 'png';
  list.later(1);
  list.leave();
  await new Promise((go) => setTimeout(go, 10));
  assert.equal(bodies.length, 0, 'what waited is not asked');
  const other = ranked();
  other.list.search.value = 'png';
  const travelling = other.list.rank();
  other.list.leave();
  Object.assign(other.session, { filter: 'of the next list', filtered: 'its own' });
  await travelling;
  await other.list.rank();
  assert.deepEqual([other.session.filter, other.session.filtered, other.session.filteredOrder], ['of the next list', 'its own', undefined]);
  assert.equal(session.filter, '');
});

test('the Inspect screen hears of its session through what the viewer can end', () => {
  const { session, list } = ranked();
  const stops = [];
  const screen = made(InspectScreen, { session, list, frames: { request() {} }, context: { listen: (topic, run) => stops.push(session.on(topic, run)), touchHash() {} } });
  screen.listen();
  for (const stop of stops) stop();
  assert.ok(stops.length > 10);
  assert.equal([...session.listeners.values()].reduce((n, of) => n + of.size, 0), 0);
});
