// The Thresholds screen: the whole set's histograms, joint density, tuning buttons, sweep and recipes.
import { ClassHistograms } from './class-histograms.js';
import { ClassTable } from './class-table.js';
import { Controls } from './controls.js';
import { Density } from './density.js';
import { el, setText } from './dom.js';
import { FiguresDialog } from './figures-dialog.js';
import { Frames } from './frames.js';
import { showPercent } from './quantise.js';
import { RecipeList } from './recipe-list.js';
import { numbersOf } from './scope-numbers.js';
import { summarise } from './statistics.js';
import { Summary } from './summary.js';
import { matchCoverage, matchError, pareto, saidOfMatch, sweep } from './tuning.js';

export class ThresholdsScreen {
  constructor(context) {
    this.context = context;
    this.wantsImage = false;
    const { session } = context;
    this.session = session;
    this.frames = new Frames((flags) => this.draw(flags), context.isShown);
    this.histograms = new ClassHistograms(session, (c) => this.density.choose(c));
    this.density = new Density(session, (brush) => this.showPixels(brush));
    this.controls = new Controls(session);
    this.summary = new Summary();
    this.table = new ClassTable(session);
    this.recipes = new RecipeList(context);
    this.medians = el('select', { class: 'esl-select', 'aria-label': 'Medians of', title: 'Which store’s medians the thresholds use', hidden: true, onchange: () => this.borrow() });
    this.state = el('p', { class: 'esl-centre-note', role: 'status' });
    this.sweep = el('div', { class: 'esl-sweep' });
    const button = (text, title, run) => el('button', { type: 'button', class: 'esl-btn', title, onclick: run }, text);
    this.figures = new FiguresDialog(context, () => numbersOf(session, 'set'));
    this.truthButtons = [
      button('Match error', 'Set ν* so that ESL is wrong as often as SSL', () => this.match(matchError, 'error rate')),
      button('Pareto', 'Per-class ν(c) with the fewest wrong pixels at the present coverage', () => this.applyPareto()),
    ];
    this.badge = el('span', { class: 'esl-chip is-amber', title: 'Thresholds found with ground truth are no unsupervised domain adaptation setting' }, 'uses GT: no UDA setting');
    this.tools = el('div', { class: 'esl-row esl-tuning' }, button('Match coverage', 'Set ν* so that ESL keeps as much as SSL', () => this.match(matchCoverage, 'coverage')),
      ...this.truthButtons, this.badge, el('span', { class: 'esl-grow' }), this.medians, button('Figures', 'Error rate by class and the curves as figures: PNG, SVG, CSV', () => this.figures.open()), button('Undo', 'Undo (Z)', () => session.undo()));
    this.root = el('main', { class: 'esl-thresholds' }, this.histograms.root,
      el('div', { class: 'esl-middle' }, this.tools, this.state, this.density.root, el('h3', {}, 'ESL at the paper’s ν*'), this.sweep, this.recipes.root),
      el('aside', { class: 'esl-side', 'aria-label': 'Thresholds and classes' }, this.controls.root, this.summary.root, this.table.root));
    this.bindings = [
      { keys: ['z', 'Ctrl+z'], name: 'Undo thresholds', run: () => session.undo() },
      { keys: ['Ctrl+Shift+z', 'Ctrl+y'], name: 'Redo thresholds', run: () => session.redo() },
      { keys: ['Ctrl+s'], name: 'Save recipe', always: true, run: () => context.top.recipe.store() },
      { keys: ['g'], name: 'Blind: hide ground truth', run: () => session.setBlind(!session.blind) },
      { keys: ['r'], name: 'Retry what failed', run: () => session.readHistogram() },
    ];
    this.listen();
  }

  listen() {
    const { context, frames } = this;
    context.listen('rule', () => { frames.request('rule'); this.context.touchHash(); });
    context.listen('histogram', () => this.onHistogram());
    context.listen('info', () => this.onInfo());
    context.listen('theme', () => this.onTheme());
    context.listen('blind', () => this.onTheme());
    context.listen('recipe', () => this.recipes.load());
    context.listen('mask', () => this.recipes.mark());
  }

