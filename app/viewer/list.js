// The image list: 10,000 rows of which only those in view exist; order and filter come from the server's ranking.
import { el, setFlag, setText } from './dom.js';
import { showShort } from './quantise.js';
import { KEYS, inWords, needsTruth, splitFilter } from './ranking.js';

const ROW = 44;
const SPARE = 6;
const THUMB_AFTER = 100; // milliseconds that a row must stay before its thumbnail is fetched: flying past, none is

/** Which rows of `count` a viewport shows, with spare ones around: [first, end). */
export function visibleRange(scrollTop, height, count) {
  const first = Math.max(0, Math.floor(scrollTop / ROW) - SPARE);
  return [first, Math.min(count, Math.ceil((scrollTop + height) / ROW) + SPARE)];
}

/** A file's name without folder and ending, as what may be cut and the end, which tells images of one drive apart. */
export function splitName(path) {
  const name = path.split('/').pop().replace(/(_leftImg8bit)?\.[A-Za-z]+$/, '');
  const at = Math.max(0, name.length - 10);
  return [name.slice(0, at), name.slice(at)];
}

export class ImageList {
  constructor(session) {
    this.session = session;
    this.order = [];
    this.values = null;
    this.key = 'index';
    this.nodes = new Map(); // place in the order -> row in view
    this.pool = []; // rows out of view, to be used again
    this.seen = new Set();
    this.search = el('input', {
      type: 'search', class: 'esl-search', value: session.filter, placeholder: 'class:rider err>5% unseen', 'aria-label': 'Filter images', spellcheck: 'false',
      oninput: () => this.later(), onkeydown: (event) => { if (event.key === 'Escape') this.search.blur(); },
    });
    this.sort = el('select', { class: 'esl-select', 'aria-label': 'Sort images by', onchange: () => { this.key = this.sort.value; this.rank(); } },
      KEYS.map(([id, name]) => el('option', { value: id }, name)));
    this.note = el('p', { class: 'esl-list-note', role: 'status' });
    this.again = el('button', { type: 'button', class: 'esl-btn', hidden: true, title: 'Boundary shares are as of the last time they were computed', onclick: () => this.recompute() }, 'Recompute at these thresholds');
    this.inner = el('div', { class: 'esl-list-inner', role: 'listbox', 'aria-label': 'Images' });
    this.scroller = el('div', { class: 'esl-list-scroll', tabindex: 0, role: 'group', 'aria-label': 'Images; the arrows go through them', onscroll: () => this.draw(), onkeydown: (event) => this.arrows(event) }, this.inner);
    this.root = el('nav', { class: 'esl-list', 'aria-label': 'Images' }, el('div', { class: 'esl-list-head' }, this.search, this.sort, this.again), this.note, this.scroller);
    new ResizeObserver(() => {
      this.height = this.scroller.clientHeight; // reading it in every frame would force a layout
      this.draw();
    }).observe(this.scroller);
  }

  load() {
    const { info } = this.session;
    this.order = info.images.map((image) => image.i);
    this.values = null;
    this.byIndex = new Map(info.images.map((image) => [image.i, image]));
    try {
      this.seen = new Set(JSON.parse(localStorage.getItem(`esl.seen.${info.sid}`) ?? '[]'));
    } catch { this.seen = new Set(); }
    for (const option of this.sort.options) option.hidden = !this.session.showsTruth && needsTruth(option.value);
    this.refresh();
    if (this.isRanked) this.rank();
  }

  /** Whether the order and the numbers of what is listed depend on the thresholds. */
  get isRanked() {
    const { filter, brush } = this.session;
    return this.key !== 'index' || filter !== '' || brush !== null;
  }

  markSeen(i) {
    if (this.seen.has(i)) return;
    this.seen.add(i);
    try {
      localStorage.setItem(`esl.seen.${this.session.sid}`, JSON.stringify([...this.seen]));
    } catch { /* private mode: seen marks last as long as the page */ }
  }

