// Saved recipes of the store: load one, or see what it would change against the screen.
import { el } from './dom.js';
import { hasScreenMedians, medianNote, readRecipes } from './recipes.js';
import { ruleFromJson, sameRule } from './thresholds.js';
import { showPercent } from './quantise.js';
import { errorRate, summarise } from './statistics.js';
import { classThresholds } from './thresholds.js';

export class RecipeList {
  constructor(context) {
    this.context = context;
    this.session = context.session;
    this.body = el('div', { class: 'esl-recipes' });
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
    if (recipes.length === 0) {
      this.body.replaceChildren(el('p', { class: 'esl-muted' }, 'None yet. Save the thresholds on screen with Ctrl-S; training and export take a saved recipe.'));
      return;
    }
    this.body.replaceChildren(...recipes.map((recipe) => this.row(recipe)));
  }

  row(recipe) {
    const rule = ruleFromJson(recipe.rule ?? recipe);
    const overrides = Object.keys(rule.nuOverrides).length + Object.keys(rule.muOverrides).length;
    const compared = el('small', { class: 'esl-muted' });
    const same = sameRule(rule, this.session.rule) && hasScreenMedians(this.session, recipe);
    return el('div', { class: same ? 'esl-recipe-row is-on' : 'esl-recipe-row' },
      el('b', {}, recipe.name || 'unnamed'), el('code', {}, String(recipe.id).slice(0, 10)),
      el('span', { class: 'esl-muted' }, [`ν* ${rule.nuStar}`, `μ* ${rule.muStar}`, rule.mode, overrides ? `${overrides} overrides` : '', medianNote(this.session, recipe)].filter(Boolean).join(' · ')), compared, el('span', { class: 'esl-grow' }),
      el('button', { type: 'button', class: 'esl-btn is-quiet', onclick: () => { compared.textContent = this.compare(recipe, rule); } }, 'Compare'),
      el('button', { type: 'button', class: 'esl-btn', onclick: () => this.use(recipe, rule) }, 'Load'));
  }

  /** Put a recipe on screen, with the medians that it takes. */
  async use(recipe, rule) {
    const { session } = this;
    try {
      if (!hasScreenMedians(session, recipe)) await session.borrowMedians(recipe.sid);
    } catch (error) {
      this.context.say(`The recipe was not loaded. ${error.message}`, () => this.use(recipe, rule));
      return;
    }
    session.recipe = recipe;
    session.setRule(rule);
    session.emit('recipe');
    this.context.say(`Recipe “${recipe.name || recipe.id}” loaded.`);
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
