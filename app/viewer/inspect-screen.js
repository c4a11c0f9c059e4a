// The Inspect screen: list, panes, thresholds, table, curves, probe; one drawing a frame keeps them in step.
import { ClassTable } from './class-table.js';
import { Controls } from './controls.js';
import { Curves } from './curves.js';
import { el } from './dom.js';
import { FiguresDialog } from './figures-dialog.js';
import { Frames } from './frames.js';
import { ImageName } from './image-name.js';
import { inspectBindings, inspectCommands } from './inspect-keys.js';
import { KIND, KINDS } from './kinds.js';
import { ImageList } from './list.js';
import { PaneGrid } from './pane-grid.js';
import { Probe } from './probe.js';
import { KEYS } from './ranking.js';
import { brushMask } from './scan.js';
import { numbersOf } from './scope-numbers.js';
import { Summary } from './summary.js';
import { summarise } from './statistics.js';
import { PaneCards } from './pane-cards.js';
import { drawNotes } from './pane-notes.js';
import { acceptDrops } from './upload.js';

const MOVING = new Set(['ssl', 'esl', 'ssl-esl', 'esl-ssl', 'errors']);
const MIXES = [0, 0.35, 0.65, 0.95];

export class InspectScreen {
  constructor(context) {
    this.context = context;
    const { session } = context;
    this.session = session;
    this.frames = new Frames((flags) => this.draw(flags), context.isShown);
    this.grid = new PaneGrid({
      onlook: (what) => this.frames.request(what === 'kinds' ? 'look' : 'view'),
      oncamera: () => { this.frames.request('view'); context.touchHash(); },
      oncursor: (redraw) => this.frames.request('cursor', ...(redraw ? ['look'] : [])),
      onpin: (point) => this.pin(point),
      onmix: (delta) => this.setMix(this.grid.scene.photoShare + Math.sign(delta) * 0.05),
    });
    this.list = new ImageList(session);
    this.controls = new Controls(session);
    this.summary = new Summary();
    this.table = new ClassTable(session);
    this.curves = new Curves(session);
    this.probe = new Probe(session);
    this.cards = new PaneCards(session, this.grid);
    this.figures = new FiguresDialog(context, () => this.numbers());
    this.bar = el('i', { class: 'esl-loadbar' });
    this.counts = [1, 2, 4].map((n) => el('button', { type: 'button', title: `${n} panes (V)`, 'aria-label': `${n} panes`, onclick: () => this.grid.setCount(n) }, String(n)));
    this.imageName = new ImageName(session);
    this.tools = this.buildTools();
    this.root = el('main', { class: 'esl-inspect' }, this.list.root,
      el('div', { class: 'esl-centre' }, this.tools, this.bar, this.grid.root, this.probe.panel, this.probe.line),
      el('aside', { class: 'esl-side', 'aria-label': 'Thresholds and classes' }, this.controls.root, this.summary.root, this.table.root, this.curves.root));
    this.bindings = inspectBindings(this);
    this.commands = inspectCommands(this);
    acceptDrops(this.root, session, context.say);
    this.listen();
  }

  buildTools() {
    const button = (text, title, run) => el('button', { type: 'button', class: 'esl-btn is-quiet', title, onclick: run }, text);
    this.mixButton = button('Photo 0 %', 'How much of the photo shows through (O; Shift-wheel)', () => this.cycleMix());
    this.colorButton = button('Colour: class', 'Difference panes by class, by right or wrong, by cause (E)', () => this.cycleColor());
    this.curtainButton = button('Curtain', 'SSL left of the pointer, ESL right of it (C)', () => this.toggleCurtain());
    this.brushChip = el('button', { type: 'button', class: 'esl-chip is-brush', hidden: true, title: 'Stop marking these pixels', onclick: () => this.clearBrush() });
    return el('div', { class: 'esl-tools', role: 'toolbar', 'aria-label': 'Panes' }, el('div', { class: 'esl-segments' }, this.counts),
      button('Fit', 'Whole image (F)', () => this.grid.fit()), button('1:1', 'One image pixel for one screen pixel', () => this.grid.oneToOne(...this.grid.viewport.map((v) => v / 2))),
      this.mixButton, this.colorButton, this.curtainButton, button('Figures', 'Error rate by class and the curves as figures: PNG, SVG, CSV', () => this.figures.open()), this.brushChip, this.imageName.root);
  }

