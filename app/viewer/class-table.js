// One row a class: eye, twin bars of the error rate, kept share, threshold to drag, lock.
import { el, fittedCanvas, setFlag, setText, themeColor, ICONS, icon } from './dom.js';
import { cssColor } from './heat.js';
import { dequantise, showPercent, showUnit, snap, showCount } from './quantise.js';
import { errorRate, summarise } from './statistics.js';
import { freeClass, isLocked, lockClass } from './thresholds.js';

const ROW = { normal: 22, wide: 28, from: 2200 };
const FEW = 1000;

export class ClassTable {
  constructor(session) {
    this.session = session;
    this.which = 'nu';
    this.bars = fittedCanvas('esl-table-bars');
    this.toggle = el('button', {
      type: 'button', class: 'esl-th-btn', title: 'Show ν(c) or μ(c) in this column', 'aria-label': 'Show ν(c) or μ(c)',
      onclick: () => { this.which = this.which === 'nu' ? 'mu' : 'nu'; session.emit('rule'); },
    });
    this.errorHead = el('span', { class: 'esl-th', title: 'Share of wrong pixels among those kept: SSL above, ESL below' });
    this.body = el('div', { class: 'esl-table-body', role: 'rowgroup' });
    this.root = el('section', { class: 'esl-table', role: 'table', 'aria-label': 'Classes' },
      el('div', { class: 'esl-tr is-head', role: 'row' }, el('span'), el('span', { class: 'esl-th' }, 'class'), this.errorHead,
        el('span', { class: 'esl-th is-num', title: 'Share of the class’s predicted pixels that each rule keeps: SSL, ESL' }, 'kept %'), this.toggle, el('span')),
      el('div', { class: 'esl-table-scroll' }, this.body));
    this.rows = [];
    new ResizeObserver(() => { this.isSized = false; }).observe(this.body);
  }

  build() {
    const { info } = this.session;
    this.row = window.innerWidth >= ROW.from ? ROW.wide : ROW.normal;
    this.root.style.setProperty('--row', `${this.row}px`);
    this.rows = info.class_names.map((name, c) => this.buildRow(name, c));
    this.body.replaceChildren(this.bars, ...this.rows.map((row) => row.root));
    this.body.style.height = `${this.rows.length * this.row}px`;
    this.colors = null;
  }

  buildRow(name, c) {
    const row = {};
    row.eye = el('button', {
      type: 'button', class: 'esl-eye', 'aria-label': `Show ${name}`, style: { '--swatch': cssColor(this.session.info.class_colors[c]) },
      title: 'Show or hide; Alt-click shows this class alone', onclick: (event) => this.toggleEye(c, event.altKey),
    });
    row.name = el('span', { class: 'esl-name', role: 'rowheader', onclick: (event) => this.toggleEye(c, event.altKey || event.detail === 2) }, name);
    row.kept = el('span', { class: 'esl-kept', role: 'cell' });
    row.value = el('span', { class: 'esl-value' });
    row.mark = el('i', { class: 'esl-m' });
    row.threshold = el('span', { class: 'esl-thr', role: 'slider', tabindex: 0, 'aria-valuemin': 0, 'aria-valuemax': 1, title: 'Drag to override; double click frees it' }, row.value, row.mark);
    this.attachDrag(row.threshold, c);
    row.lock = el('button', { type: 'button', class: 'esl-lock', 'aria-label': `Lock the thresholds of ${name}`, onclick: () => this.toggleLock(c) }, icon(ICONS.open));
    row.root = el('div', { class: 'esl-tr', role: 'row' }, row.eye, row.name, el('span', { role: 'cell' }), row.kept, row.threshold, row.lock);
    return row;
  }

  toggleEye(c, alone) {
    const { session } = this;
    const all = session.info.class_names.map((_, k) => k);
    const hidden = new Set(session.hidden);
    const isSolo = hidden.size === all.length - 1 && !hidden.has(c);
    if (alone) session.setHidden(isSolo ? new Set() : new Set(all.filter((k) => k !== c)));
    else {
      if (!hidden.delete(c)) hidden.add(c);
      session.setHidden(hidden);
    }
  }

  toggleLock(c) {
    const { session } = this;
    session.setRule(isLocked(session.rule, c) ? freeClass(session.rule, c) : lockClass(session.rule, session.thresholds, c));
  }

  valueOf(c) {
    return dequantise(this.session.thresholds[this.which][c]);
  }

