// Pixels sorted by class and value, so that moving a threshold touches only the pixels that change sides.

export const BUCKET_SHIFT = 4;
export const NUM_BUCKETS = 65536 >> BUCKET_SHIFT;
export const CURVE_SHIFT = 6;
export const CURVE_BINS = 65536 >> CURVE_SHIFT;

/**
 * Counting sort of pixel indexes by (class, value >> BUCKET_SHIFT); pixels outside the classes are left out.
 * @returns {{order: Uint32Array, starts: Uint32Array}} bucket b of class c is order[starts[c*B+b] .. starts[c*B+b+1]]
 */
export function buildOrder(label, values, numClasses) {
  const starts = new Uint32Array(numClasses * NUM_BUCKETS + 1);
  const numPixels = label.length;
  for (let i = 0; i < numPixels; i++) {
    const c = label[i];
    if (c < numClasses) starts[c * NUM_BUCKETS + (values[i] >> BUCKET_SHIFT) + 1]++;
  }
  for (let b = 1; b < starts.length; b++) starts[b] += starts[b - 1];
  const next = starts.slice();
  const order = new Uint32Array(starts[starts.length - 1]);
  for (let i = 0; i < numPixels; i++) {
    const c = label[i];
    if (c < numClasses) order[next[c * NUM_BUCKETS + (values[i] >> BUCKET_SHIFT)]++] = i;
  }
  return { order, starts };
}

/** Counts by (cell, value >> CURVE_SHIFT), summed from low to high; a cell is class * 3 + {correct, wrong, unlabelled}. */
export function buildCumulative(cell, values, numCells) {
  const counts = new Uint32Array(numCells * CURVE_BINS);
  for (let i = 0; i < cell.length; i++) {
    if (cell[i] < numCells) counts[cell[i] * CURVE_BINS + (values[i] >> CURVE_SHIFT)]++;
  }
  for (let k = 0; k < numCells; k++) {
    for (let b = 1, o = k * CURVE_BINS; b < CURVE_BINS; b++) counts[o + b] += counts[o + b - 1];
  }
  return counts;
}

/** Everything that the worker prepares for one image. */
export function buildAll({ label, conf, ent, cell, numClasses }) {
  return {
    conf: buildOrder(label, conf, numClasses),
    ent: buildOrder(label, ent, numClasses),
    confCumulative: buildCumulative(cell, conf, numClasses * 3),
    entCumulative: buildCumulative(cell, ent, numClasses * 3),
  };
}

export function transferables(built) {
  return [
    built.conf.order.buffer, built.conf.starts.buffer, built.ent.order.buffer, built.ent.starts.buffer,
    built.confCumulative.buffer, built.entCumulative.buffer,
  ];
}
