// The Export screen: recipe or CBST's portion, set, kinds, dry run, progress; the server reads every file again and compares.
import { el, numberIn, setText } from './dom.js';
import { JobCard } from './job-card.js';
import { showCount, snap } from './quantise.js';
import { criterionOf, isDirty, maskSaid, medianNote, readRecipes, saveRecipe } from './recipes.js';
import { maskNote } from './verdict-mask.js';

const KINDS = [
  ['train_ids', 'Train ids', 'PNG, 255 = ignore: what training reads', true], ['label_ids', 'Label ids', 'PNG in Cityscapes’ own ids'],
  ['color', 'Colour', 'palette PNG'], ['difference', 'Difference', 'neither, both, SSL only, ESL only'],
  ['scores', 'Entropy and confidence', '16-bit PNG, the integers of the screen'], ['figures', 'Figures', 'layout of Figures 1 and 2'],
  ['statistics', 'Statistics', 'CSV: coverage by class and image; Tables 4 and 5 once audited', true], ['verdicts', 'Verdicts', 'JSON: those that the recipe applies'],
];
const BALANCED_KINDS = new Set(['train_ids', 'label_ids', 'color']); // the others compare SSL with ESL

export function showBytes(n) {
  if (n >= 1e9) return `${(n / 1e9).toFixed(1)} GB`;
  return n >= 1e6 ? `${(n / 1e6).toFixed(1)} MB` : `${Math.ceil(n / 1e3)} kB`;
}

/** A recipe's name, with its thresholds where the name does not say them. */
function nameOf({ name, nu_star: nu, mu_star: mu }) {
  const said = `ν* ${nu} · μ* ${mu}`;
  return !name || name === said ? said : `${name}  ·  ${said}`;
}

export class ExportScreen {
  constructor(context) {
    this.context = context;
    this.wantsImage = false;
    const { session } = context;
    this.session = session;
    this.method = el('select', { class: 'esl-select', 'aria-label': 'Labels', onchange: () => this.drawMethod() },
      el('option', { value: 'recipe' }, 'SSL or ESL, by a recipe'), el('option', { value: 'cbst' }, 'CBST (class-balanced), by a portion'));
    this.portion = el('input', { type: 'number', min: 0.005, max: 1, step: 0.005, class: 'esl-number', 'aria-label': 'CBST’s portion of each predicted class', onchange: () => this.setPortion() });
    this.recipe = el('select', { class: 'esl-select', 'aria-label': 'Recipe', onchange: () => this.changed() });
    this.saveNow = el('button', { type: 'button', class: 'esl-btn', onclick: () => this.saveScreen() }, 'Save the thresholds on screen as a recipe');
    this.saved = el('span', { class: 'esl-muted' });
    this.criterion = el('select', { class: 'esl-select', 'aria-label': 'Rule', onchange: () => this.chooseCriterion() }, el('option', { value: 'entropy' }, 'ESL (entropy)'), el('option', { value: 'max_prob' }, 'SSL (largest probability)'));
    this.set = el('select', { class: 'esl-select', 'aria-label': 'Images', onchange: () => this.changed() });
    this.naming = el('select', { class: 'esl-select', 'aria-label': 'File names', onchange: () => this.changed() },
      el('option', { value: 'path' }, 'the image’s relative path, .png'), el('option', { value: 'cityscapes' }, '…_pseudo_labelTrainIds.png'));
    this.kinds = KINDS.map(([id, name, hint, on]) => {
      const box = el('input', { type: 'checkbox', checked: Boolean(on), onchange: () => this.changed() });
      return { id, box, root: el('label', { class: 'esl-kind' }, box, el('b', {}, name), el('small', {}, hint)) };
    });
    this.preview = el('p', { class: 'esl-export-preview', role: 'status' }, 'A dry run shows what would be written.');
    this.dry = el('button', { type: 'button', class: 'esl-btn', onclick: () => this.start(true) }, 'Dry run');
    this.go = el('button', { type: 'button', class: 'esl-btn is-main', onclick: () => this.start(false) }, 'Export');
    this.jobs = el('div', { class: 'esl-jobs' });
    const field = (name, ...nodes) => el('div', { class: 'esl-form-row' }, el('span', {}, name), el('div', { class: 'esl-row' }, nodes));
    this.root = el('main', { class: 'esl-export' }, el('div', { class: 'esl-form' },
      el('h2', {}, 'Export pseudo-labels'), el('p', { class: 'esl-muted' }, 'What is written is what the screen shows under the recipe, to the pixel. The recipe and the files’ hashes travel with them.'),
      field('Labels', this.method), (this.portionRow = field('Portion', this.portion, el('span', { class: 'esl-muted' }, 'of each predicted class, the most confident first; the one on the Inspect screen'))),
      (this.recipeRow = field('Recipe', this.recipe)), (this.saveRow = field('or', this.saveNow, el('span', { class: 'esl-muted' }, 'for'), this.criterion, this.saved)), field('Images', this.set), field('Names', this.naming),
      el('div', { class: 'esl-kinds', role: 'group', 'aria-label': 'What to write' }, this.kinds.map((k) => k.root)),
      el('div', { class: 'esl-row' }, this.dry, this.go), this.preview, this.jobs));
    this.bindings = [{ keys: ['Ctrl+s'], name: 'Save recipe', always: true, run: () => this.saveScreen() }];
    context.listen('info', () => this.onInfo());
    context.listen('recipe', () => this.loadRecipes());
    context.listen('filter', () => this.fillSets());
    context.listen('image', () => this.fillSets());
    for (const topic of ['rule', 'mask']) context.listen(topic, () => this.drawButtons());
    context.listen('portion', () => this.drawMethod());
    this.drawMethod();
  }

