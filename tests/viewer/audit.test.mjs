// The Audit screen's own logic, without a page: what its keys store, take back and show.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AuditQueue } from '../../app/viewer/audit-queue.js';
import { AuditScreen } from '../../app/viewer/audit-screen.js';
import { AuditSide } from '../../app/viewer/audit-side.js';
import { DECISIONS, keyOf, ofSample, precision, typedNote } from '../../app/viewer/audit-model.js';
import { PaneGrid } from '../../app/viewer/pane-grid.js';
import { Scene } from '../../app/viewer/scene.js';
import { Toasts } from '../../app/viewer/toast.js';
import { enter, openTinyPage } from './tiny-page.mjs';

const arc = (key) => ({ key, i: 0, runs: [[0, 12]], pred: 0, second: 1, weight: 1 });

/** A screen with these arcs whose server has these verdicts; `asked` collects what the server is told. */
function screenOf(items = ['p', 'q'].map(arc), standing = [], answer = {}) {
  const asked = [];
  const screen = Object.create(AuditScreen.prototype);
  const session = {
    sid: 's', blind: false, info: null, image: null, show() {}, emit() {}, cache: { prefetch() {} },
    api: { verdicts: async () => ({ verdicts: standing, ...answer }), withdrawVerdict: async (id, user) => { asked.push(['back', id, user]); } },
  };
  return Object.assign(screen, {
    session, items, asked, at: 0, user: 'ada', verdicts: [...standing], done: [], notes: new Map(), drawn: { direction: 'ssl_only', sampling: 'stratified' }, shares: new Map(), queue: { mark() {}, reveal() {} },
    side: Object.assign(Object.create(AuditSide.prototype), { note: { value: '', blur() {} }, user: { value: 'ada' } }), frames: { request() {} }, context: { say() {}, isShown: () => true },
    outbox: { entries: [], add: (v) => asked.push(['add', v.decision, v.note]), withdraw: () => false },
  });
}

/** The same with what it shows to the left and right of the panes; `draws` are the server's answers, `asked` its questions. */
function pageOf(draws, standing = []) {
  openTinyPage();
  const screen = screenOf([], standing);
  const info = { class_names: ['road', 'terrain', 'sky'], class_colors: [[1, 2, 3], [4, 5, 6], [7, 8, 9]], has_truth: false };
  Object.assign(screen.session, { info, thresholds: { mu: [1], nu: [2] }, rule: { nuStar: 0.1 } });
  screen.session.api.queue = async (sid, body) => { screen.asked.push(['draw', body]); return { num_pixels: 0, min_pixels: 12, ...draws.shift() }; };
  const panes = ['photo', 'prediction', 'second', 'ssl-esl'].map((kind) => ({ kind }));
  screen.grid = Object.assign(Object.create(PaneGrid.prototype), { panes, setKind(pane, kind) { pane.kind = kind; } });
  screen.at = -1;
  screen.queue = Object.assign(new AuditQueue(screen), { reveal() {} });
  screen.side = new AuditSide(screen);
  screen.side.build();
  return screen;
}

const wordsOf = (screen) => screen.side.buttons.map((button) => button.lastChild.textContent);

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
  screen.session.verdictMask = { users: ['carl'] }; // a recipe of his was loaded
  screen.setUser('bob');
  assert.deepEqual(screen.session.verdictMask, { users: ['carl'] }, 'what others said is not put under one’s own name');
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

test('a rate is of one direction and one sample, and so are the words of the keys and the pane', async () => {
  const screen = pageOf([{ items: ['p', 'q'].map(arc) }, { items: ['y', 'z'].map(arc) }, { items: [arc('q')] }]);
  await screen.load();
  assert.deepEqual(wordsOf(screen).slice(0, 2), ['ESL is right to drop it', 'Should be kept: SSL is right']);
  screen.judge('a');
  screen.judge('a');
  assert.match(screen.side.total.textContent, /^What ESL drops was wrong: 100 % .*, n = 2$/);
  screen.queue.direction.value = 'esl_only';
  screen.drawProgress();
  assert.match(screen.side.total.textContent, /^What ESL drops/, 'nothing is drawn anew yet');
  await screen.load();
  assert.deepEqual([screen.grid.panes[3].kind, screen.side.total.textContent], ['esl-ssl', 'No verdicts on these arcs yet: each one narrows the interval.']);
  assert.deepEqual(wordsOf(screen).slice(0, 2), ['Should be dropped: SSL is right', 'ESL is right to keep it']);
  screen.judge('s');
  assert.deepEqual(screen.asked.at(-1), ['add', 'keep', ''], 'what is stored is what it was');
  assert.match(screen.side.total.textContent, /^What ESL adds was wrong: 0 % .*, n = 1$/);
  screen.queue.direction.value = 'ssl_only';
  await screen.load();
  assert.match(screen.side.total.textContent, /^What ESL drops was wrong: 100 % .*, n = 1$/);
  assert.equal(screen.grid.panes[3].kind, 'ssl-esl');
});

