import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FIXED, BROKEN, OTHER, OUTSIDE, flipCounts, flipMap, iouDifferences, iouOf, keptMap, keptRates, largestChanges, pairImages, sameClasses, transitions } from '../../app/viewer/compare-maps.js';
import { mapped, mappingByName } from '../../app/viewer/compare-mapping.js';
import { sortByFlips } from '../../app/viewer/compare-order.js';
import { placeAfterMove } from '../../app/viewer/runs-queue.js';
import { spread } from '../../app/viewer/runs-samples.js';
import { RunSeries, bounds, nearest, smooth, thin, ticks } from '../../app/viewer/runs-series.js';
import { arrange, rowsInView, ruleName } from '../../app/viewer/runs-table-model.js';
import { coverageInWords } from '../../app/viewer/train-coverage.js';
import { adviceFor, configDiff, endedSince, flatten, resourcesInWords, showDuration, stateOf } from '../../app/viewer/runs-words.js';
import { problemOf, splitsOf } from '../../app/viewer/train-check.js';
import { changedValues, faultOf, freeName, nameFault, screenNote, searchFields, secondsPerStep, withSchedule } from '../../app/viewer/train-fields.js';

const FIELDS = [
  { path: 'steps', kind: 'integer', value: 1000, choices: [], help: 'Updates of the run.' },
  { path: 'schedule_steps', kind: 'integer', value: 1000, choices: [], help: '' },
  { path: 'lr', kind: 'number', value: 0.02, choices: [], help: '' },
  { path: 'source.augment.crop', kind: 'list', value: [192, 384], choices: [], help: '(height, width)' },
  { path: 'source.augment.flip', kind: 'switch', value: true, choices: [], help: 'Mirror half of the images.' },
  { path: 'precision', kind: 'choice', value: 'auto', choices: ['auto', 'fp32'], help: '' },
  { path: 'pseudo_labels.nu_overrides', kind: 'mapping', value: {}, choices: [], help: '' },
];
const field = (path) => FIELDS.find((f) => f.path === path);

test('what is typed is refused where it cannot be meant', () => {
  for (const text of ['', '1.5', 'nan', '1e3', 'many']) assert.notEqual(faultOf(field('steps'), text), '', text);
  for (const text of ['', 'NaN', 'Infinity', '-Infinity', '1,5']) assert.notEqual(faultOf(field('lr'), text), '', text);
  for (const text of ['192', '192 x', '1 2 3']) assert.notEqual(faultOf(field('source.augment.crop'), text), '', text);
  for (const text of ['[1]', 'null', '{5: 1}']) assert.notEqual(faultOf(field('pseudo_labels.nu_overrides'), text), '', text);
  assert.equal(faultOf(field('lr'), ' 2.5e-4 '), '');
  assert.equal(faultOf(field('source.augment.crop'), '192, 384'), '');
  assert.equal(faultOf(field('precision'), 'fp16').includes('auto, fp32'), true);
});

test('names that are no plain folder name are refused, free ones are found', () => {
  for (const name of ['', '../x', 'a/b', '.hidden', '<script>', 'a b', 'x'.repeat(101)]) assert.notEqual(nameFault(name), '', name);
  assert.equal(nameFault('demo_advent-2.b+c'), '');
  assert.equal(freeName('demo', new Set(['demo', 'demo-2'])), 'demo-3');
  assert.equal(nameFault(freeName('<b>..', new Set())), '');
});

test('only what differs from the preset is sent, and the schedule follows the steps until it is typed', () => {
  const texts = { steps: '60', schedule_steps: '1000', lr: '0.02', 'source.augment.crop': '192 384', 'source.augment.flip': false, precision: 'auto', 'pseudo_labels.nu_overrides': '{}' };
  const values = changedValues(FIELDS, texts);
  assert.deepEqual(values, { steps: '60', 'source.augment.flip': false });
  assert.equal(withSchedule(FIELDS, values).schedule_steps, '60');
  assert.equal(withSchedule(FIELDS, { ...values, schedule_steps: '70' }).schedule_steps, '70');
  assert.deepEqual(changedValues(FIELDS, { steps: '-' }), {});
});

test('settings are found by words of their name or help', () => {
  assert.deepEqual(searchFields(FIELDS, 'mirror').map((f) => f.path), ['source.augment.flip']);
  assert.deepEqual(searchFields(FIELDS, 'augment crop').map((f) => f.path), ['source.augment.crop']);
  assert.equal(searchFields(FIELDS, '').length, FIELDS.length);
});