  get isBalanced() { return this.method.value === 'cbst'; }

  setPortion() {
    const { classBalanced } = this.session;
    classBalanced.setPortion(Math.max(0.005, snap(numberIn(this.portion, classBalanced.portion), 0.0001)));
    this.portion.value = classBalanced.portion; // what was no portion is not left standing there
  }

  /** What belongs to a recipe and what to CBST. */
  drawMethod() {
    const { isBalanced } = this;
    this.portion.value = this.session.classBalanced.portion;
    this.portionRow.hidden = !isBalanced;
    this.recipeRow.hidden = isBalanced;
    for (const kind of this.kinds) kind.root.hidden = isBalanced && !BALANCED_KINDS.has(kind.id);
    this.drawButtons();
    this.changed();
  }

  drawButtons() {
    const hasRecipe = this.recipe.value !== '';
    this.go.disabled = this.dry.disabled = !this.isBalanced && !hasRecipe;
    this.saveRow.hidden = this.isBalanced;
    this.criterion.value = criterionOf(this.session);
    this.saveNow.disabled = !isDirty(this.session);
    setText(this.saved, this.saveNow.disabled ? 'saved' : maskSaid(this.session).trim());
  }

  /** The rule counts as a part of what is on screen: the recipe of the other one is another recipe. */
  chooseCriterion() {
    this.session.criterion = this.criterion.value;
    this.session.emit('mask'); // what tells saved from unsaved is drawn anew
  }

  onInfo() {
    this.fillSets();
    this.loadRecipes();
  }

  onShow() {
    this.fillSets();
    this.drawButtons();
  }

  fillSets() {
    const { session } = this;
    const chosen = this.set.value;
    const filtered = session.filteredOrder;
    this.set.replaceChildren(el('option', { value: 'all' }, `all ${session.info.num_done} images`),
      ...(filtered && filtered.length < session.info.num_images ? [el('option', { value: 'filter' }, `the ${filtered.length} filtered images (${session.filter || 'brushed'})`)] : []),
      this.screenImage(), el('option', { value: 'judged' }, 'images with verdicts'));
    this.set.value = [...this.set.options].some((o) => o.value === chosen) ? chosen : 'all';
    if (this.set.value !== chosen) this.changed(); // what was counted for the other images is void
  }

