// The two global thresholds: slider, number box, marks at the paper's values, and what the medians do to them.
import { el, setText, ICONS, iconButton, numberIn } from './dom.js';
import { DEFAULT_PORTION } from './class-balanced.js';
import { dequantise, snap, showUnit } from './quantise.js';
import { DEFAULT_RULE, MODES, numBound } from './thresholds.js';

const MARKS = { nu: [0.05, 0.1, 0.15, 0.2, 0.3], mu: [0.5, 0.7, 0.9] };
const MODE_NAMES = { capped: 'paper: capped by medians', fixed: 'fixed: no medians', median: 'medians alone' };

/** What keeps classes from following a slider, else a slider that moves few of them or none looks dead. */
export function holdNote(symbol, bound, own, numClasses) {
  if (own === numClasses) return `${symbol}* moves 0 of ${numClasses} classes: ${own} have their own ${symbol}(c)`;
  const said = bound ? `M  the median binds for ${bound} of ${numClasses} classes` : '';
  return [said, own ? `${own} of ${numClasses} ${own === 1 ? 'has its' : 'have their'} own ${symbol}(c)` : ''].filter(Boolean).join(' · ');
}

class ThresholdSlider {
  constructor(session, which) {
    this.session = session;
    this.which = which;
    this.key = which === 'nu' ? 'nuStar' : 'muStar';
    const symbol = which === 'nu' ? 'ν*' : 'μ*';
    const meaning = which === 'nu' ? 'ESL keeps E ≤ ν(c)' : 'SSL keeps P ≥ μ(c)';
    const change = (value, commit) => session.setRule({ [this.key]: snap(value, 0.0001) }, commit);
    this.range = el('input', {
      type: 'range', min: 0, max: 1, step: 0.001, class: `esl-range esl-range-${which}`, 'aria-label': `${symbol}, ${meaning}`,
      oninput: () => change(this.range.valueAsNumber, false), onchange: () => session.commitRule(),
      onkeydown: (event) => this.fineStep(event, change),
    });
    this.box = el('input', {
      type: 'number', min: 0, max: 1, step: 0.001, class: 'esl-number', 'aria-label': `${symbol} as a number`,
      onchange: () => {
        change(numberIn(this.box, session.rule[this.key]), true);
        this.box.value = session.rule[this.key]; // what was no threshold is not left standing there
      },
    });
    this.marks = el('div', { class: 'esl-marks' }, MARKS[which].map((value) => el('button', {
      type: 'button', class: 'esl-mark', tabindex: -1, style: { '--at': value }, title: `${symbol} = ${value}${value === DEFAULT_RULE[this.key] ? ', the paper’s' : ''}`,
      onclick: () => change(value, true),
    }, showUnit(value, value * 10 % 1 ? 2 : 1))));
    this.note = el('p', { class: 'esl-bind', role: 'status' });
    const reset = iconButton(ICONS.undo, `Reset ${symbol} to ${DEFAULT_RULE[this.key]}`, () => change(DEFAULT_RULE[this.key], true));
    this.root = el('div', { class: `esl-slider is-${which}` },
      el('div', { class: 'esl-slider-head' }, el('b', {}, symbol), el('span', {}, meaning), this.box, reset),
      el('div', { class: 'esl-slider-track' }, this.range, this.marks), this.note);
  }

  /** Shift makes the arrows ten times finer. */
  fineStep(event, change) {
    const sign = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1 }[event.key];
    if (!sign || !event.shiftKey) return;
    event.preventDefault();
    change(this.session.rule[this.key] + sign * 0.0001, true);
  }

  draw() {
    const { rule, thresholds, numClasses } = this.session;
    const value = rule[this.key];
    if (this.range.valueAsNumber !== snap(value)) this.range.value = value;
    if (document.activeElement !== this.box && this.box.valueAsNumber !== value) this.box.value = value;
    this.range.style.setProperty('--at', value);
    const isNu = this.which === 'nu';
    const bound = numBound(isNu ? thresholds.nuBinds : thresholds.muBinds);
    const own = numBound(isNu ? thresholds.nuOverridden : thresholds.muOverridden);
    const text = rule.mode === 'median' ? 'The medians decide alone: this slider moves absent classes only.' : holdNote(isNu ? 'ν' : 'μ', bound, own, numClasses);
    setText(this.note, text);
    this.note.title = [
      bound ? 'Classes that the median binds keep it until the slider passes it, so that at least half of each is kept.' : '',
      own ? 'Classes with a threshold of their own follow the slider again when their override is cleared.' : '',
    ].filter(Boolean).join(' ');
    this.note.hidden = text === '';
  }
}

