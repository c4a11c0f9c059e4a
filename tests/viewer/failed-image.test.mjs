// An image that cannot be had: nothing on the screen is of the image before it.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FIGURES, figureValues } from '../../app/viewer/figure-values.js';
import { ImageName } from '../../app/viewer/image-name.js';
import { drawNotes } from '../../app/viewer/pane-notes.js';
import { numbersOf } from '../../app/viewer/scope-numbers.js';
import { Summary } from '../../app/viewer/summary.js';
import { sessionOf } from './made.mjs';
import { openTinyPage } from './tiny-page.mjs';

openTinyPage();
globalThis.Worker = class { postMessage() {} };

const maps = (i) => ({ i, W: 4, H: 2, label: new Uint8Array(8), conf: new Uint16Array(8), ent: new Uint16Array(8), second: new Uint8Array(8), truth: new Uint8Array(8) });

/** A session whose image 1 cannot be had while `server.fails`. */
function failing() {
  const server = { fails: true };
  const session = sessionOf();
  session.cache = {
    prefetch() {}, forget() {},
    get: async (i) => {
      if (i === 1 && server.fails) throw new Error('Its chunk is damaged.');
      return maps(i);
    },
  };
  return { server, session };
}

test('numbers, notes and name are not those of the image before', async () => {
  const { server, session } = failing();
  const notes = {};
  const grid = { shown: ['ssl', 'ssl-esl', 'photo'].map((kind) => ({ kind, setNote: (text) => { notes[kind] = text; } })), kindOf: (pane) => pane.kind };
  const [summary, name] = [new Summary(), new ImageName(session)];
  await session.show(0);
  name.draw();
  assert.equal(name.text.textContent, '0.png  ·  4 × 2');
  await session.show(1);
  const numbers = numbersOf(session, 'image');
  assert.deepEqual([numbers.counts, numbers.cumulative, numbers.title], [null, null, 'image 1.png']);
  assert.notEqual(numbers.missing, '', 'the curves say that none will come');
  assert.match(figureValues(FIGURES[1], session, numbers).missing, /Its chunk is damaged/);
  summary.draw(null, 'image', true, numbers.note, true);
  assert.ok(Object.values(summary.cells).every((cell) => cell.textContent === '–'));
  assert.equal(summary.scope.textContent, 'this image · cannot be shown');
  drawNotes(grid, null, null, true);
  assert.deepEqual([notes.ssl, notes['ssl-esl'], notes.photo], ['–', '–', 'the target image']);
  name.draw();
  assert.equal(name.text.textContent, '1.png');
  server.fails = false;
  await session.show(1, true);
  name.draw();
  assert.deepEqual([session.image.maps.i, name.text.textContent, numbersOf(session, 'image').missing], [1, '1.png  ·  4 × 2', '']);
});

test('the picture of the image before stays while the next one travels', async () => {
  const { session } = failing();
  await session.show(0);
  const coming = session.show(2);
  assert.equal(session.image.maps.i, 0);
  await coming;
  assert.equal(session.image.maps.i, 2);
});
