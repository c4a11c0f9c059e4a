// What a recipe is on the page: its name, its rule and its mask of verdicts, on every screen that shows or saves one.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AuditSide } from '../../app/viewer/audit-side.js';
import { ExportScreen } from '../../app/viewer/export-screen.js';
import { RecipeList } from '../../app/viewer/recipe-list.js';
import { RecipeBar, isDirty, saveScreenRule } from '../../app/viewer/recipes.js';
import { setMask, touchMask } from '../../app/viewer/verdict-mask.js';
import { sessionOf, settle } from './made.mjs';
import { enter, openTinyPage, press } from './tiny-page.mjs';

openTinyPage();

/** A server that names recipes by their content, and keeps a name as the real one does. */
function serverOf(verdicts = { ada: 12 }) {
  const kept = new Map();
  return {
    kept, verdicts, recipes: async () => ({ recipes: [...kept.values()] }),
    saveRecipe: async ({ name, default_name: byDefault, verdict_mask: mask, ...content }) => {
      const users = (mask?.users ?? []).filter((user) => verdicts[user]);
      const id = JSON.stringify([content, users.map((user) => [user, verdicts[user]])]);
      const num = users.reduce((sum, user) => sum + verdicts[user], 0);
      kept.set(id, { ...content, id, name: name || kept.get(id)?.name || byDefault, mask: mask ? 'm' : '', num_verdicts: num, mask_users: users, mask_sid: mask?.sid ?? '' });
      return kept.get(id);
    },
  };
}

/** The page's parts on one session; `said` collects what its messages say. */
function pageOf(api) {
  const session = sessionOf(api);
  const said = [];
  const say = (text) => said.push(text);
  const bar = new RecipeBar(session, say);
  for (const topic of ['rule', 'recipe', 'mask']) session.on(topic, () => bar.draw());
  const list = new RecipeList({ session, say });
  const screen = new ExportScreen({ session, listen: (topic, run) => session.on(topic, run), boot: {}, say, touchHash() {}, top: { recipe: bar } });
  bar.draw();
  return { session, said, bar, list, screen, isOn: () => list.rows.filter(({ root }) => root.flags.has('is-on')).map(({ recipe }) => recipe.name) };
}

async function load({ list }, name) {
  await list.load();
  press(list.rows.find(({ recipe }) => recipe.name === name).root, 'Load');
  await settle();
  await list.load();
}

test('a mask is saved, shown in the lists, brought back by its recipe, and not lost with the next save', async () => {
  const api = serverOf();
  const first = pageOf(api);
  first.bar.name.value = 'plain';
  await first.bar.store();
  assert.equal(first.bar.save.textContent, 'Saved');
  setMask(first.session, { users: ['ada'] });
  assert.equal(first.bar.save.textContent, 'Save', 'the mask is a change');
  assert.equal(first.screen.saveNow.disabled, false);
  first.bar.name.value = 'masked';
  await first.bar.store();
  assert.match(first.said.at(-1), /“masked” saved.*with 12 verdicts of ada/);
  assert.equal(first.bar.save.textContent, 'Saved');

  const page = pageOf(api); // the page is loaded again
  await load(page, 'masked');
  assert.deepEqual(page.session.verdictMask, { users: ['ada'] });
  assert.match(page.said.at(-1), /takes the verdicts of ada/);
  assert.deepEqual([isDirty(page.session), page.isOn()], [false, ['masked']]);
  await page.screen.loadRecipes();
  for (const text of [page.list.body.textContent, page.screen.recipe.textContent]) assert.equal(text.match(/with 12 verdicts of ada/g).length, 1);
  page.session.setRule({ nuStar: 0.11 });
  await page.bar.store();
  assert.equal(page.session.recipe.num_verdicts, 12);
  await load(page, 'plain');
  assert.deepEqual([page.session.verdictMask, isDirty(page.session), page.isOn()], [null, false, ['plain']]);
  assert.match(page.said.at(-1), /no longer/);
});

