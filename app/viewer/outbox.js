// Verdicts that the server has not acknowledged yet: kept in localStorage, sent again until they are.

export class Outbox {
  /** @param {(entry: object) => Promise<void>} send resolves when the server has it on disk */
  constructor(name, send, storage = globalThis.localStorage) {
    this.name = `esl.outbox.${name}`;
    this.send = send;
    this.storage = storage;
    this.entries = this.read();
    this.isSending = false;
    this.wait = 1000;
    this.onchange = () => {};
    this.lastError = '';
  }

  get size() { return this.entries.length; }

  read() {
    try {
      return JSON.parse(this.storage.getItem(this.name) ?? '[]');
    } catch { return []; }
  }

  write() {
    try {
      this.storage.setItem(this.name, JSON.stringify(this.entries));
    } catch { /* no storage: the list lives as long as the page */ }
    this.onchange();
  }

  add(entry) {
    this.entries.push(entry);
    this.write();
    return this.flush();
  }

  /** Take back an entry that has not left yet; false when the server may have it. */
  withdraw(id) {
    const at = this.entries.findIndex((entry, n) => entry.id === id && !(this.isSending && n === 0));
    if (at < 0) return false;
    this.entries.splice(at, 1);
    this.write();
    return true;
  }

  /** Send from the oldest on; order is kept, nothing is dropped before its acknowledgement. */
  async flush() {
    if (this.isSending) return;
    this.isSending = true;
    clearTimeout(this.timer);
    while (this.entries.length > 0) {
      try {
        await this.send(this.entries[0]);
      } catch (error) {
        this.lastError = error.message;
        if (error.status >= 400 && error.status < 500 && error.status !== 401 && error.status !== 408 && error.status !== 429) {
          this.refused = { entry: this.entries.shift(), message: error.message }; // asking again cannot help
          this.write();
          continue;
        }
        this.isSending = false;
        this.timer = setTimeout(() => this.flush(), this.wait);
        this.wait = Math.min(30000, this.wait * 2);
        this.onchange();
        return;
      }
      this.wait = 1000;
      this.lastError = '';
      this.entries.shift();
      this.write();
    }
    this.isSending = false;
    this.onchange();
  }
}

/** A name for one verdict that no other browser makes. */
export function newId() {
  if (globalThis.crypto?.randomUUID) return crypto.randomUUID();
  const bytes = crypto.getRandomValues(new Uint8Array(16)); // not every origin may use randomUUID
  return [...bytes].map((b) => b.toString(16).padStart(2, '0')).join('');
}
