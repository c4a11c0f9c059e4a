// The runs table without a page: columns, order, filter.
import { messageOf, showDuration, showRate, showShare, showWhen, stateOf } from './runs-words.js';

export const COLUMNS = Object.freeze([
  { id: 'name', title: 'Run', value: (r) => r.name, text: (r) => r.name },
  { id: 'state', title: 'State', value: (r) => ORDER.indexOf(stateOf(r)), text: (r) => stateOf(r) },
  { id: 'progress', title: 'Progress', value: progress, text: (r) => (r.steps > 0 ? `${r.step} / ${r.steps}` : '') },
  { id: 'rate', title: 'Rate', isNumber: true, value: (r) => r.rate, text: (r) => (stateOf(r) === 'running' ? showRate(r.rate) : '') },
  { id: 'eta', title: 'Left', isNumber: true, value: (r) => (stateOf(r) === 'running' ? r.eta_seconds : NaN), text: (r) => (stateOf(r) === 'running' ? showDuration(r.eta_seconds) : '') },
  { id: 'miou', title: 'mIoU', isNumber: true, value: (r) => (r.miou >= 0 ? r.miou : NaN), text: (r) => showShare(r.miou) },
  { id: 'coverage', title: 'Kept', hint: 'Share of target pixels with a pseudo-label', isNumber: true, value: (r) => r.coverage ?? NaN, text: (r) => showShare(r.coverage) },
  { id: 'error_rate', title: 'Wrong', hint: 'Share of wrong pixels among its pseudo-labels', isNumber: true, value: (r) => r.error_rate ?? NaN, text: (r) => showShare(r.error_rate, 2) },
  { id: 'method', title: 'Method', value: (r) => method(r), text: (r) => method(r) },
  { id: 'started', title: 'Start', isNumber: true, value: (r) => r.started || r.job?.created || NaN, text: (r) => showWhen(r.started || r.job?.created) },
  { id: 'host', title: 'Host', value: (r) => r.host ?? '', text: (r) => r.host ?? '' },
  { id: 'device', title: 'Device', value: (r) => r.device ?? '', text: (r) => r.device || r.job?.device || '' },
  { id: 'seed', title: 'Seed', isNumber: true, value: (r) => r.seed ?? NaN, text: (r) => String(r.seed ?? '') },
]);
const ORDER = ['running', 'stopping', 'queued', 'crashed', 'failed', 'stopped', 'done'];
const byName = new Intl.Collator('en', { numeric: true });

export function progress(row) {
  return row.steps > 0 ? Math.min(1, row.step / row.steps) : 0;
}

/** What chose a run's pseudo-labels, as people say it; '' where it has none. */
export function ruleName(criterion) {
  return { entropy: 'ESL', max_prob: 'SSL', class_balanced: 'CBST' }[criterion] ?? '';
}

function method(row) {
  return [row.method, ruleName(row.pseudo_labels)].filter(Boolean).join(' + ');
}

/** Words that must all be found; `state:failed`, `seed:3`, `device:cuda` look in one column. */
export function matches(row, words) {
  return words.every((word) => {
    const [, key, text] = /^(\w+):(.+)$/.exec(word) ?? [null, null, word];
    const column = COLUMNS.find((c) => c.id === key);
    if (key && column) return column.isNumber ? column.text(row) === text : column.text(row).toLowerCase().includes(text);
    return [row.name, stateOf(row), row.preset, method(row), row.host, row.device, messageOf(row), row.job?.user].some((v) => String(v ?? '').toLowerCase().includes(word));
  });
}

/** Rows in their order; what has no value comes last whichever way it is sorted. */
export function arrange(rows, { filter = '', key = 'started', down = true } = {}) {
  const words = filter.toLowerCase().split(/\s+/).filter(Boolean);
  const column = COLUMNS.find((c) => c.id === key) ?? COLUMNS[0];
  const kept = (words.length ? rows.filter((r) => matches(r, words)) : [...rows]).map((row) => [column.value(row), row]);
  const isMissing = (v) => v === '' || v === undefined || v === null || Number.isNaN(v);
  kept.sort(([a, p], [b, q]) => {
    if (isMissing(a) || isMissing(b)) return isMissing(a) - isMissing(b) || byName.compare(p.name, q.name);
    const order = typeof a === 'string' ? byName.compare(a, b) : a - b;
    return (down ? -order : order) || byName.compare(p.name, q.name);
  });
  return kept.map(([, row]) => row);
}

/** Which rows a viewport shows, with spare ones: [first, end). */
export function rowsInView(scrollTop, height, count, size) {
  return [Math.max(0, Math.floor(scrollTop / size) - 5), Math.min(count, Math.ceil((scrollTop + height) / size) + 5)];
}