  listen() {
    const { context, frames } = this;
    context.listen('rule', () => { frames.request('rule'); this.context.touchHash(); });
    for (const topic of ['commit', 'medians']) context.listen(topic, () => { if (this.list.isRanked) this.list.later(250); });
    context.listen('image', () => this.onImage());
    for (const topic of ['sorted', 'histogram']) context.listen(topic, () => frames.request('scope'));
    context.listen('loading', () => { this.setLoading(true); this.list.reveal(); });
    context.listen('image-error', () => this.settle());
    context.listen('look', () => { this.updateTables(); frames.request('look', 'rule'); this.context.touchHash(); });
    context.listen('blind', () => { this.setColor(this.grid.scene.colorBy); this.list.load(); frames.request('view', 'scope'); });
    for (const topic of ['scope', 'filter', 'portion']) context.listen(topic, () => { frames.request('scope'); this.context.touchHash(); });
    context.listen('class-balanced', () => frames.request('look', 'scope', 'cursor'));
    context.listen('brush', () => { this.applyBrush(); this.list.rank(); });
    context.listen('info', () => { this.onInfo(); });
    context.listen('theme', () => { this.table.colors = null; this.curves.forget(); frames.request('view', 'scope'); });
  }

  onInfo() {
    this.cards.draw();
    const { info } = this.session;
    if (this.table.rows.length !== info.class_names.length) this.table.build();
    this.updateTables();
    this.list.load();
  }

  onShow() {
    const { session, grid } = this;
    if (session.image && grid.scene.maps !== session.image.maps) this.onImage();
    else if (!session.image && !session.loading) session.show(session.index);
    this.frames.request('view', 'scope');
  }

  updateTables() {
    const { info, hidden } = this.session;
    if (info) this.grid.scene.setTables(info.class_colors, hidden);
  }

  onImage() {
    const { maps, selection } = this.session.image;
    this.grid.scene.setImage(maps, selection);
    this.applyBrush();
    this.list.markSeen(maps.i);
    this.list.reveal();
    this.settle();
    this.context.touchHash();
  }

  /** The chosen image is there or cannot be had: nothing stays that is of the one before. */
  settle() {
    this.setLoading(false);
    this.grid.pin = null;
    this.probe.hide();
    this.imageName.draw();
    this.frames.request('view', 'scope');
  }

  /** Panes, camera, filter, colours and mix of a link. */
  applyView(view) {
    const { grid, list } = this;
    const kinds = (view.panes ?? []).filter((id) => KIND.has(id)).slice(0, 4);
    kinds.forEach((id, n) => grid.panes[n].setKind(id));
    if ([1, 2, 4].includes(kinds.length)) grid.setCount(kinds.length);
    if (view.camera !== undefined) grid.aim(view.camera);
    if (view.mix !== undefined) this.setMix(view.mix);
    if (view.colorBy) this.setColor(view.colorBy);
    if (view.sort && KEYS.some(([id]) => id === view.sort)) list.key = list.sort.value = view.sort;
    if (view.filter !== undefined) list.search.value = this.session.filter = view.filter;
    if (view.sort || view.filter !== undefined) list.rank();
  }

  onLeave() {
    this.list.leave();
  }

  setLoading(on) {
    this.root.classList.toggle('is-loading', on);
  }

  applyBrush() {
    const { session, grid } = this;
    const { brush } = session;
    grid.scene.brush = brush && session.image ? brushMask(session.image.maps, brush) : null;
    this.brushChip.hidden = !brush;
    if (brush) this.brushChip.textContent = `${session.info.class_names[brush.cls]}: brushed pixels ×`;
    this.frames.request('look');
  }

  clearBrush() {
    this.session.brush = null;
    this.session.emit('brush');
  }

  /** A click marks a pixel and lists its class distribution; a second one on it ends both. */
  pin(point) {
    const { grid, probe } = this;
    const isSame = grid.pin !== null && point !== null && grid.pin[0] === point[0] && grid.pin[1] === point[1];
    grid.pin = isSame ? null : point;
    if (grid.pin) probe.open(...grid.pin);
    else probe.hide();
    this.frames.request('cursor');
  }

  toggleProbe() {
    const point = this.grid.pin ?? this.grid.cursor;
    if (!this.probe.panel.hidden || !point) this.probe.hide();
    else {
      this.grid.pin = point;
      this.probe.open(...point);
      this.frames.request('cursor');
    }
  }

  setMix(share) {
    this.grid.scene.photoShare = Math.max(0, Math.min(0.95, Math.round(share * 20) / 20));
    this.mixButton.textContent = `Photo ${Math.round(100 * this.grid.scene.photoShare)} %`;
    this.frames.request('look');
    this.context.touchHash();
  }

  cycleMix() {
    this.setMix(MIXES[(MIXES.findIndex((m) => m >= this.grid.scene.photoShare - 0.01) + 1) % MIXES.length]);
  }

