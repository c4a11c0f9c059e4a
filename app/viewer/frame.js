// What stands around every screen: the theme, which all screens of one page share, and the help behind "?".
import { el } from './dom.js';
import { Dialog } from './dialog.js';

let ofThisPage = null; // where nothing can be stored, later screens still take what was chosen

function stored() {
  const asked = new URLSearchParams(location.search).get('__theme'); // Gradio's own way to ask for a theme
  try {
    return asked ?? localStorage.getItem('esl.theme') ?? 'dark';
  } catch { return asked ?? 'dark'; }
}

/** Light or dark; a choice on one screen is told to the page and to every other screen. */
export class Theme {
  /** @param given a theme that counts instead of the stored one */
  constructor(element, given = null) {
    this.element = element;
    this.name = given ?? (ofThisPage ??= stored());
    this.listener = ({ detail }) => this.take(detail.theme);
    document.addEventListener('esl:theme', this.listener);
  }

  /** Put it on a screen's root; `onchange` draws what does not follow from style sheets. */
  dress(root, onchange) {
    this.root = root;
    this.onchange = onchange;
    root.dataset.theme = this.name;
    this.tell();
  }

  tell() {
    this.element.dispatchEvent(new CustomEvent('esl:theme', { bubbles: true, detail: { theme: this.name } }));
  }

  take(name) {
    if (!this.element.isConnected) document.removeEventListener('esl:theme', this.listener);
    else if (name !== this.name) this.set(name);
  }

  set(name) {
    this.name = name;
    this.root.dataset.theme = name;
    this.onchange();
  }

  toggle() {
    this.set(this.name === 'dark' ? 'light' : 'dark');
    ofThisPage = this.name;
    try { localStorage.setItem('esl.theme', this.name); } catch { /* private mode */ }
    this.tell();
  }
}

/** The overlay behind "?": every binding that has a name. */
export class Help {
  /** @param bindings gives the bindings of the screen that is open */
  constructor(host, bindings) {
    this.host = host;
    this.bindings = bindings;
    this.dialog = null;
  }

  get isOpen() { return Boolean(this.dialog?.isOpen); }

  toggle() {
    if (this.isOpen) return this.dialog.close();
    this.dialog = new Dialog(this.host, 'Keyboard');
    this.dialog.box.append(el('div', { class: 'esl-help' }, this.bindings().filter((binding) => binding.name).map(helpRow)),
      el('p', { class: 'esl-muted' }, 'Keys rest while you type. Arrows stay with a focused slider; Shift makes its steps finer.'));
    return this.dialog.open();
  }
}

function helpRow({ keys, name }) {
  return el('div', { class: 'esl-help-row' }, el('span', {}, keys.slice(0, 2).map((key) => el('kbd', {}, key.replace('Arrow', '')))), el('span', {}, name));
}
