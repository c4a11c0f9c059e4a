// The server's routes under /api/v1 (docs/api.md): fetch with a retry, errors as plain sentences.

export class ApiError extends Error {
  constructor(message, status, waiting = false) {
    super(message);
    this.status = status;
    this.waiting = waiting; // the image is not predicted yet; it has moved to the front of the queue
  }
}

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

export class Api {
  constructor(base = '/api/v1', fetcher = (...args) => fetch(...args), waits = [250, 900]) {
    this.base = base.replace(/\/$/, '');
    this.fetcher = fetcher;
    this.waits = waits;
    this.failed = new Set(); // browsers may keep a 410 for good: what failed once is asked past the HTTP cache
  }

  /** A response with an OK status; network failures and 5xx are tried again, 4xx never. */
  async request(path, options = {}, retries = this.waits.length) {
    for (let attempt = 0; ; attempt++) {
      try {
        const cache = this.failed.has(path) ? { cache: 'reload' } : {};
        const response = await this.fetcher(this.base + path, { credentials: 'same-origin', ...cache, ...options });
        if (response.ok) {
          this.failed.delete(path);
          return response;
        }
        this.failed.add(path);
        const error = await failure(response);
        if (response.status < 500 || attempt >= retries) throw error;
      } catch (error) {
        if (error.name === 'AbortError' || (error instanceof ApiError && error.status < 500)) throw error;
        if (attempt >= retries) {
          throw error instanceof ApiError ? error : new ApiError('The server does not answer. Is it still running?', 0);
        }
      }
      await pause(this.waits[attempt]);
    }
  }

  async json(path, options) {
    return (await this.request(path, options)).json();
  }

  async bytes(path, options) {
    return (await this.request(path, options)).arrayBuffer();
  }

  send(path, body, method = 'POST', retries = 0) {
    const headers = { 'Content-Type': 'application/json' };
    return this.request(path, { method, headers, body: JSON.stringify(body) }, retries).then((r) => r.json());
  }

  stores() { return this.json('/stores'); }
  store(sid) { return this.json(`/stores/${sid}`); }
  medians(sid) { return this.json(`/stores/${sid}/medians`); }
  maps(info, i, kinds, signal) {
    return this.bytes(`/stores/${info.sid}/images/${i}/maps?kinds=${kinds.join(',')}&v=${version(info)}`, { signal });
  }
  /** CBST's labels of one image for a portion, and the thresholds behind them. */
  async classBalanced(info, i, portion) {
    const response = await this.request(`/stores/${info.sid}/images/${i}/class-balanced?portion=${portion}&v=${version(info)}`);
    const thresholds = Uint16Array.from((response.headers.get('X-Thresholds') ?? '').split(',').filter(Boolean), Number);
    return { labels: new Uint8Array(await response.arrayBuffer()), thresholds };
  }
  photoUrl(info, i) { return `${this.base}/stores/${info.sid}/images/${i}/photo?v=${version(info)}`; }
  thumbUrl(info, i, width = 96) { return `${this.base}/stores/${info.sid}/images/${i}/thumb?w=${width}&v=${version(info)}`; }
  probe(info, i, x, y) { return this.json(`/stores/${info.sid}/images/${i}/probe?x=${x}&y=${y}`); }
  /** Joint counts of the set, and of how many images they are: fewer than done while the server still counts, or where some are damaged, and how many labels cannot be read. */
  async hist(info) {
    const response = await this.request(`/stores/${info.sid}/hist?v=${version(info)}`);
    const numImages = Number(response.headers.get('X-Num-Images') ?? info.num_done);
    const numDamaged = Number(response.headers.get('X-Num-Damaged') ?? 0);
    const numUnread = Number(response.headers.get('X-Num-Unread') ?? 0);
    return { buffer: await response.arrayBuffer(), numImages, numDamaged, numUnread };
  }
  marginals(info) { return this.bytes(`/stores/${info.sid}/marginals?v=${version(info)}`); }
  flips(a, b) { return this.json(`/stores/${a}/flips/${b}`); }
  rank(sid, body) { return this.send(`/stores/${sid}/rank`, body, 'POST', 1); }
  queue(sid, body) { return this.send(`/stores/${sid}/queue`, body, 'POST', 1); }
  verdicts(sid, user = '') { return this.json(`/verdicts?sid=${sid}${user ? `&user=${encodeURIComponent(user)}` : ''}`); }
  postVerdict(verdict) { return this.send('/verdicts', verdict); }
  recipes(sid) { return this.json(`/recipes?sid=${sid}`); }
  recipe(id) { return this.json(`/recipes/${encodeURIComponent(id)}`); }
  saveRecipe(recipe) { return this.send('/recipes', recipe, 'PUT'); }
  withdrawVerdict(id, user) { return this.request(`/verdicts/${encodeURIComponent(id)}?user=${encodeURIComponent(user)}`, { method: 'DELETE' }); }
  boundary(sid, thresholds) { return this.send(`/stores/${sid}/boundary`, { mu: [...thresholds.mu], nu: [...thresholds.nu] }); }
  upload(sid, file) {
    return this.request(`/stores/${sid}/uploads?name=${encodeURIComponent(file.name)}`, { method: 'POST', body: file }, 0).then((r) => r.json());
  }
  origin(sid) { return this.json(`/stores/${sid}/origin`); }
  predictAgain(sid) { return this.send(`/stores/${sid}/again`, {}); }
  figure(kind, body) { return this.send(`/figures/${kind}`, body, 'POST', 1); }
  job(id) { return this.json(`/jobs/${encodeURIComponent(id)}`); }
  cancelJob(id) { return this.request(`/jobs/${encodeURIComponent(id)}`, { method: 'DELETE' }); }
  found() { return this.json('/open'); }
  open(body) { return this.send('/open', body); }
  startExport(body) { return this.send('/exports', body); }
  exportStatus(job) { return this.json(`/exports/${encodeURIComponent(job)}`); }
  cancelExport(job) { return this.request(`/exports/${encodeURIComponent(job)}`, { method: 'DELETE' }); }
}

function version(info) {
  return encodeURIComponent(info.map_version ?? 0);
}

async function failure(response) {
  try {
    const body = await response.json();
    const text = body.error ?? body.detail;
    if (typeof text === 'string') return new ApiError(text, response.status, body.waiting === true);
  } catch { /* not JSON: the status has to do */ }
  return new ApiError(`The server answered ${response.status} ${response.statusText}`.trim() + '.', response.status);
}