  later(ms = 220) {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.rank(), ms);
  }

  /** Ask for the order at the thresholds on screen; the last question asked wins. */
  async rank() {
    const { session } = this;
    if (this.hasLeft) return;
    if (!session.showsTruth && needsTruth(this.key)) this.key = this.sort.value = 'index';
    this.again.hidden = this.key !== 'boundary';
    session.filter = this.search.value;
    const { server, seen, truth } = splitFilter(session.filter);
    const isHidden = session.blind && truth !== null;
    const ask = (this.ask = (this.ask ?? 0) + 1);
    const isLate = () => this.hasLeft || ask !== this.ask;
    if (isHidden || (this.key === 'index' && !server && !session.brush)) {
      session.filtered = null;
      this.apply(session.info.images.map((image) => image.i), null, seen, '');
      if (isHidden) this.refuse(`${truth} asks for errors, which blind mode hides: all images are listed. Take it out, or show ground truth (G).`);
      session.emit('filter');
      return;
    }
    const { mu, nu } = session.thresholds;
    const body = { mu: [...mu], nu: [...nu], key: this.key, filter: server, ...(session.brush ? { brush: session.brush } : {}) };
    if (this.key === 'class') body.class = this.classIndex();
    try {
      const answer = await session.api.rank(session.sid, body);
      if (isLate()) return;
      session.filtered = seen === null ? answer.totals ?? null : null; // the server counts what it lists, seen or not
      this.apply(answer.order, answer.values, seen, answer.approximate ? '≈' : '');
    } catch (error) {
      if (isLate()) return;
      session.filtered = null;
      this.refuse(error.message);
    }
    session.emit('filter');
  }

  /** The session goes on without this list: nothing that waits or travels may still write to it. */
  leave() {
    this.hasLeft = true;
    clearTimeout(this.timer);
  }

  refuse(why) {
    setText(this.note, why);
    this.note.classList.add('is-error');
  }

  /** Have the server count boundary pixels anew, then rank by them. */
  async recompute() {
    const { api, sid, thresholds } = this.session;
    this.again.disabled = true;
    try {
      const { job } = await api.boundary(sid, thresholds);
      for (let state = 'running'; state === 'running' || state === 'queued';) {
        await new Promise((go) => setTimeout(go, 500));
        const status = await api.job(job);
        state = status.state;
        setText(this.note, status.error || `Counting boundary pixels: ${status.done} of ${status.total}`);
      }
      this.key = this.sort.value = 'boundary';
      await this.rank();
    } catch (error) {
      setText(this.note, error.message);
    }
    this.again.disabled = false;
  }

  /** The class named in the filter, or the only one that is not hidden, or the first. */
  classIndex() {
    const { info, hidden } = this.session;
    const named = /class:(\S+)/.exec(this.search.value);
    const found = named ? info.class_names.indexOf(named[1]) : -1;
    return found >= 0 ? found : Math.max(0, info.class_names.findIndex((_, c) => !hidden.has(c)));
  }

  apply(order, values, seen, mark) {
    const keep = order.map((i, n) => [i, values ? values[n] : null]).filter(([i]) => seen === null || this.seen.has(i) === seen);
    this.order = keep.map(([i]) => i);
    this.session.filteredOrder = this.order;
    this.values = values ? new Map(keep) : null;
    this.mark = mark;
    this.refresh();
  }

  refresh() {
    const { info } = this.session;
    this.note.classList.remove('is-error');
    const total = info.num_images;
    const found = this.order.length === total ? `${total} images` : `${this.order.length} of ${total} images`;
    setText(this.note, found + (this.mark ? ' · ranked on coarse counts (≈)' : '') + (this.session.brush ? ' · brushed pixels' : ''));
    this.inner.style.height = `${this.order.length * ROW}px`;
    this.retire(() => true);
    this.draw();
  }

  /** Rows that left the view take the places that came into it. */
  draw() {
    const [first, end] = visibleRange(this.scroller.scrollTop, this.height ?? this.scroller.clientHeight, this.order.length);
    this.retire((n) => n < first || n >= end);
    for (let n = first; n < end; n++) {
      if (this.nodes.has(n)) continue;
      const row = this.spareRow(this.order[n]);
      this.bind(row, n);
      this.nodes.set(n, row);
    }
    for (const row of this.pool) if (!row.root.hidden) row.root.hidden = true;
    this.markCurrent();
    this.loadThumbs();
  }

  retire(isGone) {
    for (const [n, row] of this.nodes) {
      if (!isGone(n)) continue;
      this.nodes.delete(n);
      this.pool.push(row);
    }
  }

  /** A row out of view, best the one that showed this image last: it has the thumbnail. */
  spareRow(i) {
    if (this.pool.length === 0) return this.makeRow();
    const same = this.pool.findIndex((row) => row.i === i);
    return this.pool.splice(same, 1)[0]; // -1: the last one
  }

  makeRow() {
    const row = { i: null };
    row.image = el('img', { class: 'esl-thumb', decoding: 'async', alt: '' });
    row.waiting = el('span', { class: 'esl-thumb is-waiting', hidden: true }, '…');
    row.head = el('span');
    row.tail = el('span');
    row.name = el('b', {}, row.head, row.tail);
    row.sub = el('small');
    row.root = el('div', { class: 'esl-item', role: 'option', onclick: () => this.session.show(row.i) }, row.image, row.waiting, el('span', { class: 'esl-item-text' }, row.name, row.sub));
    this.inner.append(row.root);
    return row;
  }

  /** Fill a row with the image at place `n` of the order; its thumbnail follows when the row stays. */
  bind(row, n) {
    const i = this.order[n];
    const image = this.byIndex.get(i) ?? { name: `image ${i}`, done: true };
    const { root } = row;
    const [head, tail] = splitName(image.name);
    setText(row.head, head);
    setText(row.tail, tail);
    setText(row.sub, this.sub(image, this.values?.get(i)));
    root.title = image.name;
    root.style.transform = `translateY(${n * ROW}px)`;
    root.setAttribute('aria-posinset', String(n + 1));
    root.setAttribute('aria-setsize', String(this.order.length));
    if (root.hidden) root.hidden = false;
    row.waiting.hidden = image.done !== false;
    row.image.hidden = image.done === false;
    row.wanted = image.done === false ? null : this.session.api.thumbUrl(this.session.info, i);
    if (row.source !== row.wanted && row.source) {
      row.image.removeAttribute('src'); // never another image's picture beside this name
      row.source = null;
    }
    row.i = i;
    row.since = performance.now();
  }

  /** Fetch the thumbnails of rows that have stayed in view for a moment; look again while some have not. */
  loadThumbs() {
    if (this.thumbTimer) return;
    const now = performance.now();
    let isEarly = false;
    for (const row of this.nodes.values()) {
      if (row.source === row.wanted || !row.wanted) continue;
      if (now - row.since < THUMB_AFTER) isEarly = true;
      else row.image.src = row.source = row.wanted;
    }
    if (!isEarly) return;
    this.thumbTimer = setTimeout(() => {
      this.thumbTimer = 0;
      this.loadThumbs();
    }, THUMB_AFTER);
  }

  sub(image, value) {
    if (image.done === false) return 'waiting for its turn';
    if (this.session.brush && value !== null && value !== undefined) return `${this.mark}${showShort(value)}  brushed pixels`;
    if (this.key === 'index' || value === null || value === undefined) return image.has_truth === false ? 'no ground truth' : `#${image.i}`;
    return `${this.mark}${inWords(this.key, value)}`;
  }

  markCurrent() {
    for (const row of this.nodes.values()) {
      const isCurrent = row.i === this.session.index;
      const isSeen = this.seen.has(row.i);
      if (row.isCurrent === isCurrent && row.isSeen === isSeen) continue;
      Object.assign(row, { isCurrent, isSeen });
      setFlag(row.root, 'is-current', isCurrent);
      setFlag(row.root, 'is-seen', isSeen);
      row.root.setAttribute('aria-selected', String(isCurrent));
    }
  }

  /** The image `step` places from the current one in the list's order. */
  go(step) {
    const at = this.order.indexOf(this.session.index);
    const next = at < 0 ? 0 : Math.max(0, Math.min(this.order.length - 1, at + step));
    if (this.order.length > 0) this.session.show(this.order[next]);
  }

  reveal() {
    const at = this.order.indexOf(this.session.index);
    const { scrollTop, clientHeight } = this.scroller;
    if (at >= 0 && (at * ROW < scrollTop || (at + 1) * ROW > scrollTop + clientHeight)) {
      this.scroller.scrollTop = Math.max(0, at * ROW - clientHeight / 2);
    }
    this.draw();
  }

  arrows(event) {
    const step = { ArrowDown: 1, ArrowUp: -1, PageDown: 10, PageUp: -10 }[event.key];
    if (!step) return;
    event.preventDefault();
    this.go(step);
  }
}
