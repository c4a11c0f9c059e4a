// The strip above a screen whose store is older than its checkpoint: says so, and predicts again.
import { el, setText } from './dom.js';

const EVERY_MS = 30000; // a checkpoint changes when a run is evaluated: minutes apart

export class StaleStrip {
  /** @param hooks {enter(sid): show another store, say(text, retry)} */
  constructor(session, hooks) {
    this.session = session;
    this.hooks = hooks;
    this.text = el('span', {});
    this.again = el('button', { type: 'button', class: 'esl-btn', onclick: () => this.predict() }, 'Predict again');
    this.root = el('div', { class: 'esl-strip', role: 'status', hidden: true }, this.text, el('span', { class: 'esl-grow' }), this.again,
      el('button', { type: 'button', class: 'esl-iconbtn', 'aria-label': 'Dismiss', title: 'Go on with these maps', onclick: () => this.dismiss() }, '×'));
    this.dismissed = '';
  }

  /** Ask once things are quiet, and again from time to time; a question without an answer is asked the next time. */
  async watch() {
    if (!this.root.isConnected) return;
    if (!document.hidden) await this.check().catch(() => {});
    setTimeout(() => this.watch(), EVERY_MS);
  }

  async check() {
    const { stale } = await this.session.api.origin(this.session.sid);
    setText(this.text, stale ? `${stale} Thresholds, verdicts and exports here belong to the older weights.` : '');
    this.root.hidden = !stale || stale === this.dismissed;
    this.stale = stale;
  }

  dismiss() {
    this.dismissed = this.stale;
    this.root.hidden = true;
  }

  async predict() {
    this.again.disabled = true;
    try {
      const { sid } = await this.session.api.predictAgain(this.session.sid);
      this.hooks.enter(sid);
    } catch (error) {
      this.hooks.say(`Nothing was predicted. ${error.message}`, () => this.predict());
    }
    this.again.disabled = false;
  }
}