test('a pane chosen by hand stays where the other direction is drawn', () => {
  const screen = pageOf([]);
  const kinds = () => screen.grid.panes.map((pane) => pane.kind);
  screen.grid.panes[0].kind = 'esl-ssl';
  screen.grid.showDifference('esl-ssl');
  assert.deepEqual(kinds(), ['esl-ssl', 'prediction', 'second', 'ssl-esl']);
  screen.grid.panes[3].kind = 'ssl';
  screen.grid.panes[0].kind = 'gt';
  screen.grid.showDifference('esl-ssl');
  assert.deepEqual(kinds(), ['gt', 'prediction', 'second', 'ssl']);
});

test('the judged arcs of a class pair stand for all of it, in a stratified sample that is judged in part', () => {
  const common = Array.from({ length: 50 }, (_, k) => ({ ...arc(`c${k}`), weight: 2 })); // 100 candidates
  const rare = ['r0', 'r1'].map((key) => ({ ...arc(key), pred: 2, weight: 1 })); // 2 candidates
  const items = [...common, ...rare];
  const said = (decisions) => new Map(Object.entries(decisions).map(([item, decision]) => [item, { item, decision, weight: 7 }]));
  const inPart = ofSample(items, said({ c0: 'keep', r0: 'drop', c1: 'keep', r1: 'drop', c2: 'unsure' }), 'stratified');
  assert.ok(Math.abs(precision(inPart).rate - 2 / 102) < 1e-12, 'not a third');
  assert.equal(precision(inPart).n, 4);
  const whole = ofSample(items, new Map(items.map((item, n) => [item.key, { decision: n % 3 ? 'keep' : 'drop' }])), 'stratified');
  assert.deepEqual(whole.map((v) => v.weight), items.map((item) => item.weight));
  const even = ofSample(items.map((item) => ({ ...item, weight: 3 })), said({ c0: 'drop', r0: 'keep', other: 'keep' }), 'uniform');
  assert.deepEqual(even.map((v) => v.weight), [3, 3]);
});

/** What a person does with N: type, and leave the box by Enter or Escape. */
function note(screen, text) {
  const box = screen.side.note;
  box.value = text;
  box.listeners.input();
  box.listeners.change();
}

test('a note that is changed on a judged arc is stored with its verdict, whose other fields stay', async () => {
  const given = { id: 'old', sid: 's', item: 'p', user: 'ada', decision: 'drop', note: 'both classes wrong; far', runs: [[0, 12]], weight: 4, blind: true, recipe: 'r', number: 7, saved: 1 };
  const screen = pageOf([{ items: ['p', 'q'].map(arc) }], [given]);
  await screen.load();
  screen.go(0);
  note(screen, 'near ');
  screen.go(1);
  screen.go(0);
  assert.equal(screen.side.note.value, 'near');
  const { id, ...sent } = screen.mine.get('p');
  const { id: was, number, saved, ...rest } = given;
  assert.deepEqual(sent, { ...rest, note: 'both classes wrong; near' });
  assert.notEqual(id, was);
  note(screen, 'near');
  note(screen, '');
  assert.deepEqual(screen.asked.slice(1), [['add', 'drop', 'both classes wrong; near'], ['add', 'drop', 'both classes wrong']], 'nothing is sent for a note that did not change');
  await screen.undo();
  assert.equal(screen.side.note.value, 'near');
});

test('a note on an arc without a verdict waits there for it, and is sent once', async () => {
  const screen = pageOf([{ items: ['p', 'q'].map(arc) }, { items: ['q', 'p'].map(arc) }]);
  await screen.load();
  note(screen, 'important');
  screen.go(1);
  assert.equal(screen.side.note.value, '');
  screen.go(0);
  assert.equal(screen.side.note.value, 'important');
  await screen.load(); // with another seed
  screen.go(1);
  assert.equal(screen.side.note.value, 'important');
  screen.judge('s');
  screen.go(0);
  screen.go(1);
  assert.deepEqual(screen.asked.filter(([what]) => what === 'add'), [['add', 'keep', 'important']]);
});

test('X goes on with the class that its verdict has, also after a reload and another key', async () => {
  const given = { id: 'old', item: 'p', user: 'ada', decision: 'relabel', relabel_to: 2, note: '' };
  const screen = pageOf([{ items: ['p', 'q'].map(arc) }], [given]);
  await screen.load();
  screen.go(0);
  const shown = () => { screen.side.drawItem(screen.item, screen.mine.get(screen.item.key)); return screen.side.relabel.value; };
  assert.equal(shown(), '2');
  for (const key of ['x', 'a', 'x']) {
    screen.judge(key);
    screen.go(0);
    assert.equal(shown(), '2');
    assert.equal(screen.mine.get('p').relabel_to, key === 'x' ? 2 : undefined);
  }
  enter(screen.side.relabel, 1);
  screen.judge('x');
  assert.equal(screen.mine.get('p').relabel_to, 1);
});

