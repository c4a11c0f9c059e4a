// A question before something is lost: resolves to true only by its own button.
import { Dialog } from './dialog.js';
import { el } from './dom.js';

export function ask(host, { title, text, yes }) {
  return new Promise((resolve) => {
    let answer = false;
    const dialog = new Dialog(host, title, { className: 'is-ask', onclose: () => resolve(answer) });
    const no = el('button', { type: 'button', class: 'esl-btn', onclick: () => dialog.close() }, 'Keep');
    const go = el('button', { type: 'button', class: 'esl-btn is-danger', onclick: () => { answer = true; dialog.close(); } }, yes);
    dialog.box.setAttribute('role', 'alertdialog');
    dialog.box.append(el('p', {}, text), el('div', { class: 'esl-row' }, el('span', { class: 'esl-grow' }), no, go));
    dialog.open();
    no.focus();
  });
}