  /** By class, truth or cause; by class where truth is asked for and not shown. */
  setColor(by) {
    const { scene } = this.grid;
    scene.colorBy = by === 'truth' && !this.session.showsTruth ? 'class' : by;
    this.colorButton.textContent = `Colour: ${{ class: 'class', truth: 'right / wrong', cause: 'cause' }[scene.colorBy]}`;
    this.frames.request('look');
    this.context.touchHash();
  }

  cycleColor() {
    const ways = this.session.showsTruth ? ['class', 'truth', 'cause'] : ['class', 'cause'];
    this.setColor(ways[(ways.indexOf(this.grid.scene.colorBy) + 1) % ways.length]);
  }

  toggleCurtain() {
    const { grid } = this;
    grid.isCurtain = !grid.isCurtain;
    grid.curtain = grid.isCurtain ? grid.viewport[0] / 2 : null;
    this.curtainButton.classList.toggle('is-on', grid.isCurtain);
    this.frames.request('look', 'cursor');
  }

  setBlink(on) {
    this.grid.isBlinking = on;
    this.root.classList.toggle('is-blinking', on);
    this.frames.request('look');
  }

  chooseKind(n) {
    this.grid.setKind(this.grid.active, KINDS[n].id);
    this.context.touchHash();
  }

  nextPane(step) {
    const { shown, active } = this.grid;
    const next = shown[(shown.indexOf(active) + step + shown.length) % shown.length];
    this.grid.activate(next);
    next.root.focus({ preventScroll: true });
  }

  cycleCount() {
    this.grid.setCount({ 1: 2, 2: 4, 4: 1 }[this.grid.count]);
  }

  /** Everything that changed since the last frame, once. Returns the parts' times in milliseconds. */
  draw(flags) {
    const { session, grid } = this;
    if (!session.info || !session.thresholds) return {};
    const input = session.inputTime;
    session.inputTime = 0;
    const t0 = performance.now();
    const image = session.image;
    const isNew = flags.has('view');
    if (image) {
      grid.scene.thresholds = session.thresholds;
      if (flags.has('rule') || isNew) image.selection.apply(session.thresholds);
    }
    this.wantBalanced();
    const t1 = performance.now();
    if (isNew) grid.updateView(this.context.theme());
    if (image && grid.scene.g) {
      if (isNew || flags.has('look')) grid.drawPixels(session.showsTruth);
      else if (flags.has('rule')) grid.drawPixels(session.showsTruth, MOVING);
      if (isNew || flags.has('cursor') || flags.has('look')) grid.drawDecor(session.info.class_names);
    }
    const t2 = performance.now();
    if (flags.has('rule') || flags.has('scope') || isNew) this.drawNumbers();
    const t3 = performance.now();
    this.probe.draw(grid.cursor ?? grid.pin, grid.camera.scale, !grid.cursor && grid.pin !== null);
    const t4 = performance.now();
    if (flags.has('look') || isNew || flags.has('scope')) this.cards.draw();
    this.counts.forEach((button, k) => button.classList.toggle('is-on', [1, 2, 4][k] === grid.count));
    return { input, select: t1 - t0, pixels: t2 - t1, numbers: t3 - t2, probe: t4 - t3 };
  }

  /** CBST's labels for the panes that show them; they come later, and draw the panes then. */
  wantBalanced() {
    const { session: { classBalanced }, grid } = this;
    const isShown = grid.shown.some((pane) => pane.kind === 'cbst');
    if (isShown !== classBalanced.isShown) this.frames.request('scope');
    classBalanced.isShown = isShown;
    classBalanced.want();
    grid.scene.classBalanced = classBalanced.current?.labels ?? null;
  }

  drawNumbers() {
    const { session } = this;
    this.controls.draw();
    const { counts, cumulative, note, tag, missing } = this.numbers();
    const summary = counts ? summarise(counts, session.numClasses) : null;
    this.summary.draw(summary, session.scope, session.showsTruth, note, Boolean(missing));
    this.table.draw(summary);
    clearTimeout(this.describing);
    this.describing = setTimeout(() => this.table.describe(summary), 400);
    this.curves.draw(cumulative, tag, missing);
    const all = session.image && (session.scope === 'image' ? summary : summarise(session.image.selection.counts, session.numClasses)).all;
    drawNotes(this.grid, all, session.classBalanced.current?.counts ?? null, session.showsTruth);
  }

  /** Counts of the scope that the screen shows. */
  numbers() {
    return numbersOf(this.session, this.session.scope, this.list.order.length);
  }
}
