// Routes of training runs (docs/api.md), over the shared Api.
export class RunsApi {
  constructor(api) {
    this.api = api;
    this.tag = '';
  }

  presets() { return this.api.json('/presets'); }
  preset(name) { return this.api.json(`/presets/${encodeURIComponent(name)}`); }

  /** The table; null where nothing changed since the last answer. */
  async list() {
    const answer = await this.api.json(`/runs?tag=${this.tag}`);
    this.tag = answer.tag;
    return answer.unchanged ? null : answer;
  }

  check(form, signal) {
    const headers = { 'Content-Type': 'application/json' };
    return this.api.request('/runs/check', { method: 'POST', headers, body: JSON.stringify(form), signal }, 0).then((r) => r.json());
  }
  launch(form) { return this.api.send('/runs', form, 'POST', 2); } // the form's id makes a second try harmless
  detail(name) { return this.api.json(path(name)); }
  metrics(name, after) { return this.api.json(`${path(name)}/metrics?after=${after}`); }
  log(name, lines = 200) { return this.api.json(`${path(name)}/log?lines=${lines}`); }
  sampleUrl(name, which) { return `${this.api.base}${path(name)}/samples/${which}`; }
  stop(name, kill = false) { return this.api.send(`${path(name)}/stop`, { kill }); }
  resume(name, id) { return this.api.send(`${path(name)}/resume`, { id }, 'POST', 2); }
  remove(name) { return this.api.request(path(name), { method: 'DELETE' }, 0).then((r) => r.json()); }
  trash() { return this.api.json('/trash'); }
  emptyTrash() { return this.api.request('/trash', { method: 'DELETE' }, 0).then((r) => r.json()); }
  move(job, before) { return this.api.send(`/queue/${encodeURIComponent(job)}/move`, { before }); }
  unqueue(job) { return this.api.request(`/queue/${encodeURIComponent(job)}`, { method: 'DELETE' }, 0).then((r) => r.json()); }
  compare(runs) { return this.api.send('/runs/compare', { runs }); }
  checkData(question) { return this.api.send('/data-check', question); }
}

function path(name) {
  return `/runs/${encodeURIComponent(name)}`;
}

/** An id that no other form has; where it was sent once, sending it again starts nothing. */
export function freshId() {
  return [...crypto.getRandomValues(new Uint8Array(12))].map((b) => b.toString(16).padStart(2, '0')).join('');
}
