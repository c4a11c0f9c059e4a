// Verdicts that the server has not acknowledged yet: kept in localStorage, sent again until they are.
// Each has a key of its own there: two tabs of one browser never write over what the other one holds.

export class Outbox {
  /** @param {(entry: object) => Promise<void>} send resolves when the server has it on disk; the same entry may come twice */
  constructor(name, send, storage = globalThis.localStorage) {
    this.prefix = `esl.outbox.${name}.`;
    this.send = send;
    this.storage = storage;
    this.entries = this.read();
    this.refused = new Map(); // id -> why the server does not take it; asking again at once cannot help
    this.isSending = false;
    this.wait = 1000;
    this.onchange = () => {};
    this.onrefused = () => {};
    this.lastError = '';
  }

  get size() { return this.entries.length; }

  /** What is held, oldest first; also what another tab left. */
  read() {
    const held = [];
    try {
      for (let k = 0; k < this.storage.length; k++) {
        const key = this.storage.key(k);
        if (key.startsWith(this.prefix)) held.push(JSON.parse(this.storage.getItem(key)));
      }
    } catch { /* no storage, or not ours: the list lives as long as the page */ }
    return held.sort((a, b) => a.at - b.at).map(({ entry }) => entry);
  }

  add(entry) {
    this.entries.push(entry);
    this.last = Math.max(Date.now(), (this.last ?? 0) + 0.001); // in order within a millisecond, too
    try {
      this.storage.setItem(this.prefix + entry.id, JSON.stringify({ at: this.last, entry }));
    } catch { /* no storage: the list lives as long as the page */ }
    this.onchange();
    return this.flush();
  }

  remove(entry) {
    this.entries.splice(this.entries.indexOf(entry), 1);
    this.refused.delete(entry.id);
    try {
      this.storage.removeItem(this.prefix + entry.id);
    } catch { /* it was never there */ }
    this.onchange();
  }

  /** Take back an entry that has not left yet; false when the server may have it. */
  withdraw(id) {
    const entry = this.entries.find((e) => e.id === id && e !== this.inFlight);
    if (entry) this.remove(entry);
    return entry !== undefined;
  }

  /** Ask again, also for what was refused. */
  retry() {
    this.refused.clear();
    return this.flush();
  }

  /** Send from the oldest on; order is kept, nothing is dropped before its acknowledgement. */
  async flush() {
    if (this.isSending) return;
    this.isSending = true;
    clearTimeout(this.timer);
    let entry;
    while ((entry = this.entries.find((e) => !this.refused.has(e.id)))) {
      this.inFlight = entry;
      try {
        await this.send(entry);
      } catch (error) {
        this.lastError = error.message;
        if (isRefusal(error)) {
          this.refused.set(entry.id, error.message);
          this.onrefused(error.message);
          continue;
        }
        this.timer = setTimeout(() => this.flush(), this.wait);
        this.wait = Math.min(30000, this.wait * 2);
        break;
      }
      this.wait = 1000;
      this.lastError = '';
      this.remove(entry);
    }
    this.inFlight = null;
    this.isSending = false;
    this.onchange();
  }
}

/** An answer that the same question gets again: neither a login, nor a time-out, nor too many at once. */
function isRefusal({ status }) {
  return status >= 400 && status < 500 && ![401, 408, 429].includes(status);
}

/** A name for one verdict that no other browser makes. */
export function newId() {
  if (globalThis.crypto?.randomUUID) return crypto.randomUUID();
  const bytes = crypto.getRandomValues(new Uint8Array(16)); // not every origin may use randomUUID
  return [...bytes].map((b) => b.toString(16).padStart(2, '0')).join('');
}
