// The figures of the screen's numbers: drawn by Plotly, kept in step with the thresholds, saved as PNG, SVG or CSV.
import { Dialog } from './dialog.js';
import { el, setText } from './dom.js';
import { FIGURES, figureValues } from './figure-values.js';
import { downloadFigure, plotly } from './plotly.js';
import { download } from './table-csv.js';

const TOPICS = ['rule', 'scope', 'filter', 'image', 'image-error', 'sorted', 'histogram', 'look', 'theme', 'info'];
const QUIET = { displayModeBar: false, responsive: true };

class FigurePart {
  constructor(owner, figure) {
    this.owner = owner;
    this.figure = figure;
    this.plot = el('div', { class: 'esl-figure-plot', role: 'img', 'aria-label': figure.title });
    this.note = el('p', { class: 'esl-muted', role: 'status' }, 'Drawing …');
    this.again = el('button', { type: 'button', class: 'esl-btn', hidden: true, onclick: () => this.draw() }, 'Retry');
    this.buttons = ['PNG', 'SVG', 'CSV'].map((name) => el('button', {
      type: 'button', class: 'esl-btn', disabled: true, 'aria-label': `${figure.title} as ${name}`, onclick: () => this.save(name.toLowerCase()),
    }, name));
    this.root = el('section', { class: 'esl-figure', dataset: { figure: figure.id } },
      el('div', { class: 'esl-row' }, el('h3', {}, figure.title), el('span', { class: 'esl-grow' }), this.buttons), this.plot, el('div', { class: 'esl-row' }, this.note, this.again));
  }

  say(text, canRetry = false) {
    setText(this.note, text);
    this.note.hidden = text === '';
    this.again.hidden = !canRetry;
    this.plot.hidden = text !== '';
    for (const button of this.buttons) button.disabled = text !== '';
  }

  /** Ask for the figure and show it; an answer that comes after a newer question is dropped. */
  async draw() {
    const { session, theme, numbers } = this.owner;
    const values = figureValues(this.figure, session, numbers());
    const ticket = this.ticket = (this.ticket ?? 0) + 1;
    if (values.missing) return this.say(values.missing);
    this.values = values;
    try {
      const [Plotly, spec] = await Promise.all([plotly(), session.api.figure(this.figure.kind, { ...values.body, dark: theme() === 'dark' })]);
      if (ticket !== this.ticket || !this.root.isConnected) return undefined;
      this.say('');
      await Plotly.react(this.plot, spec.data, spec.layout, QUIET);
      this.plot.dataset.drawn = String(ticket);
    } catch (error) {
      if (ticket === this.ticket) this.say(`This figure could not be drawn. ${error.message}`, true);
    }
    return undefined;
  }

  async save(format) {
    const { session, context } = this.owner;
    const { nuStar, muStar } = session.rule;
    const name = `${this.figure.id}-${this.values.scope}-nu${nuStar}-mu${muStar}`;
    if (format === 'csv') return download(`${name}.csv`, this.values.csv());
    try {
      await downloadFigure(await session.api.figure(this.figure.kind, { ...this.values.body, dark: false }), format, name);
    } catch (error) {
      context.say(`The figure was not saved. ${error.message}`, () => this.save(format));
    }
    return undefined;
  }
}

export class FiguresDialog {
  /** @param numbers gives the counts that the screen shows, as `numbersOf` does */
  constructor(context, numbers) {
    Object.assign(this, { context, numbers, session: context.session, theme: context.theme });
    this.listening = [];
  }

  open() {
    if (this.dialog?.isOpen) return;
    this.parts = FIGURES.map((figure) => new FigurePart(this, figure));
    this.dialog = new Dialog(this.context.host(), 'Figures', { className: 'is-figures', onclose: () => this.closed() });
    this.dialog.box.append(...this.parts.map((part) => part.root));
    this.dialog.open();
    this.listening = TOPICS.map((topic) => this.context.listen(topic, () => this.later()));
    this.draw();
  }

  closed() {
    clearTimeout(this.waiting);
    for (const stop of this.listening) stop();
    for (const part of this.parts) window.Plotly?.purge(part.plot);
  }

  /** After a move, once things rest. */
  later() {
    clearTimeout(this.waiting);
    this.waiting = setTimeout(() => this.draw(), 150);
  }

  draw() {
    for (const part of this.parts) part.draw();
  }
}
