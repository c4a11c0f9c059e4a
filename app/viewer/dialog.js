// A dialog over a screen: Tab stays inside, Escape or a click beside it closes it, the focus goes back where it was.
import { el } from './dom.js';

const STOPS = 'a[href], button, input, select, textarea, [tabindex]';

/** What the Tab key visits inside a node, in order. */
export function tabStops(root) {
  return [...root.querySelectorAll(STOPS)].filter((node) => node.tabIndex >= 0 && !node.disabled && node.getClientRects().length > 0);
}

export class Dialog {
  /** @param host where it is put: it covers that node */
  constructor(host, label, { className = '', onclose = () => {} } = {}) {
    this.host = host;
    this.onclose = onclose;
    this.head = el('header', {}, el('h2', {}, label), el('button', { type: 'button', class: 'esl-iconbtn', 'aria-label': 'Close', title: 'Close (Escape)', onclick: () => this.close() }, '×'));
    this.box = el('div', { class: `esl-dialog ${className}`, role: 'dialog', 'aria-modal': 'true', 'aria-label': label }, this.head);
    this.root = el('div', { class: 'esl-veil', onclick: (event) => { if (event.target === this.root) this.close(); }, onkeydown: (event) => this.key(event) }, this.box);
  }

  get isOpen() { return this.root.isConnected; }

  open() {
    this.back = document.activeElement;
    this.host.append(this.root);
    this.head.lastChild.focus();
  }

  close() {
    if (!this.isOpen) return;
    this.root.remove();
    this.back?.focus?.();
    this.onclose();
  }

  key(event) {
    if (event.key === 'Escape') this.close();
    else if (event.key === 'Tab') return this.turn(event);
    else return undefined;
    event.stopPropagation();
    return event.preventDefault();
  }

  /** From the last stop to the first and back again. */
  turn(event) {
    const stops = tabStops(this.box);
    const from = event.shiftKey ? stops[0] : stops[stops.length - 1];
    if (document.activeElement !== from) return;
    event.preventDefault();
    (event.shiftKey ? stops[stops.length - 1] : stops[0]).focus();
  }
}
