// One fixed image as a run predicted it at its checkpoints: a strip over time, the photo first.
import { el, setText } from './dom.js';

const SHOWN = 8;
const FRAME_MS = 900;

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

/** The rounds of an experiment on the same image: a strip; pointing at one shows it large, Play shows one after the other. */
export class RoundStrip {
  /** @param urlOf (run, which) -> address of a sample of a run */
  constructor(urlOf) {
    this.urlOf = urlOf;
    this.large = el('img', { class: 'esl-round-large', alt: '' });
    this.caption = el('span', { class: 'esl-muted', role: 'status' });
    this.play = el('button', { type: 'button', class: 'esl-btn', 'aria-pressed': 'false', onclick: () => this.toggle() }, 'Play');
    this.strip = el('div', { class: 'esl-samples' });
    this.root = el('div', { class: 'esl-rounds' }, el('div', { class: 'esl-row' }, this.play, this.caption), this.large, this.strip);
    this.key = '';
  }

  /** @param rounds [{name, step}] */
  set(rounds) {
    const key = rounds.map((r) => `${r.name} ${r.step}`).join();
    if (key === this.key) return;
    this.key = key;
    this.stop();
    this.rounds = rounds;
    this.strip.replaceChildren(...rounds.map((round, n) => el('figure', { class: 'esl-sample' },
      el('button', { type: 'button', onpointerenter: () => this.show(n), onfocus: () => this.show(n), onclick: () => this.show(n) },
        el('img', { src: this.urlOf(round.name, fileStep(round.step)), alt: `Classes predicted by ${round.name}`, loading: 'lazy' })),
      el('figcaption', {}, round.name.split('~').at(-1)))));
    if (rounds.length) this.show(rounds.length - 1);
  }

  show(n) {
    this.at = n;
    const { name, step } = this.rounds[n];
    this.large.src = this.urlOf(name, fileStep(step));
    this.large.alt = `Classes predicted by ${name} at step ${step}`;
    setText(this.caption, `${name.split('~').at(-1)} · step ${step}`);
  }

  toggle() {
    if (this.timer) return this.stop();
    this.play.setAttribute('aria-pressed', 'true');
    setText(this.play, 'Pause');
    this.timer = setInterval(() => {
      if (this.root.isConnected && this.root.offsetParent !== null) this.show((this.at + 1) % this.rounds.length);
    }, FRAME_MS);
    return undefined;
  }

  stop() {
    clearInterval(this.timer);
    this.timer = null;
    this.play.setAttribute('aria-pressed', 'false');
    setText(this.play, 'Play');
  }
}