  /** The image on screen as a choice, but for an own one: it is in no set, and no export has a name for it. */
  screenImage() {
    const { index } = this.session;
    if (typeof index === 'number') return el('option', { value: 'image' }, `the image on screen (#${index})`);
    return el('option', { value: 'own', disabled: true }, 'not the image on screen: an own image is not in the set');
  }

  async loadRecipes() {
    const { session } = this;
    try {
      const recipes = await readRecipes(session);
      const chosen = session.recipe?.id ?? this.recipe.value;
      const said = (r) => [nameOf(r), r.criterion === 'max_prob' ? 'SSL' : 'ESL', maskNote(r), medianNote(session, r), String(r.id).slice(0, 8)].filter(Boolean).join('  ·  ');
      const isGone = chosen !== '' && !recipes.some((r) => r.id === chosen); // another one is taken by hand alone
      this.recipe.replaceChildren(...(isGone || recipes.length === 0 ? [el('option', { value: '' }, recipes.length ? 'choose one' : 'none saved yet')] : []),
        ...recipes.map((r) => el('option', { value: r.id }, said(r))));
      this.recipe.value = isGone || recipes.length === 0 ? '' : chosen || recipes[0].id;
      this.drawButtons();
      this.changed();
    } catch (error) {
      setText(this.preview, error.message);
      this.context.say(`Recipes could not be read. ${error.message}`, () => this.loadRecipes());
    }
  }

  async saveScreen() {
    try {
      await saveRecipe(this.session, this.context.top.recipe.name.value.trim());
    } catch (error) {
      this.context.say(`The recipe was not saved. ${error.message}`, () => this.saveScreen());
    }
  }

  changed() {
    setText(this.preview, this.go.disabled ? 'Save the thresholds as a recipe first: an export always names one.' : 'A dry run shows what would be written.');
  }

  async images() {
    const { session } = this;
    if (this.set.value === 'image') return [session.index];
    if (this.set.value === 'filter') return session.filteredOrder;
    if (this.set.value === 'judged') return [...new Set((await session.api.verdicts(session.sid)).verdicts.map((v) => v.i))];
    return null;
  }

  async start(isDry) {
    const { session } = this;
    const kinds = this.kinds.filter((k) => k.box.checked && !k.root.hidden).map((k) => k.id);
    if (kinds.length === 0) {
      setText(this.preview, 'Choose at least one kind of file.');
      return;
    }
    try {
      const images = await this.images();
      const labels = this.isBalanced ? { portion: session.classBalanced.portion } : { recipe: this.recipe.value };
      const body = { sid: session.sid, ...labels, kinds, naming: this.naming.value, ...(images ? { images } : {}), ...(isDry ? { dry_run: true } : {}) };
      const answer = await session.api.startExport(body);
      if (isDry) setText(this.preview, `Would write ${showCount(answer.num_files)} files for ${showCount(answer.num_images)} images, about ${showBytes(answer.num_bytes)}; the first is ${answer.first}.`);
      else this.follow(answer.job);
    } catch (error) {
      setText(this.preview, error.message);
      this.context.say(error.message, () => this.start(isDry));
    }
  }

  follow(job) {
    const { api } = this.session;
    const report = el('p', { class: 'esl-report' });
    const card = new JobCard({
      title: `Export ${job}`, ask: () => api.exportStatus(job), cancel: () => api.cancelExport(job), pollMs: this.context.boot.pollMs ?? 1000,
      ondone: (status) => {
        const r = status.report;
        if (status.state === 'done' && r) setText(report, `✓ ${showCount(r.files)} files, ${showBytes(r.bytes)}, ${showCount(r.verified)} read again and equal. ${r.path}`);
        if (status.state === 'cancelled') setText(report, 'Cancelled; what is written stays, and the same export continues it.');
      },
    });
    card.root.append(report);
    this.jobs.prepend(card.root);
  }
}
