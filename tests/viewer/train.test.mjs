// The Train screen: what its form refuses, and what the page of a run says of one that has not begun.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RunPage } from '../../app/viewer/runs-page.js';
import { settle } from './made.mjs';
import { openTinyPage } from './tiny-page.mjs';

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
