// One pane: its menu, its pixels, its decoration, and a card where it has nothing to show.
import { el, fittedCanvas, setText } from './dom.js';
import { KINDS } from './kinds.js';

export class Pane {
  constructor(kind, { onkind, onactive }) {
    this.kind = kind;
    this.select = el('select', { class: 'esl-pane-kind', 'aria-label': 'What this pane shows', onchange: () => onkind(this, this.select.value) },
      KINDS.map((k, n) => el('option', { value: k.id, title: k.hint }, n < 9 ? `${n + 1}  ${k.name}` : `    ${k.name}`)));
    this.note = el('span', { class: 'esl-pane-note' });
    this.pixels = fittedCanvas('esl-pane-pixels');
    this.decor = fittedCanvas('esl-pane-decor');
    this.cardText = el('p');
    this.cardTitle = el('strong');
    this.cardButton = el('button', { type: 'button', class: 'esl-btn' });
    this.card = el('div', { class: 'esl-card', role: 'status', hidden: true }, this.cardTitle, this.cardText, this.cardButton);
    this.body = el('div', { class: 'esl-pane-body' }, this.pixels, this.decor, this.card);
    this.root = el('section', { class: 'esl-pane', tabindex: 0, 'aria-label': 'Image pane' },
      el('header', { class: 'esl-pane-head' }, this.select, this.note), this.body);
    this.root.addEventListener('focusin', () => onactive(this));
    this.root.addEventListener('pointerdown', () => onactive(this));
    this.context = this.pixels.getContext('2d', { willReadFrequently: true, alpha: false });
    this.image = null;
    this.setKind(kind);
  }

  setKind(kind) {
    this.kind = kind;
    this.select.value = kind;
    this.root.dataset.kind = kind;
    const entry = KINDS.find((k) => k.id === kind);
    this.root.setAttribute('aria-label', `${entry.name}: ${entry.hint}`);
    this.select.title = entry.hint;
  }

  setNote(text) {
    setText(this.note, text);
    if (this.note.title !== text) this.note.title = text; // where the head is too narrow for it
  }

  /** Fit the canvases to their box; returns true when their size changed. */
  resize() {
    this.decor.resize();
    if (!this.pixels.resize() && this.image) return false;
    const { width, height } = this.pixels;
    this.image = new ImageData(width, height);
    this.words = new Uint32Array(this.image.data.buffer);
    return true;
  }

  clear(color) {
    this.words.fill(color);
  }

  /** Show the pixels; `g` limits it to the part that the image covers, `rows` to those from its top to before its bottom. */
  put(g = null, rows = null) {
    if (!g) this.context.putImageData(this.image, 0, 0);
    else {
      const { across, down } = g;
      const [top, bottom] = rows ? [rows.top, rows.bottom] : [down.first, down.last + 1];
      this.context.putImageData(this.image, 0, 0, across.first, top, across.last - across.first + 1, bottom - top);
    }
  }

  showCard(title, text = '', button = null, action = null) {
    setText(this.cardTitle, title);
    setText(this.cardText, text);
    setText(this.cardButton, button ?? '');
    this.cardButton.hidden = !button;
    this.cardButton.onclick = action;
    this.card.hidden = false;
  }

  hideCard() {
    if (!this.card.hidden) this.card.hidden = true;
  }
}
