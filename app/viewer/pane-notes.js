// The few numbers in a pane's head: how much it keeps of this image, and how much of that is wrong.
import { KIND } from './kinds.js';
import { showCount, showPercent } from './quantise.js';

/** Write the notes of the shown panes; `all` is a summary's total or null where there is no image, `balanced` the counts of CBST's labels or null. */
export function drawNotes(grid, all, balanced, showsTruth) {
  const wrong = (p) => (showsTruth && p.labelled > 0 ? ` · ${showPercent(p.wrong, p.labelled)} wrong` : '');
  const notes = all ? {
    ssl: `${showPercent(all.ssl.kept, all.pixels)} kept${wrong(all.ssl)}`, esl: `${showPercent(all.esl.kept, all.pixels)} kept${wrong(all.esl)}`,
    'ssl-esl': `${showCount(all.sslOnly.kept)} px${wrong(all.sslOnly)}`, 'esl-ssl': `${showCount(all.eslOnly.kept)} px${wrong(all.eslOnly)}`,
  } : Object.fromEntries(['ssl', 'esl', 'ssl-esl', 'esl-ssl'].map((kind) => [kind, '–']));
  if (balanced) notes.cbst = `${showPercent(balanced.kept, balanced.pixels)} kept${wrong(balanced)} · ${showCount(balanced.relabelled)} px relabelled`;
  for (const pane of grid.shown) pane.setNote(notes[grid.kindOf(pane)] ?? KIND.get(pane.kind).hint);
}
