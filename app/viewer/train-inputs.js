// Inputs of the train form: one labelled field with its help, unit and fault.
import { el, setFlag, setText } from './dom.js';
import { showField } from './train-fields.js';

let counter = 0;

export class Field {
  /** @param control the input or select; @param read () => text or boolean */
  constructor({ name, unit = '', help = '', control, wide = false }) {
    const id = `esl-f${++counter}`;
    this.control = control;
    control.id = id;
    control.setAttribute('aria-describedby', `${id}-fault`);
    this.fault = el('small', { class: 'esl-fault', id: `${id}-fault`, role: 'alert' });
    const isBox = control.type === 'checkbox';
    this.root = el('div', { class: `esl-tf${wide ? ' is-wide' : ''}${isBox ? ' is-box' : ''}`, title: help },
      el('label', { for: id }, name, unit ? el('span', { class: 'esl-muted' }, ` ${unit}`) : null), control, this.fault);
  }

  get value() { return this.control.type === 'checkbox' ? this.control.checked : this.control.value; }
  set value(text) {
    if (this.control.type === 'checkbox') this.control.checked = text === true || text === 'true';
    else this.control.value = text;
  }

  setFault(text) {
    setText(this.fault, text);
    this.control.setAttribute('aria-invalid', String(Boolean(text)));
    setFlag(this.root, 'is-wrong', text);
  }

  show(on) { this.root.hidden = !on; }
}

export function textInput(onchange, extra = {}) {
  return el('input', { type: 'text', class: 'esl-field', spellcheck: 'false', autocomplete: 'off', oninput: onchange, ...extra });
}

export function choiceInput(choices, onchange) {
  return el('select', { class: 'esl-select', onchange }, choices.map((c) => (typeof c === 'string' ? el('option', { value: c }, c) : el('option', { value: c[0] }, c[1]))));
}

export const CRITERIA = Object.freeze({ entropy: 'ESL (entropy)', max_prob: 'SSL (probability)', class_balanced: 'CBST (class-balanced)' });

/** The presets as choices, those of one benchmark together. */
export function presetGroups(presets) {
  const groups = new Map();
  for (const { name, method } of presets) {
    const cut = name.indexOf(`_${method}`);
    const group = cut > 0 ? name.slice(0, cut) : 'other';
    groups.set(group, [...(groups.get(group) ?? []), el('option', { value: name }, name)]);
  }
  return [...groups].map(([label, options]) => el('optgroup', { label }, options));
}

/** The input for a field of a preset. */
export function inputFor(field, onchange) {
  if (field.kind === 'switch') return el('input', { type: 'checkbox', checked: field.value, onchange });
  if (field.kind === 'choice') return choiceInput(field.choices.map((c) => [c, CRITERIA[c] ?? c]), onchange);
  const numeric = field.kind === 'integer' ? 'numeric' : field.kind === 'number' ? 'decimal' : null;
  return textInput(onchange, { inputmode: numeric, placeholder: field.kind === 'path' ? 'none' : null, maxlength: 1000 });
}

export function fieldFor(field, { name = field.path, unit = '', wide = false }, onchange) {
  const made = new Field({ name, unit, wide, help: `${field.path}${field.help ? `: ${field.help}` : ''}`, control: inputFor(field, onchange) });
  made.value = field.kind === 'switch' ? field.value : showField(field);
  return made;
}

/** Text that can be copied: a button and a block. */
export function copyBlock(title) {
  const block = el('pre', { class: 'esl-code', tabindex: 0, 'aria-label': title });
  const copy = el('button', {
    type: 'button', class: 'esl-btn is-quiet', 'aria-label': `Copy ${title.toLowerCase()}`,
    onclick: async () => {
      try {
        await navigator.clipboard.writeText(block.textContent);
        setText(copy, 'Copied');
      } catch {
        getSelection().selectAllChildren(block); // no right to the clipboard: selected, so that Ctrl-C does it
        setText(copy, 'Selected; press Ctrl-C');
      }
      setTimeout(() => setText(copy, 'Copy'), 1600);
    },
  }, 'Copy');
  const root = el('div', { class: 'esl-copy' }, el('div', { class: 'esl-row' }, el('b', {}, title), el('span', { class: 'esl-grow' }), copy), block);
  return { root, set: (text) => setText(block, text) };
}
