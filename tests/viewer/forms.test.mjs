// Boxes and lists of the screens: what they take, and what they show of the session.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Controls } from '../../app/viewer/controls.js';
import { ExportScreen } from '../../app/viewer/export-screen.js';
import { Session } from '../../app/viewer/session.js';
import { classThresholds } from '../../app/viewer/thresholds.js';
import { enter, labelled, openTinyPage } from './tiny-page.mjs';

openTinyPage();

const info = { sid: 'a', name: 'a', num_images: 3, num_done: 3, has_truth: true, map_size: [1, 1], class_names: ['road', 'sky'], class_colors: [[1, 2, 3], [4, 5, 6]], medians: { mu: [60000, 60000], nu: [9, 9] } };

/** An open session whose server is `api`. */
function open(api = {}) {
  const session = new Session(api, 'a');
  session.info = { ...info };
  session.thresholds = classThresholds(session.info.medians, session.rule);
  return session;
}

/** The Export screen of a session. */
function exportOf(session, said = []) {
  return new ExportScreen({ session, boot: {}, say: (text) => said.push(text), touchHash() {}, top: { recipe: { name: { value: '' } } } });
}

test('a box without a number keeps the threshold, and shows it again', () => {
  const session = open();
  const controls = new Controls(session);
  controls.draw();
  for (const [label, key] of [['ν* as a number', 'nuStar'], ['μ* as a number', 'muStar']]) {
    const [box] = labelled(controls.root, label);
    const before = session.rule[key];
    box.focus(); // Enter leaves the focus where it is
    enter(box, '');
    controls.draw();
    assert.deepEqual([session.rule[key], box.value], [before, String(before)]);
    enter(box, '7');
    assert.deepEqual([session.rule[key], box.value], [1, '1']);
    enter(box, '0.25');
    assert.deepEqual([session.rule[key], box.value], [0.25, '0.25']);
  }
  assert.equal(session.past.length, 4, 'an empty box is no step of undo');
});

test('a box without a portion keeps the portion, on Inspect and on Export', () => {
  const session = open();
  for (const { root } of [new Controls(session), exportOf(session)]) {
    for (const box of labelled(root, 'CBST’s portion as a number').concat(labelled(root, 'CBST’s portion of each predicted class').filter((node) => node.attributes.type === 'number'))) {
      enter(box, '0.4');
      enter(box, '');
      assert.deepEqual([session.classBalanced.portion, box.value], [0.4, '0.4']);
    }
  }
});
