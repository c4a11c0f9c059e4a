// One run: its state in words, live curves, IoU by class, log, config against its preset, checkpoints, what can be done.
import { el, setFlag, setText } from './dom.js';
import { showBytes } from './export-screen.js';
import { LineChart } from './runs-curves.js';
import { freshId } from './runs-api.js';
import { ask } from './runs-dialog.js';
import { RoundStrip, RunSamples } from './runs-samples.js';
import { RunSeries, chartOf, smooth } from './runs-series.js';
import { ACTIVE, RESUMABLE, adviceFor, beginningOf, configDiff, flatten, hasBegun, messageOf, showDuration, showRate, showShare, showValue, showWhen, stateOf, toneOf } from './runs-words.js';

const GRACE_MS = 10_000;
const DETAIL_MS = 5_000; // checkpoints and samples of a run that goes on
const percent = (v) => (Number.isFinite(v) ? `${(100 * v).toFixed(1)}` : '–');

export class RunPage {
  /** @param context {runs, api, say, host(), enter(sid), clone(run, values), close(), pollMs} */
  constructor(context) {
    Object.assign(this, { context, runs: context.runs, name: '', series: new RunSeries(), stopAsked: new Map() });
    this.title = el('h2', {});
    this.chip = el('span', { class: 'esl-state' });
    this.facts = el('p', { class: 'esl-muted' });
    this.bar = el('i');
    this.message = el('p', { class: 'esl-runmessage', role: 'status' });
    this.advice = el('p', { class: 'esl-muted' });
    const button = (text, run, extra = '') => el('button', { type: 'button', class: `esl-btn ${extra}`, onclick: run }, text);
    this.buttons = {
      stop: button('Stop', () => this.stop(false)), kill: button('Kill', () => this.stop(true), 'is-danger'), resume: button('Resume', () => this.resume()),
      clone: button('Clone', () => this.clone()), remove: button('Delete', () => this.remove()),
    };
    this.smoothing = el('input', { type: 'range', class: 'esl-range', min: 0, max: 0.98, step: 0.02, value: 0, 'aria-label': 'Smoothing of the losses', oninput: () => this.drawCurves() });
    this.charts = { losses: new LineChart('Losses', { named: true }), miou: new LineChart('mIoU, %', { format: percent }), norms: new LineChart('Length of the gradients', { named: true }), kept: new LineChart('Pixels with a pseudo-label, %', { format: percent }), lr: new LineChart('Learning rate'), iou: new LineChart('IoU by class, %', { format: percent, zero: true }) };
    this.samples = new RunSamples((which) => this.runs.sampleUrl(this.name, which));
    this.rounds = new RoundStrip((run, which) => this.runs.sampleUrl(run, which));
    this.checkpoints = el('div', { class: 'esl-checkpoints' });
    this.diff = el('div', { class: 'esl-pairs' });
    this.warnings = el('ul', { class: 'esl-warnings' });
    this.log = el('pre', { class: 'esl-code esl-log', tabindex: 0, 'aria-label': 'Log' });
    const section = (title, ...nodes) => el('section', { class: 'esl-runbox' }, el('h3', {}, title), nodes);
    this.boxes = { samples: section('Sample predictions', this.samples.root), rounds: section('Rounds of the experiment', this.rounds.root), checkpoints: section('Checkpoints', this.checkpoints), diff: section('Differs from its preset', this.diff), warnings: section('Warnings', this.warnings), log: section('Log', this.log) };
    this.root = el('article', { class: 'esl-run', 'aria-label': 'Run', hidden: true },
      el('header', { class: 'esl-run-head' }, button('← Runs', () => context.close(), 'is-quiet'), this.title, this.chip, el('span', { class: 'esl-grow' }), Object.values(this.buttons)),
      el('div', { class: 'esl-run-body' }, el('div', { class: 'esl-meter' }, this.bar), this.facts, this.message, this.advice,
        el('div', { class: 'esl-charts' }, Object.values(this.charts).map((c) => c.root)),
        el('label', { class: 'esl-smooth' }, 'Smooth the losses', this.smoothing), el('div', { class: 'esl-runboxes' }, Object.values(this.boxes))));
  }

  /** @param row what is known of the run, if anything */
  async open(name, row = null) {
    this.name = name;
    this.series = new RunSeries();
    this.detail = null;
    this.row = null;
    this.key = '';
    setText(this.title, name);
    // Nothing of the run that was shown before may be read as this one's while its row is on the way.
    setText(this.chip, '');
    this.chip.dataset.tone = '';
    this.bar.style.width = '0';
    for (const node of Object.values(this.buttons)) node.hidden = true;
    this.root.hidden = false;
    for (const node of [this.checkpoints, this.diff, this.warnings]) node.replaceChildren();
    for (const key of ['facts', 'message', 'advice', 'log']) setText(this[key], '');
    this.samples.clear();
    this.rounds.set([]);
    this.boxes.rounds.hidden = true;
    this.drawCurves();
    if (row) this.update(row);
    await this.refresh(true);
  }