test('states are those of the run, or of its job where the run said nothing yet', () => {
  assert.equal(stateOf({ state: 'running', job: { state: 'stopping' } }), 'stopping');
  assert.equal(stateOf({ state: 'done', job: { state: 'done' } }), 'done');
  assert.equal(stateOf({ state: 'stopped', job: { state: 'queued' } }), 'queued');
  assert.equal(stateOf({ state: 'queued', job: { state: 'failed' } }), 'failed');
  assert.equal(stateOf({ state: 'queued', started: 0, job: { state: 'running' } }), 'running');
  assert.equal(stateOf({ state: 'nonsense' }), 'failed');
  assert.equal(stateOf({ state: 'done', job: { state: 'failed' } }), 'done');
  assert.equal(stateOf({ state: 'done', experiment: 'e', job: { state: 'failed' } }), 'failed');
});

test('bad ends come with what to do', () => {
  assert.match(adviceFor('torch.cuda.OutOfMemoryError: CUDA out of memory'), /smaller batch/);
  assert.match(adviceFor('The loss is not finite at step 3'), /learning rate/);
  assert.match(adviceFor('[Errno 28] No space left on device'), /trash/);
  assert.equal(adviceFor('Stopped on request.'), '');
  assert.equal(showDuration(7200), '2.0 h');
});

test('a config differs from its preset in the fields that differ', () => {
  const config = { preset: 'p', steps: 5, source: { augment: { crop: [192, 384] } }, pseudo_labels: { nu_overrides: { 5: 0.4 } } };
  assert.deepEqual(flatten(config)['pseudo_labels.nu_overrides'], { 5: 0.4 });
  assert.deepEqual(configDiff(config, FIELDS).map((d) => d.path), ['steps', 'pseudo_labels.nu_overrides']);
});

test('the table sorts with missing values last, and filters by words and columns', () => {
  const rows = [{ name: 'b10', state: 'done', miou: 0.4, seed: 10 }, { name: 'b2', state: 'failed', miou: -1, seed: 2 }, { name: 'a', state: 'done', miou: 0.5, seed: 1 }];
  const names = (options) => arrange(rows, options).map((r) => r.name);
  assert.deepEqual(names({ key: 'miou', down: true }), ['a', 'b10', 'b2']);
  assert.deepEqual(names({ key: 'miou', down: false }), ['b10', 'a', 'b2']);
  assert.deepEqual(names({ key: 'name', down: false }), ['a', 'b2', 'b10']);
  assert.deepEqual(names({ filter: 'state:done b', key: 'name', down: false }), ['b10']);
  assert.deepEqual(names({ filter: 'seed:1' }), ['a']);
  assert.deepEqual(rowsInView(3000, 300, 1000, 30), [95, 115]);
});

test('a waiting job moves among those that wait, not before one that runs', () => {
  const jobs = [{ job: 'r', state: 'running' }, { job: 'a', state: 'queued' }, { job: 'b', state: 'queued' }];
  assert.equal(placeAfterMove(jobs, 'b', -1), 'a');
  assert.equal(placeAfterMove(jobs, 'a', 1), '');
  assert.equal(placeAfterMove(jobs, 'a', -1), null);
  assert.equal(placeAfterMove(jobs, 'r', 1), null);
});

test('metrics become series; what a resume cut off is read again', () => {
  const series = new RunSeries();
  const lines = [{ kind: 'train', step: 10, lr: 0.1, seg_main: 2, rate: 3 }, { kind: 'train', step: 20, lr: 0.1, seg_main: null }, { kind: 'evaluation', step: 20, miou: 0.3, iou: [0.5, null], split: 'v' }];
  series.take({ lines, from: 0, next: 3 }, 0);
  assert.deepEqual([...series.losses.keys()], ['seg_main']);
  assert.ok(Number.isNaN(series.losses.get('seg_main').y[1]));
  assert.deepEqual(series.miou, { x: [20], y: [0.3] });
  series.take({ lines: [{ kind: 'train', step: 30, seg_main: 1 }], from: 3, next: 4 }, 3);
  assert.deepEqual(series.losses.get('seg_main').x, [10, 20, 30]);
  series.take({ lines: lines.slice(0, 1), from: 0, next: 1 }, 4);
  assert.deepEqual(series.losses.get('seg_main').x, [10]);
  assert.equal(series.next, 1);
});

