// Numbers on screen as CSV: the class table with its scope and thresholds, and the curves of both rules.
import { dequantise } from './quantise.js';
import { errorRate } from './statistics.js';

const COLUMNS = [
  'class', 'scope', 'pixels', 'mu', 'nu', 'ssl_kept', 'ssl_wrong_share', 'esl_kept', 'esl_wrong_share',
  'ssl_only', 'ssl_only_wrong_share', 'esl_only', 'esl_only_wrong_share',
];
const PARTS = ['ssl', 'esl', 'sslOnly', 'eslOnly'];

/** One line a class and one for all; an error rate that does not exist, or is hidden, is empty. */
export function tableCsv(summary, names, thresholds, scope, showsTruth) {
  const share = (part) => (showsTruth && part.labelled > 0 ? errorRate(part).toFixed(6) : '');
  const line = (name, row, mu, nu) => [
    quote(name), scope, Math.round(row.pixels), mu, nu, ...PARTS.flatMap((part) => [Math.round(row[part].kept), share(row[part])]),
  ].join(',');
  const unit = (value) => dequantise(value).toFixed(6);
  const lines = summary.rows.map((row, c) => line(names[c], row, unit(thresholds.mu[c]), unit(thresholds.nu[c])));
  return [COLUMNS.join(','), ...lines, line('all', summary.all, '', ''), ''].join('\n');
}

/** Quoted where needed; a leading sign would be a formula to a spreadsheet. */
function quote(text) {
  const safe = /^[=+\-@]/.test(text) ? `'${text}` : text;
  return /[",\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

/** One line a point, in the columns of `curves.csv` of `report --store`; what does not exist is empty. */
export function curveCsv(criterion, { stars, error, coverage }) {
  const share = (value) => (Number.isFinite(value) ? value.toFixed(6) : '');
  const lines = Array.from(stars, (star, k) => [criterion, star.toFixed(3), share(coverage[k]), share(error[k])].join(','));
  return ['criterion,threshold,coverage,error_rate', ...lines, ''].join('\n');
}

export function download(name, text) {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(new Blob([text], { type: 'text/csv' }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}
