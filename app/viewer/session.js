// What all screens of one page share about one store: thresholds, the image, what is hidden, the last recipe.
import { ClassBalanced } from './class-balanced.js';
import { ImageCache } from './images.js';
import { Selection } from './selection.js';
import { SetHistogram } from './set-histogram.js';
import { DEFAULT_RULE, classThresholds, copyRule, sameRule } from './thresholds.js';

const AGAIN_MS = 2000; // until the set's counts are read anew
const sessions = new Map();

/** The session of a store; the same object for every screen mounted in this page. */
export function sessionFor(api, sid) {
  const key = `${api.base}|${sid}`;
  if (!sessions.has(key)) sessions.set(key, new Session(api, sid));
  return sessions.get(key);
}

export function forgetSessions() {
  sessions.clear();
}

export class Session {
  constructor(api, sid) {
    this.api = api;
    this.sid = sid;
    this.listeners = new Map();
    this.info = null;
    this.rule = copyRule(DEFAULT_RULE);
    this.thresholds = null;
    this.index = 0;
    this.image = null;
    this.imageError = null;
    this.loading = false;
    this.hidden = new Set();
    this.scope = 'image';
    this.blind = false;
    this.brush = null;
    this.recipe = null;
    this.criterion = null; // chosen for the next recipe; else that of the last
    this.verdictMask = null;
    this.filter = '';
    this.past = [];
    this.future = [];
    this.committed = copyRule(this.rule);
    this.inputTime = 0;
    this.isBegun = false;
    this.boundary = null;
    this.histogramHeld = null;
    this.histogramError = null;
    this.isHistogramDue = true;
    this.classBalanced = new ClassBalanced(this);
  }

  on(topic, listener) {
    if (!this.listeners.has(topic)) this.listeners.set(topic, new Set());
    this.listeners.get(topic).add(listener);
    return () => this.listeners.get(topic).delete(listener);
  }

  emit(topic, detail) {
    for (const listener of [...(this.listeners.get(topic) ?? [])]) listener(detail);
  }

  /** Read the store once; later callers share the answer. */
  ready() {
    this.opening ??= this.refresh().catch((error) => {
      this.opening = null;
      throw error;
    });
    return this.opening;
  }

  async refresh() {
    const info = await this.api.store(this.sid);
    const newMaps = this.info && this.info.map_version !== info.map_version;
    this.info = info;
    if (!this.cache || newMaps) this.cache = new ImageCache(this.api, info);
    this.cache.info = info;
    if (newMaps) this.histogramHeld = null;
    if (this.isHistogramBehind && !this.isReading) this.isHistogramDue = true;
    if (this.borrowed) info.medians = this.borrowed.medians;
    this.thresholds = classThresholds(info.medians, this.rule);
    this.emit('info', info);
    this.emit('rule');
    return info;
  }

  /** Medians as they are now: the network still runs, or the server still counts. New images are read with all the rest. */
  async refreshMedians() {
    const { medians, num_done: numDone, ...others } = await this.api.medians(this.sid);
    if (numDone !== this.info.num_done) return this.refresh();
    Object.assign(this.info, others);
    if (!this.borrowed) this.info.medians = medians;
    this.thresholds = classThresholds(this.info.medians, this.rule);
    this.emit('medians');
    this.emit('rule');
    return this.info;
  }

  get numClasses() { return this.info.class_names.length; }
  get showsTruth() { return this.info.has_truth && !this.blind; }

  /**
   * What a link says of all screens, for the first one that opens; from then on the page knows better than its URL, but
   * for a link that is put into the address bar (`isNew`): its thresholds are one step of undo.
   */
  takeLink({ rule, hidden, scope, portion, filter }, isNew = false) {
    if (this.isBegun && !isNew) return;
    this.isBegun = true;
    if (rule) this.setRule(rule, isNew);
    if (!isNew) this.committed = copyRule(this.rule);
    if (hidden) this.setHidden(new Set(hidden));
    if (scope) this.setScope(scope);
    if (portion) this.classBalanced.setPortion(portion);
    if (filter !== undefined) this.filter = filter;
  }

  /** Change the rule; `commit` ends a gesture, and makes one step of undo. */
  setRule(patch, commit = true) {
    this.inputTime = performance.now();
    this.isBegun = true;
    this.rule = { ...this.rule, ...patch };
    if (this.info) this.thresholds = classThresholds(this.info.medians, this.rule);
    this.emit('rule');
    if (commit) this.commitRule();
  }

  commitRule() {
    if (sameRule(this.rule, this.committed)) return;
    this.past.push(this.committed);
    if (this.past.length > 200) this.past.shift();
    this.future.length = 0;
    this.committed = copyRule(this.rule);
    this.emit('commit');
  }

  undo() { return this.travel(this.past, this.future); }
  redo() { return this.travel(this.future, this.past); }

  travel(from, to) {
    const rule = from.pop();
    if (!rule) return false;
    to.push(copyRule(this.committed));
    this.committed = copyRule(rule);
    this.setRule(copyRule(rule), false);
    this.emit('commit');
    return true;
  }

