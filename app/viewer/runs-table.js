// The runs table: only rows in view exist, cells are written where they changed, so that 1,000 runs do not lag.
import { el, setFlag, setText } from './dom.js';
import { COLUMNS, arrange, progress, rowsInView } from './runs-table-model.js';
import { messageOf, stateOf, toneOf } from './runs-words.js';

const ROW = 30;

export class RunsTable {
  /** @param hooks {open(name), choose(names: Set)} */
  constructor(hooks) {
    Object.assign(this, { hooks, rows: [], shown: [], nodes: new Map(), chosen: new Set(), key: 'started', down: true, current: '' });
    this.search = el('input', { type: 'search', class: 'esl-search esl-runs-search', placeholder: 'filter: name, state:failed, seed:1 …', 'aria-label': 'Filter runs', spellcheck: 'false', oninput: () => this.refresh() });
    this.note = el('span', { class: 'esl-muted', role: 'status' });
    this.heads = COLUMNS.map((column) => el('button', {
      type: 'button', class: column.isNumber ? 'esl-runs-th is-num' : 'esl-runs-th', title: column.hint ?? `Sort by ${column.title.toLowerCase()}`, dataset: { key: column.id }, onclick: () => this.sortBy(column.id),
    }, column.title));
    this.inner = el('div', { class: 'esl-runs-inner' });
    this.scroller = el('div', { class: 'esl-runs-scroll', tabindex: 0, 'aria-label': 'Runs', role: 'grid', onscroll: () => this.draw(), onkeydown: (event) => this.arrows(event) },
      el('div', { class: 'esl-runs-row is-head', role: 'row' }, el('span', {}), this.heads), this.inner);
    this.blank = el('div', { class: 'esl-runs-blank', hidden: true });
    this.root = el('section', { class: 'esl-runs-table', 'aria-label': 'Runs' }, this.scroller, this.blank);
    new ResizeObserver(() => this.draw()).observe(this.scroller);
  }

  set(rows) {
    this.rows = rows;
    const names = new Set(rows.map((r) => r.name));
    for (const name of this.chosen) if (!names.has(name)) this.chosen.delete(name);
    this.refresh();
  }

  sortBy(key) {
    this.down = this.key === key ? !this.down : Boolean(COLUMNS.find((c) => c.id === key).isNumber);
    this.key = key;
    this.refresh();
  }

  refresh() {
    this.shown = arrange(this.rows, { filter: this.search.value, key: this.key, down: this.down });
    for (const head of this.heads) {
      const on = head.dataset.key === this.key;
      setFlag(head, 'is-on', on);
      head.dataset.mark = on ? (this.down ? '↓' : '↑') : '';
    }
    setText(this.note, this.shown.length === this.rows.length ? `${this.rows.length} runs` : `${this.shown.length} of ${this.rows.length} runs`);
    this.blank.hidden = this.shown.length > 0;
    setText(this.blank, this.rows.length === 0 ? 'No run yet. Start one on the left; runs that a shell starts in this folder show here too.' : 'No run fits the filter.');
    this.inner.style.height = `${this.shown.length * ROW}px`;
    this.draw();
  }

  draw() {
    const [first, end] = rowsInView(this.scroller.scrollTop, this.scroller.clientHeight, this.shown.length, ROW);
    const wanted = new Set(this.shown.slice(first, end).map((r) => r.name));
    for (const [name, node] of this.nodes) {
      if (wanted.has(name)) continue;
      node.root.remove();
      this.nodes.delete(name);
    }
    for (let n = first; n < end; n++) this.drawRow(n, this.shown[n]);
  }

  drawRow(n, row) {
    const node = this.nodes.get(row.name) ?? this.makeRow(row.name);
    const place = `translateY(${n * ROW}px)`;
    if (node.place !== place) node.root.style.transform = node.place = place;
    const state = stateOf(row);
    COLUMNS.forEach((column, k) => setText(node.cells[k], column.text(row)));
    node.state.dataset.tone = toneOf(state);
    const share = `${(100 * progress(row)).toFixed(1)}%`;
    if (node.share !== share) node.bar.style.setProperty('--share', node.share = share);
    const title = messageOf(row) || row.name;
    if (node.root.title !== title) node.root.title = title;
    node.box.checked = this.chosen.has(row.name);
    setFlag(node.root, 'is-current', row.name === this.current);
    node.root.setAttribute('aria-selected', String(row.name === this.current));
  }

  makeRow(name) {
    const box = el('input', { type: 'checkbox', 'aria-label': `Choose ${name}`, onclick: (event) => event.stopPropagation(), onchange: () => this.choose(name, box.checked) });
    const cells = COLUMNS.map((c) => el('span', { class: `esl-runs-td is-${c.id}${c.isNumber ? ' is-num' : ''}`, role: 'gridcell' }));
    const root = el('div', { class: 'esl-runs-row', role: 'row', dataset: { run: name }, onclick: () => this.hooks.open(name) }, box, cells);
    const node = { root, box, cells, state: cells[1], bar: cells[2] };
    this.inner.append(root);
    this.nodes.set(name, node);
    return node;
  }

  choose(name, on) {
    if (on) this.chosen.add(name);
    else this.chosen.delete(name);
    this.hooks.choose(this.chosen);
  }

  mark(name) {
    this.current = name;
    this.draw();
  }

  arrows(event) {
    const step = { ArrowDown: 1, ArrowUp: -1, PageDown: 10, PageUp: -10 }[event.key];
    if (!step || this.shown.length === 0) return;
    event.preventDefault();
    const at = this.shown.findIndex((r) => r.name === this.current);
    const next = Math.max(0, Math.min(this.shown.length - 1, at < 0 ? 0 : at + step));
    this.hooks.open(this.shown[next].name);
    const top = next * ROW;
    if (top < this.scroller.scrollTop) this.scroller.scrollTop = top;
    if (top + 2 * ROW > this.scroller.scrollTop + this.scroller.clientHeight) this.scroller.scrollTop = top + 2 * ROW - this.scroller.clientHeight;
  }
}
