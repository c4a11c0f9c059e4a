// Train and Compare in an element: they stand without a store, and take the thresholds of the one that is open.
import { Api } from './api.js';
import { CompareScreen } from './compare-screen.js';
import { el, iconButton, ICONS, setText } from './dom.js';
import { Help, Theme } from './frame.js';
import { CommandPalette, Keyboard } from './keyboard.js';
import { stateOf } from './runs-words.js';
import { sessionFor } from './session.js';
import { Toasts } from './toast.js';
import { TrainScreen } from './train-screen.js';
import { HashWriter, keepLink } from './url-state.js';

export const RUN_SCREENS = Object.freeze({ train: TrainScreen, compare: CompareScreen });
const TITLES = { train: 'Train', compare: 'Compare' };

export class RunsViewer {
  constructor(element, boot) {
    Object.assign(this, { element, boot, kind: boot.screen, isShown: true });
    this.api = new Api(boot.apiBase ?? '/api/v1');
    this.toasts = new Toasts();
    this.hash = new HashWriter(() => this.composeHash());
    this.root = el('div', { class: 'esl', dataset: { screen: this.kind } });
    this.help = new Help(this.root, () => this.bindings);
    element.replaceChildren(this.root);
    this.theme = new Theme(element, boot.theme);
    this.theme.dress(this.root, () => this.screen?.onTheme?.());
    this.observer = new ResizeObserver(() => this.onResize());
    this.observer.observe(document.documentElement);
    this.observer.observe(this.root);
    this.listen('hashchange', (event) => this.followLink(event), window);
    this.listen('esl:store', ({ detail }) => this.takeStore(detail.sid));
    this.listen('esl:compare', ({ detail }) => this.screen?.choose?.(detail.names));
  }

  listen(name, run, target = document) {
    const listener = (event) => {
      if (this.element.isConnected) run(event);
      else target.removeEventListener(name, listener);
    };
    target.addEventListener(name, listener);
  }

  /** Another link was put into the address bar: its tab is opened by the page's head. */
  followLink(event) {
    this.hash.cancel();
    keepLink(event);
    const parts = new URLSearchParams(location.hash.slice(1));
    this.takeStore(parts.get('s'));
    if (parts.get('tab') === this.kind) this.screen?.takeLink?.(parts);
    this.hash.touch();
  }

  onResize() {
    const shown = this.root.offsetWidth > 0;
    const isBack = shown && !this.isShown;
    this.isShown = shown;
    if (!shown) return;
    this.fitHeight();
    if (!isBack) return;
    this.takeStore(new URLSearchParams(location.hash.slice(1)).get('s'));
    this.screen?.onShow?.();
    this.hash.touch();
  }

  fitHeight() {
    const { top } = this.root.getBoundingClientRect();
    const room = window.innerHeight - Math.max(0, top + window.scrollY) - (this.boot.marginBottom ?? 0);
    this.root.style.setProperty('height', this.boot.height ?? `${Math.max(540, Math.floor(room))}px`);
  }

  /** The store whose thresholds are on screen in the other tabs, if any. */
  async takeStore(sid) {
    if (!/^[0-9a-f]+$/.test(sid ?? '')) return;
    const session = sessionFor(this.api, sid);
    try {
      await session.ready();
      if (this.session !== session) this.unwatch?.();
      if (this.session !== session) this.unwatch = session.on('histogram', () => this.screen?.form?.changed());
      this.session = session;
    } catch { /* the store is gone: there are no thresholds on screen */ }
    this.screen?.form?.changed();
  }

  async start() {
    this.fitHeight();
    this.palette = new CommandPalette(this.root);
    this.running = el('span', { class: 'esl-chip', hidden: true });
    this.top = el('header', { class: 'esl-top' }, el('b', { class: 'esl-title' }, TITLES[this.kind]), this.running, el('span', { class: 'esl-grow' }),
      iconButton(ICONS.theme, 'Light or dark theme', () => this.theme.toggle()),
      el('button', { type: 'button', class: 'esl-iconbtn', title: 'Keyboard (?)', 'aria-label': 'Keyboard help', onclick: () => this.help.toggle() }, '?'));
    this.screen = new RUN_SCREENS[this.kind](this.context());
    this.root.replaceChildren(this.top, this.screen.root, this.toasts.root);
    this.bindings = [...this.screen.bindings, { keys: ['?'], name: 'This help', closes: () => this.help.isOpen, run: () => this.help.toggle() }, { keys: ['Ctrl+k'], name: 'Command palette', always: true, run: () => this.palette.open(this.commands()) }];
    this.keyboard = new Keyboard(this.element, this.bindings);
    this.element.__esl = { viewer: this, screen: this.screen };
    await this.takeStore(new URLSearchParams(location.hash.slice(1)).get('s') ?? this.boot.sid);
  }

  context() {
    return {
      api: this.api, boot: this.boot, element: this.element, host: () => this.root, session: () => this.session ?? null, say: (text, retry) => this.toasts.say(text, retry),
      open: (screen) => this.open(screen), touchHash: () => { if (this.isShown) this.hash.touch(); }, enter: (sid, note, rule) => this.enter(sid, note, rule),
      choose: (names) => { this.pickedNames = names; document.dispatchEvent(new CustomEvent('esl:compare', { detail: { names } })); }, onrows: (rows) => this.drawRunning(rows),
    };
  }

  drawRunning(rows) {
    const busy = rows.filter((r) => stateOf(r) === 'running').length;
    const waiting = rows.filter((r) => stateOf(r) === 'queued').length;
    this.running.hidden = busy + waiting === 0;
    setText(this.running, [busy ? `${busy} running` : '', waiting ? `${waiting} waiting` : ''].filter(Boolean).join(' · '));
  }

  open(screen) {
    if (screen === 'compare' && this.pickedNames) {
      // A tab that was never opened has no screen yet that could listen: the URL tells it.
      const parts = new URLSearchParams(location.hash.slice(1));
      parts.set('runs', this.pickedNames.map(encodeURIComponent).join(','));
      history.replaceState(history.state, '', `#${parts}`);
    }
    this.element.dispatchEvent(new CustomEvent('esl:open', { bubbles: true, detail: { screen } }));
  }

  /** A store was made or found: the other screens take it, and one press shows it. */
  enter(sid, note, rule = null) {
    const node = el('div', { class: 'esl-toast' }, el('span', {}, note), el('button', {
      type: 'button', class: 'esl-btn is-main', onclick: () => {
        node.remove();
        if (rule) sessionFor(this.api, sid).setRule(rule);
        const parts = new URLSearchParams(location.hash.slice(1));
        parts.set('s', sid);
        history.replaceState(history.state, '', `#${parts}`);
        this.element.dispatchEvent(new CustomEvent('esl:store', { bubbles: true, detail: { sid } }));
        this.open('inspect');
      },
    }, 'Open in the inspector'), el('button', { type: 'button', class: 'esl-iconbtn', 'aria-label': 'Dismiss', onclick: () => node.remove() }, '×'));
    this.toasts.root.append(node);
  }

  commands() {
    return [...this.bindings.filter((b) => b.name), ...['inspect', 'thresholds', 'audit', 'compare', 'train', 'export'].map((screen) => ({ name: `Go to ${screen}`, run: () => this.open(screen) }))];
  }

  composeHash() {
    if (this.root.offsetWidth === 0) return null;
    const parts = new URLSearchParams(location.hash.slice(1));
    parts.set('tab', this.kind);
    for (const [key, value] of Object.entries(this.screen?.hashParts ?? {})) {
      if (value) parts.set(key, value);
      else parts.delete(key);
    }
    return parts.toString();
  }
}
