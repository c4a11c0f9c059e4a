// One drawing per display frame: the first request draws at once, what follows in the same frame waits for the next.

export class Frames {
  /** @param {(flags: Set<string>) => void} draw called with everything asked for since the last drawing */
  constructor(draw, isShown = () => true) {
    this.draw = draw;
    this.isShown = isShown; // a screen in a closed tab draws when it is opened again
    this.flags = new Set();
    this.waiting = false;
    this.samples = [];
  }

  request(...flags) {
    for (const flag of flags) this.flags.add(flag);
    if (this.waiting || !this.isShown()) return;
    this.waiting = true;
    requestAnimationFrame(() => {
      this.waiting = false;
      if (this.flags.size > 0 && this.isShown()) this.flush();
    });
    this.flush();
  }

  flush() {
    const flags = this.flags;
    this.flags = new Set();
    const start = performance.now();
    const parts = this.draw(flags) ?? {};
    const end = performance.now();
    this.samples.push({ start, end, total: end - start, flags: [...flags], ...parts });
    if (this.samples.length > 600) this.samples.splice(0, 300);
  }

  get last() {
    return this.samples[this.samples.length - 1] ?? null;
  }
}
