// The Audit screen's own logic, without a page: what its keys store, take back and show.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AuditScreen } from '../../app/viewer/audit-screen.js';
import { AuditSide } from '../../app/viewer/audit-side.js';
import { DECISIONS, keyOf, typedNote } from '../../app/viewer/audit-model.js';
import { Scene } from '../../app/viewer/scene.js';

const arc = (key) => ({ key, i: 0, runs: [[0, 12]], pred: 0, second: 1, weight: 1 });

/** A screen with these arcs whose server has these verdicts; `asked` collects what the server is told. */
function screenOf(items = ['p', 'q'].map(arc), standing = [], answer = {}) {
  const asked = [];
  const screen = Object.create(AuditScreen.prototype);
  const session = {
    sid: 's', blind: false, info: null, image: null, show() {}, cache: { prefetch() {} },
    api: { verdicts: async () => ({ verdicts: standing, ...answer }), withdrawVerdict: async (id, user) => { asked.push(['back', id, user]); } },
  };
  return Object.assign(screen, {
    session, items, asked, at: 0, user: 'ada', verdicts: [...standing], done: [], queue: { mark() {}, reveal() {} },
    side: Object.assign(Object.create(AuditSide.prototype), { note: { value: '', blur() {} }, user: { value: 'ada' } }), frames: { request() {} }, context: { say() {} },
    outbox: { entries: [], add: (v) => asked.push(['add', v.decision, v.note]), withdraw: () => false },
  });
}

test('going back to an arc and choosing another key changes the verdict, and no key leaves its words behind', () => {
  const screen = screenOf();
  screen.side.note.value = 'far away';
  for (const key of ['d', 'a', 'd', 's', 'd', 'd']) {
    screen.judge(key);
    screen.go(0);
    assert.equal(screen.side.note.value, 'far away');
    assert.equal(keyOf(screen.mine.get('p')), key);
  }
  const both = 'both classes wrong; far away';
  assert.deepEqual(screen.asked.map(([, decision, note]) => [decision, note]),
    [['drop', both], ['drop', 'far away'], ['drop', both], ['keep', 'far away'], ['drop', both], ['drop', both]]);
});

test('each key is told from its verdict, whatever was typed', () => {
  for (const [key, { decision, note }] of Object.entries(DECISIONS)) assert.equal(keyOf({ decision, note }), key);
  assert.equal(keyOf({ decision: 'drop', note: 'both sides of the kerb' }), 'a');
  assert.equal(typedNote({ note: 'both sides of the kerb' }), 'both sides of the kerb');
  assert.equal(typedNote({ note: 'both classes wrong' }), '');
  assert.equal(typedNote({}), '');
});

test('undo brings the verdict back that was replaced, of this session or an earlier one', async () => {
  const earlier = { id: 'old', item: 'p', user: 'ada', decision: 'drop', note: '' };
  const screen = screenOf(undefined, [earlier, { ...earlier, id: 'bob’s', user: 'bob' }]);
  const shown = () => screen.mine.get('p')?.decision;
  screen.judge('s');
  screen.go(0);
  screen.judge('u');
  assert.equal(shown(), 'unsure');
  await screen.undo();
  assert.equal(shown(), 'keep');
  await screen.undo();
  assert.equal(shown(), 'drop');
  await screen.undo(); // nothing of this session is left
  assert.equal(screen.mine.get('p').id, 'old');
  assert.equal(screen.verdicts.length, 2);
});

test('undo goes to the arc of its verdict and asks in the name that gave it', async () => {
  const screen = screenOf();
  screen.judge('a');
  const { id } = screen.mine.get('p');
  screen.items = [arc('x'), arc('p')]; // drawn anew with another seed
  screen.user = 'bob';
  await screen.undo();
  assert.equal(screen.at, 1);
  assert.deepEqual(screen.asked.at(-1), ['back', id, 'ada']);
});

test('under a login the page judges in its name, and counts what is stored under it', async () => {
  const screen = screenOf(undefined, [{ id: 'v', item: 'p', user: 'alice', decision: 'drop', note: '' }], { user: 'alice' });
  screen.setMask(true);
  screen.judge('s'); // before the server told
  assert.deepEqual(screen.session.verdictMask, { users: ['ada'] });
  await screen.readVerdicts();
  assert.deepEqual([screen.user, screen.side.user.value, screen.side.user.disabled], ['alice', 'alice', true]);
  assert.deepEqual(screen.session.verdictMask, { users: ['alice'] });
  assert.deepEqual(screen.verdicts.map((v) => [v.user, v.item, v.decision]), [['alice', 'p', 'keep']]);
});

test('without a login the name on the page counts, in a mask that is on as well', async () => {
  const screen = screenOf(undefined, [], { user: '' });
  await screen.readVerdicts();
  assert.deepEqual([screen.user, screen.side.user.disabled], ['ada', undefined]);
  screen.setUser('bob');
  assert.equal(screen.session.verdictMask, undefined);
  screen.setMask(true);
  screen.setUser('ada');
  assert.deepEqual(screen.session.verdictMask, { users: ['ada'] });
});

test('classes that Inspect hides are drawn all the same', async () => {
  const screen = screenOf();
  screen.session.info = { class_colors: [[1, 2, 3], [4, 5, 6]] };
  screen.session.hidden = new Set([0]);
  const scene = new Scene();
  Object.assign(screen, { grid: { scene }, cards: { draw() {} }, drawProgress() {} });
  Object.assign(screen.side, { build() {} });
  screen.outbox.flush = () => {};
  await screen.onInfo();
  assert.deepEqual([...scene.tables.visible.slice(0, 2)], [1, 1]);
});
