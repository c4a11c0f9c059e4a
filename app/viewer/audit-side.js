// The right side of the Audit screen: the crop, the question, the buttons, the note, and what the verdicts say so far.
import { DECISIONS, DIRECTIONS, agreement, keyOf, ofSample, precision, precisionByPair, raterKappa, relabelTarget } from './audit-model.js';
import { el, fittedCanvas, setFlag, setText } from './dom.js';
import { cssColor } from './heat.js';
import { people } from './verdict-mask.js';

const ZOOM = 6;

/** A class's colour; grey where the store has no such class. */
export function swatchOf({ class_colors: colors }, c) {
  return el('i', { class: 'esl-swatch', style: { background: cssColor(colors[c] ?? [128, 128, 128]) } });
}

export class AuditSide {
  constructor(screen) {
    this.screen = screen;
    const { session } = screen;
    this.session = session;
    this.crop = fittedCanvas('esl-crop', 'Photo of the arc, six times enlarged, without overlay');
    this.pair = el('p', { class: 'esl-pair' });
    this.buttons = Object.entries(DECISIONS).map(([key, d]) => el('button', { type: 'button', class: `esl-verdict is-${d.decision}`, dataset: { key }, onclick: () => screen.judge(key) },
      el('kbd', {}, d.key), el('span', {}, d.name)));
    this.setDirection(screen.drawn.direction);
    this.relabel = el('select', { class: 'esl-select', 'aria-label': 'Class that X relabels to', onchange: () => screen.setRelabel(Number(this.relabel.value)) });
    this.note = el('input', { class: 'esl-field', placeholder: 'note (N)', 'aria-label': 'Note', maxlength: 500, oninput: () => screen.keepNote(), onchange: () => screen.sendNote(), onkeydown: (e) => { if (e.key === 'Enter' || e.key === 'Escape') this.note.blur(); } });
    this.user = el('input', { class: 'esl-field', 'aria-label': 'Your name', placeholder: 'your name', maxlength: 60, onchange: () => screen.setUser(this.user.value.trim()) });
    this.unsent = el('button', { type: 'button', class: 'esl-chip is-amber', hidden: true, title: 'Not acknowledged by the server yet; kept in this browser and sent again. Click to try now.', onclick: () => screen.outbox.retry() });
    this.bar = el('i');
    this.progress = el('p', { class: 'esl-muted' });
    this.total = el('p', { class: 'esl-rate' });
    this.pairs = el('div', { class: 'esl-pairs' });
    this.extra = el('p', { class: 'esl-muted' });
    this.mask = el('input', { type: 'checkbox', onchange: () => screen.setMask(this.mask.checked) });
    this.maskName = el('span', {});
    this.root = el('aside', { class: 'esl-side esl-audit-side', 'aria-label': 'Verdict' }, this.crop, this.pair,
      el('div', { class: 'esl-verdicts' }, this.buttons), el('div', { class: 'esl-row' }, el('span', { class: 'esl-muted' }, 'X to'), this.relabel), this.note,
      el('div', { class: 'esl-row' }, el('span', { class: 'esl-muted' }, 'as'), this.user, this.unsent),
      el('section', { class: 'esl-progress', 'aria-label': 'Progress' }, el('div', { class: 'esl-meter' }, this.bar), this.progress, this.total, this.pairs, this.extra),
      el('label', { class: 'esl-check' }, this.mask, this.maskName));
    this.drawMask();
  }

  /** Whether verdicts go into recipes; another's do where a recipe of theirs was loaded. */
  drawMask() {
    const { verdictMask } = this.session;
    const isOwn = !verdictMask || verdictMask.users.every((user) => user === this.screen.user);
    this.mask.checked = Boolean(verdictMask);
    setText(this.maskName, isOwn ? 'Put your verdicts into recipes as a mask' : `Put the verdicts of ${people(verdictMask.users)} into recipes as a mask`);
  }

  /** Classes for the relabel list, once the store is known. */
  build() {
    this.relabel.replaceChildren(...this.session.info.class_names.map((name, c) => el('option', { value: c }, name)));
    this.user.value = this.screen.user;
  }

  /** Ask about the difference that was drawn: which rule a verdict agrees with depends on the rule that keeps the pixels. */
  setDirection(direction) {
    for (const button of this.buttons) {
      const { key } = button.dataset;
      setText(button.lastChild, DIRECTIONS[direction].words[key] ?? DECISIONS[key].name);
    }
  }