  attachDrag(node, c) {
    let start = null;
    const set = (value, commit) => this.session.setOverride(this.which, c, snap(value, 0.0005), commit);
    node.addEventListener('pointerdown', (event) => {
      node.setPointerCapture(event.pointerId);
      start = { x: event.clientX, value: this.valueOf(c), moved: false };
    });
    node.addEventListener('pointermove', (event) => {
      if (!start) return;
      const dx = event.clientX - start.x;
      if (!start.moved && Math.abs(dx) < 3) return;
      start.moved = true;
      set(start.value + dx * (event.shiftKey ? 0.0005 : 0.003), false);
    });
    node.addEventListener('pointerup', () => {
      if (start?.moved) this.session.commitRule();
      start = null;
    });
    node.addEventListener('dblclick', () => this.session.setOverride(this.which, c, null));
    node.addEventListener('keydown', (event) => {
      const sign = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1 }[event.key];
      if (sign) set(this.valueOf(c) + sign * (event.shiftKey ? 0.0005 : 0.005), true);
      else if (event.key === 'Delete' || event.key === 'Backspace') this.session.setOverride(this.which, c, null);
      else return;
      event.preventDefault();
      event.stopPropagation();
    });
  }

  /** Numbers and bars of a summary, none where it is null; a row is written only where its text differs. */
  draw(found) {
    const { session, which } = this;
    const summary = found ?? summarise(new Float64Array(session.numClasses * 12), session.numClasses);
    const { thresholds, rule, hidden, showsTruth } = session;
    const binds = thresholds[`${which}Binds`];
    const overridden = thresholds[`${which}Overridden`];
    const locks = which === 'nu' ? 'ν' : 'μ';
    setText(this.toggle, `${locks}(c) ⇄`);
    setText(this.errorHead, showsTruth ? 'wrong %' : 'no truth');
    for (let c = 0; c < this.rows.length; c++) {
      const row = this.rows[c];
      const s = summary.rows[c];
      const isLock = isLocked(rule, c);
      setText(row.kept, s.pixels === 0 ? '–' : `${kept(s.ssl.kept, s.pixels)} ${kept(s.esl.kept, s.pixels)}`);
      setText(row.value, showUnit(this.valueOf(c)));
      setText(row.mark, overridden[c] ? '•' : binds[c] ? 'M' : '');
      const state = `${hidden.has(c)}${s.pixels < FEW}${isLock}${overridden[c]}${thresholds.absent[c]}`;
      if (row.state !== state) this.decorate(row, c, state, s, isLock, overridden[c]);
    }
    this.drawBars(summary, showsTruth);
  }

  decorate(row, c, state, s, isLock, overridden) {
    row.state = state;
    const { hidden, thresholds, info } = this.session;
    setFlag(row.root, 'is-hidden', hidden.has(c));
    setFlag(row.root, 'is-few', s.pixels < FEW);
    setFlag(row.threshold, 'is-set', overridden);
    setFlag(row.lock, 'is-on', isLock);
    row.lock.replaceChildren(icon(isLock ? ICONS.lock : ICONS.open));
    row.lock.setAttribute('aria-label', `${isLock ? 'Free' : 'Lock'} the thresholds of ${info.class_names[c]}`);
    row.lock.setAttribute('aria-pressed', String(isLock));
    row.lock.title = isLock ? 'Locked: the sliders do not move this class' : 'Lock this class where it is';
    row.eye.setAttribute('aria-label', `Show ${info.class_names[c]}`);
    row.eye.setAttribute('aria-pressed', String(!hidden.has(c)));
    row.root.title = thresholds.absent[c] ? 'Never predicted in this set: no median, the global value applies' : s.pixels < FEW ? 'Fewer than 1 000 pixels: too few to judge' : '';
  }

  /** What a screen reader hears; written when things are quiet, not in every frame. */
  describe(summary) {
    const { info, showsTruth } = this.session;
    this.rows.forEach((row, c) => {
      const s = summary?.rows[c] ?? null;
      row.threshold.setAttribute('aria-label', `${this.which === 'nu' ? 'ν' : 'μ'} of ${info.class_names[c]}`);
      row.threshold.setAttribute('aria-valuenow', this.valueOf(c).toFixed(4));
      if (s === null) return row.root.setAttribute('aria-label', `${info.class_names[c]}: no numbers`);
      const error = showsTruth ? `, wrong ${showPercent(s.ssl.wrong, s.ssl.labelled)} SSL, ${showPercent(s.esl.wrong, s.esl.labelled)} ESL` : '';
      const none = s.pixels > 0 && s.esl.kept === 0 ? ', ESL keeps 0 at this threshold' : s.pixels > 0 && s.ssl.kept === 0 ? ', SSL keeps 0 at this threshold' : '';
      return row.root.setAttribute('aria-label', `${info.class_names[c]}: ${showCount(s.pixels)} pixels${error}${none}`);
    });
  }

  drawBars(summary, showsTruth) {
    const { bars } = this;
    if (this.isSized !== true) this.isSized = bars.resize() || true; // reading a size forces a layout: not in every frame
    this.colors ??= { ssl: themeColor(this.root, '--ssl'), esl: themeColor(this.root, '--esl'), text: themeColor(this.root, '--text-2'), warn: themeColor(this.root, '--warn'), faint: themeColor(this.root, '--text-3') };
    const context = bars.getContext('2d');
    const ratio = bars.ratio;
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, bars.width, bars.height);
    context.font = '9.5px ui-monospace, "DejaVu Sans Mono", monospace';
    context.textBaseline = 'middle';
    const room = bars.width / ratio - 34;
    let most = 0.02;
    for (const s of summary.rows) if (s.pixels >= FEW) most = Math.max(most, errorRate(s.ssl) || 0, errorRate(s.esl) || 0);
    summary.rows.forEach((s, c) => {
      const y = c * this.row + (this.row - ROW.normal) / 2;
      if (s.pixels > 0 && s.esl.kept === 0 && s.ssl.kept === 0) return this.word(context, '0 kept here', y);
      if (!showsTruth) return undefined;
      this.bar(context, s.ssl, y + 3, most, room, this.colors.ssl);
      this.bar(context, s.esl, y + 12, most, room, this.colors.esl);
      return undefined;
    });
  }

  word(context, text, y) {
    context.fillStyle = this.colors.warn;
    context.fillText(text, 2, y + ROW.normal / 2);
  }

  bar(context, part, y, most, room, color) {
    const error = errorRate(part);
    if (!(error >= 0)) return;
    const length = Math.max(1, Math.min(1, error / most) * room);
    context.fillStyle = color;
    context.fillRect(0, y, length, 7);
    context.fillStyle = this.colors.text;
    context.fillText((100 * error).toFixed(error < 0.0995 ? 1 : 0), length + 3, y + 4);
  }
}

function kept(part, whole) {
  const share = (100 * part) / whole;
  return share >= 99.5 ? '100' : share.toFixed(0);
}
