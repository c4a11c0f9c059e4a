// What the figures are drawn from: the numbers of the screen as shares, and as CSV.
import { starCurve } from './curves.js';
import { errorRate, summarise } from './statistics.js';
import { curveCsv, tableCsv } from './table-csv.js';

/** The figures in the order in which they stand; `kind` is the server's route. */
export const FIGURES = Object.freeze([
  { id: 'error-rate', kind: 'error-bars', title: 'Error rate by class (Table 4)', truth: true },
  { id: 'nu-curve', kind: 'threshold-curves', title: 'Error and coverage against ν*', rule: 'esl' },
  { id: 'mu-curve', kind: 'threshold-curves', title: 'Error and coverage against μ*', rule: 'ssl' },
]);

/** JSON knows no NaN. */
const shares = (values) => Array.from(values, (v) => (Number.isFinite(v) ? Math.min(1, Math.max(0, v)) : null));

/**
 * What a figure shows, as {scope, body, csv}; or {missing: why there is nothing to show}.
 * @param numbers as `numbersOf` gives them
 */
export function figureValues(figure, session, numbers) {
  const { showsTruth } = session;
  if (figure.truth && !showsTruth) return { missing: session.blind ? 'Blind mode hides what is made with ground truth.' : 'There is no ground truth: nothing here can be called wrong.' };
  const values = figure.rule ? curveValues(figure, session, numbers) : barValues(session, numbers);
  return { scope: numbers.scope, ...values };
}

const none = (session, scope) => (scope === 'image' && session.imageError ? `This image cannot be shown. ${session.imageError}` : 'The counts are not there yet.');

function barValues(session, { counts, scope, title, note }) {
  if (!counts) return { missing: scope === 'filter' ? `There is nothing to count: ${note}.` : none(session, scope) };
  const { info, thresholds } = session;
  const summary = summarise(counts, session.numClasses);
  const overall = [errorRate(summary.all.ssl), errorRate(summary.all.esl)];
  return {
    body: {
      names: info.class_names, ssl: shares(summary.rows.map((row) => errorRate(row.ssl))), esl: shares(summary.rows.map((row) => errorRate(row.esl))),
      overall: overall.every(Number.isFinite) ? overall : null, scope: title,
    },
    csv: () => tableCsv(summary, info.class_names, thresholds, scope, session.showsTruth),
  };
}

function curveValues({ rule }, session, { cumulative, scope, title }) {
  if (!cumulative) return { missing: scope === 'filter' ? 'Curves are made of one image or of the set: choose Image or Set above.' : none(session, scope) };
  const curve = starCurve(session, rule, cumulative);
  if (!session.showsTruth) curve.error.fill(NaN);
  const criterion = rule === 'esl' ? 'entropy' : 'max_prob';
  return {
    body: {
      criterion, thresholds: [...curve.stars], error: shares(curve.error), coverage: shares(curve.coverage),
      current: session.rule[rule === 'esl' ? 'nuStar' : 'muStar'], scope: title,
    },
    csv: () => curveCsv(criterion, curve),
  };
}
