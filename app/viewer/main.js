// mount(element, boot): one screen of the inspector in an element. Knows nothing of the page around it.
import { Api } from './api.js';
import { el } from './dom.js';
import { sessionFor } from './session.js';
import { Help, Theme } from './frame.js';
import { CommandPalette, Keyboard } from './keyboard.js';
import { HashWriter, decodeView, encodeView, keepLink, wholeView } from './url-state.js';
import { StaleStrip } from './stale-strip.js';
import { Toasts } from './toast.js';
import { TopBar } from './top-bar.js';
import { attachHandle } from './handle.js';
import { OpenScreen } from './open-screen.js';

// A screen's modules are fetched when its tab is opened; app/pages/inspector.py has those of Inspect fetched ahead.
const SCREENS = {
  inspect: async () => (await import('./inspect-screen.js')).InspectScreen,
  thresholds: async () => (await import('./thresholds-screen.js')).ThresholdsScreen,
  audit: async () => (await import('./audit-screen.js')).AuditScreen,
  export: async () => (await import('./export-screen.js')).ExportScreen,
};
const RUN_SCREENS = ['train', 'compare'];
const SHEETS = ['viewer.css', 'screens.css', 'runs.css'];

function loadCss() {
  for (const name of SHEETS) {
    const href = new URL(name, import.meta.url).href;
    if (![...document.styleSheets].some((sheet) => sheet.href === href) && !document.querySelector(`link[href="${href}"]`)) {
      document.head.append(el('link', { rel: 'stylesheet', href }));
    }
  }
}

async function onlyStore(api) {
  const stores = await api.stores().catch(() => []);
  return stores.length === 1 ? stores[0].sid : null;
}

/** The image of a link, else the first one that is done. */
function firstImage(session, link) {
  if (link.index < session.info.num_images) return link.index;
  return session.info.images.find((image) => image.done !== false)?.i ?? 0;
}

class Viewer {
  constructor(element, boot) {
    this.element = element;
    this.boot = boot;
    this.kind = boot.screen ?? 'inspect';
    this.api = new Api(boot.apiBase ?? '/api/v1');
    this.theme = new Theme(element, boot.theme);
    this.toasts = new Toasts();
    this.hash = new HashWriter(() => (this.root.offsetWidth > 0 && this.session ? this.composeHash() : null));
    this.root = el('div', { class: 'esl', dataset: { screen: this.kind } });
    this.help = new Help(this.root, () => this.bindings);
    element.replaceChildren(this.root);
    this.isShown = true;
    this.listening = [];
    this.fitHeight();
    this.observer = new ResizeObserver(() => this.onResize());
    this.observer.observe(document.documentElement);
    this.observer.observe(this.root);
    this.onstore = ({ detail, target }) => { if (target !== this.element) this.follow(detail.sid); };
    document.addEventListener('esl:store', this.onstore);
    element.addEventListener('esl:moved', () => this.screen?.list?.reveal()); // what is moved has lost its scrolling
    this.onhash = (event) => this.followLink(event);
    window.addEventListener('hashchange', this.onhash); // the page's own writing of the hash tells nobody
    this.theme.dress(this.root, () => this.session?.emit('theme'));
  }

  /** A screen in a tab that is not open has no size: it neither draws nor writes the URL until it has one again. */
  onResize() {
    const shown = this.root.offsetWidth > 0;
    const isBack = shown && !this.isShown;
    this.isShown = shown;
    if (!shown) return;
    this.fitHeight();
    if (!isBack) return;
    this.screen?.onShow?.();
    this.hash.touch();
  }

  /** Another screen of this page opened a store. */
  follow(sid) {
    if (!this.element.isConnected) {
      document.removeEventListener('esl:store', this.onstore);
      this.leave();
    } else if (sid !== this.session?.sid) {
      this.boot = { ...this.boot, sid };
      this.start(true);
    }
  }

  /** Another link was put into the address bar: all that it says is taken, and its tab is opened by the page's head. */
  followLink(event) {
    if (!this.element.isConnected) return window.removeEventListener('hashchange', this.onhash);
    this.hash.cancel();
    keepLink(event);
    const link = wholeView(decodeView(location.hash));
    const isOther = link.sid !== undefined && link.sid !== this.session?.sid;
    if (isOther || !this.screen?.root.isConnected) return this.start(false, true);
    this.session.takeLink(link, true);
    this.hash.touch();
    return this.applyView(link, true);
  }

