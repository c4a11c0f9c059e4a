// The Train screen: the form on the left; runs, queue and trash on the right, or one run's page.
import { el, setText } from './dom.js';
import { showBytes } from './export-screen.js';
import { RunsApi } from './runs-api.js';
import { ask } from './runs-dialog.js';
import { RunPage } from './runs-page.js';
import { RunsQueue } from './runs-queue.js';
import { RunsTable } from './runs-table.js';
import { ACTIVE, endedSince, stateOf } from './runs-words.js';
import { ruleToJson } from './thresholds.js';
import { TrainForm } from './train-form.js';

const BUSY_MS = 1000;
const IDLE_MS = 2000;

export class TrainScreen {
  /** @param context {api, session(), say, boot, element, host(), open(screen), enter(sid, note), touchHash()} */
  constructor(context) {
    this.context = context;
    this.runs = new RunsApi(context.api);
    const shared = { ...context, runs: this.runs, poll: () => this.poll() };
    this.form = new TrainForm({ ...shared, onstarted: (job, kind, rule) => this.started(job, kind, rule) });
    this.page = new RunPage({ ...shared, close: () => this.show(''), clone: (run, values) => this.form.clone(run, values).then(() => this.showForm()) });
    this.table = new RunsTable({ open: (name) => this.show(name), choose: (names) => this.chosen(names) });
    this.queue = new RunsQueue({ open: (name) => this.show(name), move: (job, before) => this.edit(() => this.runs.move(job, before)), remove: (job) => this.edit(() => this.runs.unqueue(job)) });
    this.compare = el('button', { type: 'button', class: 'esl-btn', disabled: true, title: 'Choose 2 to 8 runs by their boxes', onclick: () => this.openCompare() }, 'Compare');
    this.trash = el('button', { type: 'button', class: 'esl-btn is-quiet', hidden: true, onclick: () => this.emptyTrash() });
    this.state = el('span', { class: 'esl-warn', role: 'status' });
    this.side = el('aside', { class: 'esl-train-side' }, this.form.root);
    this.overview = el('section', { class: 'esl-overview' },
      el('div', { class: 'esl-runs-tools' }, this.table.search, this.table.note, this.state, el('span', { class: 'esl-grow' }), this.compare, this.trash), this.queue.root, this.table.root);
    this.root = el('main', { class: 'esl-train' }, this.side, el('div', { class: 'esl-train-main' }, this.overview, this.page.root));
    this.bindings = [{ keys: ['Escape'], name: 'Back to the runs', when: () => Boolean(this.page.name), run: () => this.show('') },
      { keys: ['/'], name: 'Filter runs', run: () => { this.show(''); this.table.search.focus(); } }];
    this.extracting = new Map();
    this.formError = '';
    this.start();
  }

  async start() {
    this.takeLink(new URLSearchParams(location.hash.slice(1)));
    await this.poll();
    this.readTrash();
    this.again();
  }

  /** The run that a link names, where there is one of that name; before the first answer it is shown with that. */
  takeLink(link) {
    this.wanted = link.get('run');
    if (this.rows) this.showWanted();
  }

  showWanted() {
    const { wanted } = this;
    this.wanted = null;
    if (wanted && this.rowOf(wanted)) this.show(wanted);
  }

  /** Once a second while something runs, else every two; nothing while nobody can see it. */
  again() {
    clearTimeout(this.timer);
    const isBusy = this.rows?.some((r) => ACTIVE.has(stateOf(r)));
    this.timer = setTimeout(async () => {
      if (!this.root.isConnected) return;
      if (!document.hidden && this.root.offsetParent !== null) await this.poll();
      this.again();
    }, this.context.boot.pollMs ?? (isBusy ? BUSY_MS : IDLE_MS));
  }

  async poll() {
    await this.loadForm();
    try {
      const answer = await this.runs.list();
      if (answer) this.take(answer);
      setText(this.state, this.formError);
      const row = this.rows?.find((r) => r.name === this.page.name);
      if (row && (answer || ACTIVE.has(stateOf(row)))) await this.page.refresh();
    } catch (error) {
      setText(this.state, error.message);
    }
  }

  /** Presets and settings, asked for with the runs until they came: the server may be down when the screen opens. */
  async loadForm() {
    if (this.form.isLoaded) return;
    this.loading ??= this.form.load().then(() => '', (error) => error.message);
    this.formError = await this.loading;
    this.loading = null;
  }

