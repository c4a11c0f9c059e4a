// Two stores of different classes: which class of B stands for which of A, said by a person before anything is compared.
import { Dialog } from './dialog.js';
import { el } from './dom.js';
import { IGNORE } from './quantise.js';

/** For each class of B the class of A with the same name; 255 where there is none. */
export function mappingByName(namesA, namesB) {
  return namesB.map((name) => {
    const found = namesA.indexOf(name);
    return found < 0 ? IGNORE : found;
  });
}

/** Maps of B with label and truth in A's ids; probabilities and entropies stay B's. */
export function mapped(maps, mapping) {
  const table = new Uint8Array(256).fill(IGNORE);
  mapping.forEach((to, from) => { table[from] = to; });
  const through = (ids) => (ids ? Uint8Array.from(ids, (id) => table[id]) : ids);
  return Object.assign(Object.create(maps), { label: through(maps.label), truth: through(maps.truth) });
}

/** A dialog with one row for each class of B; `apply` gets the mapping. */
export function askMapping(host, a, b, mapping, apply) {
  const dialog = new Dialog(host, 'Which classes are the same?', { className: 'is-mapping' });
  const selects = b.class_names.map((name, c) => {
    const select = el('select', { class: 'esl-select', 'aria-label': `${name} of ${b.name} is` }, el('option', { value: IGNORE }, 'none: left out'), a.class_names.map((other, k) => el('option', { value: k }, other)));
    select.value = mapping[c];
    return select;
  });
  dialog.box.append(el('p', { class: 'esl-muted' }, `Classes of B (${b.name}) on the left, the class of A (${a.name}) that each stands for on the right.`),
    el('div', { class: 'esl-mapping' }, b.class_names.flatMap((name, c) => [el('span', {}, name), selects[c]])),
    el('div', { class: 'esl-row' }, el('span', { class: 'esl-grow' }), el('button', {
      type: 'button', class: 'esl-btn is-main', onclick: () => {
        dialog.close();
        apply(selects.map((s) => Number(s.value)));
      },
    }, 'Compare')));
  dialog.open();
}
