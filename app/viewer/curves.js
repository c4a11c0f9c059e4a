// Error and coverage against nu* and mu*: the curves are drawn once, each frame adds the cursor; a click sets the threshold.
import { el, fittedCanvas, themeColor } from './dom.js';
import { curve } from './statistics.js';
import { classThresholds } from './thresholds.js';
import { snap } from './quantise.js';

/** Error and coverage of one rule at every global threshold, all else of the rule as it is. */
export function starCurve(session, rule, cumulative) {
  const key = rule === 'esl' ? 'nuStar' : 'muStar';
  return curve(cumulative[rule], session.numClasses, (star) => {
    const t = classThresholds(session.info.medians, { ...session.rule, [key]: star });
    return rule === 'esl' ? t.nu : t.mu;
  }, rule);
}

class CurvePlot {
  constructor(session, rule) {
    this.session = session;
    this.rule = rule;
    this.key = rule === 'esl' ? 'nuStar' : 'muStar';
    this.canvas = fittedCanvas('esl-curve', `Error and coverage against ${rule === 'esl' ? 'ν*' : 'μ*'}`);
    this.context = this.canvas.getContext('2d');
    this.still = new OffscreenCanvas(1, 1);
    const set = (event, commit) => {
      const x = (event.offsetX - PAD.left) / (this.canvas.clientWidth - PAD.left - PAD.right);
      session.setRule({ [this.key]: snap(x) }, commit);
    };
    this.canvas.addEventListener('pointerdown', (event) => { this.canvas.setPointerCapture(event.pointerId); this.down = true; set(event, false); });
    this.canvas.addEventListener('pointermove', (event) => { if (this.down) set(event, false); });
    this.canvas.addEventListener('pointerup', () => { this.down = false; session.commitRule(); });
  }

  /** New data, scope, mode or overrides: compute and draw the still part. */
  prepare(cumulative, showsTruth, missing = '') {
    const { session, canvas } = this;
    canvas.resize();
    this.data = cumulative ? starCurve(session, this.rule, cumulative) : null;
    this.still.width = canvas.width;
    this.still.height = canvas.height;
    const context = this.still.getContext('2d');
    context.setTransform(canvas.ratio, 0, 0, canvas.ratio, 0, 0);
    this.box = { w: canvas.width / canvas.ratio, h: canvas.height / canvas.ratio };
    this.colors = { line: themeColor(canvas, '--line'), text: themeColor(canvas, '--text-3'), strong: themeColor(canvas, '--text-1'), rule: themeColor(canvas, `--${this.rule}`), coverage: themeColor(canvas, '--text-2') };
    this.frame(context);
    if (!this.data) return this.word(context, missing);
    this.trace(context, this.data.coverage, 1, this.colors.coverage, [3, 2]);
    this.most = 0.02;
    if (!showsTruth || !this.data.error.some(Number.isFinite)) return undefined; // an own image has no truth in any set
    for (const e of this.data.error) if (e > this.most) this.most = e;
    this.trace(context, this.data.error, this.most, this.colors.rule, []);
    context.fillStyle = this.colors.rule;
    context.textAlign = 'left';
    context.fillText(`${(100 * this.most).toFixed(0)} % wrong`, PAD.left, LABEL_Y);
    return undefined;
  }

  /** Why there is no curve, in its place. */
  word(context, text) {
    context.textAlign = 'center';
    context.fillStyle = this.colors.text;
    context.fillText(text, this.x(0.5), this.y(0.5));
  }

  x(star) { return PAD.left + star * (this.box.w - PAD.left - PAD.right); }
  y(share) { return PAD.top + (1 - share) * (this.box.h - PAD.top - PAD.bottom); }

  frame(context) {
    context.font = '9.5px system-ui, sans-serif';
    context.textBaseline = 'middle';
    context.strokeStyle = this.colors.line;
    context.beginPath();
    for (const tick of [0, 0.25, 0.5, 0.75, 1]) {
      context.moveTo(this.x(tick) + 0.5, this.y(0));
      context.lineTo(this.x(tick) + 0.5, this.y(1));
    }
    context.moveTo(this.x(0), this.y(0));
    context.lineTo(this.x(1), this.y(0));
    context.stroke();
    context.fillStyle = this.colors.text;
    context.textAlign = 'center';
    for (const tick of [0, 0.5, 1]) context.fillText(String(tick), this.x(tick), this.box.h - 6);
    context.fillText(this.rule === 'esl' ? 'ν*' : 'μ*', this.x(0.25), this.box.h - 6);
    context.textAlign = 'right';
    context.fillText('100 % kept', this.x(1), LABEL_Y);
  }

  trace(context, values, most, color, dash) {
    context.strokeStyle = color;
    context.lineWidth = 1.5;
    context.setLineDash(dash);
    context.beginPath();
    values.forEach((value, k) => {
      if (!Number.isFinite(value)) return;
      context.lineTo(this.x(this.data.stars[k]), this.y(value / most));
    });
    context.stroke();
    context.setLineDash([]);
    context.lineWidth = 1;
  }

  draw() {
    const { context, canvas, still } = this;
    if (!this.box) return;
    context.clearRect(0, 0, canvas.width, canvas.height);
    context.drawImage(still, 0, 0);
    context.setTransform(canvas.ratio, 0, 0, canvas.ratio, 0, 0);
    const x = this.x(this.session.rule[this.key]);
    context.strokeStyle = this.colors.strong;
    context.beginPath();
    context.moveTo(x, this.y(1));
    context.lineTo(x, this.y(0));
    context.stroke();
    context.setTransform(1, 0, 0, 1, 0, 0);
  }
}

const PAD = { left: 6, right: 6, top: 15, bottom: 13 };
const LABEL_Y = 6;

export class Curves {
  constructor(session) {
    this.session = session;
    this.plots = [new CurvePlot(session, 'esl'), new CurvePlot(session, 'ssl')];
    this.root = el('section', { class: 'esl-curves', 'aria-label': 'Error and coverage against the thresholds' }, this.plots.map((p) => p.canvas));
    this.prepared = '';
    new ResizeObserver(() => { this.prepared = ''; session.emit('scope'); }).observe(this.root);
  }

  /** `cumulative` is {ssl, esl} of the scope, or null while it is being counted; `missing` says why it will not come. */
  draw(cumulative, tag, missing = '') {
    const { rule, showsTruth, info } = this.session;
    const state = JSON.stringify([tag, rule.mode, rule.muOverrides, rule.nuOverrides, info.medians, showsTruth, cumulative !== null, missing]);
    for (const plot of this.plots) {
      if (state !== this.prepared) plot.prepare(cumulative, showsTruth, missing);
      plot.draw();
    }
    this.prepared = state;
  }

  forget() {
    this.prepared = '';
  }
}
