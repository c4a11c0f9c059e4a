// The left side of the Audit screen: what is drawn, and the arcs that were.
import { DIRECTIONS, whyNone } from './audit-model.js';
import { swatchOf } from './audit-side.js';
import { el, setFlag, setText } from './dom.js';

const SAMPLINGS = [['stratified', 'stratified by class pair'], ['uniform', 'uniform, with a seed'], ['top', 'most contested first']];
const MOST_ARCS = 2000; // both are the server's limits
const LAST_SEED = 2147483647;

export class AuditQueue {
  constructor(screen) {
    this.screen = screen;
    this.rows = [];
    this.sampling = el('select', { class: 'esl-select', 'aria-label': 'Sampling' }, SAMPLINGS.map(([id, name]) => el('option', { value: id }, name)));
    this.direction = el('select', { class: 'esl-select', 'aria-label': 'Direction' }, Object.entries(DIRECTIONS).map(([id, { name, what }]) => el('option', { value: id }, `${name}: ${what}`)));
    this.seed = el('input', { type: 'number', class: 'esl-number', min: 0, max: LAST_SEED, step: 1, value: 0, 'aria-label': 'Seed' });
    this.limit = el('input', { type: 'number', class: 'esl-number', min: 1, max: MOST_ARCS, step: 1, value: 100, 'aria-label': 'Number of arcs' });
    this.drawButton = el('button', { type: 'button', class: 'esl-btn is-main', onclick: () => screen.load() }, 'Draw arcs');
    this.state = el('p', { class: 'esl-list-note', role: 'status' });
    this.lower = el('button', { type: 'button', class: 'esl-btn', hidden: true, onclick: () => screen.lowerNu() }, 'Lower ν* by 0.02');
    this.list = el('div', { class: 'esl-queue', role: 'listbox', tabindex: 0, 'aria-label': 'Arcs; J and K or the arrows go through them' });
    this.root = el('nav', { class: 'esl-list', 'aria-label': 'Queue' },
      el('div', { class: 'esl-list-head' }, this.direction, this.sampling, el('div', { class: 'esl-row' }, el('span', { class: 'esl-muted' }, 'arcs'), this.limit, el('span', { class: 'esl-muted' }, 'seed'), this.seed), this.drawButton),
      this.state, this.lower, this.list);
  }

  /** The body of POST /queue but for the thresholds; null, with the reason said, where a box holds no such number. */
  question() {
    const wrong = [['Arcs', this.limit, 1, MOST_ARCS], ['The seed', this.seed, 0, LAST_SEED]].find(([, { valueAsNumber: n }, low, high]) => !Number.isInteger(n) || n < low || n > high);
    if (wrong) {
      this.say(`${wrong[0]} must be a whole number from ${wrong[2]} to ${wrong[3]}.`);
      wrong[1].focus();
      return null;
    }
    return { sampling: this.sampling.value, direction: this.direction.value, seed: this.seed.valueAsNumber, limit: this.limit.valueAsNumber };
  }

  say(text) {
    setText(this.state, text);
  }

  setBusy(isBusy) {
    this.drawButton.disabled = isBusy;
    if (!isBusy) return;
    this.lower.hidden = true;
    this.say('Drawing arcs …');
  }

  fill(answer, direction) {
    const { items } = answer;
    const { info, rule } = this.screen.session;
    this.rows = items.map((item, n) => el('div', { class: 'esl-arc', role: 'option', onclick: () => this.screen.go(n) },
      swatchOf(info, item.pred), swatchOf(info, item.second), el('span', {}, `${info.class_names[item.pred] ?? '?'} · ${info.class_names[item.second] ?? '?'}`), el('small', {}, `${item.pixels}`), el('em')));
    this.list.replaceChildren(...this.rows);
    const of = answer.num_candidates > 0 ? ` of ${answer.num_candidates}` : '';
    this.say(items.length ? `${items.length}${of} arcs` : whyNone(answer, DIRECTIONS[direction].name, rule.nuStar));
    this.lower.hidden = items.length > 0 || direction === 'esl_only';
  }

  /** Say at each arc what its verdict is, and which arc is shown. */
  mark(items, mine, at) {
    this.rows.forEach((row, n) => {
      const verdict = mine.get(items[n].key);
      setText(row.lastChild, verdict ? verdict.decision : '');
      row.dataset.decision = verdict?.decision ?? '';
      setFlag(row, 'is-current', n === at);
      row.setAttribute('aria-selected', String(n === at));
    });
  }

  reveal(n) {
    this.rows[n].scrollIntoView({ block: 'nearest' });
  }
}