test('thinning keeps spikes, smoothing starts unbiased, ticks are round', () => {
  const x = Array.from({ length: 5000 }, (_, k) => k);
  const y = x.map((k) => (k === 3333 ? 99 : k === 777 ? -5 : 1));
  const thinned = thin({ x, y }, 400);
  assert.ok(thinned.x.length <= 402);
  assert.deepEqual(bounds([thinned]).slice(2), [-5, 99]);
  assert.ok(thinned.x.every((v, k) => k === 0 || v > thinned.x[k - 1]));
  assert.deepEqual(smooth({ x: [1, 2], y: [4, 4] }, 0.9).y.map((v) => +v.toFixed(6)), [4, 4]);
  assert.deepEqual(ticks(0, 1000, 4), [0, 500, 1000]);
  assert.equal(bounds([{ x: [1], y: [NaN] }]), null);
  assert.equal(nearest({ x: [10, 20, 30] }, 24), 1);
});

test('flips say which side was right, and void and unknown count as neither', () => {
  const a = Uint8Array.of(0, 0, 1, 1, 255, 2);
  const b = Uint8Array.of(0, 1, 0, 2, 1, 1);
  const truth = Uint8Array.of(0, 1, 1, 0, 1, 255);
  const flips = flipMap(a, b, truth);
  assert.deepEqual([...flips], [0, FIXED, BROKEN, OTHER, OUTSIDE, OTHER]);
  assert.deepEqual(flipCounts(flips, a, 3).codes, [1, 1, 1, 2]);
  assert.deepEqual(largestChanges(transitions(a, b, 3), 3)[0].pixels, 1);
  assert.deepEqual([...flipMap(a, b)].filter((v) => v === OTHER).length, 4);
  assert.deepEqual(iouOf(Uint8Array.of(0, 0, 1, 255), Uint8Array.of(0, 1, 1, 1), 3).map((v) => +v.toFixed(4)), [0.5, 0.5, NaN]);
});

test('what one side keeps alone is found with each side’s own thresholds, ties kept', () => {
  const maps = (ent) => ({ label: Uint8Array.of(0, 0, 255), ent: Uint16Array.from(ent), conf: new Uint16Array(3) });
  const kept = keptMap(maps([10, 50, 0]), maps([11, 10, 0]), { nu: [10], mu: [0] }, { nu: [10], mu: [0] }, 'entropy');
  assert.deepEqual([...kept], [1, 2, 0]);
  assert.deepEqual(keptRates(kept, 1, Uint8Array.of(0, 0, 255), Uint8Array.of(1, 0, 0)), { coverage: 0.5, error: 1 });
});

test('stores pair by image name, and say why they do not', () => {
  const store = (names, more = {}) => ({ name: 's', class_names: ['a'], map_size: [4, 8], images: names.map((name, i) => ({ i, name })), ...more });
  assert.deepEqual(pairImages(store(['x', 'y']), store(['y', 'z'])).pairs, [{ name: 'y', a: 1, b: 0, isDone: true }]);
  assert.match(pairImages(store(['x']), store(['z'])).problem, /share no image/);
  assert.equal(sameClasses(store(['x']), store(['x'], { class_names: ['b'] })), false);
  assert.equal(sameClasses(store(['x']), store(['y'])), true);
  assert.match(pairImages(store(['x']), store(['x'], { map_size: [2, 2] })).problem, /one size/);
  assert.deepEqual(iouDifferences([[0.5, 0.5], [0.5, 0.7]], ['a', 'b']).map((r) => r.name), ['b', 'a']);
});

test('each split is looked at once, the demo never, and the time a run takes comes from one like it', () => {
  const values = { 'source.dataset': 'camvid', 'source.split': 'day', 'target.dataset': 'camvid', 'target.split': 'day', 'selection.data.dataset': 'demo' };
  assert.equal(splitsOf((path) => values[path] ?? '', '/d').length, 1);
  const rows = [{ preset: 'p', step: 100, started: 0, updated: 50, device: 'cpu' }, { preset: 'q', step: 100, started: 0, updated: 5, device: 'cpu' }];
  assert.equal(secondsPerStep(rows, 'p', 'cpu'), 0.5);
  assert.equal(secondsPerStep(rows, 'p', 'cuda:0'), 0);
});

test('samples over time are few, spread, with the first and the last', () => {
  assert.deepEqual(spread([100, 200]), [100, 200]);
  assert.deepEqual(spread([]), []);
  const many = spread(Array.from({ length: 300 }, (_, k) => 10 * (k + 1)), 8);
  assert.equal(many.length, 8);
  assert.deepEqual([many[0], many.at(-1)], [10, 3000]);
  assert.deepEqual([...new Set(many)].sort((a, b) => a - b), many);
});

