// What the thresholds on screen would train on: how much of the set they keep, and which classes hardly or not at all.
import { showPercent } from './quantise.js';
import { summarise } from './statistics.js';

const LEAST = 3;

/** @param counts [class, truth, state] of the set at the thresholds; @param part `esl` or `ssl` */
export function coverageInWords(counts, names, part) {
  const { rows, all } = summarise(counts, names.length);
  if (all.pixels === 0) return ''; // nothing is counted yet
  const seen = rows.map((row, c) => ({ name: names[c], kept: row[part].kept, of: row.pixels })).filter((row) => row.of > 0);
  const none = seen.filter((row) => row.kept === 0).map((row) => row.name);
  const least = seen.filter((row) => row.kept > 0).sort((p, q) => p.kept / p.of - q.kept / q.of).slice(0, LEAST);
  return [`${showPercent(all[part].kept, all.pixels)} of the set is kept`,
    least.length ? `least of ${least.map((row) => `${row.name} ${showPercent(row.kept, row.of)}`).join(', ')}` : '',
    none.length ? `nothing of ${none.join(', ')}` : ''].filter(Boolean).join('; ') + '.';
}

/** The same for the thresholds on screen, after a space; '' while the set is not counted. */
export function coverageNote(session, criterion) {
  if (!session.histogram || session.histogramImages === 0) return '';
  const isPart = session.histogramImages < session.info.num_images;
  return `${isPart ? ` Of ${session.histogramImages} images counted so far:` : ''} ${coverageInWords(session.histogram.at(session.thresholds), session.info.class_names, criterion === 'max_prob' ? 'ssl' : 'esl')}`;
}
