// What is timed inside the page; `benchmarks/viewer_page.py` adds this to each page and calls it. Times in milliseconds.
(() => {
  const handle = () => document.querySelector('#esl-screen-inspect .esl-shell, .esl-shell.esl-early')?.__esl;
  const frame = () => new Promise((go) => requestAnimationFrame(go));
  const pause = (ms) => new Promise((go) => setTimeout(go, ms));
  const isDrawn = (esl) => Boolean(esl?.session.image && !esl.session.loading && esl.screen.grid.scene.g
    && esl.screen.grid.scene.maps === esl.session.image.maps);

  /** Milliseconds since the page was asked for at which the first picture stood, or 0. */
  const firstImage = () => (isDrawn(handle()) ? performance.now() : 0);

  /** Draws of the screen since the last call, as {start, end, input, select, pixels, numbers, probe, flags}. */
  function watchDraws(esl) {
    const { frames } = esl.screen;
    const drawn = [];
    const draw = frames.draw;
    frames.draw = (flags) => {
      const start = performance.now();
      const parts = draw(flags);
      drawn.push({ start, end: performance.now(), flags: [...flags], ...parts });
      return parts;
    };
    return { drawn, stop: () => { frames.draw = draw; } };
  }

  /** One slider, moved to each value in turn: from the input event to pixels on the canvases, and to the second frame after. */
  async function slider(which, values) {
    const esl = handle();
    const range = document.querySelector(`.esl[data-screen=inspect] .esl-range-${which}`);
    const watch = watchDraws(esl);
    const out = [];
    for (const value of values) {
      await frame();
      await frame();
      await pause(20);
      watch.drawn.length = 0;
      range.value = value;
      const start = performance.now();
      range.dispatchEvent(new Event('input', { bubbles: true }));
      while (!watch.drawn.some((one) => one.flags.includes('rule') && one.start >= start)) await frame();
      const one = watch.drawn.find((d) => d.flags.includes('rule') && d.start >= start);
      await frame();
      await frame();
      out.push({ drawn: one.end - start, presented: performance.now() - start, numbers: one.numbers, select: one.select, pixels: one.pixels, touched: esl.session.image.selection.touched });
    }
    watch.stop();
    return out;
  }

  /** A drag to and fro: a new value in every display frame. Frames a second, and the gaps between them. */
  async function drag(which, seconds, low, high) {
    const esl = handle();
    const range = document.querySelector(`.esl[data-screen=inspect] .esl-range-${which}`);
    const watch = watchDraws(esl);
    const moved = await everyFrame(seconds, (t) => {
      range.value = low + (high - low) * Math.abs(((t / 1500) % 2) - 1);
      range.dispatchEvent(new Event('input', { bubbles: true }));
    });
    watch.stop();
    return { ...moved, draws: watch.drawn.length, costs: watch.drawn.map((one) => one.end - one.start) };
  }

  /** The list, scrolled by `step` pixels in every display frame. */
  async function scroll(seconds, step) {
    const { scroller } = handle().screen.list;
    scroller.scrollTop = 0;
    await pause(300);
    let direction = 1;
    return everyFrame(seconds, () => {
      const before = scroller.scrollTop;
      scroller.scrollTop += direction * step;
      if (scroller.scrollTop === before) direction = -direction;
    });
  }

  async function everyFrame(seconds, move) {
    const gaps = [];
    await frame();
    const start = await frame();
    for (let last = start, now = start; now - start < seconds * 1000; last = now) {
      move(now - start);
      now = await frame();
      gaps.push(now - last);
    }
    return { gaps, fps: (1000 * gaps.length) / gaps.reduce((a, b) => a + b, 0) };
  }

  /** From the key to the next image on the panes; its maps were fetched ahead. */
  async function next(count) {
    const esl = handle();
    const { session, screen } = esl;
    const out = [];
    for (let k = 0; k < count; k++) {
      const step = k % 2 ? -1 : 1;
      const wanted = screen.list.order[screen.list.order.indexOf(session.index) + step];
      await session.cache.get(wanted);
      await pause(400);
      const start = performance.now();
      screen.list.go(step);
      while (!(isDrawn(esl) && session.image.maps.i === wanted)) await frame();
      out.push(performance.now() - start);
      await pause(300);
    }
    return out;
  }

  /** From the pointer's move to the probe's line, with the crosshairs of all panes. */
  async function probe(count) {
    const esl = handle();
    const { decor } = esl.screen.grid.panes[3];
    const box = decor.getBoundingClientRect();
    const watch = watchDraws(esl);
    const out = [];
    for (let k = 0; k < count; k++) {
      await frame();
      await frame();
      watch.drawn.length = 0;
      const clientX = box.left + box.width * (0.1 + 0.8 * ((k * 0.37) % 1));
      const clientY = box.top + box.height * (0.3 + 0.4 * ((k * 0.61) % 1));
      const start = performance.now();
      decor.dispatchEvent(new PointerEvent('pointermove', { clientX, clientY, bubbles: true }));
      while (watch.drawn.length === 0) await frame();
      out.push({ probe: watch.drawn[0].probe, drawn: watch.drawn[0].end - start });
    }
    watch.stop();
    return out;
  }

  /** The question to the server and its answer, at thresholds that were not asked before. */
  async function rank(count) {
    const { session } = handle();
    const out = [];
    for (let k = 0; k < count; k++) {
      const { numClasses } = session;
      const mu = Array.from({ length: numClasses }, (_, c) => 50000 + ((c * 977 + k * 3371) % 15000));
      const nu = Array.from({ length: numClasses }, (_, c) => 2000 + ((c * 733 + k * 2111) % 12000));
      const start = performance.now();
      await session.api.rank(session.sid, { mu, nu, key: 'ssl_only', filter: '' });
      out.push(performance.now() - start);
    }
    return out;
  }

  /** The plain page: from nu* to all four pictures decoded, and to the second frame after. */
  async function plain(values) {
    const images = () => [...document.querySelectorAll('.esl-panel img')];
    const range = document.querySelector('#plain-nu input[type=range]');
    const summary = document.querySelector('#plain-summary textarea');
    const set = Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, 'value').set;
    const out = [];
    for (const value of values) {
      const [before, text] = [images().map((img) => img.src), summary.value];
      const start = performance.now();
      set.call(range, value);
      range.dispatchEvent(new Event('input', { bubbles: true }));
      const changed = (k) => images()[k]?.src && images()[k].src !== before[k];
      while (!(changed(2) && changed(3))) {
        if (performance.now() - start > 60000) throw new Error('the pictures of the plain page did not change');
        await frame();
      }
      await Promise.all(images().map((img) => img.decode()));
      const decoded = performance.now() - start;
      await frame();
      await frame();
      out.push({ decoded, presented: performance.now() - start });
      for (let k = 0; k < 100 && summary.value === text; k++) await pause(50);
      await pause(400);
    }
    return out;
  }

  window.measures = { firstImage, slider, drag, scroll, next, probe, rank, plain, isSorted: () => handle().isSorted() };
})();
