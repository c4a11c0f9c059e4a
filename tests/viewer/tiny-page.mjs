// Just enough of a document for the screens' forms: elements with children, properties and listeners; nothing is laid out.

class TinyNode {
  constructor(tag) {
    Object.assign(this, { tagName: tag.toUpperCase(), children: [], dataset: {}, attributes: {}, listeners: {}, hidden: false, isConnected: true, flags: new Set() });
    this.style = { setProperty: (name, value) => { this.style[name] = value; } };
    this.classList = { toggle: (name, on) => { this.flags[on ? 'add' : 'delete'](name); } };
    this.held = '';
  }

  append(...nodes) {
    this.text = undefined;
    this.children.push(...nodes);
  }

  replaceChildren(...nodes) {
    this.children = [];
    this.append(...nodes);
  }

  setAttribute(name, value) {
    this.attributes[name] = String(value);
    if (name === 'hidden') this.hidden = true;
  }

  addEventListener(name, run) { this.listeners[name] = run; }
  getContext() { return null; } // what is not laid out is not drawn
  focus() { document.activeElement = this; }
  blur() { document.activeElement = null; }
  get firstChild() { return this.children[0] ?? null; }
  get lastChild() { return this.children.at(-1) ?? null; }
  get options() { return this.children; }
  get selectedOptions() { return this.children.filter((option) => option.value === this.value); }
  get textContent() { return this.text ?? this.children.map((child) => child.textContent ?? child).join(''); }
  set textContent(text) {
    this.children = [];
    this.text = text;
  }

  /** A select whose choice is gone stands on its first option, as in a browser. */
  get value() {
    if (this.tagName !== 'SELECT') return this.held;
    return (this.children.find((option) => option.value === this.held) ?? this.children[0])?.value ?? '';
  }

  set value(value) { this.held = String(value); }
  get valueAsNumber() { return this.held === '' ? NaN : Number(this.held); }
}

/** Put it in place of the browser's document. */
export function openTinyPage() {
  const make = (tag) => new TinyNode(tag);
  globalThis.document = { createElement: make, createElementNS: (space, tag) => make(tag), activeElement: null };
}

/** Every element below a node, itself included, that has this aria-label. */
export function labelled(root, label) {
  const found = root.attributes?.['aria-label'] === label ? [root] : [];
  return [...found, ...(root.children ?? []).flatMap((child) => labelled(child, label))];
}

/** Press the button below a node that reads so. */
export function press(root, text) {
  const find = (node) => (node.tagName === 'BUTTON' && node.textContent === text ? node : (node.children ?? []).map(find).find(Boolean));
  find(root).listeners.click();
}

/** What a person does: type and leave the field, or choose. */
export function enter(node, value) {
  node.value = value;
  node.listeners.change();
}
