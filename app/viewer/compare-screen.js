// The Compare screen: runs side by side, or two stores on the same image.
import { el, setFlag, setText } from './dom.js';
import { CompareRuns } from './compare-runs.js';
import { CompareStores } from './compare-stores.js';
import { RunsApi } from './runs-api.js';
import { arrange } from './runs-table-model.js';
import { showShare } from './runs-words.js';

const SHOWN = 200;

export class CompareScreen {
  constructor(context) {
    this.context = context;
    this.runs = new RunsApi(context.api);
    this.view = new CompareRuns(this.runs);
    this.stores = new CompareStores(context);
    this.search = el('input', { type: 'search', class: 'esl-search', placeholder: 'filter runs', 'aria-label': 'Filter runs', oninput: () => this.drawPick() });
    this.list = el('div', { class: 'esl-pick-list' });
    this.note = el('small', { class: 'esl-muted' });
    this.modes = [['runs', 'Runs'], ['stores', 'Same image, two stores']].map(([id, name]) => el('button', { type: 'button', role: 'radio', dataset: { mode: id }, onclick: () => this.setMode(id) }, name));
    this.both = el('button', { type: 'button', class: 'esl-btn', disabled: true, title: 'Predict the same images with the best checkpoint of each, and set the two side by side', onclick: () => this.openBoth() }, 'Open both in the inspector');
    this.state = el('span', { class: 'esl-muted', role: 'status' });
    this.pick = el('nav', { class: 'esl-pick', 'aria-label': 'Runs to compare' }, this.search, this.list, this.note);
    const bar = el('div', { class: 'esl-compare-tools' }, el('div', { class: 'esl-segments', role: 'radiogroup', 'aria-label': 'What to compare' }, this.modes), this.both, this.state);
    this.main = el('div', { class: 'esl-compare-main' }, bar, this.view.root, this.stores.root);
    this.root = el('main', { class: 'esl-compare' }, this.pick, this.main);
    this.bindings = [{ keys: ['.'], name: 'Next image', run: () => this.stores.step(1) }, { keys: [','], name: 'Previous image', run: () => this.stores.step(-1) }, { keys: ['f'], name: 'Whole image', run: () => this.stores.fit() }];
    this.chosen = [];
    this.rows = [];
    this.setMode('runs');
    this.start();
  }

  async start() {
    await this.takeLink(new URLSearchParams(location.hash.slice(1)));
    this.again();
  }

  /** The runs and the pair of stores that a link names; what it does not name stays. */
  async takeLink(parts) {
    if (parts.get('runs')) this.chosen = parts.get('runs').split(',').map(decodeURIComponent);
    if (parts.get('runs') && !parts.get('pair')) this.setMode('runs');
    await this.poll();
    if (parts.get('pair')) this.setMode('stores', parts.get('pair').split(','));
  }

  again() {
    this.timer = setTimeout(async () => {
      if (!this.root.isConnected) return;
      if (!document.hidden && this.root.offsetParent !== null) await this.poll();
      this.again();
    }, this.context.boot.pollMs ?? 2000);
  }

  async poll() {
    try {
      const answer = await this.runs.list();
      setText(this.state, '');
      if (!answer) return;
      this.rows = answer.runs.filter((r) => r.started !== undefined);
      const names = new Set(this.rows.map((r) => r.name));
      this.chosen = this.chosen.filter((n) => names.has(n));
      this.drawPick();
      await this.view.show([...this.chosen]);
    } catch (error) {
      setText(this.state, error.message);
    }
  }

  /** Runs chosen elsewhere. */
  choose(names) {
    this.chosen = names;
    this.setMode('runs');
    this.changed();
  }

  changed() {
    this.drawPick();
    this.view.show([...this.chosen]);
    this.context.touchHash();
  }

  drawPick() {
    const rows = arrange(this.rows, { filter: this.search.value, key: 'started' });
    const first = rows.filter((r) => this.chosen.includes(r.name));
    const shown = [...first, ...rows.filter((r) => !this.chosen.includes(r.name))].slice(0, SHOWN);
    this.list.replaceChildren(...shown.map((r) => {
      const box = el('input', { type: 'checkbox', checked: this.chosen.includes(r.name), onchange: () => this.toggle(r.name, box.checked) });
      return el('label', { class: 'esl-pick-run', title: r.name }, box, el('span', {}, r.name), el('small', {}, showShare(r.miou)));
    }));
    setText(this.note, shown.length < rows.length ? `the newest ${shown.length} of ${rows.length}; filter to see others` : `${rows.length} runs`);
    this.both.disabled = this.chosen.length !== 2;
  }

  toggle(name, on) {
    this.chosen = on ? [...this.chosen, name] : this.chosen.filter((n) => n !== name);
    this.changed();
  }

  /** Runs or stores; `pair` names the two stores to open, else those that are chosen stay. */
  setMode(mode, pair = []) {
    this.mode = mode;
    for (const button of this.modes) {
      setFlag(button, 'is-on', button.dataset.mode === mode);
      button.setAttribute('aria-checked', String(button.dataset.mode === mode));
    }
    this.view.root.hidden = mode !== 'runs';
    this.pick.hidden = mode !== 'runs';
    this.both.hidden = mode !== 'runs';
    this.stores.root.hidden = mode !== 'stores';
    this.root.style.gridTemplateColumns = mode === 'runs' ? '' : 'minmax(0, 1fr)';
    this.context.touchHash?.();
    return mode === 'stores' && (pair.length > 0 || !this.stores.current) ? this.stores.load(...pair) : undefined;
  }

  /** Predict with the best checkpoint of each on the first run's target images; both stores fill while they are looked at. */
  async openBoth() {
    this.both.disabled = true;
    setText(this.state, 'Opening both …');
    try {
      const details = await Promise.all(this.chosen.map((name) => this.runs.detail(name)));
      const { config } = details[0];
      const data = config.target?.dataset ? config.target : config.selection.data.dataset ? config.selection.data : config.source;
      const sids = [];
      for (const detail of details) {
        const checkpoint = detail.checkpoints.find((c) => c.is_best) ?? detail.checkpoints.find((c) => c.is_latest);
        if (!checkpoint) throw new Error(`${detail.name} has no checkpoint yet.`);
        const { sid } = await this.context.api.open({ checkpoint: `${detail.path}/checkpoints/${checkpoint.name}`, dataset: data.dataset, data_root: data.root, split: data.split });
        sids.push(sid);
      }
      await this.setMode('stores', sids);
      setText(this.state, '');
    } catch (error) {
      setText(this.state, error.message);
    }
    this.both.disabled = this.chosen.length !== 2;
  }

  get hashParts() {
    const isPair = this.mode === 'stores' && this.stores.choiceA.value;
    return { runs: this.chosen.map(encodeURIComponent).join(','), pair: isPair ? `${this.stores.choiceA.value},${this.stores.choiceB.value}` : '' };
  }

  onShow() {
    if (this.mode === 'stores') this.stores.load();
  }

  onTheme() {
    if (this.view.answer && this.chosen.length > 1) this.view.drawCurves();
  }
}
