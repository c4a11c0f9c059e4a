// Recipes in the browser: name, save, load; a dirty dot when the screen is no longer the recipe.
import { el, setFlag, setText } from './dom.js';
import { ruleFromJson, ruleToJson, sameRule } from './thresholds.js';

/** Body of PUT /recipes for the rule on screen; the criterion says which rule training takes. */
export function recipeBody(session, name, criterion = 'entropy') {
  const mask = session.verdictMask ? { ...session.verdictMask, sid: session.sid } : null; // what was judged is on screen, whoever lends the medians
  return { sid: session.medianSid, name, criterion, ...ruleToJson(session.rule), verdict_mask: mask };
}

/** Saved recipes that fit the screen: the store's, those of the store that lends its medians, and in any case the one in use. */
export async function readRecipes(session) {
  const sids = [...new Set([session.medianSid, session.sid])];
  const answers = await Promise.all(sids.map((sid) => session.api.recipes(sid)));
  const found = answers.flatMap(({ recipes }) => recipes);
  const { recipe } = session;
  return !recipe?.id || found.some(({ id }) => id === recipe.id) ? found : [recipe, ...found];
}

/** Whether a recipe takes the medians that are on screen; one whose store is not open does not say. */
export function hasScreenMedians(session, recipe) {
  return !recipe.sid || recipe.sid === session.medianSid;
}

/** Whose medians a recipe takes, where they are not this store's. */
export function medianNote(session, { sid }) {
  if (!sid || sid === session.sid) return '';
  return `medians of ${sid === session.borrowed?.sid ? session.borrowed.name : 'another store'}`;
}

/** The name to save under: what was typed, else the thresholds themselves, so that those of the last recipe name no others. */
export function nameFor(session, typed) {
  const said = ({ nuStar, muStar }) => `ν* ${nuStar} · μ* ${muStar}`;
  const { recipe, rule } = session;
  const isOld = recipe && typed === said(ruleFromJson(recipe.rule ?? recipe));
  return (isOld ? '' : typed) || said(rule);
}

/** Save the thresholds on screen; the recipe's id, or '' where no store is open. */
export async function saveScreenRule(session, criterion) {
  if (!session?.info) return '';
  const body = recipeBody(session, nameFor(session, session.recipe?.name), criterion);
  const saved = await session.api.saveRecipe(body);
  session.recipe = { ...body, ...saved };
  session.emit('recipe');
  return saved.id;
}

export function isDirty(session) {
  const { recipe, rule } = session;
  return !recipe || !hasScreenMedians(session, recipe) || !sameRule(rule, ruleFromJson(recipe.rule ?? recipe));
}

/** The recipe's corner of the top bar. */
export class RecipeBar {
  constructor(session, say) {
    this.session = session;
    this.say = say;
    this.named = null; // the recipe whose name the box was last given
    this.dot = el('i', { class: 'esl-dot', title: 'Thresholds differ from the saved recipe' });
    this.name = el('input', { class: 'esl-recipe-name', 'aria-label': 'Recipe name', placeholder: 'unnamed recipe', maxlength: 60, spellcheck: 'false' });
    this.save = el('button', { type: 'button', class: 'esl-btn is-quiet', title: 'Save recipe (Ctrl-S)', onclick: () => this.store() }, 'Save');
    this.root = el('div', { class: 'esl-recipe' }, this.dot, this.name, this.save);
  }

  draw() {
    const { recipe } = this.session;
    setFlag(this.dot, 'is-on', isDirty(this.session));
    if (recipe !== this.named && document.activeElement !== this.name) {
      this.named = recipe;
      this.name.value = recipe?.name ?? '';
    }
    setText(this.save, isDirty(this.session) ? 'Save' : 'Saved');
  }

  async store() {
    const { session } = this;
    const name = nameFor(session, this.name.value.trim());
    try {
      const body = recipeBody(session, name, session.recipe?.criterion);
      const saved = await session.api.saveRecipe(body);
      session.recipe = this.named = { ...body, ...saved, name };
      this.name.value = name;
      this.say(`Recipe “${name}” saved as ${String(saved.id ?? '').slice(0, 12)}.`);
      session.emit('recipe');
    } catch (error) {
      this.say(`The recipe was not saved. ${error.message}`, () => this.store());
    }
  }
}
