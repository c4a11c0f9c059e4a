// States, times and numbers of runs in words; what to do when one ended badly.

export const STATES = Object.freeze({
  queued: 'waiting', running: 'running', stopping: 'stopping', stopped: 'stopped', done: 'done', failed: 'failed', crashed: 'crashed',
});
export const ACTIVE = new Set(['queued', 'running', 'stopping']);
export const RESUMABLE = new Set(['stopped', 'failed', 'crashed']);
const TONE = { running: 'good', stopping: 'warn', queued: 'quiet', stopped: 'quiet', done: 'done', failed: 'bad', crashed: 'bad' };

/** A run's state, with that of its job where the run has not said anything yet. */
export function stateOf(row) {
  const state = row.state ?? 'queued';
  const job = row.job?.state;
  if (state === 'running' && job === 'stopping') return 'stopping';
  if (state === 'queued' && (job === 'running' || job === 'stopping')) return job; // its first words are on their way
  if (ACTIVE.has(state) && ['failed', 'crashed', 'stopped'].includes(job)) return job;
  if (!ACTIVE.has(state) && (job === 'queued' || job === 'running')) return job;
  // A stage is done, but its experiment ended after it: in an extraction, say, which is no run of its own.
  if (row.experiment && state === 'done' && RESUMABLE.has(job)) return job;
  return STATES[state] ? state : 'failed';
}

export function toneOf(state) {
  return TONE[state] ?? 'quiet';
}

const ADVICE = [
  [/out of memory|OutOfMemory|CUBLAS_STATUS_ALLOC|cannot allocate memory/i, 'Out of memory: take a smaller batch, crop or backbone (Clone keeps the rest), or a device with more memory.'],
  [/\bnan\b|not finite|non-finite|infinite|diverged/i, 'A loss stopped being a number: lower the learning rate or an adversarial weight, then Clone. The last checkpoint is whole.'],
  [/no space left|disk (is )?full|errno 28|free disk space/i, 'The disk is full: empty the trash or free space, then Resume. The last checkpoint is whole.'],
  [/process .* is gone|vanished|killed/i, 'The process is gone: Resume goes on from its last checkpoint.'],
];

/** What to do about a message; empty where it is not known. */
export function adviceFor(message) {
  return ADVICE.find(([pattern]) => pattern.test(message ?? ''))?.[1] ?? '';
}

/** Whether a run wrote its first words; before that, or where its start failed, only its job and its log tell of it. */
export function hasBegun(row) {
  return row.started !== undefined || Boolean(row.problem);
}

/** Where a run stands that has not begun. */
export function beginningOf(row) {
  const state = stateOf(row);
  if (state === 'queued') return 'This run has not begun: it waits in the queue.';
  const isExtraction = / extract /.test(row.job?.command ?? '');
  if (ACTIVE.has(state)) return isExtraction ? 'It predicts image after image.' : 'It is started: its data is looked at before the first step.';
  return isExtraction ? 'It ended before it was done; the log says why.' : 'It ended before its first step; the log says why.';
}

/** What a run says of how it ended, in one text. */
export function messageOf(row) {
  return row.problem || row.message || row.job?.message || '';
}

export function showDuration(seconds) {
  if (!(seconds > 0)) return '';
  if (seconds < 90) return `${Math.round(seconds)} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  if (seconds < 172800) return `${(seconds / 3600).toFixed(1)} h`;
  return `${(seconds / 86400).toFixed(1)} d`;
}

export function showRate(rate) {
  if (!(rate > 0)) return '';
  return rate >= 1 ? `${rate.toFixed(rate >= 10 ? 0 : 1)}/s` : `${(1 / rate).toFixed(1)} s/step`;
}

export function showShare(value, digits = 1) {
  return typeof value === 'number' && value >= 0 ? `${(100 * value).toFixed(digits)} %` : '';
}

export function showWhen(unix, now = Date.now()) {
  if (!(unix > 0)) return '';
  const date = new Date(unix * 1000);
  const two = (n) => String(n).padStart(2, '0');
  const time = `${two(date.getHours())}:${two(date.getMinutes())}`;
  if (now - date < 43200e3) return time;
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())} ${time}`;
}

/** A value of a config as short text. */
export function showValue(value) {
  if (value === null || value === undefined || value === '') return '–';
  if (Array.isArray(value)) return value.join(' × ');
  if (typeof value === 'object') return Object.keys(value).length ? JSON.stringify(value) : '–';
  if (typeof value === 'boolean') return value ? 'yes' : 'no';
  return String(value);
}

/** A nested config as dotted names; lists and maps of numbers stay values. */
export function flatten(tree, prefix = '', into = {}) {
  for (const [key, value] of Object.entries(tree)) {
    const isMap = key.endsWith('_overrides');
    if (value !== null && typeof value === 'object' && !Array.isArray(value) && !isMap) flatten(value, `${prefix}${key}.`, into);
    else into[prefix + key] = value;
  }
  return into;
}

/** Fields in which a run differs from its preset: [{path, preset, run}]. */
export function configDiff(config, fields) {
  const flat = flatten(config);
  return fields.filter((f) => f.path in flat && JSON.stringify(flat[f.path]) !== JSON.stringify(f.value) && f.path !== 'preset')
    .map((f) => ({ path: f.path, preset: f.value, run: flat[f.path] }));
}

/** What a run needs and what there is, in one line; empty for an extraction. */
export function resourcesInWords(resources) {
  if (!resources) return '';
  const gb = (bytes) => `${(bytes / 1e9).toFixed(bytes < 1e10 ? 1 : 0)} GB`;
  const memory = resources.memory_free === null ? '' : ` · ${gb(resources.memory_free)} of memory free`;
  return `Checkpoints: up to ${gb(resources.disk_needed)} of ${gb(resources.disk_free)} free disk${memory}`;
}

/** Runs that were active before and are not now: [[name, state]]. */
export function endedSince(before, now) {
  const active = new Set(before.filter((row) => ACTIVE.has(stateOf(row))).map((row) => row.name));
  return now.filter((row) => active.has(row.name) && !ACTIVE.has(stateOf(row))).map((row) => [row.name, stateOf(row)]);
}
