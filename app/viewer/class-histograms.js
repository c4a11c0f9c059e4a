// Small histograms, one a class: right upwards, wrong downwards, log counts, the threshold to drag, the median as a tick.
import { el, fittedCanvas, setFlag, setText, themeColor } from './dom.js';
import { cssColor } from './heat.js';
import { dequantise, showShort, showUnit, snap } from './quantise.js';

export class ClassHistograms {
  constructor(session, onchoose) {
    this.session = session;
    this.onchoose = onchoose;
    this.which = 'ent';
    this.chosen = 0;
    this.switch = el('div', { class: 'esl-segments', role: 'radiogroup', 'aria-label': 'Histogram of' },
      [['ent', 'Entropy · ν(c)'], ['conf', 'Confidence · μ(c)']].map(([id, name]) => el('button', {
        type: 'button', role: 'radio', dataset: { which: id }, onclick: () => { this.which = id; this.prepared = false; this.draw(); },
      }, name)));
    this.legend = el('small', { class: 'esl-muted' });
    this.body = el('div', { class: 'esl-hists' });
    this.root = el('section', { class: 'esl-hist-list', 'aria-label': 'Histograms by class' }, el('div', { class: 'esl-hist-head' }, this.switch, this.legend), this.body);
    this.rows = [];
    new ResizeObserver(() => { this.prepared = false; this.draw(); }).observe(this.body);
  }

  build() {
    const { info } = this.session;
    this.rows = info.class_names.map((name, c) => {
      const canvas = fittedCanvas('esl-hist');
      const value = el('code');
      const count = el('small', { class: 'esl-muted' });
      const root = el('div', { class: 'esl-hist-row', role: 'button', tabindex: 0, onclick: () => this.choose(c), onkeydown: (e) => { if (e.key === 'Enter') this.choose(c); } },
        el('div', { class: 'esl-hist-name' }, el('i', { class: 'esl-swatch', style: { background: cssColor(info.class_colors[c]) } }), el('span', {}, name), value), canvas, count);
      this.attachDrag(canvas, c);
      return { root, canvas, value, count, still: new OffscreenCanvas(1, 1) };
    });
    this.body.replaceChildren(...this.rows.map((row) => row.root));
    this.prepared = false;
  }

  choose(c) {
    this.chosen = c;
    this.draw();
    this.onchoose(c);
  }

  get key() { return this.which === 'ent' ? 'nu' : 'mu'; }

  attachDrag(canvas, c) {
    let down = false;
    const set = (event) => this.session.setOverride(this.key, c, snap(event.offsetX / canvas.clientWidth, 0.001), false);
    canvas.title = 'Drag sets the threshold of this class; double click frees it';
    canvas.addEventListener('pointerdown', (event) => { canvas.setPointerCapture(event.pointerId); down = true; this.choose(c); });
    canvas.addEventListener('pointermove', (event) => { if (down && event.movementX !== 0) set(event); });
    canvas.addEventListener('pointerup', () => { down = false; this.session.commitRule(); });
    canvas.addEventListener('dblclick', () => this.session.setOverride(this.key, c, null));
  }

  prepare() {
    const { session } = this;
    const { histogram, showsTruth } = session;
    const right = themeColor(this.root, '--good');
    const wrong = themeColor(this.root, '--warn');
    const plain = themeColor(this.root, '--text-3');
    this.rows.forEach((row, c) => {
      row.canvas.resize();
      const { width: w, height: h } = row.canvas;
      row.still.width = w;
      row.still.height = h;
      const context = row.still.getContext('2d');
      const data = histogram.histogram(c, this.which);
      const up = showsTruth ? [data.correct] : [data.correct, data.wrong, data.unlabelled];
      const total = data.correct.map((v, k) => v + data.wrong[k] + data.unlabelled[k]);
      const most = Math.log1p(Math.max(1, ...total));
      const middle = showsTruth ? h * 0.58 : h - 1;
      const step = w / 256;
      for (let b = 0; b < 256; b++) {
        const a = up.reduce((sum, d) => sum + d[b], 0);
        context.fillStyle = showsTruth ? right : plain;
        const high = (Math.log1p(a) / most) * (middle - 1);
        context.fillRect(b * step, middle - high, Math.max(1, step), high);
        if (!showsTruth) continue;
        context.fillStyle = wrong;
        context.fillRect(b * step, middle, Math.max(1, step), (Math.log1p(data.wrong[b]) / most) * (h - middle));
      }
      setText(row.count, `${showShort(total.reduce((s, v) => s + v, 0))} px`);
    });
    this.prepared = true;
  }

  draw() {
    const { session } = this;
    if (!session.histogram || this.rows.length === 0 || this.body.clientHeight === 0) return;
    if (!this.prepared) this.prepare();
    for (const button of this.switch.children) setFlag(button, 'is-on', button.dataset.which === this.which);
    setText(this.legend, session.showsTruth ? 'right ▲  wrong ▼  log counts' : 'log counts');
    const { thresholds, info } = session;
    const line = themeColor(this.root, '--text-1');
    const tick = themeColor(this.root, '--text-3');
    const shade = themeColor(this.root, '--bg-1');
    this.rows.forEach((row, c) => {
      const { canvas } = row;
      const context = canvas.getContext('2d');
      const { width: w, height: h } = canvas;
      const at = dequantise(thresholds[this.key][c]) * w;
      const median = info.medians[this.key][c];
      context.clearRect(0, 0, w, h);
      context.drawImage(row.still, 0, 0);
      context.globalAlpha = 0.72; // what the rule drops is dimmed
      context.fillStyle = shade;
      if (this.key === 'nu') context.fillRect(at, 0, w - at, h);
      else context.fillRect(0, 0, at, h);
      context.globalAlpha = 1;
      if (median >= 0) {
        context.fillStyle = tick;
        context.fillRect(dequantise(median) * w - 0.5, h - 7, 2, 7);
      }
      context.fillStyle = line;
      context.fillRect(Math.min(w - 2, at), 0, 2, h);
      setText(row.value, showUnit(dequantise(thresholds[this.key][c])) + (thresholds[`${this.key}Overridden`][c] ? ' •' : thresholds[`${this.key}Binds`][c] ? ' M' : ''));
      setFlag(row.root, 'is-current', c === this.chosen);
    });
  }
}
