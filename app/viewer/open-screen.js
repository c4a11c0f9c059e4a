// The card of a page without a store: stores to open, a checkpoint to run over a data set, or the bundled demo.
import { el, setText } from './dom.js';
import { JobCard } from './job-card.js';

export class OpenScreen {
  constructor(viewer, error = null) {
    this.viewer = viewer;
    this.api = viewer.api;
    this.state = el('p', { class: error ? 'esl-warn' : 'esl-muted', role: 'status' }, error ?? 'Looking for stores and checkpoints …');
    this.body = el('div', { class: 'esl-open-body' });
    this.root = el('div', { class: 'esl-open' }, el('div', { class: 'esl-open-card' },
      el('h2', {}, 'Which pseudo-labels can be trusted?'),
      el('p', { class: 'esl-muted' }, 'Open a prediction store, or run a checkpoint over target images. Nothing leaves this machine.'), this.state, this.body));
    this.load(error);
  }

  async load(error) {
    try {
      const [stores, found] = await Promise.all([this.api.stores(), this.api.found().catch(() => ({ checkpoints: [], datasets: [], roots: [], stores: [], demo: true }))]);
      if (!error) setText(this.state, '');
      this.fill(stores, found);
    } catch (failure) {
      setText(this.state, failure.message);
      this.body.replaceChildren(el('button', { type: 'button', class: 'esl-btn', onclick: () => this.load(null) }, 'Retry'));
    }
  }

  fill(stores, found) {
    const known = new Set(stores.map((s) => s.name));
    const others = (found.stores ?? []).filter((s) => !known.has(s.name));
    const row = (title, note, run) => el('button', { type: 'button', class: 'esl-open-row', onclick: run }, el('b', {}, title), el('span', { class: 'esl-muted' }, note));
    const sections = [];
    if (stores.length + others.length > 0) {
      sections.push(el('h3', {}, 'Open a store'),
        ...stores.map((s) => row(s.name, `${s.dataset} ${s.split} · ${s.num_done} of ${s.num_images} images${s.has_truth ? '' : ' · no ground truth'}`, () => this.enter(s.sid))),
        ...others.map((s) => row(s.name, s.path, () => this.open({ store: s.id }))));
    }
    if ((found.checkpoints ?? []).length > 0) sections.push(el('h3', {}, 'Predict with a checkpoint'), this.form(found));
    if (found.demo) sections.push(el('h3', {}, 'Nothing at hand?'), row('Load the demo scenes', 'synthetic streets and a small bundled network; half a minute on two cores', () => this.open({ demo: true })));
    if (sections.length === 0) sections.push(el('p', {}, 'No store and no checkpoint was found below the folders that this server may read. Start it with --store FOLDER.'));
    this.body.replaceChildren(...sections);
  }

  form(found) {
    const checkpoint = el('select', { class: 'esl-select', 'aria-label': 'Checkpoint' }, found.checkpoints.map((c) => el('option', { value: c.id }, c.name)));
    const dataset = el('select', { class: 'esl-select', 'aria-label': 'Data set' }, found.datasets.map((name) => el('option', { value: name }, name)));
    const root = el('input', { class: 'esl-field', 'aria-label': 'Folder of the data set', placeholder: 'folder of the data set', list: 'esl-roots' });
    const roots = el('datalist', { id: 'esl-roots' }, (found.roots ?? []).map((path) => el('option', { value: path })));
    const split = el('input', { class: 'esl-field', 'aria-label': 'Split', value: 'train', size: 8 });
    const go = el('button', { type: 'button', class: 'esl-btn is-main', onclick: () => this.open({ checkpoint: checkpoint.value, dataset: dataset.value, data_root: root.value.trim(), split: split.value.trim() }) }, 'Predict');
    return el('div', { class: 'esl-open-form' }, checkpoint, dataset, split, root, roots, go);
  }

  /** Ask the server; a job that fills the store is followed, and Inspect opens with its first image. */
  async open(body) {
    this.state.className = 'esl-muted';
    setText(this.state, 'Opening …');
    try {
      const { sid, job } = await this.api.open(body);
      if (job) this.follow(sid, job);
      else this.enter(sid);
    } catch (error) {
      this.state.className = 'esl-warn';
      setText(this.state, error.message);
    }
  }

  follow(sid, job) {
    setText(this.state, '');
    let entered = false;
    const enter = () => {
      if (!entered) this.enter(sid);
      entered = true;
    };
    const card = new JobCard({
      title: 'Predicting', cancel: () => this.api.cancelJob(job), pollMs: this.viewer.boot.pollMs ?? 1000,
      ask: async () => {
        const status = await this.api.job(job);
        if (status.done > 0 && status.state === 'running') enter(); // the first image is enough to begin
        return status;
      },
      ondone: (status) => { if (status.done > 0) enter(); },
    });
    this.body.replaceChildren(card.root);
  }

  enter(sid) {
    this.viewer.enter(sid);
  }
}