  /** Fill the window below whatever stands above, down to a size at which it stays usable. */
  fitHeight() {
    if (this.boot.height) return this.root.style.setProperty('height', this.boot.height);
    if (this.root.offsetWidth === 0) return undefined;
    const { top } = this.root.getBoundingClientRect();
    const room = window.innerHeight - Math.max(0, top + window.scrollY) - (this.boot.marginBottom ?? 0);
    return this.root.style.setProperty('height', `${Math.max(540, Math.floor(room))}px`);
  }

  /** Open the store of the link, else the one given, else the only one there is; ask when there is a choice. */
  async start(isChosen = false, isNewLink = false) {
    const link = decodeView(location.hash);
    const view = isChosen ? {} : isNewLink ? wholeView(link) : link;
    const sid = isChosen ? this.boot.sid : link.sid ?? this.boot.sid ?? await onlyStore(this.api);
    if (!sid) return this.openCard();
    this.leave();
    const session = this.session = sessionFor(this.api, sid);
    this.session.user = this.boot.user ?? this.session.user ?? '';
    this.root.replaceChildren(el('div', { class: 'esl-opening' }, el('div', { class: 'esl-pulse' }), el('p', {}, 'Opening the store …')));
    this.session.takeLink(view, isNewLink);
    try {
      [this.Screen] = await Promise.all([SCREENS[this.kind](), session.ready()]);
    } catch (error) {
      return session === this.session ? this.openCard(error.message) : undefined;
    }
    if (session !== this.session) return undefined; // another one was chosen meanwhile
    this.build();
    return this.applyView(view, isNewLink);
  }

  /** Show another store, here and on every other screen of the page. */
  enter(sid) {
    this.boot = { ...this.boot, sid };
    history.replaceState(history.state, '', `${location.pathname}${location.search}#s=${sid}`);
    this.element.dispatchEvent(new CustomEvent('esl:store', { bubbles: true, detail: { sid } }));
    return this.start(true);
  }

  /** Tell `run` of a topic of the session until the screen leaves. */
  listen(topic, run) {
    const stop = this.session.on(topic, run);
    this.listening.push(stop);
    return stop;
  }

  /** Take the screen off its session, which outlives it: its store may be opened again. */
  leave() {
    for (const stop of this.listening.splice(0)) stop();
    this.keyboard?.remove();
    this.screen?.onLeave?.();
  }

  openCard(error = null) {
    this.root.replaceChildren(new OpenScreen(this, error).root);
  }

  build() {
    const { session } = this;
    this.leave(); // two starts may have waited for one store
    this.palette = new CommandPalette(this.root);
    const context = {
      session, listen: (topic, run) => this.listen(topic, run), isShown: () => this.isShown, openCard: () => this.openCard(), api: this.api, boot: this.boot, element: this.element, theme: () => this.theme.name, host: () => this.root,
      say: (text, retry) => this.toasts.say(text, retry), touchHash: () => { if (this.isShown) this.hash.touch(); },
      open: (screen) => this.element.dispatchEvent(new CustomEvent('esl:open', { bubbles: true, detail: { screen } })),
    };
    context.top = this.top = new TopBar(session, { say: context.say, theme: () => this.theme.toggle(), help: () => this.help.toggle(), store: () => this.openCard() });
    this.screen = new this.Screen(context);
    const strip = new StaleStrip(session, { enter: (sid) => this.enter(sid), say: context.say });
    this.root.replaceChildren(this.top.root, strip.root, this.screen.root, this.toasts.root);
    setTimeout(() => strip.watch(), 1500); // the first picture comes first
    const shared = [
      { keys: ['?'], name: 'This help', closes: () => this.help.isOpen, run: () => this.help.toggle() },
      { keys: ['Ctrl+k'], name: 'Command palette', always: true, run: () => this.palette.open(this.commands()) },
    ];
    this.bindings = [...this.screen.bindings, ...shared];
    this.keyboard = new Keyboard(this.element, this.bindings);
    for (const topic of ['info', 'medians', 'rule', 'scope', 'blind', 'recipe', 'mask']) this.listen(topic, () => this.top.draw());
    this.top.draw();
    this.screen.onInfo?.();
    attachHandle(this);
    this.hash.touch();
    for (const wait of [0, 250, 1000]) setTimeout(() => this.fitHeight(), wait); // what stands above may still settle
    if (session.info.provisional) this.watchProgress();
  }

