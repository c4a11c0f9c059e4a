// Short messages in a corner; a failure stays until it is dismissed and offers to try again.
import { el } from './dom.js';

export class Toasts {
  constructor() {
    this.root = el('div', { class: 'esl-toasts', role: 'status', 'aria-live': 'polite' });
  }

  /** Say it; the answer takes it off again. */
  say(text, retry = null) {
    const close = () => node.remove();
    const node = el('div', { class: retry ? 'esl-toast is-error' : 'esl-toast' }, el('span', {}, text),
      retry ? el('button', { type: 'button', class: 'esl-btn', onclick: () => { close(); retry(); } }, 'Retry') : null,
      el('button', { type: 'button', class: 'esl-iconbtn', 'aria-label': 'Dismiss', onclick: close }, '×'));
    this.root.append(node);
    while (this.root.children.length > 4) this.root.firstChild.remove();
    if (!retry) setTimeout(close, 3600);
    return close;
  }
}
