// Two predictions of one image: where they flip, how each scores, which class became which. Integers only, no page.
import { IGNORE } from './quantise.js';

export const SAME = 0;
export const FIXED = 1;
export const BROKEN = 2;
export const OTHER = 3;
export const OUTSIDE = 255;

/** Code of each pixel: same, wrong -> right, right -> wrong, or another change; 255 where either has no prediction. */
export function flipMap(a, b, truth = null) {
  const out = new Uint8Array(a.length);
  for (let i = 0; i < a.length; i++) {
    if (a[i] === IGNORE || b[i] === IGNORE) out[i] = OUTSIDE;
    else if (a[i] === b[i]) out[i] = SAME;
    else if (truth && truth[i] !== IGNORE && b[i] === truth[i]) out[i] = FIXED;
    else if (truth && truth[i] !== IGNORE && a[i] === truth[i]) out[i] = BROKEN;
    else out[i] = OTHER;
  }
  return out;
}

/** IoU of each class over one image's labelled pixels; NaN where the class is in neither. */
export function iouOf(label, truth, numClasses) {
  const [hit, said, real] = [0, 1, 2].map(() => new Float64Array(numClasses));
  for (let i = 0; i < label.length; i++) {
    const t = truth[i];
    const p = label[i];
    if (t === IGNORE || t >= numClasses || p >= numClasses) continue;
    said[p]++;
    real[t]++;
    if (p === t) hit[p]++;
  }
  return Array.from(hit, (h, c) => (said[c] + real[c] - h > 0 ? h / (said[c] + real[c] - h) : NaN));
}

export function meanOf(values) {
  const there = values.filter(Number.isFinite);
  return there.length ? there.reduce((s, v) => s + v, 0) / there.length : NaN;
}

/** Pixels that were class a and became class b: counts [a * C + b]. */
export function transitions(a, b, numClasses) {
  const counts = new Float64Array(numClasses * numClasses);
  for (let i = 0; i < a.length; i++) if (a[i] < numClasses && b[i] < numClasses) counts[a[i] * numClasses + b[i]]++;
  return counts;
}

/** The largest changes of class, diagonal left out: [{from, to, pixels}]. */
export function largestChanges(counts, numClasses, limit = 12) {
  const found = [];
  counts.forEach((pixels, k) => {
    const [from, to] = [Math.floor(k / numClasses), k % numClasses];
    if (from !== to && pixels > 0) found.push({ from, to, pixels });
  });
  return found.sort((p, q) => q.pixels - p.pixels).slice(0, limit);
}

/** Which pixels each side's rule keeps: 0 neither, 1 A only, 2 B only, 3 both. */
export function keptMap(a, b, thresholdsA, thresholdsB, criterion) {
  const keeps = (m, t, i) => m.label[i] !== IGNORE && (criterion === 'entropy' ? m.ent[i] <= t.nu[m.label[i]] : m.conf[i] >= t.mu[m.label[i]]);
  const out = new Uint8Array(a.label.length);
  for (let i = 0; i < out.length; i++) out[i] = (keeps(a, thresholdsA, i) ? 1 : 0) | (keeps(b, thresholdsB, i) ? 2 : 0);
  return out;
}

/** Share kept and share wrong of what is kept, of one side (bit 1 = A, 2 = B). */
export function keptRates(kept, bit, label, truth) {
  let [n, k, labelled, wrong] = [0, 0, 0, 0];
  for (let i = 0; i < kept.length; i++) {
    if (label[i] === IGNORE) continue;
    n++;
    if (!(kept[i] & bit)) continue;
    k++;
    if (!truth || truth[i] === IGNORE) continue;
    labelled++;
    if (label[i] !== truth[i]) wrong++;
  }
  return { coverage: n ? k / n : NaN, error: labelled ? wrong / labelled : NaN };
}

/** Counts of the codes, and by class of A: {codes: [same, fixed, broken, other], byClass: [C] changed}. */
export function flipCounts(flips, a, numClasses) {
  const codes = [0, 0, 0, 0];
  const byClass = new Float64Array(numClasses);
  for (let i = 0; i < flips.length; i++) {
    if (flips[i] === OUTSIDE) continue;
    codes[flips[i]]++;
    if (flips[i] !== SAME && a[i] < numClasses) byClass[a[i]]++;
  }
  return { codes, byClass };
}

export function sameClasses(a, b) {
  return a.class_names.join('\n') === b.class_names.join('\n');
}

/** Images that two stores share, by name: {pairs: [{name, a, b}]} or {problem: sentence}. */
export function pairImages(a, b) {
  if (a.map_size.join() !== b.map_size.join()) return { problem: `Both must have maps of one size; ${a.name} has ${a.map_size[1]} × ${a.map_size[0]}, ${b.name} ${b.map_size[1]} × ${b.map_size[0]} pixels.` };
  const inB = new Map(b.images.map((image) => [image.name, image]));
  const pairs = a.images.filter((image) => inB.has(image.name)).map((image) => ({ name: image.name, a: image.i, b: inB.get(image.name).i, isDone: image.done !== false && inB.get(image.name).done !== false }));
  if (pairs.length === 0) return { problem: `The two stores share no image: names must be equal (${a.images[0]?.name ?? 'none'} here, ${b.images[0]?.name ?? 'none'} there).` };
  return { pairs };
}

/** Difference of IoU by class against the first run: [{name, values: [per run]}], the largest change first. */
export function iouDifferences(iou, names) {
  const rows = names.map((name, c) => ({ name, values: iou.map((run) => run[c] ?? NaN) })).filter((r) => r.values.some(Number.isFinite));
  const change = (r) => Math.max(0, ...r.values.slice(1).map((v) => Math.abs(v - r.values[0])).filter(Number.isFinite));
  return rows.sort((p, q) => change(q) - change(p));
}
