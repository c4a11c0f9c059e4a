// 2 to 8 runs side by side: what differs in their configs, curves overlaid, IoU by class, pseudo-labels.
import { el } from './dom.js';
import { iouDifferences } from './compare-maps.js';
import { LineChart } from './runs-curves.js';
import { COLORS, RunSeries, smooth } from './runs-series.js';
import { ruleName } from './runs-table-model.js';
import { showShare, showValue, stateOf } from './runs-words.js';

const percent = (v) => (Number.isFinite(v) ? `${(100 * v).toFixed(1)}` : '–');

export function grid(heads, rows, label) {
  const table = el('table', { class: 'esl-grid', 'aria-label': label }, el('thead', {}, el('tr', {}, heads.map((h) => el('th', { scope: 'col' }, h)))),
    el('tbody', {}, rows.map(([first, ...cells]) => el('tr', {}, el('th', { scope: 'row' }, first), cells.map((c) => (c instanceof Node ? c : el('td', {}, c)))))));
  return el('div', { class: 'esl-gridbox' }, table);
}

/** Cells of numbers, the best of a row marked. */
function numberCells(values, show, best = Math.max) {
  const there = values.filter(Number.isFinite);
  const top = new Set(there).size > 1 ? best(...there) : NaN; // equal numbers are none better than the others
  return values.map((v) => el('td', { class: v === top ? 'is-num is-best' : 'is-num' }, show(v)));
}

export class CompareRuns {
  /** @param runs RunsApi */
  constructor(runs) {
    this.runs = runs;
    this.series = new Map();
    this.charts = { miou: new LineChart('mIoU, %', { format: percent }), loss: new LineChart('Loss') };
    this.loss = el('select', { class: 'esl-select', 'aria-label': 'Which loss', onchange: () => this.drawCurves() });
    this.smoothing = el('input', { type: 'range', class: 'esl-range', min: 0, max: 0.98, step: 0.02, value: 0.6, 'aria-label': 'Smoothing', oninput: () => this.drawCurves() });
    this.chartBox = el('div', {}, el('div', { class: 'esl-charts' }, this.charts.miou.root, this.charts.loss.root), el('label', { class: 'esl-smooth' }, this.loss, 'Smooth', this.smoothing));
    this.parts = el('div', { class: 'esl-compare-body' });
    this.root = this.parts;
  }

  async show(names) {
    this.names = names;
    const isCurrent = () => this.names === names;
    if (names.length < 2) return this.say('Choose 2 to 8 runs on the left.');
    if (names.length > 8) return this.say(`At most 8 runs fit side by side; ${names.length} are chosen.`);
    try {
      const [answer] = await Promise.all([this.runs.compare(names), ...names.map((name) => this.read(name))]);
      if (!isCurrent()) return undefined;
      this.answer = answer;
      this.fill();
    } catch (error) {
      if (isCurrent()) this.say(error.message, true);
    }
    return undefined;
  }

  say(text, isBad = false) {
    this.parts.replaceChildren(el('p', { class: isBad ? 'esl-warn' : 'esl-muted', role: 'status' }, text));
  }

  async read(name) {
    if (!this.series.has(name)) this.series.set(name, new RunSeries());
    const series = this.series.get(name);
    const after = series.next;
    series.take(await this.runs.metrics(name, after), after);
  }