test('nothing is relabelled to its own class; where that is stored, the label counts as right', async () => {
  const screen = pageOf([{ items: [arc('p')] }]);
  await screen.load();
  screen.side.drawItem(screen.item, null);
  assert.deepEqual(screen.side.relabel.options.map((option) => option.disabled), [true, false, false]);
  const relabelled = (to) => precision([{ decision: 'relabel', pred: 0, relabel_to: to, weight: 1 }]).rate;
  assert.deepEqual([relabelled(0), relabelled(1)], [0, 1]);
});

test('a sample without arcs leaves no outline, note, pair or key of the one before', async () => {
  const screen = pageOf([{ items: [arc('p')] }, { items: [] }]);
  screen.frames.request = () => screen.side.drawItem(screen.item, null);
  await screen.load();
  note(screen, 'left');
  screen.grid.outline = {};
  screen.frames.request();
  assert.ok(!screen.side.buttons.some((button) => button.disabled));
  await screen.load();
  assert.deepEqual([screen.item, screen.grid.outline, screen.side.note.value, screen.side.total.textContent, screen.side.pair.children.length], [null, null, '', '', 0]);
  assert.ok([...screen.side.buttons, screen.side.note, screen.side.relabel].every((control) => control.disabled));
  assert.match(screen.queue.state.textContent, /^No SSL − ESL pixels at/);
});

test('behind another screen the audit leaves the page its image, and begins when it is shown', async () => {
  const screen = pageOf([{ items: [arc('p')] }, { items: [{ ...arc('q'), i: 3 }] }]);
  const shown = [];
  let isShown = false;
  Object.assign(screen.session, { show: (i) => shown.push(i), image: { maps: { i: 7 } } });
  Object.assign(screen.grid, { scene: new Scene() });
  Object.assign(screen, { reading: null, cards: { draw() {} } });
  screen.context.isShown = () => isShown;
  screen.outbox.flush = () => {};
  await screen.onInfo();
  assert.deepEqual([shown, screen.asked], [[], []]);
  isShown = true;
  screen.onShow();
  await new Promise((resolve) => setTimeout(resolve));
  assert.deepEqual(shown, [0]);
  const answer = screen.load(); // and the tab is left before it comes
  isShown = false;
  await answer;
  assert.deepEqual([shown, screen.item.key], [[0], 'q']);
  isShown = true;
  screen.onShow();
  assert.deepEqual(shown, [0, 3]);
});

test('a number of arcs or a seed that cannot be is told of the box, and nothing is asked', async () => {
  const screen = pageOf([{ items: [arc('p')] }]);
  const { queue } = screen;
  for (const [box, value, sentence] of [
    [queue.limit, '0', 'Arcs must be a whole number from 1 to 2000.'], [queue.limit, '', /^Arcs/], [queue.limit, '2001', /^Arcs/], [queue.limit, '1.5', /^Arcs/],
    [queue.seed, '-1', 'The seed must be a whole number from 0 to 2147483647.'], [queue.seed, '', /^The seed/],
  ]) {
    const was = box.value;
    box.value = value;
    await screen.load();
    assert.match(queue.state.textContent, new RegExp(sentence));
    box.value = was;
  }
  assert.deepEqual(screen.asked, []);
  await screen.load();
  assert.deepEqual([screen.asked[0][1].limit, screen.asked[0][1].seed, queue.state.textContent], [100, 0, '1 arcs']);
});

test('what was said of a draw that failed goes with the next one', async () => {
  const screen = pageOf([]);
  const toasts = new Toasts();
  const gone = [];
  screen.context.say = (text, retry) => { const close = toasts.say(text, retry); return () => { gone.push(text); assert.equal(typeof close, 'function'); }; };
  screen.session.api.queue = async () => { throw new Error('The server is busy.'); };
  await screen.load();
  assert.deepEqual(gone, []);
  screen.session.api.queue = async () => ({ items: [arc('p')] });
  await screen.load();
  assert.deepEqual(gone, ['No arcs. The server is busy.']);
});

test('undo shows what another page of the same user said of the arc since', async () => {
  const standing = [];
  const screen = screenOf(undefined, standing);
  screen.judge('a');
  standing.push({ id: 'other tab’s', item: 'p', user: 'ada', decision: 'keep', note: '' }); // on the server, in place of that
  await screen.undo();
  assert.equal(screen.mine.get('p').decision, 'keep');
});
