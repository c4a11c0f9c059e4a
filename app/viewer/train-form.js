// The form that starts a run: what people change in front, checked as one types; the command it stands for below.
import { el, setFlag, setText } from './dom.js';
import { saveScreenRule } from './recipes.js';
import { freshId } from './runs-api.js';
import { resourcesInWords } from './runs-words.js';
import { copyRule } from './thresholds.js';
import { AdvancedFields } from './train-advanced.js';
import { DataCheck, splitsOf } from './train-check.js';
import { coverageNote } from './train-coverage.js';
import { KINDS, MAIN_FIELDS, advancedFields, changedValues, countFault, faultOf, freeName, isUsed, nameFault, screenNote, secondsPerStep, showField, startText, startedState, withSchedule } from './train-fields.js';
import { CRITERIA, Field, choiceInput, copyBlock, fieldFor, presetGroups, textInput } from './train-inputs.js';

const LABEL_FIELDS = new Set(['criterion', 'nu_star', 'mu_star', 'portion'].map((name) => `pseudo_labels.${name}`));
const PORTION = 'pseudo_labels.portion';
const [CHECK_MS, AGAIN_MS] = [250, 4000];

export class TrainForm {
  /** @param context {runs, api, session(), say, onstarted(job, kind, rule)} */
  constructor(context) {
    Object.assign(this, { context, runs: context.runs, id: freshId(), kind: KINDS[0], fields: [], main: new Map(), faults: {}, rows: [], isStarted: false });
    const change = () => this.changed();
    this.kinds = KINDS.map((k) => el('button', { type: 'button', class: 'esl-kindbtn', role: 'radio', title: k.hint, dataset: { kind: k.id }, onclick: () => this.setKind(k) }, el('b', {}, k.name), k.isScreen ? el('small', {}, 'with the thresholds on screen') : null));
    this.name = new Field({ name: 'Name', control: textInput(() => { this.isNamed = true; change(); }, { maxlength: 100 }), help: 'Folder of the run below the runs folder', wide: true });
    this.preset = new Field({ name: 'Preset', control: el('select', { class: 'esl-select', onchange: () => this.loadPreset(this.preset.value) }), wide: true });
    this.checkpoint = new Field({ name: 'Checkpoint', control: textInput(change, { list: 'esl-checkpoints', placeholder: 'path of weights, checkpoint or run', maxlength: 1000 }), wide: true });
    this.dataset = new Field({ name: 'Data set', control: textInput(change, { list: 'esl-datasets', maxlength: 100 }) });
    this.split = new Field({ name: 'Split', control: textInput(change, { placeholder: 'train', maxlength: 200 }) });
    this.dataRoot = new Field({ name: 'Data folder', control: textInput(change, { list: 'esl-run-roots', placeholder: 'as in the preset', maxlength: 1000 }), help: 'Folder of every data set of the run; must lie in one of the server’s folders', wide: true });
    this.criterion = new Field({ name: 'Criterion', control: choiceInput(Object.entries(CRITERIA), () => { this.takePortion(); change(); }) });
    this.rounds = new Field({ name: 'Rounds', control: textInput(change, { inputmode: 'numeric', value: '1' }), help: 'Times that labels are made anew and the network is trained on them' });
    this.device = new Field({ name: 'Device', control: el('select', { class: 'esl-select', onchange: change }) });
    this.numDevices = new Field({ name: 'Devices', control: textInput(change, { inputmode: 'numeric', value: '1' }), help: 'Processes, one for each GPU; more than 1 start with torchrun' });
    this.launcher = new Field({ name: 'Launcher', control: choiceInput(['local', 'torchrun', 'slurm'], change) });
    this.named = { run: this.name, preset: this.preset, checkpoint: this.checkpoint, dataset: this.dataset, split: this.split, data_root: this.dataRoot, criterion: this.criterion, rounds: this.rounds, device: this.device, num_devices: this.numDevices, launcher: this.launcher };
    this.lists = ['esl-checkpoints', 'esl-datasets', 'esl-run-roots'].map((id) => el('datalist', { id }));
    this.mainBox = el('div', { class: 'esl-tfs' });
    this.advanced = new AdvancedFields(change);
    this.recipeNote = el('p', { class: 'esl-recipe-note' });
    this.check = new DataCheck(this.runs, (problem) => this.takeProblem(problem));
    this.resources = el('p', { class: 'esl-muted' });
    this.command = copyBlock('Command line');
    this.config = copyBlock('Resolved config');
    this.whole = el('p', { class: 'esl-fault', role: 'alert' });
    this.go = el('button', { type: 'button', class: 'esl-btn is-main esl-start', onclick: () => this.start() }, 'Start');
    this.another = el('button', { type: 'button', class: 'esl-btn', hidden: true, onclick: () => this.renew() }, 'Set up another');
    const rest = [this.dataRoot, this.criterion, this.rounds, this.device, this.numDevices, this.launcher];
    this.root = el('form', { class: 'esl-train-form', 'aria-label': 'Start a run', novalidate: true, onsubmit: (event) => { event.preventDefault(); this.start(); } },
      el('div', { class: 'esl-kindbtns', role: 'radiogroup', 'aria-label': 'What to start' }, this.kinds), this.recipeNote,
      el('div', { class: 'esl-tfs' }, [this.name, this.preset, this.checkpoint, this.dataset, this.split].map((f) => f.root)), this.mainBox, el('div', { class: 'esl-tfs' }, rest.map((f) => f.root)),
      this.advanced.root, el('div', { class: 'esl-startbar' }, this.whole, el('div', { class: 'esl-row' }, this.go, this.another), this.resources, this.check.root),
      el('details', { class: 'esl-more' }, el('summary', {}, 'Command line and resolved config'), this.command.root, this.config.root), this.lists);
    this.setKind(this.kind);
  }

