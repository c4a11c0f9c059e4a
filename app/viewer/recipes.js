// Recipes in the browser: name, save, load; a dirty dot when the screen is no longer the recipe.
import { el, setFlag, setText } from './dom.js';
import { ruleFromJson, ruleToJson, sameRule } from './thresholds.js';
import { maskNote, people, sameMask } from './verdict-mask.js';

/** Body of PUT /recipes for what is on screen; only a name that was typed renames a recipe. */
function recipeBody(session, typed, criterion) {
  const mask = session.verdictMask ? { ...session.verdictMask, sid: session.sid } : null; // what was judged is on screen, whoever lends the medians
  const name = typed === session.recipe?.name ? '' : typed;
  return { sid: session.medianSid, name, default_name: defaultName(session, typed), criterion, ...ruleToJson(session.rule), verdict_mask: mask };
}

/** The rule that a recipe is saved for: the one chosen on Export, else that of the recipe in use. */
export function criterionOf(session) {
  return session.criterion ?? session.recipe?.criterion ?? 'entropy';
}

/** A recipe that was saved or loaded is the one in use. */
export function adopt(session, recipe) {
  session.recipe = recipe;
  session.criterion = null;
  session.isMaskBehind = false;
  session.emit('recipe');
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

/** The name of a recipe that has none yet: the text in the box, else the thresholds themselves, so that those of the last recipe name no others. */
function defaultName(session, typed) {
  const said = ({ nuStar, muStar }) => `ν* ${nuStar} · μ* ${muStar}`;
  const { recipe, rule } = session;
  const isOld = recipe && typed === said(ruleFromJson(recipe.rule ?? recipe));
  return (isOld ? '' : typed) || said(rule);
}

/** Save what is on screen: the recipe, which is the one in use from then on. */
export async function saveRecipe(session, typed, criterion = criterionOf(session)) {
  const body = recipeBody(session, typed, criterion);
  const saved = await session.api.saveRecipe(body);
  if (session.verdictMask && saved.mask_users?.length) session.verdictMask = { users: saved.mask_users }; // those who have verdicts
  adopt(session, { ...body, ...saved });
  return session.recipe;
}

/** The same for a training; the recipe's id, or '' where no store is open. */
export async function saveScreenRule(session, criterion) {
  if (!session?.info) return '';
  return (await saveRecipe(session, session.recipe?.name ?? '', criterion)).id;
}

/** Whether a recipe is what would be saved now. */
export function isOnScreen(session, recipe) {
  return hasScreenMedians(session, recipe) && sameRule(session.rule, ruleFromJson(recipe.rule ?? recipe))
    && (recipe.criterion ?? 'entropy') === criterionOf(session) && sameMask(session, recipe);
}

export function isDirty(session) {
  return !session.recipe || !isOnScreen(session, session.recipe);
}

/** What the next recipe takes along, where it is something. */
export function maskSaid({ verdictMask }) {
  return verdictMask ? ` with the verdicts of ${people(verdictMask.users)} as its mask` : '';
}

/** The recipe's corner of the top bar. */
export class RecipeBar {
  constructor(session, say) {
    this.session = session;
    this.say = say;
    this.named = null; // the recipe whose name the box was last given
    this.dot = el('i', { class: 'esl-dot', title: 'Thresholds, rule or verdicts differ from the saved recipe' });
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
    this.save.title = `Save recipe for ${criterionOf(this.session) === 'max_prob' ? 'SSL' : 'ESL'}${maskSaid(this.session)} (Ctrl-S)`;
  }

  async store() {
    const { session } = this;
    try {
      const recipe = await saveRecipe(session, this.name.value.trim());
      this.named = recipe;
      this.name.value = recipe.name;
      this.say(`Recipe “${recipe.name}” saved as ${String(recipe.id ?? '').slice(0, 12)}${recipe.mask ? `, ${maskNote(recipe)}` : ''}.`);
    } catch (error) {
      this.say(`The recipe was not saved. ${error.message}`, () => this.store());
    }
  }
}
