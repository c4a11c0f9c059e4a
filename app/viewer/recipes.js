// Recipes in the browser: name, save, load; a dirty dot when the screen is no longer the recipe.
import { el, setFlag, setText } from './dom.js';
import { ruleFromJson, ruleToJson, sameRule } from './thresholds.js';

/** Body of PUT /recipes for the rule on screen; the criterion says which rule training takes. */
export function recipeBody(session, name, criterion = 'entropy') {
  return { sid: session.borrowed?.sid ?? session.sid, name, criterion, ...ruleToJson(session.rule), verdict_mask: session.verdictMask ?? null };
}

/** Save the thresholds on screen; the recipe's id, or '' where no store is open. */
export async function saveScreenRule(session, criterion) {
  if (!session?.info) return '';
  const { rule } = session;
  const body = recipeBody(session, session.recipe?.name || `ν* ${rule.nuStar} · μ* ${rule.muStar}`, criterion);
  const saved = await session.api.saveRecipe(body);
  session.recipe = { ...body, ...saved };
  session.emit('recipe');
  return saved.id;
}

export function isDirty(session) {
  return !session.recipe || !sameRule(session.rule, ruleFromJson(session.recipe.rule ?? session.recipe));
}

/** The recipe's corner of the top bar. */
export class RecipeBar {
  constructor(session, say) {
    this.session = session;
    this.say = say;
    this.dot = el('i', { class: 'esl-dot', title: 'Thresholds differ from the saved recipe' });
    this.name = el('input', { class: 'esl-recipe-name', 'aria-label': 'Recipe name', placeholder: 'unnamed recipe', maxlength: 60, spellcheck: 'false' });
    this.save = el('button', { type: 'button', class: 'esl-btn is-quiet', title: 'Save recipe (Ctrl-S)', onclick: () => this.store() }, 'Save');
    this.root = el('div', { class: 'esl-recipe' }, this.dot, this.name, this.save);
  }

  draw() {
    setFlag(this.dot, 'is-on', isDirty(this.session));
    if (this.session.recipe && document.activeElement !== this.name && this.name.value === '') this.name.value = this.session.recipe.name ?? '';
    setText(this.save, isDirty(this.session) ? 'Save' : 'Saved');
  }

  async store() {
    const { session } = this;
    const { rule } = session;
    const name = this.name.value.trim() || `ν* ${rule.nuStar} · μ* ${rule.muStar}`;
    try {
      const saved = await session.api.saveRecipe(recipeBody(session, name));
      session.recipe = { ...recipeBody(session, name), ...saved, name };
      this.name.value = name;
      this.say(`Recipe “${name}” saved as ${String(saved.id ?? '').slice(0, 12)}.`);
      session.emit('recipe');
    } catch (error) {
      this.say(`The recipe was not saved. ${error.message}`, () => this.store());
    }
  }
}
