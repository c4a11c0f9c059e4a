// Lines of metrics.jsonl -> curves: one series a key, evaluations by class.

const NOT_CURVES = new Set(['kind', 'step', 'lr', 'rate', 'images_without_labels', 'seconds', 'split', 'protocol', 'miou', 'iou']);
export const COLORS = Object.freeze(['#5b9bff', '#e6a04a', '#3fc1b0', '#d06fd0', '#ff8f6b', '#9ec24a', '#8a8fff', '#c9a27a']);

export class RunSeries {
  constructor() {
    this.next = 0;
    this.clear();
  }

  clear() {
    this.losses = new Map();
    this.lr = empty();
    this.rate = empty();
    this.miou = empty();
    this.iou = [];
    this.split = '';
    this.next = 0;
  }

  /**
   * Take what /metrics answered to `after`; a record that a resume cut short is sent again from 0. Where another answer
   * came first, this one repeats it and is dropped.
   */
  take({ lines, next, from }, after) {
    if (after !== this.next) return false;
    if (from !== after) this.clear();
    for (const line of lines) this.add(line);
    this.next = next;
    return lines.length > 0;
  }

  add(line) {
    if (line.kind === 'evaluation') {
      push(this.miou, line.step, line.miou);
      (line.iou ?? []).forEach((value, c) => push((this.iou[c] ??= empty()), line.step, value));
      this.split = line.split ?? this.split;
      return;
    }
    if (line.kind !== 'train') return;
    push(this.lr, line.step, line.lr);
    push(this.rate, line.step, line.rate);
    for (const [key, value] of Object.entries(line)) {
      if (NOT_CURVES.has(key) || (value !== null && typeof value !== 'number')) continue;
      if (!this.losses.has(key)) this.losses.set(key, empty());
      push(this.losses.get(key), line.step, value);
    }
  }

  /** Last IoU of each class, null where there is none. */
  get lastIou() {
    return this.iou.map((s) => s.y[s.y.length - 1] ?? null);
  }
}

/** Which chart a number of a training step stands in: each has a scale of its own. */
export function chartOf(key) {
  return key.startsWith('grad_norm_') ? 'norms' : key === 'sl_coverage' ? 'kept' : 'losses';
}

export function empty() {
  return { x: [], y: [] };
}

function push(series, x, y) {
  series.x.push(x);
  series.y.push(y === null || y === undefined ? NaN : y);
}

/** At most `count` points that keep each stretch's least and greatest value, so that a spike is never hidden. */
export function thin(series, count = 600) {
  const n = series.x.length;
  if (n <= count) return series;
  const out = empty();
  const size = (2 * n) / count;
  for (let from = 0; from < n; from += size) {
    const a = Math.floor(from);
    const b = Math.min(n, Math.floor(from + size));
    let low = a;
    let high = a;
    for (let k = a; k < b; k++) {
      if (!(series.y[k] >= series.y[low])) low = Number.isFinite(series.y[k]) ? k : low;
      if (!(series.y[k] <= series.y[high])) high = Number.isFinite(series.y[k]) ? k : high;
    }
    for (const k of low < high ? [low, high] : low > high ? [high, low] : [low]) {
      out.x.push(series.x[k]);
      out.y.push(series.y[k]);
    }
  }
  return out;
}

/** Exponential mean that starts unbiased; `weight` 0 leaves the series as it is. */
export function smooth(series, weight) {
  if (weight <= 0) return series;
  const y = new Array(series.y.length);
  let mean = 0;
  let mass = 0;
  for (let k = 0; k < y.length; k++) {
    const value = series.y[k];
    if (Number.isFinite(value)) {
      mean = weight * mean + (1 - weight) * value;
      mass = weight * mass + (1 - weight);
    }
    y[k] = Number.isFinite(value) && mass > 0 ? mean / mass : NaN;
  }
  return { x: series.x, y };
}

/** Bounds of some series: [x0, x1, y0, y1], or null where nothing is finite. */
export function bounds(list) {
  let [x0, x1, y0, y1] = [Infinity, -Infinity, Infinity, -Infinity];
  for (const { x, y } of list) {
    for (let k = 0; k < x.length; k++) {
      if (!Number.isFinite(y[k])) continue;
      if (x[k] < x0) x0 = x[k];
      if (x[k] > x1) x1 = x[k];
      if (y[k] < y0) y0 = y[k];
      if (y[k] > y1) y1 = y[k];
    }
  }
  return x0 === Infinity ? null : [x0, x1, y0, y1];
}

/** Round steps for an axis: about `count` ticks from low to high. */
export function ticks(low, high, count = 4) {
  const span = high - low;
  if (!(span > 0)) return [low];
  const rough = span / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].find((f) => f * power >= rough) * power;
  const found = [];
  for (let k = Math.ceil(low / step - 1e-9); k * step <= high + step * 1e-9; k++) found.push(Math.abs(k * step) < step * 1e-9 ? 0 : k * step);
  return found;
}

/** Index of the point nearest to x. */
export function nearest(series, x) {
  let [low, high] = [0, series.x.length - 1];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (series.x[middle] < x) low = middle + 1;
    else high = middle;
  }
  return low > 0 && Math.abs(series.x[low - 1] - x) <= Math.abs(series.x[low] - x) ? low - 1 : low;
}