test('images are sorted by their changed pixels, of all classes or of one, the uncounted last', () => {
  const pairs = [{ name: 'x', a: 0 }, { name: 'y', a: 1 }, { name: 'z', a: 2 }];
  const counts = { 0: [4, 2], 2: [1, 9] };
  assert.deepEqual(sortByFlips(pairs, counts, 'all').map((p) => [p.name, p.changed]), [['z', 5], ['x', 3], ['y', -1]]);
  assert.deepEqual(sortByFlips(pairs, counts, '0').map((p) => p.name), ['x', 'z', 'y']);
});

test('classes of another store are read in the ids of the first, by a mapping that starts from equal names', () => {
  const mapping = mappingByName(['road', 'sky', 'car'], ['sky', 'boat', 'road']);
  assert.deepEqual(mapping, [1, 255, 0]);
  const maps = { W: 4, label: Uint8Array.of(0, 1, 2, 255), truth: null, ent: 'own' };
  const seen = mapped(maps, mapping);
  assert.deepEqual([...seen.label], [1, 255, 0, 255]);
  assert.deepEqual([seen.W, seen.truth, seen.ent], [4, null, 'own']);
  assert.deepEqual([...maps.label], [0, 1, 2, 255], 'the store’s own maps stay');
});

test('what a run needs is one line', () => {
  assert.equal(resourcesInWords(null), '');
  assert.equal(resourcesInWords({ disk_needed: 2.5e8, disk_free: 6.9e10, memory_free: 1.25e10 }), 'Checkpoints: up to 0.3 GB of 69 GB free disk · 13 GB of memory free');
  assert.equal(resourcesInWords({ disk_needed: 1e9, disk_free: 2e9, memory_free: null }), 'Checkpoints: up to 1.0 GB of 2.0 GB free disk');
});

test('a run is named by the rule that chose its pseudo-labels', () => {
  const rows = ['entropy', 'max_prob', 'class_balanced', 'none'].map((rule, k) => ({ name: `r${k}`, method: 'advent', pseudo_labels: rule, started: k }));
  assert.deepEqual(rows.map((row) => ruleName(row.pseudo_labels)), ['ESL', 'SSL', 'CBST', '']);
  assert.deepEqual(arrange(rows, { filter: 'cbst' }).map((row) => row.name), ['r2']);
});

test('a button says what it takes from the screen', () => {
  const rule = { nuStar: 0.1, muStar: 0.9 };
  assert.match(screenNote({ id: 'self' }, true, rule, 'demo'), /^CBST’s labels of demo/);
  assert.match(screenNote({ id: 'self' }, false, rule, 'demo'), /ν\* 0.1 · μ\* 0.9 of demo are saved as a recipe/);
  assert.match(screenNote({ id: 'extract' }, false, rule, 'demo'), /become a recipe of the new store/);
});

test('a run does not begin on data that the check found unfit', () => {
  const sound = { is_sound: true, findings: [] };
  assert.equal(problemOf([sound, undefined]), '');
  assert.equal(problemOf([sound, { error: 'no such folder' }]), 'no such folder');
  const unfit = { stops_a_run: true, findings: [{ level: 'note', message: 'a' }, { level: 'fault', message: 'b' }] };
  assert.equal(problemOf([unfit]), 'b');
  assert.equal(problemOf([{ ...unfit, stops_a_run: false }]), '');
});

test('runs that ended since the last look are named with how they ended', () => {
  const before = [{ name: 'a', state: 'running' }, { name: 'b', state: 'running' }, { name: 'c', state: 'done' }];
  const now = [{ name: 'a', state: 'done' }, { name: 'b', state: 'crashed' }, { name: 'c', state: 'done' }, { name: 'd', state: 'done' }];
  assert.deepEqual(endedSince(before, now), [['a', 'done'], ['b', 'crashed']]);
  assert.deepEqual(endedSince([], now), []);
});

test('what would be trained on is said with the classes that get least, and those that get nothing', () => {
  const counts = new Float64Array(4 * 3 * 4); // [class, truth, {neither, SSL, ESL, both}]
  counts.set([50, 0, 0, 50], 0); // class 0: half by both
  counts.set([90, 0, 10, 0], 12); // class 1: a tenth by ESL alone
  counts.set([40, 0, 0, 0], 24); // class 2: nothing; class 3 is not predicted
  assert.equal(coverageInWords(counts, ['road', 'pole', 'bus', 'sky'], 'esl'), '25.0 % of the set is kept; least of pole 10.0 %, road 50.0 %; nothing of bus.');
  assert.equal(coverageInWords(new Float64Array(48), ['road', 'pole', 'bus', 'sky'], 'esl'), '');
  assert.equal(coverageInWords(counts, ['road', 'pole', 'bus', 'sky'], 'ssl'), '20.8 % of the set is kept; least of road 50.0 %; nothing of pole, bus.');
});
