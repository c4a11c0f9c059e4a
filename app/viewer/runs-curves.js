// A small line chart on a canvas: several series, a legend that hides them, a cursor that reads values.
import { el, fittedCanvas, setFlag, setText, themeColor } from './dom.js';
import { COLORS, bounds, nearest, thin, ticks } from './runs-series.js';

const PAD = { left: 44, right: 8, top: 6, bottom: 18 };

export function showNumber(value) {
  if (!Number.isFinite(value)) return '–';
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-3 || size >= 1e5)) return value.toExponential(1);
  return String(+value.toPrecision(4));
}

export class LineChart {
  /** @param format value -> text of the y axis; @param zero whether y begins at 0; @param named whether a single curve has a name that the title does not say */
  constructor(title, { format = showNumber, zero = false, named = false } = {}) {
    Object.assign(this, { format, zero, fewest: named ? 1 : 2, hidden: new Set(), series: [] });
    this.canvas = fittedCanvas('esl-chart-canvas', title);
    this.context = this.canvas.getContext('2d');
    this.read = el('small', { class: 'esl-muted' });
    this.legend = el('div', { class: 'esl-legend' });
    this.root = el('figure', { class: 'esl-chart' }, el('figcaption', {}, el('b', {}, title), el('span', { class: 'esl-grow' }), this.read), this.canvas, this.legend);
    this.canvas.addEventListener('pointermove', (event) => { this.at = event.offsetX; this.draw(); });
    this.canvas.addEventListener('pointerleave', () => { this.at = null; this.draw(); });
    new ResizeObserver(() => this.draw()).observe(this.canvas);
  }

  /** @param series [{name, x, y, color?, dots?}] */
  set(series) {
    this.series = series.map((s, k) => ({ color: COLORS[k % COLORS.length], ...s, line: thin(s), dots: s.dots ?? s.x.length < 30 }));
    const names = this.series.map((s) => s.name).join('\n');
    if (names !== this.names) this.drawLegend();
    this.names = names;
    this.draw();
  }

  drawLegend() {
    this.legend.hidden = this.series.length < this.fewest;
    this.legend.replaceChildren(...this.series.map((s) => {
      const button = el('button', {
        type: 'button', class: 'esl-legend-item', 'aria-pressed': String(!this.hidden.has(s.name)), title: 'Show or hide this curve; double click shows it alone',
        onclick: () => { this.toggle(s.name); }, ondblclick: () => this.alone(s.name),
      }, el('i', { class: 'esl-swatch', style: { background: s.color } }), s.name);
      setFlag(button, 'is-off', this.hidden.has(s.name));
      return button;
    }));
  }

  toggle(name) {
    if (!this.hidden.delete(name)) this.hidden.add(name);
    this.drawLegend();
    this.draw();
  }

  alone(name) {
    const others = this.series.filter((s) => s.name !== name).map((s) => s.name);
    this.hidden = others.every((o) => this.hidden.has(o)) ? new Set() : new Set(others);
    this.drawLegend();
    this.draw();
  }

  draw() {
    if (!this.canvas.clientWidth) return;
    this.canvas.resize();
    const { context: c, canvas } = this;
    c.setTransform(canvas.ratio, 0, 0, canvas.ratio, 0, 0);
    const [w, h] = [canvas.width / canvas.ratio, canvas.height / canvas.ratio];
    c.clearRect(0, 0, w, h);
    c.font = '10px system-ui, sans-serif';
    const shown = this.series.filter((s) => !this.hidden.has(s.name));
    const box = bounds(shown.map((s) => s.line));
    const colors = { line: themeColor(canvas, '--line'), text: themeColor(canvas, '--text-3') };
    if (!box) {
      c.fillStyle = colors.text;
      c.textAlign = 'center';
      c.fillText('nothing written yet', w / 2, h / 2);
      setText(this.read, '');
      return;
    }
    this.scale(box, w, h);
    this.grid(c, w, h, colors);
    for (const s of shown) this.trace(c, s);
    this.cursor(c, shown, h, colors);
  }

  scale([x0, x1, low, high], w, h) {
    const y0 = this.zero ? Math.min(0, low) : low;
    const margin = (high - y0 || Math.abs(high) || 1) * 0.06;
    const [a, b] = [y0 - (this.zero && y0 === 0 ? 0 : margin), high + margin];
    const span = x1 - x0 || 1;
    this.x = (value) => PAD.left + ((value - x0) / span) * (w - PAD.left - PAD.right);
    this.y = (value) => PAD.top + (1 - (value - a) / (b - a)) * (h - PAD.top - PAD.bottom);
    this.unx = (px) => x0 + ((px - PAD.left) / (w - PAD.left - PAD.right)) * span;
    this.range = { x0, x1, a, b };
  }

  grid(c, w, h, colors) {
    const { x0, x1, a, b } = this.range;
    c.strokeStyle = colors.line;
    c.fillStyle = colors.text;
    c.textBaseline = 'middle';
    c.textAlign = 'right';
    c.beginPath();
    for (const tick of ticks(a, b, Math.max(2, Math.floor(h / 40)))) {
      c.moveTo(PAD.left, Math.round(this.y(tick)) + 0.5);
      c.lineTo(w - PAD.right, Math.round(this.y(tick)) + 0.5);
      c.fillText(this.format(tick), PAD.left - 5, this.y(tick));
    }
    c.stroke();
    c.textAlign = 'center';
    for (const tick of ticks(x0, x1, Math.max(2, Math.floor(w / 90)))) {
      const text = tick >= 10000 ? `${+(tick / 1000).toFixed(1)}k` : String(+tick.toFixed(2));
      c.fillText(text, Math.max(PAD.left + 6, Math.min(w - 16, this.x(tick))), h - 7);
    }
  }

  trace(c, { line, color, dots }) {
    c.strokeStyle = c.fillStyle = color;
    c.lineWidth = 1.5;
    c.beginPath();
    let pen = false;
    for (let k = 0; k < line.x.length; k++) {
      const isThere = Number.isFinite(line.y[k]);
      if (isThere && pen) c.lineTo(this.x(line.x[k]), this.y(line.y[k]));
      else if (isThere) c.moveTo(this.x(line.x[k]), this.y(line.y[k]));
      pen = isThere;
    }
    c.stroke();
    c.lineWidth = 1;
    if (!dots && line.x.length > 1) return; // a single value makes no line
    for (let k = 0; k < line.x.length; k++) {
      if (Number.isFinite(line.y[k])) c.fillRect(this.x(line.x[k]) - 2, this.y(line.y[k]) - 2, 4, 4);
    }
  }

  cursor(c, shown, h, colors) {
    if (this.at === null || this.at === undefined) return setText(this.read, '');
    const first = shown.find((s) => s.x.length > 0);
    const step = first.x[nearest(first, this.unx(this.at))];
    c.strokeStyle = colors.text;
    c.beginPath();
    c.moveTo(this.x(step) + 0.5, PAD.top);
    c.lineTo(this.x(step) + 0.5, h - PAD.bottom);
    c.stroke();
    const texts = shown.filter((s) => s.x.length > 0).slice(0, 4).map((s) => `${shown.length > 1 ? `${s.name} ` : ''}${this.format(s.y[nearest(s, step)])}`);
    return setText(this.read, `step ${step} · ${texts.join(' · ')}`);
  }
}
