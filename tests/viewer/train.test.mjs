// The Train screen: what its form refuses, and what the page of a run says of one that has not begun.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RunPage } from '../../app/viewer/runs-page.js';
import { DataCheck } from '../../app/viewer/train-check.js';
import { TrainForm } from '../../app/viewer/train-form.js';
import { TrainScreen } from '../../app/viewer/train-screen.js';
import { made, node, settle } from './made.mjs';
import { openTinyPage, press } from './tiny-page.mjs';

openTinyPage();
globalThis.ResizeObserver ??= class { observe() {} };

/** A run's page whose server is `runs`; it notes what is asked for. */
function pageOf(asked) {
  const runs = new Proxy({}, { get: (_, route) => async () => {
    asked.push(route);
    if (route === 'log') return { lines: ['no labels'] };
    throw new Error(`${route} was asked for`);
  } });
  return new RunPage({ runs, host: () => null, close() {}, say() {}, poll() {} });
}

const job = (state) => ({ state, run: 'a', command: '-m esl train demo --run a' });

test('a start that failed says so, shows its log, and can begin again or be deleted', async () => {
  const asked = [];
  const page = pageOf(asked);
  await page.open('a', { name: 'a', state: 'failed', job: job('failed'), message: 'no labels' });
  const { buttons } = page;
  assert.match(page.facts.textContent, /ended before its first step/);
  assert.deepEqual([page.message.textContent, page.log.textContent, page.advice.textContent], ['no labels', 'no labels', '']);
  assert.deepEqual([buttons.resume.hidden, buttons.resume.textContent, buttons.remove.hidden], [false, 'Start again', false]);
  assert.deepEqual(asked, ['log'], 'there is neither detail nor metrics of it');
});

test('a run that gets ready does not wait in the queue, one that waits does', async () => {
  const asked = [];
  const page = pageOf(asked);
  await page.open('a', { name: 'a', state: 'queued', job: job('queued') });
  assert.match(page.facts.textContent, /waits in the queue/);
  assert.deepEqual(asked, []);
  page.update({ name: 'a', state: 'running', job: job('running') });
  await page.refresh();
  await settle();
  assert.match(page.facts.textContent, /It is started/);
  assert.deepEqual([asked, page.log.textContent], [['log'], 'no labels']);
});

const FIELDS = [{ path: 'steps', kind: 'integer', value: 10, choices: [], help: '' }, { path: 'target.split', kind: 'text', value: 'train', choices: [], help: '' }];

/** A form whose server answers `routes`; its presets are read. */
async function formOf({ session = null, ...routes } = {}) {
  const runs = { presets: async () => ({ presets: [{ name: 'demo_advent', method: 'advent' }] }), preset: async () => ({ fields: FIELDS }), check: async () => ({ command: '', config: {}, faults: {}, resources: null }), ...routes };
  const form = new TrainForm({ runs, api: { found: async () => ({ checkpoints: [], datasets: [], roots: [] }) }, session: () => session, say() {}, onstarted() {} });
  await form.load();
  return form;
}

const stop = (form) => { clearTimeout(form.timer); clearTimeout(form.check.timer); };

test('self-training asks about the store that its labels are of, and what is wrong stands in the form', async () => {
  const session = { sid: 'val', medianSid: 'train', user: '', info: { name: 'val' }, rule: { nuStar: 0.1, muStar: 0.9 }, classBalanced: { portion: 0.2 } };
  const asked = [];
  const form = await formOf({ session, check: async (body) => {
    asked.push(body.sid);
    return { command: '', config: {}, faults: { 'target.split': 'must be val' }, resources: null };
  } });
  form.name.value = 'a';
  await form.ask();
  press(form.root, 'Self-train on themwith the thresholds on screen');
  await form.ask();
  form.criterion.value = 'class_balanced';
  await form.ask();
  assert.deepEqual(asked, ['', 'train', 'val']);
  const told = () => [form.whole.textContent, form.go.disabled];
  assert.deepEqual(told(), ['target.split must be val', true]);
  form.changed(); // the store on screen counts one more image
  assert.deepEqual(told(), ['target.split must be val', true]);
  form.main.get('steps').value = '20';
  form.changed();
  assert.deepEqual(told(), ['', false], 'another form may be right');
  stop(form);
});