  close() {
    this.rounds.stop();
    this.name = '';
    this.root.hidden = true;
  }

  /** A newer row of the table. */
  update(row) {
    this.row = row;
    const state = stateOf(row);
    setText(this.chip, state);
    this.chip.dataset.tone = toneOf(state);
    this.bar.style.width = `${row.steps > 0 ? (100 * row.step) / row.steps : 0}%`;
    const running = state === 'running' ? [showRate(row.rate), row.eta_seconds > 0 ? `${showDuration(row.eta_seconds)} left` : '', row.phase] : [];
    const isBegun = hasBegun(row);
    setText(this.facts, isBegun ? [row.steps > 0 ? `step ${row.step} of ${row.steps}` : 'no step yet', ...running, row.miou >= 0 ? `mIoU ${showShare(row.miou)}` : '', row.preset, row.seed !== undefined ? `seed ${row.seed}` : '', row.device, row.precision, row.host, row.started ? `since ${showWhen(row.started)}` : ''].filter(Boolean).join(' · ') : beginningOf(row));
    const asked = this.stopAsked.get(row.name);
    const isStopping = state === 'stopping' || (asked && ACTIVE.has(state));
    const said = messageOf(row);
    setText(this.message, isStopping ? 'Stopping: it saves a checkpoint first.' : said);
    setFlag(this.message, 'is-bad', toneOf(state) === 'bad');
    setText(this.advice, adviceFor(said) || (state === 'stopped' && isBegun ? 'Saved. Resume goes on exactly where it stopped.' : ''));
    const hasJob = row.job && ACTIVE.has(row.job.state);
    this.buttons.stop.hidden = !ACTIVE.has(state) || isStopping || !hasJob;
    this.buttons.kill.hidden = !(isStopping && asked && Date.now() - asked > GRACE_MS);
    this.buttons.resume.hidden = !RESUMABLE.has(state) || hasJob || Boolean(row.problem);
    setText(this.buttons.resume, isBegun ? 'Resume' : 'Start again');
    this.buttons.remove.hidden = ACTIVE.has(state);
    this.buttons.clone.hidden = !row.preset;
    if (!ACTIVE.has(state)) this.stopAsked.delete(row.name);
  }

  /** Ask for what is new; details only now and then, or where the state changed. */
  async refresh(isFirst = false) {
    const { name, runs } = this;
    const isCurrent = () => this.name === name;
    try {
      if (!this.row || hasBegun(this.row)) await this.readNumbers(isCurrent, isFirst);
      // One that waits has no folder yet.
      const { lines } = this.row?.state === 'queued' && !hasBegun(this.row) ? { lines: [] } : await runs.log(name, 200);
      if (!isCurrent()) return;
      const atEnd = this.log.scrollTop + this.log.clientHeight > this.log.scrollHeight - 20;
      setText(this.log, lines.join('\n') || 'nothing yet');
      if (atEnd || isFirst) this.log.scrollTop = this.log.scrollHeight;
    } catch (error) {
      if (isCurrent()) setText(this.advice, error.message);
    }
  }

  async readNumbers(isCurrent, isFirst) {
    const after = this.series.next;
    const metrics = await this.runs.metrics(this.name, after);
    if (!isCurrent()) return;
    if (this.series.take(metrics, after) || isFirst) this.drawCurves();
    const key = `${this.row?.state}|${this.row?.miou}|${this.row?.phase}`;
    const isOld = ACTIVE.has(this.row?.state) && Date.now() - (this.readAt ?? 0) > DETAIL_MS;
    if (isFirst || isOld || key !== this.key) await this.readDetail(isCurrent);
    this.key = key;
  }

  async readDetail(isCurrent) {
    const detail = await this.runs.detail(this.name);
    if (!isCurrent()) return;
    this.detail = detail;
    this.readAt = Date.now();
    this.samples.set(this.name, detail.samples ?? []);
    this.rounds.set(detail.rounds ?? []);
    this.boxes.rounds.hidden = (detail.rounds ?? []).length < 2;
    if (!this.row) this.update(detail);
    this.drawCheckpoints();
    this.warnings.replaceChildren(...detail.warnings.map((w) => el('li', {}, w)));
    this.boxes.warnings.hidden = detail.warnings.length === 0;
    this.drawCurves();
    const base = await this.runs.preset(detail.preset).catch(() => null);
    if (!isCurrent()) return;
    const rows = base ? configDiff(detail.config, base.fields) : [];
    this.diff.replaceChildren(...(rows.length === 0 ? [el('p', { class: 'esl-muted' }, base ? 'Nothing.' : 'Its preset is not known here.')] : rows.map((r) => el('div', {}, el('code', {}, r.path), el('span', { class: 'esl-muted' }, showValue(r.preset)), el('span', {}, '→'), el('b', {}, showValue(r.run))))));
  }

