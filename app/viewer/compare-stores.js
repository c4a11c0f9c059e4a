// Two stores on the same image: A, B, where they flip, and a fourth pane; a class table of both, and the largest changes.
import { Camera } from './camera.js';
import { FIXED, BROKEN, OTHER, OUTSIDE, flipCounts, flipMap, iouOf, keptMap, keptRates, largestChanges, meanOf, pairImages, sameClasses, transitions } from './compare-maps.js';
import { askMapping, mapped, mappingByName } from './compare-mapping.js';
import { FlipOrder } from './compare-order.js';
import { ComparePane, groundOf, photoOf } from './compare-pane.js';
import { grid } from './compare-runs.js';
import { el, setFlag, setText } from './dom.js';
import { classTable, packHex } from './heat.js';
import { sessionFor } from './session.js';
import { classThresholds } from './thresholds.js';
import { showCount } from './quantise.js';
import { showShare } from './runs-words.js';

const BACKGROUND = packHex('#0b0c0f');
const GREEN = packHex('#3fbf6b');
const RED = packHex('#e5484d');
const GREY = packHex('#b9bec8');
const MARK = packHex('#ff3df2');
const FOURTH = [['differ', 'Where they differ, in B’s class'], ['kept', 'Kept in one only'], ['truth', 'Ground truth'], ['photo', 'Photo']];

function table(entries, anyHit = true) {
  const colors = new Uint32Array(256);
  for (const [code, color] of entries) colors[code] = color;
  return { colors, background: BACKGROUND, anyHit };
}
const FLIPS = table([[FIXED, GREEN], [BROKEN, RED], [OTHER, GREY]]);
const KEPT = table([[1, packHex('#e6a04a')], [2, packHex('#3fc1b0')]]);
const PICKED = table([[1, MARK]]);
const BARE = table([], false);

export class CompareStores {
  /** @param context {api, say, host()} */
  constructor(context) {
    Object.assign(this, { context, api: context.api, camera: new Camera(), at: 0, picked: null });
    const choice = (label) => el('select', { class: 'esl-select', 'aria-label': label, onchange: () => this.openBoth() });
    [this.choiceA, this.choiceB] = [choice('Store A'), choice('Store B')];
    this.images = el('select', { class: 'esl-select', 'aria-label': 'Image', onchange: () => this.show(Number(this.images.value)) });
    this.criterion = el('select', { class: 'esl-select', 'aria-label': 'Rule', onchange: () => this.compute() }, el('option', { value: 'entropy' }, 'ESL'), el('option', { value: 'max_prob' }, 'SSL'));
    this.state = el('span', { class: 'esl-warn', role: 'status' });
    this.order = new FlipOrder({ api: this.api, order: (pairs, isFinal) => this.reorder(pairs, isFinal) });
    this.mappings = new Map();
    this.classesButton = el('button', { type: 'button', class: 'esl-btn', hidden: true, onclick: () => this.askClasses() }, 'Classes …');
    const hooks = {
      move: (dx, dy) => { this.camera.panBy(dx, dy); this.later(); }, zoom: (x, y, f, w, h) => { this.camera.zoomAt(x, y, f, w, h); this.later(); }, at: (x, y, w, h) => this.probe(x, y, w, h),
    };
    this.panes = ['A', 'B', 'Flips A → B', ''].map((title) => new ComparePane(title, hooks));
    this.fourth = el('select', { class: 'esl-pane-kind', 'aria-label': 'What the fourth pane shows', onchange: () => this.later() }, FOURTH.map(([id, name]) => el('option', { value: id }, name)));
    this.panes[3].head.replaceChildren(this.fourth, this.panes[3].note);
    this.tools = el('div', { class: 'esl-compare-tools' }, el('b', {}, 'A'), this.choiceA, el('b', {}, 'B'), this.choiceB, this.images, this.order.select, this.criterion,
      el('button', { type: 'button', class: 'esl-btn', title: 'Whole image (F)', onclick: () => this.fit() }, 'Fit'), this.classesButton, this.order.note, this.state);
    const swatch = (color, text) => el('span', {}, el('i', { class: 'esl-swatch', style: { background: color } }), text);
    this.keys = el('div', { class: 'esl-keys' }, swatch('#3fbf6b', 'wrong → right'), swatch('#e5484d', 'right → wrong'), swatch('#b9bec8', 'other change'), swatch('#e6a04a', 'kept in A only'), swatch('#3fc1b0', 'in B only'));
    this.point = el('p', { class: 'esl-muted' });
    this.summary = el('div', {});
    this.classes = el('div', {});
    this.changes = el('div', {});
    this.side = el('aside', { class: 'esl-two-side' }, this.keys, this.point, this.summary, this.classes, this.changes);
    this.body = el('div', { class: 'esl-two' }, el('div', { class: 'esl-two-panes' }, this.panes.map((p) => p.root)), this.side);
    this.root = el('section', { class: 'esl-compare-main', 'aria-label': 'Two stores' }, this.tools, this.body);
    new ResizeObserver(() => { if (this.camera.fitted) this.fit(); else this.later(); }).observe(this.body);
  }

