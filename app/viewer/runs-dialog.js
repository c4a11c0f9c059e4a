// A question before something is lost: resolves to true only by its own button.
import { el } from './dom.js';

export function ask(host, { title, text, yes }) {
  return new Promise((resolve) => {
    const back = document.activeElement;
    const close = (answer) => {
      veil.remove();
      back?.focus?.();
      resolve(answer);
    };
    const no = el('button', { type: 'button', class: 'esl-btn', onclick: () => close(false) }, 'Keep');
    const dialog = el('div', { class: 'esl-dialog is-ask', role: 'alertdialog', 'aria-modal': 'true', 'aria-label': title }, el('h2', {}, title), el('p', {}, text),
      el('div', { class: 'esl-row' }, el('span', { class: 'esl-grow' }), no, el('button', { type: 'button', class: 'esl-btn is-danger', onclick: () => close(true) }, yes)));
    const veil = el('div', { class: 'esl-veil', onclick: (event) => { if (event.target === veil) close(false); }, onkeydown: (event) => { if (event.key === 'Escape') close(false); } }, dialog);
    host.append(veil);
    no.focus();
  });
}
