// What waits and what runs, in the queue's order; waiting jobs move by buttons or Alt with the arrows.
import { el } from './dom.js';

/** The id to put a waiting job before, for a step up (-1) or down (1); null where it cannot move, '' for the end. */
export function placeAfterMove(jobs, id, step) {
  const waiting = jobs.filter((j) => j.state === 'queued').map((j) => j.job);
  const at = waiting.indexOf(id);
  const to = at + step;
  if (at < 0 || to < 0 || to >= waiting.length) return null;
  return step < 0 ? waiting[to] : waiting[to + 1] ?? '';
}

export class RunsQueue {
  /** @param hooks {move(job, before), remove(job), open(run)} */
  constructor(hooks) {
    this.hooks = hooks;
    this.jobs = [];
    this.list = el('ol', { class: 'esl-queue-jobs' });
    this.root = el('section', { class: 'esl-queue-box', 'aria-label': 'Queue', hidden: true }, el('h3', {}, 'Queue'), this.list);
  }

  set(jobs) {
    const text = JSON.stringify(jobs);
    if (text === this.text) return;
    this.text = text;
    this.jobs = jobs;
    this.root.hidden = jobs.length === 0;
    const held = document.activeElement?.closest?.('[data-job]')?.dataset.job;
    this.list.replaceChildren(...jobs.map((job) => this.row(job)));
    if (held) [...this.list.children].find((row) => row.dataset.job === held)?.focus();
  }

  row(job) {
    const isWaiting = job.state === 'queued';
    const button = (text, label, step) => el('button', { type: 'button', class: 'esl-iconbtn', 'aria-label': `${label.split(' (')[0]} ${job.run}`, title: label, disabled: placeAfterMove(this.jobs, job.job, step) === null, onclick: () => this.move(job, step) }, text);
    return el('li', { class: 'esl-queue-job', tabindex: 0, dataset: { job: job.job, state: job.state }, title: job.command, onkeydown: (event) => this.key(event, job) },
      el('button', { type: 'button', class: 'esl-link', onclick: () => this.hooks.open(job.run) }, job.run), el('small', {}, `${isWaiting ? 'waits for' : `${job.state} on`} ${job.device}${job.user ? ` · ${job.user}` : ''}`), el('span', { class: 'esl-grow' }),
      isWaiting ? [button('↑', 'Earlier (Alt ↑)', -1), button('↓', 'Later (Alt ↓)', 1), el('button', { type: 'button', class: 'esl-iconbtn', 'aria-label': `Remove ${job.run} from the queue`, title: 'Remove (Delete)', onclick: () => this.hooks.remove(job.job) }, '×')] : null);
  }

  move(job, step) {
    const before = placeAfterMove(this.jobs, job.job, step);
    if (before !== null) this.hooks.move(job.job, before);
  }

  key(event, job) {
    if (event.target !== event.currentTarget || job.state !== 'queued') return;
    if (event.key === 'Delete') this.hooks.remove(job.job);
    else if (event.altKey && event.key === 'ArrowUp') this.move(job, -1);
    else if (event.altKey && event.key === 'ArrowDown') this.move(job, 1);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }
}
