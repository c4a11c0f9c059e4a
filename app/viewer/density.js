// Joint density of entropy and confidence of one class, its four regions, and a brush that leads back to the pixels.
import { el, fittedCanvas, setText, themeColor } from './dom.js';
import { ramp } from './heat.js';
import { SCALE, dequantise, showCount, showPercent, showUnit } from './quantise.js';

const PAD = { left: 34, right: 10, top: 10, bottom: 26 };

/** State of a pixel (bit 0: SSL keeps it, bit 1: ESL keeps it) and its name. */
const REGIONS = [[3, 'both'], [2, 'ESL only'], [1, 'SSL only'], [0, 'neither']];

export class Density {
  constructor(session, onshow) {
    this.session = session;
    this.canvas = fittedCanvas('esl-density', 'Joint density of entropy and confidence; drag to brush');
    this.brush = null;
    this.chosen = 0;
    this.title = el('b');
    this.note = el('span', { class: 'esl-muted' });
    this.show = el('button', { type: 'button', class: 'esl-btn is-main', disabled: true, onclick: () => onshow(this.brushOf()) }, 'Show pixels');
    this.root = el('section', { class: 'esl-density-box', 'aria-label': 'Entropy and confidence' },
      el('div', { class: 'esl-row' }, this.title, this.note, el('span', { class: 'esl-grow' }), this.show), this.canvas, (this.regions = el('div', { class: 'esl-regions', role: 'group', 'aria-label': 'Regions' }, REGIONS.map(([id, name]) => el('button', {
        type: 'button', class: 'esl-region', disabled: true, title: 'Brush the pixels of this region', onclick: () => this.brushRegion(id),
      }, name)))));
    this.attachBrush();
    new ResizeObserver(() => this.prepare()).observe(this.canvas);
  }

  choose(c) {
    this.chosen = c;
    this.brush = null;
    this.prepare();
  }

  attachBrush() {
    let from = null;
    const at = (event) => {
      const w = this.canvas.clientWidth - PAD.left - PAD.right;
      const h = this.canvas.clientHeight - PAD.top - PAD.bottom;
      const clamp = (v) => Math.max(0, Math.min(1, v));
      return [clamp((event.offsetX - PAD.left) / w), clamp(1 - (event.offsetY - PAD.top) / h)];
    };
    this.canvas.addEventListener('pointerdown', (event) => { this.canvas.setPointerCapture(event.pointerId); from = at(event); this.brush = null; this.draw(); });
    this.canvas.addEventListener('pointermove', (event) => {
      if (!from) return;
      const to = at(event);
      this.brush = [Math.min(from[0], to[0]), Math.max(from[0], to[0]), Math.min(from[1], to[1]), Math.max(from[1], to[1])];
      this.draw();
    });
    this.canvas.addEventListener('pointerup', () => { from = null; });
  }

  /** All pixels of the chosen class in one of the four regions; by key as well as by pointer. */
  brushRegion(id) {
    const mu = this.session.thresholds.mu[this.chosen];
    const nu = this.session.thresholds.nu[this.chosen];
    const entropy = id & 2 ? [0, nu] : [Math.min(SCALE, nu + 1), SCALE];
    const confidence = id & 1 ? [mu, SCALE] : [0, Math.max(0, mu - 1)];
    this.brush = [...entropy, ...confidence].map((v) => v / SCALE);
    this.draw();
  }

  /** The brush as the server and the mask understand it: u16, inclusive. */
  brushOf() {
    const [e0, e1, p0, p1] = this.brush.map((v) => Math.round(v * SCALE));
    return { cls: this.chosen, e: [e0, e1], p: [p0, p1] };
  }

  prepare() {
    const { session, canvas } = this;
    if (!session.histogram) return;
    canvas.resize();
    const table = ramp('entropy');
    this.joint = session.histogram.joint(this.chosen);
    let most = 1;
    for (const v of this.joint) if (v > most) most = v;
    const image = new ImageData(256, 256);
    const words = new Uint32Array(image.data.buffer);
    for (let e = 0; e < 256; e++) {
      for (let p = 0; p < 256; p++) {
        const v = this.joint[e * 256 + p];
        words[(255 - p) * 256 + e] = v > 0 ? table[40 + Math.round((Math.log1p(v) / Math.log1p(most)) * 215)] : table[0];
      }
    }
    this.still = new OffscreenCanvas(256, 256);
    this.still.getContext('2d').putImageData(image, 0, 0);
    this.draw();
  }