  take(answer) {
    this.tellEnds(answer.runs);
    this.rows = answer.runs;
    this.table.set(answer.runs);
    this.queue.set(answer.queue);
    this.form.setServer(answer);
    const row = this.rowOf(this.page.name);
    if (row && row.name !== this.page.name) this.show(row.name);
    else if (row) this.page.update(row);
    this.notice(answer.queue);
    this.showWanted();
    this.context.onrows?.(answer.runs);
  }

  /** Runs that ended since the last look are said, wherever on this screen one is. */
  tellEnds(rows) {
    for (const [name, state] of endedSince(this.rows ?? [], rows)) this.context.say(`${name} is ${state}.`);
  }

  /** An extraction that this page started and that left the queue: its store can be opened. */
  notice(queue) {
    const there = new Set(queue.map((j) => j.job));
    for (const [job, { run, rule }] of this.extracting) {
      if (there.has(job)) continue;
      this.extracting.delete(job);
      const failed = this.rows.find((r) => r.name === run && r.job?.state !== 'done');
      if (failed) this.context.say(`${run} was not extracted. ${failed.job?.message ?? ''}`);
      else this.openStore(run, rule);
    }
  }

  async openStore(run, rule) {
    try {
      const { stores } = await this.context.api.found();
      const store = stores.find((s) => s.name.split(/[\\/]/).pop() === run);
      if (!store) throw new Error('The store is not below the folders that this server looks into.');
      const { sid } = await this.context.api.open({ store: store.id });
      if (rule) await this.context.api.saveRecipe({ sid, default_name: `${run} ν* ${rule.nuStar} · μ* ${rule.muStar}`, criterion: 'entropy', ...ruleToJson(rule) });
      this.context.enter(sid, `${run} is extracted${rule ? '; the thresholds that were on screen are its recipe' : ''}.`, rule);
    } catch (error) {
      this.context.say(`${run} is extracted, but was not opened. ${error.message}`, () => this.openStore(run, rule));
    }
  }

  async started(job, kind, rule) {
    if (kind.id === 'extract') this.extracting.set(job.job, { run: job.run, rule });
    this.context.say(`${job.run} is ${job.state === 'running' ? 'running' : 'queued'}.`);
    // Shown at once: whoever goes elsewhere while the table is read again must not be brought back.
    if (kind.id !== 'extract') this.show(job.run, { name: job.run, state: job.state, job });
    await this.poll();
    this.again();
  }

  /** The row of a run; that of the newest stage where an experiment is named, as its job is. */
  rowOf(name) {
    return this.rows?.find((r) => r.name === name) ?? this.rows?.find((r) => name && r.job?.run === name);
  }

  /** @param row what is known of a run that is not in the table yet */
  show(name, row = this.rowOf(name)) {
    this.overview.hidden = Boolean(name);
    this.table.mark(row?.name ?? name);
    if (name) {
      this.page.open(row?.name ?? name, row);
    } else {
      this.page.close();
      this.readTrash();
      this.table.draw();
    }
    this.context.touchHash();
  }

  showForm() {
    this.side.scrollTop = 0;
    this.form.name.control.focus();
  }

  chosen(names) {
    this.compare.disabled = names.size < 2 || names.size > 8;
    setText(this.compare, names.size ? `Compare ${names.size}` : 'Compare');
  }

  openCompare() {
    this.context.choose([...this.table.chosen]);
    this.context.open('compare');
  }

  async edit(action) {
    try {
      await action();
    } catch (error) {
      this.context.say(error.message);
    }
    await this.poll();
  }

  async readTrash() {
    const answer = await this.runs.trash().catch(() => ({ trash: [] }));
    const bytes = answer.trash.reduce((sum, t) => sum + t.bytes, 0);
    this.trash.hidden = answer.trash.length === 0;
    this.inTrash = answer.trash.length;
    setText(this.trash, `Empty the trash (${answer.trash.length}, ${showBytes(bytes)})`);
  }

  async emptyTrash() {
    const many = this.inTrash === 1 ? 'One run is' : `${this.inTrash} runs are`;
    if (!await ask(this.context.host(), { title: 'Empty the trash?', text: `${many} removed for good, with all checkpoints.`, yes: 'Remove for good' })) return;
    await this.edit(() => this.runs.emptyTrash());
    this.readTrash();
  }

  /** What the URL keeps of this screen. */
  get hashParts() {
    return { run: this.page.name };
  }

  onTheme() {
    this.page.drawCurves();
  }
}