  fill() {
    const { answer, names } = this;
    const heads = ['', ...names];
    const changed = Object.entries(answer.differences);
    const section = (title, ...nodes) => el('section', {}, el('h3', {}, title), nodes);
    this.parts.replaceChildren(
      section('Scores', grid(heads, [
        ['state', ...answer.runs.map((r) => stateOf(r))], ['step', ...answer.runs.map((r) => `${r.step ?? 0} / ${r.steps ?? 0}`)],
        ['mIoU', ...numberCells(answer.runs.map((r) => (r.miou >= 0 ? r.miou : NaN)), (v) => showShare(v, 2) || '–')],
        ['scored on', ...answer.split.map((s) => s || '–')],
      ], 'Scores')),
      section('Pseudo-labels', grid(heads, [
        ['rule', ...answer.runs.map((r) => ruleName(r.pseudo_labels) || 'none')],
        ['kept', ...numberCells(answer.runs.map((r) => r.coverage ?? NaN), (v) => showShare(v, 2) || '–')],
        ['wrong', ...numberCells(answer.runs.map((r) => r.error_rate ?? NaN), (v) => showShare(v, 3) || '–', Math.min)],
      ], 'Pseudo-labels')),
      section(`Config: ${changed.length} ${changed.length === 1 ? 'field differs' : 'fields differ'}`, changed.length ? grid(heads, changed.map(([field, values]) => [field, ...values.map(showValue)]), 'Config differences') : el('p', { class: 'esl-muted' }, 'They were told the same.')),
      section('Curves', this.chartBox), section('IoU by class', this.bars()));
    this.fillLosses();
    this.drawCurves();
  }

  fillLosses() {
    const keys = [...new Set(this.names.flatMap((n) => [...this.series.get(n).losses.keys()]))];
    const chosen = this.loss.value;
    this.loss.replaceChildren(...keys.map((k) => el('option', { value: k }, k)));
    if (keys.includes(chosen)) this.loss.value = chosen;
  }

  drawCurves() {
    const color = (k) => COLORS[k % COLORS.length];
    const weight = Number(this.smoothing.value);
    this.charts.miou.set(this.names.map((name, k) => ({ name, color: color(k), ...this.series.get(name).miou })));
    const lossOf = (name) => this.series.get(name).losses.get(this.loss.value);
    this.charts.loss.set(this.names.flatMap((name, k) => (lossOf(name) ? [{ name, color: color(k), ...smooth(lossOf(name), weight), dots: false }] : [])));
  }

  /** Bars of the change against the first run, where there are two; a table where there are more. */
  bars() {
    const { answer, names } = this;
    const splits = new Set(answer.split.filter(Boolean));
    const classes = new Set(answer.class_names.map((n) => n.join()));
    if (answer.iou.filter((i) => i.length > 0).length < 2) return el('p', { class: 'esl-muted' }, 'Fewer than two of these runs were evaluated yet.');
    if (classes.size > 1) return el('p', { class: 'esl-warn' }, 'These runs have different classes; their IoU by class cannot be set side by side.');
    const rows = iouDifferences(answer.iou, answer.class_names[0]);
    const warning = splits.size > 1 ? el('p', { class: 'esl-warn' }, `Scored on different splits (${[...splits].join(', ')}): the numbers are no comparison.`) : null;
    const table = grid(['', ...names], rows.map((r) => [r.name, ...numberCells(r.values, (v) => showShare(v) || '–')]), 'IoU by class');
    const most = Math.max(0.01, ...rows.flatMap((r) => r.values.map((v) => Math.abs(v - r.values[0])).filter(Number.isFinite)));
    const bars = names.slice(1).map((name, k) => el('div', {}, el('p', { class: 'esl-muted' }, `${name} minus ${names[0]}`), el('div', { class: 'esl-bars' }, rows.flatMap((r) => bar(r.name, r.values[k + 1] - r.values[0], most)))));
    return el('div', { class: 'esl-tables' }, warning, bars, table);
  }
}

function bar(name, change, most) {
  const size = Number.isFinite(change) ? (50 * Math.abs(change)) / most : 0;
  return [el('span', {}, name),
    el('span', { class: change < 0 ? 'esl-bar is-worse' : 'esl-bar' }, el('i', { style: { '--left': `${change < 0 ? 50 - size : 50}%`, '--width': `${size}%` } })),
    el('span', { class: 'esl-muted' }, Number.isFinite(change) ? `${change > 0 ? '+' : ''}${(100 * change).toFixed(1)}` : '–')];
}