test('a mask of another store, or one that cannot be read, is said not to come back', async () => {
  for (const [name, mask, words] of [['theirs', { num_verdicts: 3, mask_users: ['ada'], mask_sid: 'bb' }, /on another store/], ['broken', { num_verdicts: null, mask_users: [], mask_sid: '' }, /cannot be read/]]) {
    const api = serverOf();
    api.kept.set(name, { id: name, name, sid: 'aa', criterion: 'entropy', mu_star: 0.9, nu_star: 0.1, mode: 'capped', mask: 'm', ...mask });
    const page = pageOf(api);
    await load(page, name);
    assert.match(page.said.at(-1), words);
    assert.deepEqual([page.session.verdictMask, isDirty(page.session), page.isOn()], [null, true, []]);
  }
});

test('verdicts after the save are a change of a recipe with a mask, and of no other', async () => {
  const api = serverOf();
  const { session, bar } = pageOf(api);
  await bar.store();
  touchMask(session);
  assert.equal(isDirty(session), false);
  setMask(session, { users: ['ada'] });
  await bar.store();
  api.verdicts.ada += 1;
  touchMask(session);
  assert.equal(bar.save.textContent, 'Save');
  await bar.store();
  assert.deepEqual([session.recipe.num_verdicts, isDirty(session)], [13, false]);
});

test('the box on Audit follows the mask, and says whose it is where it is another’s', () => {
  const session = sessionOf();
  const side = new AuditSide({ session, user: 'ada', drawn: { direction: 'ssl_only' } });
  session.on('mask', () => side.drawMask());
  assert.equal(side.mask.checked, false);
  setMask(session, { users: ['ada'] });
  assert.deepEqual([side.mask.checked, side.maskName.textContent], [true, 'Put your verdicts into recipes as a mask']);
  setMask(session, { users: ['bob'] });
  assert.deepEqual([side.mask.checked, side.maskName.textContent], [true, 'Put the verdicts of bob into recipes as a mask']);
});

test('a name that somebody gave outlives an export and a training; one that is typed renames', async () => {
  const api = serverOf();
  const first = pageOf(api);
  first.session.setRule({ nuStar: 0.17 });
  first.bar.name.value = 'final for paper';
  await first.bar.store();
  const names = () => [...api.kept.values()].map(({ name }) => name);
  const page = pageOf(api);
  page.session.setRule({ nuStar: 0.17 });
  await page.screen.saveScreen();
  assert.deepEqual([names(), page.bar.name.value], [['final for paper'], 'final for paper']);
  const third = pageOf(api);
  third.session.setRule({ nuStar: 0.17 });
  await saveScreenRule(third.session, 'entropy');
  assert.deepEqual(names(), ['final for paper']);
  third.session.setRule({ nuStar: 0.3 });
  third.bar.name.value = 'other';
  await third.bar.store();
  third.session.setRule({ nuStar: 0.17 });
  await third.bar.store(); // “other” stands in the box, and nobody typed it for these thresholds
  assert.deepEqual([names(), third.bar.name.value], [['final for paper', 'other'], 'final for paper']);
  third.bar.name.value = 'really final';
  await third.bar.store();
  assert.deepEqual(names(), ['really final', 'other']);
});

test('the rule chosen on Export is a change, which the bar saves too', async () => {
  const { session, bar, screen } = pageOf(serverOf());
  await bar.store();
  await screen.loadRecipes();
  assert.deepEqual([screen.saveRow.hidden, screen.saveNow.disabled, screen.criterion.value], [false, true, 'entropy']);
  enter(screen.criterion, 'max_prob');
  assert.deepEqual([screen.saveNow.disabled, bar.save.textContent], [false, 'Save']);
  await bar.store();
  await screen.loadRecipes();
  assert.deepEqual([session.recipe.criterion, screen.saveNow.disabled, screen.criterion.value], ['max_prob', true, 'max_prob']);
  assert.match(screen.recipe.selectedOptions[0].textContent, /SSL/);
});

test('the row of the recipe in use is marked until the thresholds move', async () => {
  const page = pageOf(serverOf());
  page.bar.name.value = 'mine';
  await page.bar.store();
  await page.list.load();
  assert.deepEqual(page.isOn(), ['mine']);
  page.session.setRule({ nuStar: 0.4 });
  page.list.mark();
  assert.deepEqual(page.isOn(), []);
});
