// One fixed image as a run predicted it at its checkpoints: a strip over time, the photo first.
import { el } from './dom.js';

const SHOWN = 8;

/** At most `count` of `steps`, the first and the last among them, evenly spread. */
export function spread(steps, count = SHOWN) {
  if (steps.length <= count) return [...steps];
  return Array.from({ length: count }, (_, k) => steps[Math.round((k * (steps.length - 1)) / (count - 1))]);
}

const fileStep = (step) => String(step).padStart(6, '0');

export class RunSamples {
  /** @param urlOf (which) -> address of a sample, or of the `photo` */
  constructor(urlOf) {
    this.urlOf = urlOf;
    this.root = el('div', { class: 'esl-samples' });
    this.shown = '';
  }

  clear() {
    this.shown = '';
    this.root.replaceChildren();
  }

  /** Steps with a sample; pictures that stay are not fetched again. */
  set(name, steps) {
    const chosen = spread(steps);
    const key = `${name}|${chosen}`;
    if (key === this.shown) return;
    this.shown = key;
    const held = new Map([...this.root.children].map((node) => [node.dataset.src, node]));
    const figure = (which, caption, alt) => {
      const src = this.urlOf(which);
      return held.get(src) ?? el('figure', { class: 'esl-sample', dataset: { src } },
        el('button', { type: 'button', title: 'Larger or smaller', onclick: (event) => event.currentTarget.parentNode.classList.toggle('is-large') }, el('img', { src, alt, loading: 'lazy' })), el('figcaption', {}, caption));
    };
    this.root.replaceChildren(...(chosen.length === 0 ? [el('p', { class: 'esl-muted' }, 'None yet: the first comes with the first checkpoint.')]
      : [figure('photo', 'photo', 'The image that is predicted'), ...chosen.map((step) => figure(fileStep(step), `step ${step}`, `Classes predicted at step ${step}`))]));
  }
}
