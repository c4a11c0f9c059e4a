// The Audit screen: are the pixels that ESL removes really the bad ones? A queue of boundary arcs, one key each.
import { AuditQueue } from './audit-queue.js';
import { AuditSide } from './audit-side.js';
import { DECISIONS, DIRECTIONS, relabelTarget, standing, typedNote, verdictBody, withNote, wrongShare } from './audit-model.js';
import { outlineOf } from './decor.js';
import { el } from './dom.js';
import { Frames } from './frames.js';
import { Outbox, newId } from './outbox.js';
import { PaneCards } from './pane-cards.js';
import { PaneGrid } from './pane-grid.js';
import { Probe } from './probe.js';
import { auditBindings } from './audit-keys.js';
import { setMask, takeName, touchMask } from './verdict-mask.js';

const PANES = ['photo', 'prediction', 'second', 'ssl-esl'];

export class AuditScreen {
  constructor(context) {
    this.context = context;
    this.wantsImage = false;
    const { session } = context;
    this.session = session;
    this.items = [];
    this.drawn = { direction: 'ssl_only', sampling: 'stratified' }; // what the items are a sample of, whatever is chosen by now
    this.at = -1;
    this.verdicts = [];
    this.shares = new Map();
    this.done = [];
    this.notes = new Map(); // typed, but in no verdict yet: by item
    this.user = context.boot.user || remembered('esl.user') || 'me';
    this.frames = new Frames((flags) => this.draw(flags), context.isShown);
    this.grid = new PaneGrid({
      onlook: () => this.frames.request('view'), oncamera: () => this.frames.request('view'), oncursor: () => this.frames.request('cursor'),
      onpin: () => {}, onmix: () => {},
    }, PANES);
    this.cards = new PaneCards(session, this.grid);
    this.probe = new Probe(session);
    this.outbox = new Outbox(session.sid, (verdict) => session.api.postVerdict(verdict));
    this.outbox.onchange = () => this.drawProgress();
    this.outbox.onrefused = (why) => context.say(`The server does not take a verdict. ${why}`, () => this.outbox.retry());
    this.queue = new AuditQueue(this);
    this.side = new AuditSide(this);
    this.root = el('main', { class: 'esl-audit' }, this.queue.root, el('div', { class: 'esl-centre' }, this.grid.root, this.probe.line), this.side.root);
    this.bindings = auditBindings(this);
    this.listen();
  }

  listen() {
    const { context, frames } = this;
    context.listen('info', () => this.onInfo());
    context.listen('image', () => this.onImage());
    context.listen('image-error', () => frames.request('view'));
    context.listen('blind', () => { frames.request('view'); this.drawProgress(); });
    context.listen('rule', () => { frames.request('view'); context.touchHash(); });
    context.listen('theme', () => frames.request('view'));
    context.listen('mask', () => this.side.drawMask()); // a recipe that is loaded brings its own
  }

  async onInfo() {
    const { session } = this;
    this.grid.scene.setTables(session.info.class_colors, new Set()); // an arc's classes are seen, whatever Inspect hides
    this.cards.draw();
    this.side.build();
    this.reading = this.readVerdicts();
    if (this.items.length === 0) this.loadWhenShown();
    await this.reading;
    this.outbox.flush();
    this.drawVerdicts();
  }

  /** What stands on the server, and what has not got there yet. */
  async readVerdicts() {
    try {
      const { verdicts = [], user } = await this.session.api.verdicts(this.session.sid);
      if (user) this.signIn(user);
      this.verdicts = standing([...verdicts, ...this.done.map((d) => d.verdict), ...this.outbox.entries]);
    } catch (error) {
      this.verdicts = standing([...this.verdicts, ...this.outbox.entries]);
      this.context.say(`Earlier verdicts could not be read. ${error.message}`, () => this.onInfo());
    }
  }