  /** The open stores in both menus; `a` and `b` are chosen where given. */
  async load(a = null, b = null) {
    try {
      const stores = await this.api.stores();
      const isTwin = (s) => stores.some((other) => other !== s && other.name === s.name);
      this.names = new Map(stores.map((s) => [s.sid, isTwin(s) ? `${s.name} (${s.sid.slice(0, 4)})` : s.name]));
      const options = () => stores.map((s) => el('option', { value: s.sid }, `${this.names.get(s.sid)} · ${s.num_done}/${s.num_images}`));
      const [oldA, oldB] = [a ?? this.choiceA.value, b ?? this.choiceB.value];
      this.choiceA.replaceChildren(...options());
      this.choiceB.replaceChildren(...options());
      const known = (sid) => stores.some((s) => s.sid === sid);
      if (known(oldA)) this.choiceA.value = oldA;
      this.choiceB.value = known(oldB) && oldB ? oldB : stores.find((s) => s.sid !== this.choiceA.value)?.sid ?? stores[0]?.sid ?? '';
      this.body.hidden = stores.length < 2;
      if (stores.length < 2) return setText(this.state, 'Two open stores are needed: extract with two checkpoints, or open a second store from the Inspect tab.');
      return await this.openBoth();
    } catch (error) {
      return setText(this.state, error.message);
    }
  }

  async openBoth() {
    setText(this.state, '');
    this.current = this.asked = null;
    this.order.forget();
    if (this.a?.sid !== this.choiceA.value || this.b?.sid !== this.choiceB.value) this.clear();
    const ask = (this.ask = (this.ask ?? 0) + 1);
    try {
      const sessions = [this.choiceA.value, this.choiceB.value].map((sid) => sessionFor(this.api, sid));
      await Promise.all(sessions.map((s) => (s.info?.provisional ? s.refresh() : s.ready())));
      if (ask !== this.ask) return;
      [this.a, this.b] = sessions;
      Object.assign(this, { pairs: [], asked: null }); // nor may an image be shown that was asked for while these came
    } catch (error) {
      if (ask === this.ask) setText(this.state, error.message);
      return;
    }
    const { pairs, problem } = pairImages(this.a.info, this.b.info);
    const isSame = sameClasses(this.a.info, this.b.info);
    this.mapping = isSame ? null : this.mappings.get(`${this.a.sid}|${this.b.sid}`) ?? null;
    this.classesButton.hidden = isSame || Boolean(problem);
    this.order.select.hidden = !isSame;
    if (!problem && !isSame && !this.mapping) {
      this.body.hidden = true;
      setText(this.state, `A has ${this.a.numClasses} classes and B has ${this.b.numClasses}: say first which are the same.`);
      return;
    }
    this.body.hidden = Boolean(problem);
    if (problem) {
      setText(this.state, problem);
      return;
    }
    this.pairs = pairs;
    this.fillImages();
    if (isSame) this.order.set(this.a, this.b, this.pairs);
    const same = this.pairs.findIndex((p) => p.isDone && p.name === this.shownName); // file order: the one before may have been another
    await this.show(Math.max(0, same >= 0 ? same : this.pairs.findIndex((p) => p.isDone)));
  }

  /** Nothing is left on the screen of what was shown before. */
  clear() {
    this.current = this.picked = null;
    for (const pane of this.panes) pane.clear(BACKGROUND);
    this.panes[0].name('A', this.names?.get(this.choiceA.value) ?? '');
    this.panes[1].name('B', this.names?.get(this.choiceB.value) ?? '');
    setText(this.point, '');
    for (const part of [this.summary, this.classes, this.changes]) part.replaceChildren();
  }

  askClasses() {
    const mapping = this.mapping ?? mappingByName(this.a.info.class_names, this.b.info.class_names);
    askMapping(this.context.host(), this.a.info, this.b.info, mapping, (chosen) => {
      this.mappings.set(`${this.a.sid}|${this.b.sid}`, chosen);
      this.openBoth();
    });
  }

