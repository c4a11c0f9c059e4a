// The data check beside the start button: each split of the form once, again when its name or folder changes.
import { el } from './dom.js';
import { showCount } from './quantise.js';

/** The distinct splits that a form reads: [{dataset, root, split, class_set}]. */
export function splitsOf(value, dataRoot) {
  const found = new Map();
  for (const part of ['source', 'target', 'selection.data']) {
    const dataset = value(`${part}.dataset`);
    if (!dataset || dataset === 'demo') continue; // the demo makes its own images when it is first used
    const question = { dataset, root: dataRoot || value(`${part}.root`), split: value(`${part}.split`), class_set: value('class_set') };
    found.set(JSON.stringify(question), question);
  }
  return [...found.values()];
}

/** Why a run would not begin on these splits: the first sentence that says so, or ''. */
export function problemOf(reports) {
  const bad = reports.find((r) => r && (r.error || r.stops_a_run));
  return bad ? bad.error ?? bad.findings.find((f) => f.level === 'fault')?.message ?? '' : '';
}

export class DataCheck {
  /** @param onproblem gets why a run would not begin, or '' */
  constructor(runs, onproblem = () => {}) {
    Object.assign(this, { runs, onproblem });
    this.known = new Map();
    this.root = el('div', { class: 'esl-datacheck', role: 'status' });
  }

  /** Look at some splits soon; the last call wins. */
  ask(splits) {
    const key = JSON.stringify(splits);
    if (key === this.key) return; // asked already, or about to be: typing elsewhere changes nothing
    clearTimeout(this.timer);
    this.key = key;
    this.onproblem('');
    this.timer = setTimeout(() => this.look(splits, key), 700);
  }

  async look(splits, key) {
    if (splits.length === 0) return this.root.replaceChildren();
    this.root.replaceChildren(el('p', { class: 'esl-muted' }, 'Looking at the data …'));
    const lines = [];
    for (const question of splits) {
      const id = JSON.stringify(question);
      if (!this.known.has(id)) this.known.set(id, await this.runs.checkData(question).catch((error) => ({ error: error.message })));
      if (this.known.get(id).error) lines.push(this.line(question, this.known.get(id)), el('span', {}));
      else lines.push(this.line(question, this.known.get(id)));
      if (this.known.get(id).error) {
        this.failed = this.known.get(id);
        this.known.delete(id); // ask again next time
      }
    }
    if (key !== this.key) return undefined;
    this.root.replaceChildren(...lines);
    this.onproblem(problemOf(splits.map((q) => this.known.get(JSON.stringify(q)) ?? this.failed)));
    return undefined;
  }

  line({ dataset, split }, report) {
    const title = `${dataset} ${split}`;
    if (report.error) return el('p', { class: 'esl-warn' }, `${title}: ${report.error}`);
    const faults = report.findings.filter((f) => f.level === 'fault');
    if (report.is_sound) return el('p', { class: 'esl-good' }, `✓ ${title}: ${showCount(report.images)} images, ${showCount(report.labels)} labels`);
    return el('details', { class: 'esl-warn', open: report.stops_a_run }, el('summary', {}, `${title}: ${faults.length} ${faults.length === 1 ? 'thing is' : 'things are'} wrong${report.stops_a_run ? '; a run would trip over it' : ''}`),
      el('ul', {}, faults.slice(0, 8).map((f) => el('li', {}, f.message))));
  }
}
