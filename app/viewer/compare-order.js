// The order of the images that two stores share: as in the file list, or by how many pixels change, of all classes or of one.
import { el, setText } from './dom.js';

const AGAIN_MS = 1000;
const ALL = 'all';

/** Pairs, those with most changed pixels first; what is not counted yet stands last, in file order. */
export function sortByFlips(pairs, counts, choice) {
  const of = ({ a }) => {
    const found = counts[a];
    if (!found) return -1;
    return choice === ALL ? found.reduce((sum, n) => sum + n, 0) / 2 : found[Number(choice)];
  };
  return pairs.map((pair) => ({ ...pair, changed: of(pair) })).sort((p, q) => q.changed - p.changed);
}

export class FlipOrder {
  /** @param hooks {api, order(pairs, isFinal)} */
  constructor(hooks) {
    this.hooks = hooks;
    this.select = el('select', { class: 'esl-select', 'aria-label': 'Order of the images', onchange: () => this.apply() });
    this.note = el('span', { class: 'esl-muted', role: 'status' });
  }

  /** Let go of the pair: answers about it come too late. */
  forget() {
    clearTimeout(this.timer);
    this.a = this.asked = null;
  }

  /** Another pair of stores. */
  set(a, b, pairs) {
    this.forget();
    Object.assign(this, { a, b, pairs, counts: {} });
    const chosen = this.select.value;
    const names = a.info.class_names;
    this.select.replaceChildren(el('option', { value: '' }, 'file order'), el('option', { value: ALL }, 'most changed pixels'),
      el('optgroup', { label: 'most changed pixels of' }, names.map((name, c) => el('option', { value: c }, name))));
    this.select.value = [...this.select.options].some((o) => o.value === chosen) ? chosen : '';
    if (this.select.value) this.apply();
  }

  async apply() {
    clearTimeout(this.timer);
    const { a, b, pairs } = this;
    if (!a) return undefined;
    const asked = (this.asked = {});
    setText(this.note, '');
    if (!this.select.value) return this.hooks.order(pairs, true);
    try {
      const answer = await this.hooks.api.flips(a.sid, b.sid);
      if (asked !== this.asked) return undefined;
      const isMore = answer.num_counted < answer.num_images;
      setText(this.note, isMore ? `${answer.num_counted} of ${answer.num_images} counted` : '');
      this.hooks.order(sortByFlips(pairs, answer.counts, this.select.value), !isMore);
      if (isMore && this.select.isConnected) this.timer = setTimeout(() => this.apply(), AGAIN_MS);
    } catch (error) {
      if (asked === this.asked) setText(this.note, error.message);
    }
    return undefined;
  }
}