  fillImages() {
    this.images.replaceChildren(...this.pairs.map((p, n) => el('option', { value: n }, `${p.isDone ? '' : '… '}${p.name}${p.changed >= 0 ? ` · ${showCount(p.changed)} px` : ''}`)));
  }

  /** The same images in another order; the one on screen stays until the order is final, then the first one comes. */
  reorder(pairs, isFinal) {
    const shown = this.pairs[this.at]?.a;
    const isNew = isFinal && this.order.select.value !== this.ordered;
    if (isFinal) this.ordered = this.order.select.value;
    this.pairs = pairs;
    this.fillImages();
    const at = isNew && this.ordered ? pairs.findIndex((p) => p.isDone) : pairs.findIndex((p) => p.a === shown);
    if (pairs[at]?.a === shown) {
      this.at = at;
      this.images.value = at;
    } else this.show(Math.max(0, at));
  }

  /** Show the n-th image; an answer that comes after a newer question, or after other stores were chosen, is dropped. */
  async show(n) {
    const pair = this.pairs?.[n];
    if (!pair) return;
    const asked = (this.asked = {});
    this.at = n;
    this.shownName = pair.name;
    this.images.value = n;
    try {
      const [a, own] = await Promise.all([this.a.cache.get(pair.a), this.b.cache.get(pair.b)]);
      if (asked !== this.asked) return;
      const b = this.mapping ? mapped(own, this.mapping) : own;
      this.current = { a, b, own, truth: a.truth ?? b.truth };
      this.picked = null;
      setText(this.state, '');
      this.compute();
      const size = `${a.W} × ${a.H}`;
      if (size !== this.size || this.camera.fitted) this.fit();
      this.size = size;
    } catch (error) {
      if (asked !== this.asked) return;
      this.clear();
      setText(this.state, error.waiting ? 'The network has not seen this image yet in both; it is next.' : error.message);
      if (error.waiting) setTimeout(() => { if (asked === this.asked && this.root.isConnected) this.show(this.at); }, 1500);
    }
  }

  step(by) {
    if (this.pairs?.length) this.show(Math.max(0, Math.min(this.pairs.length - 1, this.at + by)));
  }

  compute() {
    if (!this.current) return;
    const { a, b, own, truth } = this.current;
    const { info } = this.a;
    const C = info.class_names.length;
    const shown = this.a.blind || this.b.blind ? null : truth;
    const of = (session) => classThresholds(session.info.medians, this.a.rule);
    const flips = flipMap(a.label, b.label, shown);
    const differ = new Uint8Array(flips.length).fill(255);
    for (let i = 0; i < flips.length; i++) if (flips[i] !== 0 && flips[i] !== OUTSIDE) differ[i] = b.label[i];
    const kept = keptMap(a, own, of(this.a), of(this.b), this.criterion.value); // B's thresholds are for B's classes
    Object.assign(this.current, { flips, differ, kept, shown, ground: groundOf(a) });
    this.colors = { colors: classTable(info.class_colors, BACKGROUND), background: BACKGROUND, anyHit: false };
    this.colors.colors[255] = BACKGROUND;
    this.differColors = { colors: classTable(info.class_colors, 0), background: BACKGROUND, anyHit: true };
    this.fillTables(C);
    this.later();
  }

  fillTables(C) {
    const { a, b, flips, kept, shown } = this.current;
    const names = this.a.info.class_names;
    const { codes, byClass } = flipCounts(flips, a.label, C);
    const total = codes.reduce((s, n) => s + n, 0) || 1;
    const [ra, rb] = [keptRates(kept, 1, a.label, shown), keptRates(kept, 2, b.label, shown)];
    const iou = shown ? [iouOf(a.label, shown, C), iouOf(b.label, shown, C)] : null;
    const points = (v) => (Number.isFinite(v) ? `${v > 0 ? '+' : ''}${(100 * v).toFixed(1)}` : '–');
    const row = (title, p, q) => [title, showShare(p) || '–', showShare(q) || '–', points(q - p)];
    this.summary.replaceChildren(el('h3', {}, `This image · ${showShare(1 - codes[0] / total)} of the pixels differ`),
      grid(['', 'A', 'B', 'B − A'], [...(iou ? [row('mIoU', meanOf(iou[0]), meanOf(iou[1]))] : []), row('kept', ra.coverage, rb.coverage), ...(shown ? [row('wrong', ra.error, rb.error)] : [])], 'This image'),
      ...(shown ? [el('p', { class: 'esl-muted' }, `wrong → right ${showShare(codes[1] / total, 2)} · right → wrong ${showShare(codes[2] / total, 2)}`)] : []));
    const present = names.map((_, c) => c).filter((c) => byClass[c] > 0 || (iou && (Number.isFinite(iou[0][c]) || Number.isFinite(iou[1][c]))));
    present.sort((p, q) => byClass[q] - byClass[p]);
    this.classes.replaceChildren(el('h3', {}, iou ? 'IoU by class' : 'Changes by class'),
      grid(iou ? ['', 'A', 'B', 'B − A', 'changed px'] : ['', 'changed px'], present.map((c) => [names[c], ...(iou ? row('', iou[0][c], iou[1][c]).slice(1) : []), String(byClass[c])]), 'By class'));
    this.drawChanges(largestChanges(transitions(a.label, b.label, C), C), names);
  }

