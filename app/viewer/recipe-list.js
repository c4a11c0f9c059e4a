// Saved recipes of the store: load one, or see what it would change against the screen.
import { el, setFlag } from './dom.js';
import { adopt, hasScreenMedians, isDirty, isOnScreen, medianNote, readRecipes } from './recipes.js';
import { showPercent } from './quantise.js';
import { errorRate, summarise } from './statistics.js';
import { classThresholds, ruleFromJson } from './thresholds.js';
import { maskFrom, maskNote, saidOfLoaded, setMask } from './verdict-mask.js';

export class RecipeList {
  constructor(context) {
    this.context = context;
    this.session = context.session;
    this.body = el('div', { class: 'esl-recipes' });
    this.rows = [];
    this.root = el('section', { 'aria-label': 'Recipes' }, el('h3', {}, 'Recipes'), this.body);
  }

  async load() {
    try {
      this.fill(await readRecipes(this.session));
    } catch (error) {
      this.body.replaceChildren(el('p', { class: 'esl-warn' }, error.message), el('button', { type: 'button', class: 'esl-btn', onclick: () => this.load() }, 'Retry'));
    }
  }

  fill(recipes) {
    this.rows = recipes.map((recipe) => ({ recipe, root: this.row(recipe) }));
    if (recipes.length === 0) {
      this.body.replaceChildren(el('p', { class: 'esl-muted' }, 'None yet. Save the thresholds on screen with Ctrl-S; training and export take a saved recipe.'));
      return;
    }
    this.body.replaceChildren(...this.rows.map(({ root }) => root));
    this.mark();
  }

  /** Show which recipe is the screen's: the one in use, or those that have the same thresholds and mask. */
  mark() {
    const { session } = this;
    const inUse = isDirty(session) ? null : session.recipe.id;
    for (const { recipe, root } of this.rows) setFlag(root, 'is-on', inUse === null ? isOnScreen(session, recipe) : recipe.id === inUse);
  }

  row(recipe) {
    const rule = ruleFromJson(recipe.rule ?? recipe);
    const overrides = Object.keys(rule.nuOverrides).length + Object.keys(rule.muOverrides).length;
    const compared = el('small', { class: 'esl-muted' });
    return el('div', { class: 'esl-recipe-row' },
      el('b', {}, recipe.name || 'unnamed'), el('code', {}, String(recipe.id).slice(0, 10)),
      el('span', { class: 'esl-muted' }, [recipe.criterion === 'max_prob' ? 'SSL' : 'ESL', `ν* ${rule.nuStar}`, `μ* ${rule.muStar}`, rule.mode, overrides ? `${overrides} overrides` : '', maskNote(recipe), medianNote(this.session, recipe)].filter(Boolean).join(' · ')), compared, el('span', { class: 'esl-grow' }),
      el('span', { class: 'esl-recipe-buttons' }, el('button', { type: 'button', class: 'esl-btn is-quiet', onclick: () => { compared.textContent = this.compare(recipe, rule); } }, 'Compare'),
      el('button', { type: 'button', class: 'esl-btn', onclick: () => this.use(recipe, rule) }, 'Load')));
  }

  /** Put a recipe on screen, with the medians and the mask that it takes. */
  async use(recipe, rule) {
    const { session } = this;
    try {
      if (!hasScreenMedians(session, recipe)) await session.borrowMedians(recipe.sid);
    } catch (error) {
      this.context.say(`The recipe was not loaded. ${error.message}`, () => this.use(recipe, rule));
      return;
    }
    const before = session.verdictMask;
    session.setRule(rule);
    setMask(session, maskFrom(session, recipe));
    adopt(session, recipe);
    this.context.say(`Recipe “${recipe.name || recipe.id}” loaded.${saidOfLoaded(session, recipe, before)}`);
  }

  /** ESL of the recipe against ESL on the screen, over the whole set. */
  compare(recipe, rule) {
    const { session } = this;
    if (!hasScreenMedians(session, recipe)) return 'its medians are those of another store: load it to see them';
    if (!session.histogram) return 'the set’s counts are not there yet';
    const of = (thresholds) => summarise(session.histogram.at(thresholds), session.numClasses).all;
    const theirs = of(classThresholds(session.info.medians, rule));
    const ours = of(session.thresholds);
    const error = session.showsTruth ? `, ${showPercent(errorRate(theirs.esl), 1, 2)} wrong (here ${showPercent(errorRate(ours.esl), 1, 2)})` : '';
    return `ESL keeps ${showPercent(theirs.esl.kept, theirs.pixels)} (here ${showPercent(ours.esl.kept, ours.pixels)})${error}`;
  }
}