  /** A screen behind another asks for nothing yet: neither for arcs, nor for the image of one. */
  loadWhenShown() {
    this.isDue = !this.context.isShown();
    if (!this.isDue) this.load();
  }

  /** Ask for arcs at the thresholds on screen. */
  async load() {
    const { session, queue } = this;
    const question = queue.question();
    if (!question) return;
    const body = { mu: [...session.thresholds.mu], nu: [...session.thresholds.nu], ...question };
    this.takeBack?.(); // what is said of a draw is said of the last one
    queue.setBusy(true);
    try {
      const [answer] = await Promise.all([session.api.queue(session.sid, body), this.reading]); // where to begin depends on both
      this.sendNote();
      this.items = answer.items;
      this.at = -1;
      this.drawn = { direction: body.direction, sampling: body.sampling };
      queue.fill(answer, body.direction);
      this.side.setDirection(body.direction);
      this.grid.showDifference(DIRECTIONS[body.direction].pane);
      this.drawQueueMarks();
      if (this.items.length) this.go(Math.max(0, this.items.findIndex((item) => !this.mine.has(item.key))));
      else this.showNone();
    } catch (error) {
      queue.say(error.message);
      this.takeBack = this.context.say(`No arcs. ${error.message}`, () => this.load());
    }
    queue.setBusy(false);
    this.drawProgress();
  }

  /** A sample without arcs: nothing is left to judge of the one before. */
  showNone() {
    this.grid.outline = null;
    this.side.note.value = '';
    this.frames.request('view');
  }

  /** Another threshold for a difference without arcs. */
  lowerNu() {
    const { session } = this;
    session.setRule({ nuStar: Math.max(0, session.rule.nuStar - 0.02) });
    this.load();
  }

  onShow() {
    if (this.isDue) this.loadWhenShown();
    if (this.item && (this.isLate || this.session.image?.maps.i !== this.item.i)) this.go(this.at);
    else this.frames.request('view');
  }

  get item() { return this.items[this.at] ?? null; }

  /** This user's verdicts by item. */
  get mine() {
    return new Map(this.verdicts.filter((v) => v.user === this.user).map((v) => [v.item, v]));
  }

  drawVerdicts() {
    this.drawQueueMarks();
    this.drawProgress();
    this.frames.request('cursor');
  }

  drawQueueMarks() {
    this.queue.mark(this.items, this.mine, this.at);
  }

  /** Go to arc n: its image, the camera around it, the outline on it; the next arc's image is fetched ahead. */
  go(n) {
    if (n < 0 || n >= this.items.length) return;
    this.sendNote();
    this.at = n;
    this.drawQueueMarks();
    this.queue.reveal(n);
    this.side.note.value = this.notes.get(this.item.key) ?? typedNote(this.mine.get(this.item.key) ?? {});
    const { session } = this;
    this.isLate = !this.context.isShown(); // the screen in front shows an image of its own
    if (this.isLate) return;
    if (session.image?.maps.i === this.item.i && !session.imageError && !session.loading) this.onImage();
    else session.show(this.item.i);
    const next = this.items[n + 1];
    if (next) session.cache.prefetch(next.i);
  }

  onImage() {
    const { session, grid, item } = this;
    if (!session.image) return;
    grid.scene.setImage(session.image.maps, session.image.selection);
    if (item && item.i === session.image.maps.i) {
      grid.outline = outlineOf(item.runs, session.image.maps.W);
      this.shares.set(item.key, wrongShare(session.image.maps, item.runs));
      this.frames.request('view', 'frame');
    } else this.frames.request('view');
  }

  judge(key) {
    const { item, session } = this;
    if (!item) return;
    const before = this.mine.get(item.key);
    item.relabelTo = relabelTarget(item, before); // stays chosen when another key takes the verdict's place
    const verdict = verdictBody({ id: newId(), session, item, decision: DECISIONS[key], user: this.user, recipe: session.recipe?.id, note: this.side.note.value.trim(), before });
    this.give(verdict);
    this.side.note.blur();
    const next = this.items.findIndex((other, n) => n > this.at && !this.mine.has(other.key));
    if (next >= 0) this.go(next);
    else {
      this.drawQueueMarks();
      this.frames.request('cursor');
      this.context.say('That was the last arc of this sample.');
    }
    this.drawProgress();
  }

