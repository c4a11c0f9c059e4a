// Boxes and lists of the screens: what they take, and what they show of the session.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Controls, holdNote } from '../../app/viewer/controls.js';
import { ExportScreen } from '../../app/viewer/export-screen.js';
import { RecipeList } from '../../app/viewer/recipe-list.js';
import { RecipeBar, isDirty, saveScreenRule } from '../../app/viewer/recipes.js';
import { Session } from '../../app/viewer/session.js';
import { classThresholds } from '../../app/viewer/thresholds.js';
import { enter, labelled, openTinyPage, press } from './tiny-page.mjs';

openTinyPage();

const info = { sid: 'a', name: 'a', num_images: 3, num_done: 3, has_truth: true, map_size: [1, 1], class_names: ['road', 'sky'], class_colors: [[1, 2, 3], [4, 5, 6]], medians: { mu: [60000, 60000], nu: [9, 9] } };

/** An open session whose server is `api`. */
function open(api = {}) {
  const session = new Session(api, 'a');
  session.info = { ...info };
  session.thresholds = classThresholds(session.info.medians, session.rule);
  return session;
}

/** The Export screen of a session. */
function exportOf(session, said = []) {
  const listen = (topic, run) => session.on(topic, run);
  return new ExportScreen({ session, listen, boot: {}, say: (text) => said.push(text), touchHash() {}, top: { recipe: { name: { value: '' } } } });
}

test('a box without a number keeps the threshold, and shows it again', () => {
  const session = open();
  const controls = new Controls(session);
  controls.draw();
  for (const [label, key] of [['ν* as a number', 'nuStar'], ['μ* as a number', 'muStar']]) {
    const [box] = labelled(controls.root, label);
    const before = session.rule[key];
    box.focus(); // Enter leaves the focus where it is
    enter(box, '');
    controls.draw();
    assert.deepEqual([session.rule[key], box.value], [before, String(before)]);
    enter(box, '7');
    assert.deepEqual([session.rule[key], box.value], [1, '1']);
    enter(box, '0.25');
    assert.deepEqual([session.rule[key], box.value], [0.25, '0.25']);
  }
  assert.equal(session.past.length, 4, 'an empty box is no step of undo');
});

test('a box without a portion keeps the portion, on Inspect and on Export', () => {
  const session = open();
  for (const { root } of [new Controls(session), exportOf(session)]) {
    for (const box of labelled(root, 'CBST’s portion as a number').concat(labelled(root, 'CBST’s portion of each predicted class').filter((node) => node.attributes.type === 'number'))) {
      enter(box, '0.4');
      enter(box, '');
      assert.deepEqual([session.classBalanced.portion, box.value], [0.4, '0.4']);
    }
  }
});

const saved = (id, sid, more = {}) => ({ id, sid, name: id, criterion: 'entropy', mu_star: 0.9, nu_star: 0.1, mode: 'capped', mu_overrides: {}, nu_overrides: {}, mask: '', ...more });

/** A server that keeps recipes of two stores with the same classes, `a` and `train`. */
function recipeServer(kept = []) {
  return {
    kept, store: async (sid) => ({ ...info, sid, name: sid, medians: sid === 'a' ? info.medians : { mu: [5, 5], nu: [30000, 30000] } }),
    recipes: async (sid) => ({ recipes: kept.filter((r) => r.sid === sid) }),
    saveRecipe: async (body) => { kept.unshift(saved(`r${kept.length}`, body.sid, { ...body, name: body.name || body.default_name })); return { id: kept[0].id, name: kept[0].name, mask: '' }; },
  };
}

test('a recipe saved with borrowed medians is listed, stays chosen, and freezes the verdicts of the store on screen', async () => {
  const api = recipeServer([saved('own', 'a')]);
  const session = open(api);
  session.verdictMask = { users: ['ada'] };
  const screen = exportOf(session);
  await screen.loadRecipes();
  assert.equal(screen.recipe.value, 'own');
  await session.borrowMedians('train');
  await new RecipeBar(session, () => {}).store();
  await screen.loadRecipes();
  assert.deepEqual([api.kept[0].sid, api.kept[0].verdict_mask], ['train', { users: ['ada'], sid: 'a' }]);
  assert.equal(screen.recipe.value, api.kept[0].id);
  assert.match(screen.recipe.selectedOptions[0].textContent, /medians of train/);
  const list = new RecipeList({ session, say() {} });
  await list.load();
  assert.match(list.body.textContent, /medians of train.*own/);
});

test('Export takes no other recipe by itself when the chosen one is not there', async () => {
  const api = recipeServer([saved('new', 'a'), saved('old', 'a')]);
  const session = open(api);
  const screen = exportOf(session);
  session.recipe = saved('gone', 'elsewhere');
  await screen.loadRecipes();
  assert.equal(screen.recipe.value, 'gone', 'the one in use is offered wherever it is kept');
  session.recipe = null;
  await screen.loadRecipes();
  assert.deepEqual([screen.recipe.value, screen.go.disabled], ['', true]);
  enter(screen.recipe, 'old');
  await screen.loadRecipes();
  assert.deepEqual([screen.recipe.value, screen.go.disabled], ['old', false]);
});