  async load() {
    const [{ presets }, found] = await Promise.all([this.runs.presets(), this.context.api.found().catch(() => ({ checkpoints: [], datasets: [], roots: [] }))]);
    this.preset.control.replaceChildren(...presetGroups(presets));
    const lists = [found.checkpoints.map((c) => c.path), found.datasets, found.roots];
    lists.forEach((values, n) => this.lists[n].replaceChildren(...values.map((value) => el('option', { value }))));
    await this.loadPreset(presets[0].name);
    if (!this.isLoaded) throw new Error(this.presetError);
  }

  get isLoaded() { return this.fields.length > 0; }

  setServer({ runs, devices, roots }) {
    this.rows = runs;
    if (this.device.control.options.length !== devices.length) this.device.control.replaceChildren(...devices.map((d) => el('option', { value: d }, d)));
    if (this.lists[2].children.length === 0) this.lists[2].replaceChildren(...roots.map((value) => el('option', { value })));
    if (!this.isNamed && !this.isStarted) this.suggestName();
    if (this.isStarted) this.tellStarted();
  }

  setKind(kind) {
    this.kind = kind;
    for (const button of this.kinds) {
      setFlag(button, 'is-on', button.dataset.kind === kind.id);
      button.setAttribute('aria-checked', String(button.dataset.kind === kind.id));
    }
    const isExtract = kind.id === 'extract';
    for (const f of [this.checkpoint, this.dataset, this.split]) f.show(isExtract);
    for (const f of [this.preset, this.numDevices]) f.show(!isExtract);
    this.mainBox.hidden = this.advanced.root.hidden = isExtract;
    this.criterion.show(kind.id === 'self' || kind.id === 'whole');
    this.rounds.show(kind.id === 'whole');
    this.takePortion();
    if (!this.isNamed) this.suggestName();
    this.changed();
  }

  suggestName() {
    const base = this.kind.id === 'extract' ? `extract-${this.dataset.value || 'store'}` : [this.kind.prefix, this.preset.value].filter(Boolean).join('-');
    const name = freeName(base, new Set(this.rows.map((r) => r.name)));
    if (this.name.value === name) return;
    this.name.value = name;
    if (this.fields.length) this.changed();
  }

  async loadPreset(name, values = {}) {
    const hold = (on) => { for (const input of [...this.main.values(), ...this.advanced.inputs.values()]) input.control.disabled = on; };
    hold(true); // what is typed now would be lost with the fields of the preset before
    try {
      const answer = await this.runs.preset(name);
      this.fields = answer.fields;
    } catch (error) {
      hold(false);
      this.preset.setFault(this.presetError = error.message);
      return;
    }
    this.preset.value = name;
    const byPath = new Map(this.fields.map((f) => [f.path, f]));
    this.main = new Map(MAIN_FIELDS.filter((m) => byPath.has(m.path)).map((m) => [m.path, fieldFor(byPath.get(m.path), m, () => this.changed())]));
    this.mainBox.replaceChildren(...[...this.main.values()].map((f) => f.root));
    this.advanced.set(advancedFields(this.fields));
    for (const [path, value] of Object.entries(values)) {
      const input = this.main.get(path) ?? this.advanced.inputs.get(path);
      if (input && byPath.has(path)) input.value = byPath.get(path).kind === 'switch' ? value : showField(byPath.get(path), value);
    }
    this.criterion.value = this.fields.find((f) => f.path === 'pseudo_labels.criterion')?.value ?? 'entropy';
    this.takePortion();
    if (!this.isNamed) this.suggestName();
    this.changed();
  }