  give(verdict) {
    this.done.push({ verdict, before: this.mine.get(verdict.item) });
    this.verdicts = standing([...this.verdicts, verdict]);
    this.notes.delete(verdict.item);
    this.outbox.add(verdict);
    touchMask(this.session);
  }

  /** What is typed stays with its arc, for the verdict that comes. */
  keepNote() {
    if (this.item) this.notes.set(this.item.key, this.side.note.value);
  }

  /** Where the verdict is given already it is said again with the note. */
  sendNote() {
    const key = this.item?.key;
    const given = this.mine.get(key);
    const note = this.notes.get(key)?.trim();
    if (!given || note === undefined) return;
    this.notes.delete(key);
    if (note !== typedNote(given)) this.give(withNote(given, newId(), note));
  }

  /** Take the last verdict of this session back, here and on the server; the one that it replaced stands again. */
  async undo() {
    const last = this.done.pop();
    if (!last) return;
    const { session } = this;
    touchMask(session);
    this.verdicts = [...this.verdicts.filter((v) => v.id !== last.verdict.id), ...(last.before ? [last.before] : [])];
    this.go(this.items.findIndex((item) => item.key === last.verdict.item)); // the queue may have been drawn anew since
    this.drawProgress();
    if (this.outbox.withdraw(last.verdict.id)) return;
    const remove = async () => {
      try {
        await session.api.withdrawVerdict(last.verdict.id, last.verdict.user);
      } catch (error) {
        if (error.status !== 404) return this.context.say(`The verdict was not taken back. ${error.message}`, remove);
      }
      await this.readVerdicts(); // another page may have judged the arc since
      return this.drawVerdicts();
    };
    await remove();
  }

  setRelabel(c) {
    if (this.item) this.item.relabelTo = c;
  }

  /** The server stores everything under the name of its login: so does the page, and asks for no other. */
  signIn(user) {
    takeName(this, user);
    for (const verdict of [...this.done.map((d) => d.verdict), ...this.outbox.entries]) verdict.user = user;
    this.side.fixUser(user);
  }

  setUser(name) {
    takeName(this, name || 'me');
    try { localStorage.setItem('esl.user', this.user); } catch { /* private mode */ }
    this.drawVerdicts();
  }

  setMask(on) {
    setMask(this.session, on ? { users: [this.user] } : null);
    this.context.say(on ? 'Recipes saved from now on freeze your verdicts into their mask.' : 'Recipes are saved without a mask.');
  }

  drawProgress() {
    if (this.session.info) this.side.drawProgress(this);
  }

  draw(flags) {
    const { session, grid } = this;
    if (!session.info) return {};
    const image = session.image;
    if (flags.has('view')) {
      if (image) image.selection.apply(session.thresholds);
      grid.scene.thresholds = session.thresholds;
      grid.updateView(this.context.theme());
      if (flags.has('frame') && this.item) {
        grid.camera.frame(this.item.box, ...grid.viewport, 3, 14);
        grid.updateView(this.context.theme());
      }
      if (image && grid.scene.g) grid.drawPixels(session.showsTruth);
      this.cards.draw();
    }
    grid.drawDecor(session.info.class_names);
    this.probe.draw(grid.cursor, grid.camera.scale);
    this.side.drawItem(this.item, this.item ? this.mine.get(this.item.key) : null);
    if (flags.has('view')) this.side.drawCrop(this.item, image?.maps.photo);
    return {};
  }
}

function remembered(key) {
  try {
    return localStorage.getItem(key);
  } catch { return null; }
}