  /** The largest changes of class; a click marks their pixels in the flip pane. */
  drawChanges(changes, names) {
    const box = grid(['A', 'B', 'pixels'], changes.map((t) => [names[t.from], names[t.to], String(t.pixels)]), 'Largest changes');
    [...box.querySelectorAll('tbody tr')].forEach((tr, k) => {
      tr.tabIndex = 0;
      const pick = () => {
        const same = this.picked?.from === changes[k].from && this.picked?.to === changes[k].to;
        this.picked = same ? null : changes[k];
        [...box.querySelectorAll('tbody tr')].forEach((other, n) => setFlag(other, 'is-picked', n === k && this.picked));
        this.mark();
      };
      tr.addEventListener('click', pick);
      tr.addEventListener('keydown', (event) => { if (event.key === 'Enter') pick(); });
    });
    this.changes.replaceChildren(el('h3', {}, 'Largest changes (click to see their pixels)'), box);
  }

  mark() {
    const { a, b } = this.current;
    this.marked = this.picked ? Uint8Array.from(a.label, (p, i) => (p === this.picked.from && b.label[i] === this.picked.to ? 1 : 0)) : null;
    this.later();
  }

  fit() {
    const { canvas } = this.panes[0];
    if (!this.current || !canvas.clientWidth) return;
    canvas.resize();
    this.camera.fit(canvas.width, canvas.height, this.current.a.W, this.current.a.H);
    this.later();
  }

  later() {
    this.frame ??= requestAnimationFrame(() => { this.frame = null; this.draw(); });
  }

  draw() {
    if (!this.current || !this.panes[0].canvas.clientWidth) return;
    const { a, b, flips, differ, kept, ground, shown } = this.current;
    const { camera, colors } = this;
    if (!camera.fitted) camera.clamp(a.W, a.H);
    this.panes[0].name('A', this.names?.get(this.a.sid) ?? this.a.info.name);
    this.panes[1].name('B', this.names?.get(this.b.sid) ?? this.b.info.name);
    this.panes[0].draw(camera, a.W, a.H, a.label, colors);
    this.panes[1].draw(camera, a.W, a.H, b.label, colors);
    const names = this.a.info.class_names;
    this.panes[2].name(this.picked ? `${names[this.picked.from]} → ${names[this.picked.to]}` : 'Flips A → B');
    if (this.picked) this.panes[2].draw(camera, a.W, a.H, this.marked, PICKED, ground);
    else this.panes[2].draw(camera, a.W, a.H, flips, FLIPS, ground);
    const kind = this.fourth.value;
    const fourth = { differ: [differ, this.differColors, ground], kept: [kept, KEPT, ground], truth: [shown ?? flips, shown ? colors : BARE, ground], photo: [flips, BARE, this.current.photo ??= photoOf(a)] }[kind];
    this.panes[3].draw(camera, a.W, a.H, ...fourth);
    setText(this.panes[3].note, kind === 'truth' && !shown ? 'no ground truth here' : '');
  }

  probe(sx, sy, w, h) {
    if (!this.current) return;
    const { a, b, truth, shown } = this.current;
    const x = Math.floor(this.camera.toImageX(sx, w));
    const y = Math.floor(this.camera.toImageY(sy, h));
    if (x < 0 || y < 0 || x >= a.W || y >= a.H) return;
    const i = y * a.W + x;
    const name = (c) => this.a.info.class_names[c] ?? 'none';
    setText(this.point, `(${x}, ${y})  A ${name(a.label[i])} ${(a.conf[i] / 65535).toFixed(3)} · B ${name(b.label[i])} ${(b.conf[i] / 65535).toFixed(3)}${shown ? ` · truth ${name(truth[i])}` : ''}`);
  }
}
