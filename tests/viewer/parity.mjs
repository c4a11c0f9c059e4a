// Read cases from stdin, answer with the viewer's integers: thresholds, pseudo-labels and quantised values.
import { readFileSync } from 'node:fs';
import { quantise } from '../../app/viewer/quantise.js';
import { buildAll } from '../../app/viewer/orders.js';
import { ESL, SSL, Selection } from '../../app/viewer/selection.js';
import { classThresholds, ruleFromJson } from '../../app/viewer/thresholds.js';

const { values, cases } = JSON.parse(readFileSync(0, 'utf8'));
let selection = null;
const answers = cases.map(({ maps, medians, rule, numClasses }) => {
  const thresholds = classThresholds(medians, ruleFromJson(rule));
  if (maps) { // new maps; the cases after them move the same selection, as a dragged slider does
    const typed = { label: Uint8Array.from(maps.label), conf: Uint16Array.from(maps.conf), ent: Uint16Array.from(maps.ent), truth: null };
    selection = new Selection(typed, numClasses);
    selection.apply(thresholds);
    selection.orders = buildAll({ ...typed, cell: selection.cell, numClasses });
  }
  selection.apply(thresholds);
  return {
    mu: [...thresholds.mu], nu: [...thresholds.nu], muBinds: [...thresholds.muBinds], nuBinds: [...thresholds.nuBinds],
    absent: [...thresholds.absent], ssl: [...selection.labelOf(SSL)], esl: [...selection.labelOf(ESL)],
  };
});
process.stdout.write(JSON.stringify({ values: values.map(quantise), answers }));