  setOverride(which, c, value, commit = true) {
    const name = which === 'mu' ? 'muOverrides' : 'nuOverrides';
    const next = { ...this.rule[name] };
    if (value === null) delete next[c];
    else next[c] = value;
    this.setRule({ [name]: next }, commit);
  }

  /** Show image i; the last picture stays until the new one is there, and a later call wins. */
  async show(i, force = false) {
    if (!this.info || (typeof i === 'number' && (i < 0 || i >= this.info.num_images))) return undefined;
    clearTimeout(this.waiter);
    if (force) this.cache.forget(i);
    if (!force && this.index === i && !this.imageError) {
      if (this.loading) return this.showing;
      if (this.image) return undefined;
    }
    this.showing = this.bring(i);
    return this.showing;
  }

  async bring(i) {
    this.index = i;
    this.loading = true;
    this.imageError = null;
    this.emit('loading');
    try {
      const maps = await this.cache.get(i);
      if (this.index !== i) return;
      this.image = { maps, selection: new Selection(maps, this.numClasses) };
      this.image.selection.apply(this.thresholds);
      this.loading = false;
      this.emit('image');
      this.sort();
      this.cache.prefetch(i + 1);
      this.cache.prefetch(i - 1);
    } catch (error) {
      if (this.index !== i) return;
      this.loading = false;
      this.image = null; // no number and no picture of another image under this one's name
      this.imageError = error.message;
      this.isWaiting = error.waiting === true;
      this.emit('image-error', error);
      if (this.isWaiting) this.waiter = setTimeout(() => this.show(i, true), 1000);
    }
  }

  /** Have the image's pixels sorted off the main thread; moves are incremental once they are. */
  sort() {
    const { image } = this;
    const { maps, selection } = image;
    this.worker ??= this.startWorker();
    if (!this.worker) return;
    this.ticket = (this.ticket ?? 0) + 1;
    this.waiting = { ticket: this.ticket, image };
    const { label, conf, ent } = maps;
    this.worker.postMessage({ ticket: this.ticket, label, conf, ent, cell: selection.cell, numClasses: this.numClasses });
  }

  startWorker() {
    try {
      const worker = new Worker(new URL('./order-worker.js', import.meta.url), { type: 'module' });
      worker.onmessage = ({ data }) => {
        if (data.ticket === this.waiting?.ticket) this.attach(this.waiting.image, data.built);
      };
      return worker;
    } catch {
      return null; // moves stay whole passes: slower, same pixels
    }
  }

  attach(image, built) {
    image.selection.orders = { conf: built.conf, ent: built.ent };
    image.cumulative = { ssl: built.confCumulative, esl: built.entCumulative };
    if (image === this.image) this.emit('sorted');
  }

  /** The whole set's joint counts, null while the first travel; asking for them reads those that are due. */
  get histogram() {
    if (this.isHistogramDue) this.readHistogram();
    return this.histogramHeld;
  }

  get isHistogramBehind() {
    return this.histogramHeld === null || this.histogramImages + this.histogramDamaged < this.info.num_done;
  }

  async readHistogram() {
    if (this.isReading) return;
    this.isReading = true;
    this.isHistogramDue = false;
    clearTimeout(this.histogramTimer);
    const { map_version: version } = this.info;
    try {
      const { buffer, numImages, numDamaged = 0, numUnread = 0 } = await this.api.hist(this.info);
      this.histogramError = null;
      if (version === this.info.map_version) {
        this.histogramHeld = new SetHistogram(new Uint32Array(buffer), this.numClasses);
        [this.histogramImages, this.histogramDamaged] = [numImages, numDamaged];
        if (numDamaged !== (this.info.num_damaged ?? 0) || numUnread !== (this.info.num_unread ?? 0)) await this.refreshMedians(); // says why
      }
    } catch (error) {
      this.histogramError = error.message;
    }
    this.isReading = false;
    // More images are done, or the read failed: it is due again soon, for whoever shows it then.
    if (this.histogramError || this.isHistogramBehind) {
      this.histogramTimer = setTimeout(() => { this.isHistogramDue = true; this.emit('histogram'); }, AGAIN_MS);
    }
    this.emit('histogram');
  }

  /** The store whose medians count: a recipe names it. */
  get medianSid() { return this.borrowed?.sid ?? this.sid; }

  /** Take the medians of another store (the training set's), or one's own again. */
  async borrowMedians(sid) {
    const other = sid === this.sid ? null : await this.api.store(sid);
    if (other && JSON.stringify(other.class_names) !== JSON.stringify(this.info.class_names)) {
      throw new Error(`Medians must come from a store with the same classes; ${other.name} has others.`);
    }
    this.borrowed = other ? { sid, name: other.name, medians: other.medians } : null;
    await this.refresh();
    this.emit('recipe');
  }

  setHidden(hidden) {
    this.hidden = hidden;
    this.emit('look');
  }

  setBlind(blind) {
    this.blind = blind;
    this.emit('blind');
    this.emit('look');
  }

  setScope(scope) {
    this.scope = scope;
    this.emit('scope');
  }
}
