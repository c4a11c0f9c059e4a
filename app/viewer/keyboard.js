// Keys of a screen: one listener on the document, quiet while typing, gone with its element.
import { el, isTyping } from './dom.js';

/** Name of a key event as bindings write it: "Ctrl+k", "Shift+[", "Space", "?". */
export function keyName(event) {
  const key = event.key === ' ' ? 'Space' : event.key.length === 1 ? event.key.toLowerCase() : event.key;
  const isSymbol = event.key.length === 1 && event.key.toLowerCase() === event.key.toUpperCase();
  const shift = event.shiftKey && !(isSymbol && !'[]'.includes(key)) ? 'Shift+' : '';
  return `${event.ctrlKey || event.metaKey ? 'Ctrl+' : ''}${event.altKey ? 'Alt+' : ''}${shift}${key}`;
}

/** Shifted brackets arrive as braces on most layouts; bindings name the key itself. */
const SAME = { '{': 'Shift+[', '}': 'Shift+]', 'Shift+{': 'Shift+[', 'Shift+}': 'Shift+]' };

export class Keyboard {
  /**
   * @param bindings [{keys: ['.'], name: 'Next image', run, release?, always?, when?, once?, closes?}]: `once` does not repeat
   * while the key is held; `closes` says whether it closes the dialog that is open, over which all other keys rest
   */
  constructor(element, bindings) {
    this.element = element;
    this.bindings = bindings;
    this.byKey = new Map(bindings.flatMap((binding) => binding.keys.map((key) => [key, binding])));
    this.held = null;
    this.ondown = (event) => this.down(event);
    this.onup = (event) => this.up(event);
    document.addEventListener('keydown', this.ondown);
    document.addEventListener('keyup', this.onup);
  }

  remove() {
    document.removeEventListener('keydown', this.ondown);
    document.removeEventListener('keyup', this.onup);
  }

  down(event) {
    if (!this.element.isConnected) {
      this.remove();
      return;
    }
    if (this.element.offsetParent === null && this.element.getClientRects().length === 0) return; // another tab is open
    const name = keyName(event);
    const binding = this.byKey.get(SAME[name] ?? name);
    if (!binding || event.defaultPrevented) return;
    if (isTyping(event) && !binding.always) return;
    if (this.element.querySelector('.esl-veil') && !binding.closes?.()) {
      if (binding.always) event.preventDefault(); // nor does the browser save or search the page
      return;
    }
    if (binding.when && !binding.when(event)) return;
    if (binding.keys.includes('Space') && event.target.tagName === 'BUTTON') return; // Space presses a focused button
    event.preventDefault();
    if (event.repeat && (binding.release || binding.once)) return;
    if (binding.release) this.held = binding;
    binding.run(event);
  }

  up(event) {
    if (this.held && (event.key === ' ' || this.held.keys.includes(keyName(event)))) {
      this.held.release();
      this.held = null;
    }
  }
}

/** Ctrl-K: type a few letters of a command, Enter runs it. */
export class CommandPalette {
  constructor(host) {
    this.host = host;
    this.root = null;
  }

  open(commands) {
    this.close();
    this.back = document.activeElement;
    this.input = el('input', { type: 'text', class: 'esl-search', placeholder: 'Type a command', 'aria-label': 'Command', oninput: () => this.list(commands) });
    this.items = el('div', { class: 'esl-commands', role: 'listbox' });
    this.root = el('div', { class: 'esl-veil', onclick: (event) => { if (event.target === event.currentTarget) this.close(); } },
      el('div', { class: 'esl-dialog is-palette', role: 'dialog', 'aria-modal': 'true', 'aria-label': 'Commands' }, this.input, this.items));
    this.root.addEventListener('keydown', (event) => this.key(event));
    this.host.append(this.root);
    this.list(commands);
    this.input.focus();
  }

  list(commands) {
    const words = this.input.value.toLowerCase().split(/\s+/).filter(Boolean);
    this.found = commands.filter((c) => words.every((word) => c.name.toLowerCase().includes(word))).slice(0, 40);
    this.at = 0;
    this.items.replaceChildren(...this.found.map((c, n) => el('button', {
      type: 'button', role: 'option', class: n === 0 ? 'is-at' : '', tabindex: -1, onclick: () => this.run(n),
    }, el('span', {}, c.name), c.keys?.[0] ? el('kbd', {}, c.keys[0]) : null)));
  }

  key(event) {
    if (event.key === 'Escape') this.close();
    else if (event.key === 'Enter') this.run(this.at);
    else if (event.key === 'ArrowDown' || event.key === 'ArrowUp') {
      this.items.children[this.at]?.classList.remove('is-at');
      const step = event.key === 'ArrowDown' ? 1 : -1;
      this.at = Math.max(0, Math.min(this.found.length - 1, this.at + step));
      this.items.children[this.at]?.classList.add('is-at');
      this.items.children[this.at]?.scrollIntoView({ block: 'nearest' });
    } else return;
    event.preventDefault();
    event.stopPropagation();
  }

  run(n) {
    const command = this.found[n];
    this.close();
    command?.run({});
  }

  close() {
    this.root?.remove();
    this.root = null;
    this.back?.focus?.();
  }
}