  onInfo() {
    if (this.table.rows.length !== this.session.numClasses) {
      this.table.build();
      this.histograms.build();
    }
    this.recipes.load();
    this.listStores();
    this.onHistogram();
  }

  /** Offer the other stores' medians, where there are others. */
  async listStores() {
    const { session } = this;
    const stores = await session.api.stores().catch(() => []);
    this.medians.replaceChildren(...stores.map((s) => el('option', { value: s.sid }, s.sid === session.sid ? 'medians of this store' : `medians of ${s.name}`)));
    this.medians.value = session.borrowed?.sid ?? session.sid;
    this.medians.hidden = stores.length < 2;
  }

  async borrow() {
    try {
      await this.session.borrowMedians(this.medians.value);
    } catch (error) {
      this.context.say(error.message);
      this.medians.value = this.session.borrowed?.sid ?? this.session.sid;
    }
  }

  onHistogram() {
    this.histograms.prepared = false;
    this.swept = null;
    this.density.prepare();
    this.frames.request('rule');
  }

  onShow() {
    this.onHistogram();
  }

  onTheme() {
    this.table.colors = null;
    this.onHistogram();
  }

  set(patch, said) {
    this.session.setRule(patch);
    this.context.say(said);
  }

  /** Whether the set's counts are there to search on; else that is said. */
  hasCounts() {
    if (!this.session.histogram) this.context.say('The set’s counts are not there yet.');
    return Boolean(this.session.histogram);
  }

  /** Bring ESL to SSL, or say how near it comes and what holds it. */
  match(find, name) {
    const { session } = this;
    if (!this.hasCounts()) return;
    const found = find(session);
    if (Number.isFinite(found.goal)) session.setRule({ nuStar: found.star });
    this.context.say(saidOfMatch(found, name, session));
  }

  applyPareto() {
    const { session } = this;
    if (!this.hasCounts()) return;
    const { all } = summarise(session.histogram.at(session.thresholds), session.numClasses);
    this.set({ nuOverrides: pareto(session.histogram, all.esl.kept / all.pixels) }, 'ν(c) of every class set with the help of ground truth.');
  }

  showPixels(brush) {
    this.session.brush = brush;
    this.session.emit('brush');
    this.context.open('inspect');
  }

  draw() {
    const { session } = this;
    if (!session.thresholds) return {};
    this.controls.draw();
    this.recipes.mark();
    const { histogram, histogramError, showsTruth } = session;
    const isPartial = histogram !== null && session.isHistogramBehind;
    const counting = `The server is still counting: ${session.histogramImages} of ${session.info.num_done} images are in these numbers.`;
    setText(this.state, isPartial ? counting : histogramError ?? 'Reading the set’s histogram …');
    this.state.hidden = histogram !== null && !isPartial;
    for (const node of [...this.truthButtons, this.badge]) node.hidden = !showsTruth;
    if (!histogram) return {};
    const { counts, note } = numbersOf(session, 'set');
    const summary = summarise(counts, session.numClasses);
    this.summary.draw(summary, 'set', showsTruth, note);
    this.table.draw(summary);
    this.histograms.draw();
    this.density.draw();
    this.drawSweep(showsTruth);
    return {};
  }

  drawSweep(showsTruth) {
    const { session } = this;
    const state = JSON.stringify([session.rule.mode, session.rule.nuOverrides, session.rule.nuStar, session.info.medians, showsTruth]);
    if (this.swept === state) return;
    this.swept = state;
    const rows = sweep(session).map(({ star, coverage, error }) => el('button', {
      type: 'button', class: Math.abs(star - session.rule.nuStar) < 1e-9 ? 'is-on' : '', title: `Set ν* = ${star}`, onclick: () => session.setRule({ nuStar: star }),
    }, el('b', {}, `ν* ${star}`), el('span', {}, `${showPercent(coverage, 1)} kept`), el('span', {}, showsTruth ? `${showPercent(error, 1, 2)} wrong` : 'no GT')));
    this.sweep.replaceChildren(...rows);
  }
}
