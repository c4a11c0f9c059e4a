// Both rules in four numbers, with the scope and its n always named.
import { el, setFlag, setText } from './dom.js';
import { showCount, showPercent } from './quantise.js';
import { relativeChange } from './statistics.js';

const SCOPE = { image: 'this image', filter: 'filtered images', set: 'whole target set' };

export class Summary {
  constructor() {
    const cell = (cls = '') => el('span', { class: `esl-sum-num ${cls}` });
    this.cells = { sslErr: cell(), sslKept: cell(), eslErr: cell(), eslKept: cell(), only: cell(), onlyErr: cell() };
    this.change = el('b', { class: 'esl-change' });
    this.scope = el('p', { class: 'esl-sum-scope' });
    const c = this.cells;
    this.root = el('section', { class: 'esl-summary', 'aria-label': 'Summary' },
      el('div', { class: 'esl-sum-grid' },
        el('span'), el('small', {}, 'wrong'), el('small', {}, 'kept'),
        el('b', { class: 'is-ssl' }, 'SSL'), c.sslErr, c.sslKept,
        el('b', { class: 'is-esl' }, 'ESL'), c.eslErr, c.eslKept,
        el('b', { class: 'is-only' }, 'SSL − ESL'), c.onlyErr, c.only),
      el('div', { class: 'esl-sum-side' }, el('small', {}, 'ESL against SSL'), this.change, el('small', {}, 'share of wrong')), this.scope);
  }

  /** `isMissing`: there are no numbers, and none are on their way. */
  draw(summary, scope, showsTruth, note = '', isMissing = false) {
    if (!summary) {
      for (const cell of Object.values(this.cells)) setText(cell, isMissing ? '–' : '…');
      setText(this.change, isMissing ? '–' : '…');
      setText(this.scope, isMissing ? `${SCOPE[scope]} · ${note}` : note || SCOPE[scope]);
      return;
    }
    const { all } = summary;
    const wrong = (p) => (showsTruth ? showPercent(p.wrong, p.labelled, 2) : 'no GT');
    setText(this.cells.sslErr, wrong(all.ssl));
    setText(this.cells.eslErr, wrong(all.esl));
    setText(this.cells.onlyErr, wrong(all.sslOnly));
    setText(this.cells.sslKept, showPercent(all.ssl.kept, all.pixels));
    setText(this.cells.eslKept, showPercent(all.esl.kept, all.pixels));
    setText(this.cells.only, showPercent(all.sslOnly.kept, all.pixels, 2));
    const change = showsTruth ? relativeChange(all) : NaN;
    setText(this.change, Number.isFinite(change) ? `${change > 0 ? '+' : '−'}${Math.abs(100 * change).toFixed(1)} %` : '—');
    setFlag(this.change, 'is-good', change < -0.0005);
    setFlag(this.change, 'is-bad', change > 0.0005);
    setText(this.scope, `${SCOPE[scope]} · n\u00a0=\u00a0${showCount(all.pixels)}\u00a0px${note ? ` · ${note}` : ''}`);
  }
}