  drawCheckpoints() {
    const { detail } = this;
    const rows = [...detail.checkpoints].reverse().map((c) => el('div', { class: 'esl-checkpoint' }, el('code', {}, c.name),
      c.is_best ? el('span', { class: 'esl-chip' }, 'best') : null, c.is_latest ? el('span', { class: 'esl-chip' }, 'latest') : null, el('span', { class: 'esl-grow' }),
      el('button', { type: 'button', class: 'esl-btn', title: 'Run this network over the target images and open the predictions in the inspector', onclick: (event) => this.predict(c, event.currentTarget) }, 'Predict with this checkpoint')));
    this.checkpoints.replaceChildren(...(rows.length ? rows : [el('p', { class: 'esl-muted' }, 'None yet.')]),
      ...(detail.stores ?? []).map((s) => el('div', { class: 'esl-checkpoint' }, el('code', {}, s.name), el('span', { class: 'esl-grow' }),
        el('button', { type: 'button', class: 'esl-btn', title: 'Look at the predictions that this experiment made with the network of this run', onclick: () => this.openStore(s) }, 'Open in the inspector'))),
      ...(detail.pseudo_label_path ? [el('p', { class: 'esl-muted' }, `Pseudo-labels from ${detail.pseudo_label_path}`)] : []), el('p', { class: 'esl-muted' }, `${detail.path} · ${showBytes(detail.bytes)}${detail.commit ? ` · commit ${detail.commit}` : ''}`));
  }

  async predict(checkpoint, button) {
    button.disabled = true;
    const { config, path } = this.detail;
    const data = config.target?.dataset ? config.target : config.selection.data.dataset ? config.selection.data : config.source;
    try {
      const { sid } = await this.context.api.open({ checkpoint: `${path}/checkpoints/${checkpoint.name}`, dataset: data.dataset, data_root: data.root, split: data.split });
      this.context.enter(sid, `${data.dataset} ${data.split} is being predicted; it opens with its first image.`);
    } catch (error) {
      this.context.say(`It was not predicted. ${error.message}`, () => this.predict(checkpoint, button));
    }
    button.disabled = false;
  }

  async openStore(store) {
    try {
      const { sid } = await this.context.api.open({ store: store.path });
      this.context.enter(sid, `${this.name}: ${store.name}`);
    } catch (error) {
      this.context.say(`It was not opened. ${error.message}`, () => this.openStore(store));
    }
  }

  drawCurves() {
    const { series, charts } = this;
    const weight = Number(this.smoothing.value);
    for (const chart of ['losses', 'norms', 'kept']) {
      const curves = [...series.losses].filter(([name]) => chartOf(name) === chart);
      charts[chart].set(curves.map(([name, s]) => ({ name, ...smooth(s, weight), dots: false })));
      charts[chart].root.hidden = chart !== 'losses' && curves.length === 0;
    }
    charts.lr.set([{ name: 'lr', ...series.lr, dots: false }]);
    charts.miou.set([{ name: series.split || 'mIoU', ...series.miou }]);
    const names = this.detail?.class_names ?? [];
    charts.iou.set(series.iou.map((s, c) => ({ name: names[c] ?? `class ${c}`, color: `hsl(${Math.round(c * 137.5) % 360} 60% ${c % 2 ? 45 : 62}%)`, ...s })));
    charts.miou.root.hidden = charts.iou.root.hidden = series.miou.x.length === 0;
  }

  async stop(isKill) {
    const { name } = this;
    try {
      await this.runs.stop(name, isKill);
      if (!this.stopAsked.has(name)) this.stopAsked.set(name, Date.now());
      const what = this.row?.experiment || name;
      this.context.say(isKill ? `${what} was killed; its last checkpoint is whole.` : `${what} saves and stops.`);
      if (this.row && this.name === name) this.update(this.row);
      setTimeout(() => { if (this.name === name && this.row) this.update(this.row); }, GRACE_MS + 100);
    } catch (error) {
      this.context.say(`It was not stopped. ${error.message}`, () => this.stop(isKill));
    }
    this.context.poll();
  }

  async resume() {
    this.resumeId ??= freshId(); // the same id until it worked: a double click queues once
    try {
      await this.runs.resume(this.name, this.resumeId);
      this.resumeId = null;
      this.context.say(`${this.name} is queued to go on.`);
    } catch (error) {
      this.context.say(`It was not resumed. ${error.message}`, () => this.resume());
    }
    this.context.poll();
  }

  clone() {
    if (this.detail) this.context.clone(this.detail, flatten(this.detail.config));
  }

  async remove() {
    const { name } = this;
    const size = this.detail ? showBytes(this.detail.bytes) : 'its files';
    const whole = this.row?.experiment;
    const what = whole ? `The whole experiment ${whole}, with all its stages and stores (${size}),` : `${name} (${size})`;
    if (!await ask(this.context.host(), { title: whole ? 'Delete this experiment?' : 'Delete this run?', text: `${what} moves to the trash. The disk is free only when the trash is emptied.`, yes: 'Move to the trash' })) return;
    try {
      await this.runs.remove(name);
      this.context.close();
      this.context.say(`${whole || name} is in the trash.`);
    } catch (error) {
      this.context.say(`It was not deleted. ${error.message}`, () => this.remove());
    }
    this.context.poll();
  }
}
