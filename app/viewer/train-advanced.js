// Every other setting of a preset, found by its name or its help.
import { el, setText } from './dom.js';
import { fieldFor } from './train-inputs.js';
import { searchFields } from './train-fields.js';

export class AdvancedFields {
  constructor(onchange) {
    this.onchange = onchange;
    this.inputs = new Map();
    this.search = el('input', { type: 'search', class: 'esl-search', placeholder: 'search all settings', 'aria-label': 'Search settings', oninput: () => this.filter() });
    this.count = el('small', { class: 'esl-muted' });
    this.list = el('div', { class: 'esl-advanced' });
    this.root = el('details', { class: 'esl-more' }, el('summary', {}, 'All settings ', this.count), this.search, this.list);
  }

  set(fields) {
    this.fields = fields;
    this.inputs = new Map(fields.map((field) => {
      const input = fieldFor(field, {}, this.onchange);
      if (field.help) input.root.append(el('small', { class: 'esl-muted' }, field.help));
      return [field.path, input];
    }));
    this.list.replaceChildren(...[...this.inputs.values()].map((i) => i.root));
    this.filter();
  }

  filter() {
    const found = new Set(searchFields(this.fields ?? [], this.search.value).map((f) => f.path));
    for (const [path, input] of this.inputs) input.show(found.has(path));
    setText(this.count, `(${found.size === this.inputs.size ? found.size : `${found.size} of ${this.inputs.size}`})`);
  }
}