  commands() {
    return [...this.bindings.filter((b) => b.name && !b.release), ...(this.screen.commands ?? []),
      ...[...Object.keys(SCREENS), ...RUN_SCREENS].map((screen) => ({ name: `Go to ${screen}`, run: () => this.element.dispatchEvent(new CustomEvent('esl:open', { bubbles: true, detail: { screen } })) })),
      { name: 'Light or dark theme', run: () => this.theme.toggle() }];
  }

  /** `isNewLink`: its image takes the place of the one on screen; in the audit, arcs choose the image. */
  applyView(view, isNewLink = false) {
    const { session } = this;
    const { num_images: numImages } = session.info;
    if (this.screen.applyView) this.screen.applyView(view);
    const isNew = isNewLink && view.index !== undefined && view.tab !== 'audit';
    const first = (session.image || session.imageError) && !isNew ? session.index : firstImage(session, view);
    const isHere = view.tab ? view.tab === this.kind : this.isShown; // one screen says it
    if (view.index >= numImages && isHere) this.toasts.say(`The link names image #${view.index}; this store has #0 to #${numImages - 1}, so #${first} is shown.`);
    if (session.loading) session.emit('loading'); // begun before this screen could hear of it
    if (session.image && session.index === first) session.emit('image');
    else if (isNew || this.screen.wantsImage !== false) return session.show(first);
    return undefined;
  }

  composeHash() {
    const { session, screen } = this;
    const grid = screen.grid;
    return encodeView({
      tab: this.kind, sid: session.sid, index: session.index, rule: session.rule, hidden: [...session.hidden], scope: session.scope,
      camera: grid && !grid.camera.fitted ? [grid.camera.cx, grid.camera.cy, grid.camera.scale] : null,
      panes: this.kind === 'inspect' ? grid.shown.map((pane) => pane.kind) : null,
      filter: session.filter, sort: screen.list?.key, mix: grid?.scene.photoShare, portion: session.classBalanced.portion, colorBy: grid?.scene.colorBy,
    });
  }

  /** While the network runs or the server counts: new images and better medians as they come, quiet when the page is hidden. */
  watchProgress() {
    const { session, screen } = this;
    setTimeout(async () => {
      if (!this.element.isConnected || screen !== this.screen) return;
      if (!document.hidden) await session.refreshMedians().catch(() => {});
      if (session.info.provisional && screen === this.screen) this.watchProgress();
    }, this.boot.pollMs ?? 3000);
  }
}

/**
 * Begin what the first picture needs while the page around it still loads: modules, store, maps of the first image.
 * Resolves to {sid, tab} once the store answers, with a null sid where there is nothing to begin with; never fails.
 */
export async function prepare(boot = {}) {
  const api = new Api(boot.apiBase ?? '/api/v1');
  const link = decodeView(location.hash);
  const tab = link.tab ?? 'inspect';
  SCREENS[tab]?.().catch(() => {}); // fetched now, asked for again and waited for by `start`
  try {
    const sid = link.sid ?? await onlyStore(api);
    if (!sid) return { sid: null, tab };
    const session = sessionFor(api, sid);
    session.takeLink(link);
    await session.ready();
    session.show(firstImage(session, link));
    return { sid, tab };
  } catch {
    return { sid: null, tab }; // the screen asks again, and says what is wrong
  }
}

/** Mount a screen; resolves when its first picture is drawn or its message shown. */
export async function mount(element, boot = {}) {
  loadCss();
  const isRuns = RUN_SCREENS.includes(boot.screen);
  const viewer = isRuns ? new (await import('./runs-viewer.js')).RunsViewer(element, boot) : new Viewer(element, boot);
  await viewer.start();
  return viewer;
}
