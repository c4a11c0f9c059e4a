// Blind mode: nothing that is made with ground truth stays on screen.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { InspectScreen } from '../../app/viewer/inspect-screen.js';
import { listOf, made, node, sessionOf, settle } from './made.mjs';

test('difference panes leave right and wrong when ground truth is hidden, and do not go back to it', () => {
  const session = sessionOf();
  const loads = [];
  const screen = made(InspectScreen, {
    session, frames: { request() {} }, context: { listen: (topic, run) => session.on(topic, run), touchHash() {} }, colorButton: node(), grid: { scene: { colorBy: 'class' } }, list: { load: () => loads.push(1) }, updateTables() {},
  });
  screen.listen();
  screen.setColor('truth');
  assert.equal(screen.grid.scene.colorBy, 'truth');
  session.setBlind(true);
  assert.deepEqual([screen.grid.scene.colorBy, screen.colorButton.textContent, loads.length], ['class', 'Colour: class', 1]);
  screen.setColor('truth'); // as a link asks
  assert.equal(screen.grid.scene.colorBy, 'class');
  screen.setColor('cause');
  session.setBlind(false);
  assert.equal(screen.grid.scene.colorBy, 'cause');
});

test('a list sorted by errors returns to file order, without their percentages', async () => {
  const asked = [];
  const session = sessionOf({ rank: async (_, body) => { asked.push(body.key); return { order: [2, 0, 1], values: [0.3, 0.2, 0.1] }; } });
  const list = listOf(session);
  list.key = 'err_ssl';
  list.load();
  await settle();
  assert.deepEqual([list.order, list.values.get(2)], [[2, 0, 1], 0.3]);
  session.blind = true;
  list.search.value = 'png';
  list.load();
  assert.equal(list.values, null, 'nor while the next answer travels');
  await settle();
  assert.deepEqual([list.key, list.sort.value, asked], ['index', 'index', ['err_ssl', 'index']]);
  list.search.value = '';
  await list.rank();
  assert.deepEqual([list.order, list.values], [[0, 1, 2], null]);
});

test('a filter by errors is refused with a sentence, and lists no image that it found', async () => {
  let asked = 0;
  const session = sessionOf({ rank: async () => { asked++; return { order: [1], values: [1] }; } });
  const list = listOf(session);
  for (const word of ['err>5%', 'ssl<=3%', 'diff>0.5']) {
    session.blind = false;
    list.search.value = `1.png ${word}`;
    await list.rank();
    assert.deepEqual(list.order, [1]);
    session.blind = true;
    list.load();
    await settle();
    assert.deepEqual(list.order, [0, 1, 2]);
    assert.ok(list.note.textContent.startsWith(`${word} asks for errors`), list.note.textContent);
  }
  assert.equal(asked, 3);
  list.search.value = 'kept>5%';
  await list.rank();
  assert.equal(asked, 4, 'what needs no ground truth is asked as before');
});