  draw() {
    const { session, canvas } = this;
    if (!this.still || !session.histogram) return;
    const context = canvas.getContext('2d');
    const r = canvas.ratio;
    context.setTransform(r, 0, 0, r, 0, 0);
    const w = canvas.width / r - PAD.left - PAD.right;
    const h = canvas.height / r - PAD.top - PAD.bottom;
    const x = (e) => PAD.left + e * w;
    const y = (p) => PAD.top + (1 - p) * h;
    context.clearRect(0, 0, canvas.width, canvas.height);
    context.imageSmoothingEnabled = false;
    context.drawImage(this.still, PAD.left, PAD.top, w, h);
    const nu = dequantise(session.thresholds.nu[this.chosen]);
    const mu = dequantise(session.thresholds.mu[this.chosen]);
    this.drawAxes(context, x, y);
    this.drawRegions(context, x, y, nu, mu);
    if (this.brush) {
      const [e0, e1, p0, p1] = this.brush;
      context.fillStyle = 'rgba(255,61,242,0.18)';
      context.strokeStyle = '#ff3df2';
      context.lineWidth = 1.5;
      context.fillRect(x(e0), y(p1), x(e1) - x(e0), y(p0) - y(p1));
      context.strokeRect(x(e0), y(p1), x(e1) - x(e0), y(p0) - y(p1));
    }
    this.drawNote();
  }

  drawAxes(context, x, y) {
    context.font = '11px system-ui, sans-serif';
    context.fillStyle = themeColor(this.root, '--text-3');
    context.textAlign = 'center';
    context.textBaseline = 'top';
    for (const v of [0, 0.25, 0.5, 0.75, 1]) context.fillText(String(v), x(v), y(0) + 5);
    context.fillText(x(1) - x(0) < 400 ? 'E' : 'entropy E', x(0.625), y(0) + 5); // between two numbers
    context.textAlign = 'right';
    context.textBaseline = 'middle';
    for (const v of [0.25, 0.5, 0.75, 1]) context.fillText(String(v), x(0) - 5, y(v));
    context.fillText('P', x(0) - 5, y(0.62));
  }

  drawRegions(context, x, y, nu, mu) {
    context.strokeStyle = 'rgba(255,255,255,0.9)';
    context.lineWidth = 1.5;
    context.beginPath();
    context.moveTo(x(nu), y(0));
    context.lineTo(x(nu), y(1));
    context.moveTo(x(0), y(mu));
    context.lineTo(x(1), y(mu));
    context.stroke();
    context.font = '600 11px system-ui, sans-serif';
    context.lineWidth = 3;
    context.strokeStyle = 'rgba(0,0,0,0.75)';
    context.fillStyle = '#fff';
    const place = (text, px, py, align, base) => {
      context.textAlign = align;
      context.textBaseline = base;
      context.strokeText(text, px, py);
      context.fillText(text, px, py);
    };
    place(`ν ${showUnit(nu)}`, x(nu) + 5, y(0) - 6, 'left', 'bottom');
    place(`μ ${showUnit(mu)}`, x(1) - 5, y(mu) + 5, 'right', 'top');
    place('SSL only', x(1) - 6, y(mu) - 5, 'right', 'bottom');
    place('neither', x(1) - 6, y(0.08), 'right', 'bottom');
    if (nu > 0.12 && y(mu) - y(1) > 20) place('both', x(0) + 6, y(mu) - 5, 'left', 'bottom');
    if (nu > 0.12) place('ESL only', x(0) + 6, y(0.08), 'left', 'bottom');
  }

  drawNote() {
    const { session } = this;
    setText(this.title, session.info.class_names[this.chosen]);
    this.show.disabled = !this.brush;
    const total = this.joint.reduce((s, v) => s + v, 0);
    const counts = session.histogram.at(session.thresholds);
    REGIONS.forEach(([id, name], k) => {
      this.regions.children[k].disabled = false;
      const o = this.chosen * 12 + id;
      const labelled = counts[o] + counts[o + 4];
      const wrong = session.showsTruth && labelled > 0 ? ` · ${showPercent(counts[o + 4], labelled)} wrong` : '';
      setText(this.regions.children[k], `${name} ${showPercent(counts[o] + counts[o + 4] + counts[o + 8], total)}${wrong}`);
    });
    setText(this.note, this.brush ? `brushed ≈ ${showCount(this.brushed())} px` : 'drag over the density to brush pixels');
  }

  brushed() {
    const [e0, e1, p0, p1] = this.brush.map((v) => Math.min(255, Math.floor(v * 256)));
    let total = 0;
    for (let e = e0; e <= e1; e++) for (let p = p0; p <= p1; p++) total += this.joint[e * 256 + p];
    return total;
  }
}