  /** Which labels the run trains on: the button's own choice, or the setting of a preset. */
  get isBalanced() {
    return (this.kind.id === 'train' ? this.value('pseudo_labels.criterion') : this.criterion.value) === 'class_balanced' && this.kind.id !== 'extract';
  }

  /** Self-training on what the screen shows begins with the screen's portion. */
  takePortion() {
    const { portion } = this.context.session()?.classBalanced ?? {};
    const field = this.main.get(PORTION);
    if (this.kind.id === 'self' && this.isBalanced && portion && field) field.value = String(portion);
  }

  /** Only what the kind and the preset use. */
  showMain() {
    const value = (path) => this.fields.find((f) => f.path === path)?.value;
    for (const [path, field] of this.main) field.show(isUsed(path, this.kind, this.isBalanced, value));
  }

  /** Texts of all fields by path. */
  get texts() {
    return Object.fromEntries([...this.main, ...this.advanced.inputs].map(([path, input]) => [path, input.value]));
  }

  /** A config value as the form has it now. */
  value(path) {
    const field = this.fields.find((f) => f.path === path);
    return this.texts[path] ?? (field ? showField(field) : '');
  }

  /** The store that self-training takes its labels from: a recipe's labels are those of the store that lends its medians. */
  get labelSid() {
    const session = this.kind.id === 'self' ? this.context.session() : null;
    return (this.isBalanced ? session?.sid : session?.medianSid) ?? '';
  }

  /** Body of POST /runs and /runs/check. */
  body(recipe = '') {
    const { isBalanced, kind } = this;
    const isExtract = kind.id === 'extract';
    const values = isExtract ? {} : withSchedule(this.fields, changedValues(this.fields, this.texts));
    for (const path of LABEL_FIELDS) if (path === PORTION ? !isBalanced : kind.id === 'self') delete values[path];
    const count = Number(this.numDevices.value);
    return {
      id: this.id, run: this.name.value.trim(), kind: this.kind.job, preset: isExtract ? '' : this.preset.value, values, recipe, sid: this.labelSid,
      data_root: this.dataRoot.value.trim(), checkpoint: isExtract ? this.checkpoint.value.trim() : '', dataset: isExtract ? this.dataset.value.trim() : '', split: isExtract ? this.split.value.trim() : '',
      rounds: this.kind.id === 'whole' && Number.isInteger(Number(this.rounds.value)) ? Number(this.rounds.value) : 1, criterion: this.criterion.value,
      device: this.device.value, launcher: this.launcher.value === 'local' && count > 1 ? 'torchrun' : this.launcher.value,
      num_devices: Number.isInteger(count) ? count : 1, user: this.context.session()?.user ?? '',
    };
  }

  /** What the page itself can refuse. */
  ownFaults() {
    const faults = {};
    const add = (key, text) => { if (text) faults[key] = text; };
    add('run', nameFault(this.name.value.trim()));
    if (this.kind.id === 'whole') add('rounds', countFault(this.rounds.value));
    add('num_devices', countFault(this.numDevices.value));
    add('data_root', this.dataProblem);
    if (this.kind.id !== 'extract') for (const field of this.fields) {
      const text = this.texts[field.path];
      if (text !== undefined && field.kind !== 'switch') add(field.path, faultOf(field, text));
    }
    if (this.kind.id === 'self' && !this.context.session()?.info) faults[''] = 'Self-training takes the thresholds of the Inspect tab: open a store there first.';
    return faults;
  }

  /** With what the server said of this very form: other thresholds on screen, or a store that fills, change nothing of it. */
  knownFaults() {
    return { ...(this.served?.asked === JSON.stringify(this.body()) ? this.served.faults : {}), ...this.ownFaults() };
  }

  /** What the data check found stands beside the folder, and nothing starts on it. */
  takeProblem(problem) {
    if (problem === (this.dataProblem ?? '')) return;
    this.dataProblem = problem;
    if (!this.isStarted) this.show(this.knownFaults());
  }