test('loading a recipe brings the medians that it takes', async () => {
  const session = open(recipeServer([saved('theirs', 'train'), saved('own', 'a')]));
  await session.borrowMedians('train');
  const list = new RecipeList({ session, say() {} });
  await list.load();
  const load = async (name) => {
    press(list.body.children.find((row) => row.textContent.includes(name)), 'Load');
    await new Promise((go) => setTimeout(go, 5));
    return [session.recipe.id, session.thresholds.nu[0], isDirty(session)];
  };
  assert.deepEqual(await load('own'), ['own', 6554, false]);
  session.recipe = saved('theirs', 'train');
  await list.load();
  assert.ok(isDirty(session), 'the same rule over other medians is not the recipe');
  assert.deepEqual(await load('theirs'), ['theirs', 30000, false]);
});

test('the name in the bar is that of the recipe in use, until another one is typed', async () => {
  const api = recipeServer();
  const session = open(api);
  const bar = new RecipeBar(session, () => {});
  const load = (recipe) => {
    session.recipe = recipe;
    session.setRule({ nuStar: recipe.nu_star });
    bar.draw();
  };
  load(saved('foo', 'a'));
  load(saved('bar', 'a', { criterion: 'max_prob' }));
  assert.equal(bar.name.value, 'bar');
  session.setRule({ muStar: 0.8 });
  await bar.store();
  assert.deepEqual([api.kept[0].name, api.kept[0].criterion], ['bar', 'max_prob'], 'SSL stays SSL');
  bar.name.focus();
  bar.name.value = 'mine';
  bar.draw();
  await bar.store(); // Ctrl-S, the focus still in the box
  bar.name.value = 'next';
  bar.name.blur();
  bar.draw();
  assert.deepEqual([api.kept[0].name, bar.name.value], ['mine', 'next']);
});

test('Export follows thresholds, image and recipe of the other screens', async () => {
  const session = open(recipeServer([saved('ssl', 'a', { criterion: 'max_prob' })]));
  const screen = exportOf(session);
  session.recipe = saved('ssl', 'a', { criterion: 'max_prob' });
  await screen.loadRecipes();
  screen.fillSets();
  assert.deepEqual([screen.saveNow.disabled, screen.criterion.value], [true, 'max_prob']);
  session.setRule({ nuStar: 0.3 });
  assert.equal(screen.saveNow.disabled, false);
  session.index = 2;
  session.emit('image');
  assert.match(screen.set.textContent, /on screen \(#2\)/);
  session.index = 1; // one that cannot be read
  screen.onShow();
  assert.match(screen.set.textContent, /on screen \(#1\)/);
  enter(screen.criterion, 'entropy');
  await screen.loadRecipes();
  assert.equal(screen.criterion.value, 'entropy', 'what was chosen by hand stays');
});

test('a recipe without a name of its own is called by its own thresholds, not those of the one before', async () => {
  const api = recipeServer();
  const session = open(api);
  const bar = new RecipeBar(session, () => {});
  await bar.store();
  session.setRule({ nuStar: 0.2 });
  bar.draw();
  await bar.store();
  session.setRule({ muStar: 0.8 });
  await saveScreenRule(session, 'entropy');
  assert.deepEqual(api.kept.map((r) => r.name), ['ν* 0.2 · μ* 0.8', 'ν* 0.2 · μ* 0.9', 'ν* 0.1 · μ* 0.9']);
});

test('a slider that moves few classes, or none, says what holds the others', () => {
  assert.equal(holdNote('ν', 0, 0, 19), '');
  assert.equal(holdNote('ν', 3, 0, 19), 'M  the median binds for 3 of 19 classes');
  assert.equal(holdNote('μ', 3, 2, 19), 'M  the median binds for 3 of 19 classes · 2 of 19 have their own μ(c)');
  const session = open();
  const controls = new Controls(session);
  session.setRule({ nuOverrides: { 0: 0.2, 1: 0.3 } }); // as Pareto does
  controls.draw();
  assert.deepEqual([controls.nu.note.hidden, controls.nu.note.textContent], [false, 'ν* moves 0 of 2 classes: 2 have their own ν(c)']);
  assert.match(controls.nu.note.title, /override is cleared/);
  session.setRule({ nuOverrides: {} });
  controls.draw();
  assert.equal(controls.nu.note.hidden, true);
});

test('an own image on screen is not offered for export, and the counts of a dry run go with the choice', async () => {
  const session = open({ startExport: async () => ({ num_files: 1, num_images: 1, num_bytes: 9, first: 'a.png' }) });
  const screen = exportOf(session);
  screen.fillSets();
  screen.set.value = 'image';
  await screen.start(true);
  assert.match(screen.preview.textContent, /Would write 1 files/);
  session.index = 'u2355b1ef7275';
  session.emit('image');
  assert.deepEqual([screen.set.value, screen.set.options.filter((o) => o.disabled).map((o) => o.textContent)], ['all', ['not the image on screen: an own image is not in the set']]);
  assert.doesNotMatch(screen.preview.textContent, /Would write/);
  assert.equal(await screen.images(), null);
});
