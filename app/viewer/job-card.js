// A job of the server in a card: progress, rate, time left, cancel; asks once a second, rests while the page is hidden.
import { el, setText } from './dom.js';
import { showCount } from './quantise.js';

export function showTime(seconds) {
  if (!(seconds >= 0)) return '';
  if (seconds < 90) return `${Math.round(seconds)} s left`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min left`;
  return `${(seconds / 3600).toFixed(1)} h left`;
}

const OVER = new Set(['done', 'failed', 'cancelled']);

export class JobCard {
  /** @param ask () => Promise<status>; @param cancel () => Promise; @param ondone called with the last status */
  constructor({ title, ask, cancel, ondone, pollMs = 1000 }) {
    Object.assign(this, { ask, cancel, ondone, pollMs });
    this.title = el('b', {}, title);
    this.state = el('span', { class: 'esl-muted' });
    this.bar = el('i');
    this.text = el('p', { class: 'esl-muted' });
    this.stop = el('button', { type: 'button', class: 'esl-btn', onclick: () => this.end() }, 'Cancel');
    this.root = el('section', { class: 'esl-job', role: 'status', 'aria-label': title }, el('div', { class: 'esl-row' }, this.title, this.state, el('span', { class: 'esl-grow' }), this.stop), el('div', { class: 'esl-meter' }, this.bar), this.text);
    this.poll();
  }

  async poll() {
    if (this.wasShown && !this.root.isConnected) return;
    this.wasShown = this.root.isConnected;
    if (!document.hidden) {
      try {
        const status = await this.ask();
        this.draw(status);
        if (OVER.has(status.state)) return;
      } catch (error) {
        setText(this.text, `${error.message} Asking again.`);
      }
    }
    setTimeout(() => this.poll(), this.pollMs);
  }

  draw(status) {
    const share = status.total > 0 ? status.done / status.total : 0;
    this.bar.style.width = `${100 * share}%`;
    setText(this.state, status.state);
    const rate = status.rate > 0 ? `${status.rate.toFixed(1)} a second` : '';
    setText(this.text, status.error || [status.note, `${showCount(status.done)} of ${showCount(status.total)}`, rate, showTime(status.eta_s)].filter(Boolean).join(' · '));
    this.text.className = status.state === 'failed' ? 'esl-warn' : 'esl-muted';
    if (!OVER.has(status.state)) return;
    this.stop.hidden = true;
    this.ondone?.(status);
  }

  async end() {
    this.stop.disabled = true;
    try {
      await this.cancel();
    } catch (error) {
      this.stop.disabled = false;
      setText(this.text, error.message);
    }
  }
}