  changed() {
    if (this.isStarted) return;
    this.showMain();
    const { session } = this.context;
    const rule = session()?.info ? session().rule : null;
    this.recipeNote.hidden = !this.kind.isScreen;
    if (this.kind.isScreen) setText(this.recipeNote, rule ? `${screenNote(this.kind, this.isBalanced, rule, session().info.name)}${this.kind.id === 'self' && !this.isBalanced ? coverageNote(session(), this.criterion.value) : ''}` : 'No store is open in this page: there are no thresholds on screen.');
    this.show(this.knownFaults());
    if (this.kind.id !== 'extract' && this.fields.length) this.check.ask(splitsOf((path) => this.value(path), this.dataRoot.value.trim()));
    else if (this.dataset.value && this.split.value) this.check.ask(splitsOf((path) => ({ 'source.dataset': this.dataset.value, 'source.split': this.split.value })[path] ?? '', this.dataRoot.value.trim()));
    setText(this.go, startText(this.kind, Number(this.value('steps')) * secondsPerStep(this.rows, this.preset.value, this.device.value || 'cpu')));
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.ask(), CHECK_MS);
  }

  async ask() {
    if (!this.fields.length || this.isStarted) return;
    this.asking?.abort();
    this.asking = new AbortController();
    try {
      const body = this.body();
      const answer = await this.runs.check(body, this.asking.signal);
      this.command.set(answer.command);
      this.config.set(JSON.stringify(answer.config, null, 1));
      const short = Object.entries(answer.faults).map(([key, text]) => [key, text.replace(/^[^:]* must make sense: /, '')]);
      this.served = { asked: JSON.stringify(body), faults: Object.fromEntries(short) };
      this.show(this.knownFaults());
      setText(this.resources, resourcesInWords(answer.resources));
      // A full disk, or a store that still fills: it passes without a word of the form's.
      if (answer.faults[''] && this.root.isConnected) this.timer = setTimeout(() => this.ask(), AGAIN_MS);
    } catch (error) {
      if (error.name !== 'AbortError') this.show({ ...this.ownFaults(), '': error.message });
    }
  }

  /** Each fault beside its field; what has no visible field stands over the button, and in an opened list. */
  show(faults) {
    this.faults = faults;
    const rest = [];
    const inputs = new Map([...Object.entries(this.named), ...this.main, ...this.advanced.inputs]);
    for (const [key, input] of inputs) input.setFault(faults[key] ?? '');
    for (const [key, text] of Object.entries(faults)) {
      const input = inputs.get(key);
      if (!input || input.root.hidden || (this.advanced.inputs.has(key) && !this.advanced.root.open)) rest.push(key ? `${key} ${text}` : text);
    }
    setText(this.whole, rest.join(' · '));
    this.go.disabled = this.isSending || this.isStarted || Object.keys(faults).length > 0;
  }

  async start() {
    if (this.isSending || this.isStarted || this.go.disabled) return;
    this.isSending = true;
    this.go.disabled = true;
    try {
      const isExtract = this.kind.id === 'extract';
      const recipe = this.kind.isScreen && !isExtract && !this.isBalanced ? await saveScreenRule(this.context.session(), this.criterion.value) : '';
      const rule = isExtract && this.context.session()?.info ? copyRule(this.context.session().rule) : null;
      const job = await this.runs.launch(this.body(recipe));
      this.isStarted = true;
      Object.assign(this, { startedRun: job.run, isSeen: false });
      setText(this.go, `Queued: ${job.run}`);
      this.another.hidden = false;
      this.context.onstarted(job, this.kind, rule);
    } catch (error) {
      this.faults = { ...this.faults, '': error.message };
      setText(this.whole, error.message);
    } finally {
      this.isSending = false;
      if (!this.isStarted) this.go.disabled = false;
    }
  }

  /** What became of the run on the button; one that the server's answer does not know yet is queued. */
  tellStarted() {
    const state = startedState(this.startedRun, this.rows);
    this.isSeen ||= Boolean(state);
    if (this.isSeen) setText(this.go, `${state || 'Ended'}: ${this.startedRun}`);
  }

  /** A new form: another id, another name, the values stay. */
  renew() {
    Object.assign(this, { id: freshId(), isStarted: false, isNamed: false });
    this.another.hidden = true;
    this.suggestName();
    this.changed();
  }

  /** The values of a run, under a new name. */
  async clone(run, values) {
    this.setKind(KINDS[0]);
    this.renew();
    await this.loadPreset(run.preset, values);
    this.isNamed = true;
    this.name.value = freeName(`${run.name.replace(/-\d+$/, '')}-2`, new Set(this.rows.map((r) => r.name)));
    this.changed();
  }
}