test('what is wrong outside the form is looked at again by itself', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const faults = [{ '': 'The store must be complete.' }, {}];
  const form = await formOf({ check: async () => ({ command: '', config: {}, faults: faults.shift(), resources: null }) });
  form.name.value = 'a';
  t.mock.timers.tick(250);
  for (let k = 0; k < 9; k++) await null;
  assert.deepEqual([form.whole.textContent, form.go.disabled], ['The store must be complete.', true]);
  t.mock.timers.tick(5000);
  for (let k = 0; k < 9; k++) await null;
  assert.deepEqual([form.whole.textContent, form.go.disabled, faults.length], ['', false, 0]);
});

test('typing elsewhere in the form leaves the data check of its folder to run', async () => {
  const asked = [];
  const problems = [];
  const check = new DataCheck({ checkData: async ({ root }) => {
    asked.push(root);
    throw new Error(`${root} is no data set`);
  } }, (problem) => problems.push(problem));
  const ask = (root) => check.ask([{ dataset: 'camvid', root, split: 'day' }]);
  ask('/first');
  ask('/wrong'); // before the first was looked at
  ask('/wrong'); // another setting is typed
  await new Promise((go) => setTimeout(go, 800));
  assert.deepEqual([asked, problems.at(-1)], [['/wrong'], '/wrong is no data set']);
});

test('a form whose presets could not be read asks again until they come, whatever of them failed', async () => {
  let isUp = false;
  const answer = (body) => async () => {
    if (!isUp) throw new Error('The server does not answer.');
    return body;
  };
  const down = { presets: answer({ presets: [{ name: 'demo_advent', method: 'advent' }] }) };
  const form = await formOf();
  for (const routes of [down, { preset: answer({ fields: FIELDS }) }]) {
    isUp = false;
    form.fields = [];
    const screen = made(TrainScreen, { form, state: node(), formError: '', runs: { list: async () => null }, page: {} });
    Object.assign(form, { runs: { ...form.runs, ...routes } });
    await screen.poll();
    assert.deepEqual([screen.state.textContent, form.isLoaded], ['The server does not answer.', false]);
    isUp = true;
    await screen.poll();
    assert.deepEqual([screen.state.textContent, form.isLoaded, form.value('steps')], ['', true, '10']);
  }
  stop(form);
});

test('the start button tells what became of its run', async () => {
  const form = await formOf({ launch: async () => ({ job: 'j', run: 'a', state: 'queued' }) });
  await form.ask();
  await form.start();
  const told = [form.go.textContent];
  const rows = [{ name: 'a', state: 'running', job: { run: 'a', state: 'running' } }, { name: 'a~round_0', state: 'failed', started: 1, job: { run: 'a', state: 'failed' } }];
  for (const row of [[], rows.slice(0, 1), rows.slice(1), []]) {
    form.setServer({ runs: row, devices: ['cpu'], roots: [] });
    told.push(form.go.textContent);
  }
  assert.deepEqual(told, ['Queued: a', 'Queued: a', 'Running: a', 'Failed: a', 'Ended: a']);
  stop(form);
});

test('losses share no chart with what has another scale', () => {
  const page = pageOf([]);
  const names = (chart) => page.charts[chart].series.map((s) => s.name);
  page.drawCurves();
  assert.deepEqual([page.charts.losses.root.hidden, page.charts.norms.root.hidden, page.charts.kept.root.hidden], [false, true, true]);
  page.series.add({ kind: 'train', step: 1, lr: 0.1, rate: 1, seg_main: 2, sl_main: 1, d_main: 0.7, grad_norm_model: 90, grad_norm_d_main: 3, sl_coverage: 0.4 });
  page.drawCurves();
  assert.deepEqual(['losses', 'norms', 'kept'].map(names), [['seg_main', 'sl_main', 'd_main'], ['grad_norm_model', 'grad_norm_d_main'], ['sl_coverage']]);
  assert.ok(!page.charts.norms.root.hidden && !page.charts.kept.root.hidden);
});