/** CBST's portion; there only while a pane shows its labels. */
class PortionSlider {
  constructor(session) {
    this.session = session;
    const change = (value) => session.classBalanced.setPortion(Math.max(0.005, snap(value, 0.0001)));
    this.range = el('input', {
      type: 'range', min: 0.005, max: 1, step: 0.005, class: 'esl-range', 'aria-label': 'CBST’s portion of each predicted class', oninput: () => change(this.range.valueAsNumber),
    });
    this.box = el('input', {
      type: 'number', min: 0.005, max: 1, step: 0.005, class: 'esl-number', 'aria-label': 'CBST’s portion as a number',
      onchange: () => {
        change(numberIn(this.box, session.classBalanced.portion));
        this.box.value = session.classBalanced.portion;
      },
    });
    this.note = el('p', { class: 'esl-bind', role: 'status' });
    this.root = el('div', { class: 'esl-slider is-portion', hidden: true },
      el('div', { class: 'esl-slider-head' }, el('b', {}, 'p'), el('span', { title: 'The share of each predicted class, most confident first, that sets its threshold over P' }, 'CBST’s portion'), this.box,
        iconButton(ICONS.undo, `Reset the portion to ${DEFAULT_PORTION}`, () => change(DEFAULT_PORTION))),
      el('div', { class: 'esl-slider-track' }, this.range), this.note);
  }

  draw() {
    const { classBalanced, info } = this.session;
    this.root.hidden = !classBalanced.isShown;
    if (!classBalanced.isShown) return;
    const { portion, range } = classBalanced;
    if (this.range.valueAsNumber !== snap(portion, 0.005)) this.range.value = portion;
    if (document.activeElement !== this.box && this.box.valueAsNumber !== portion) this.box.value = portion;
    this.range.style.setProperty('--at', portion);
    const at = ([value, c]) => `${showUnit(dequantise(value))} (${info.class_names[c]})`;
    setText(this.note, range ? `thresholds ${at(range[0])} to ${at(range[1])}` : '');
  }
}

export class Controls {
  constructor(session) {
    this.session = session;
    this.nu = new ThresholdSlider(session, 'nu');
    this.mu = new ThresholdSlider(session, 'mu');
    this.portion = new PortionSlider(session);
    this.mode = el('select', { class: 'esl-select', 'aria-label': 'How medians act', onchange: () => session.setRule({ mode: this.mode.value }) },
      MODES.map((mode) => el('option', { value: mode }, MODE_NAMES[mode])));
    this.undo = el('button', { type: 'button', class: 'esl-btn is-quiet', onclick: () => session.undo() }, 'Undo');
    this.reset = el('button', {
      type: 'button', class: 'esl-btn is-quiet', title: 'Free every class: remove all overrides and locks',
      onclick: () => session.setRule({ muOverrides: {}, nuOverrides: {} }),
    }, 'Clear overrides');
    this.root = el('section', { class: 'esl-controls', 'aria-label': 'Thresholds' }, this.nu.root, this.mu.root, this.portion.root,
      el('div', { class: 'esl-row' }, this.mode, this.undo, this.reset));
  }

  draw() {
    this.nu.draw();
    this.mu.draw();
    this.portion.draw();
    const { rule, past } = this.session;
    if (this.mode.value !== rule.mode) this.mode.value = rule.mode;
    this.undo.disabled = past.length === 0;
    this.reset.hidden = Object.keys(rule.muOverrides).length + Object.keys(rule.nuOverrides).length === 0;
  }
}