  /** The name of a login is not chosen here. */
  fixUser(user) {
    this.user.value = user;
    this.user.disabled = true;
    this.user.title = 'The name that you logged in with';
  }

  drawItem(item, verdict) {
    const { info } = this.session;
    for (const button of this.buttons) {
      button.disabled = !item;
      setFlag(button, 'is-on', Boolean(verdict) && keyOf(verdict) === button.dataset.key);
    }
    this.note.disabled = this.relabel.disabled = !item;
    if (!item) {
      this.pair.replaceChildren();
      return;
    }
    this.pair.replaceChildren(swatchOf(info, item.pred), el('b', {}, info.class_names[item.pred] ?? '?'), el('span', { class: 'esl-muted' }, 'or'), swatchOf(info, item.second), el('b', {}, info.class_names[item.second] ?? '?'), el('span', { class: 'esl-muted' }, `${item.pixels} px`));
    for (const option of this.relabel.options) option.disabled = Number(option.value) === item.pred; // that would be S
    this.relabel.value = String(relabelTarget(item, verdict));
  }

  /** The photo around the arc at six times its size, nothing drawn over it. */
  drawCrop(item, photo) {
    this.crop.resize();
    const context = this.crop.getContext('2d');
    const { width: w, height: h } = this.crop;
    context.clearRect(0, 0, w, h); // without an arc there is an empty frame in the theme's colour
    if (!item || !photo) return;
    const [x0, y0, x1, y1] = item.box;
    const zoom = Math.max(1, Math.min(ZOOM, w / (x1 - x0 + 12), h / (y1 - y0 + 12)));
    context.imageSmoothingEnabled = false;
    const cx = (x0 + x1 + 1) / 2;
    const cy = (y0 + y1 + 1) / 2;
    context.drawImage(photo, cx - w / 2 / zoom, cy - h / 2 / zoom, w / zoom, h / zoom, 0, 0, w, h);
  }

  /** All numbers are of the sample that was drawn: its items, its direction and the weights of its sampling. */
  drawProgress({ items, drawn, verdicts, mine, outbox, shares }) {
    const { session } = this;
    const done = items.filter((item) => mine.has(item.key)).length;
    this.bar.style.width = items.length ? `${(100 * done) / items.length}%` : '0';
    setText(this.progress, items.length ? `${done} of ${items.length} judged by you` : '');
    const own = ofSample(items, mine, drawn.sampling);
    const all = precision(own);
    const whose = drawn.sampling === 'top' ? '; of the most contested arcs, not of all' : '';
    const none = items.length ? 'No verdicts on these arcs yet: each one narrows the interval.' : '';
    setText(this.total, all.n ? `${DIRECTIONS[drawn.direction].rate}: ${interval(all)}${whose}` : none);
    this.pairs.replaceChildren(...precisionByPair(own).slice(0, 8).map((row) => this.pairRow(row)));
    const parts = [];
    const seen = agreement(own, shares);
    if (seen.n > 0 && session.showsTruth) parts.push(`Agrees with ground truth in ${seen.agree} of ${seen.n}.`);
    if (session.blind) parts.push('Blind: agreement with ground truth is shown when blind mode ends.');
    const keys = new Set(items.map((item) => item.key));
    const rater = raterKappa(verdicts.filter((v) => keys.has(v.item)));
    if (rater) parts.push(`Kappa of ${rater.users.join(' and ')}: ${rater.kappa.toFixed(2)} over ${rater.n} arcs.`);
    setText(this.extra, parts.join(' '));
    this.unsent.hidden = outbox.size === 0;
    setText(this.unsent, `${outbox.size} unsent`);
  }

  pairRow(row) {
    const { info } = this.session;
    const name = (c) => info.class_names[c] ?? '?';
    return el('div', { class: 'esl-pair-row', title: `${name(row.pred)} or ${name(row.second)}: ${interval(row)}` },
      el('span', {}, `${name(row.pred)} · ${name(row.second)}`), el('i', { class: 'esl-interval', style: { '--low': row.low, '--high': row.high, '--rate': row.rate } }), el('code', {}, row.n ? `${Math.round(100 * row.rate)} %` : '–'), el('small', {}, `n ${row.n}`));
  }
}

function interval({ rate, low, high, n }) {
  return `${(100 * rate).toFixed(0)} % (95 %: ${(100 * low).toFixed(0)} to ${(100 * high).toFixed(0)}), n = ${n}`;
}
