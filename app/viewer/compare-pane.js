// A pane of the two-store view: one byte a pixel through a colour table, any-hit where it is reduced.
import { el, fittedCanvas, setText } from './dom.js';
import { greyGround, pack } from './heat.js';

export class ComparePane {
  /** @param hooks {move(dx, dy), zoom(x, y, factor, w, h), at(x, y)} */
  constructor(title, hooks) {
    this.title = el('b', {}, title);
    this.note = el('small', {});
    this.canvas = fittedCanvas('esl-two-canvas', title);
    this.context = this.canvas.getContext('2d', { alpha: false });
    this.head = el('header', {}, this.title, this.note);
    this.root = el('section', { class: 'esl-two-pane' }, this.head, this.canvas);
    let last = null;
    this.canvas.addEventListener('pointerdown', (event) => { this.canvas.setPointerCapture(event.pointerId); last = [event.clientX, event.clientY]; });
    this.canvas.addEventListener('pointermove', (event) => {
      const { ratio } = this.canvas;
      hooks.at(event.offsetX * ratio, event.offsetY * ratio, this.canvas.width, this.canvas.height);
      if (!last) return;
      hooks.move((event.clientX - last[0]) * ratio, (event.clientY - last[1]) * ratio);
      last = [event.clientX, event.clientY];
    });
    this.canvas.addEventListener('pointerup', () => { last = null; });
    this.canvas.addEventListener('wheel', (event) => {
      event.preventDefault();
      const { ratio } = this.canvas;
      hooks.zoom(event.offsetX * ratio, event.offsetY * ratio, Math.exp(-event.deltaY * 0.0016), this.canvas.width, this.canvas.height);
    }, { passive: false });
  }

  name(title, note = '') {
    setText(this.title, title);
    setText(this.note, note);
    this.note.title = note;
  }

  /** No picture, and nothing said of one. */
  clear(color) {
    if (this.words) {
      this.words.fill(color);
      this.context.putImageData(this.image, 0, 0);
    }
    setText(this.note, '');
  }

  /** @param ground packed colour of each image pixel, or null; @param codes bytes; @param table packed colours, 0 shows the ground */
  draw(camera, W, H, codes, table, ground = null) {
    this.canvas.resize();
    const { width: w, height: h } = this.canvas;
    if (!this.image || this.image.width !== w || this.image.height !== h) {
      this.image = new ImageData(w, h);
      this.words = new Uint32Array(this.image.data.buffer);
    }
    const out = this.words;
    out.fill(table.background);
    const { across, down, scale } = camera.geometry(w, h, W, H);
    for (let y = down.first; y <= down.last; y++) {
      const base = down.source[y] * W;
      for (let x = across.first; x <= across.last; x++) {
        const i = base + across.source[x];
        out[y * w + x] = table.colors[codes[i]] || (ground ? ground[i] : table.background);
      }
    }
    if (scale < 1 && table.anyHit) hitAll(out, w, codes, table, across, down, W);
    this.context.putImageData(this.image, 0, 0);
  }
}

/** Where several image pixels fall on one of the screen, a marked one is never hidden by an unmarked one. */
function hitAll(out, w, codes, table, across, down, W) {
  for (let y = down.from; y <= down.to; y++) {
    const row = down.target[y];
    if (row < 0) continue;
    for (let x = across.from; x <= across.to; x++) {
      const color = table.colors[codes[y * W + x]];
      if (color && across.target[x] >= 0) out[row * w + across.target[x]] = color;
    }
  }
}

/** An image's photo as packed colours; grey where there is none. */
export function photoOf(maps) {
  const out = new Uint32Array(maps.W * maps.H).fill(pack(40, 40, 44));
  if (!maps.photo) return out;
  const context = new OffscreenCanvas(maps.W, maps.H).getContext('2d', { willReadFrequently: true });
  context.drawImage(maps.photo, 0, 0);
  return new Uint32Array(context.getImageData(0, 0, maps.W, maps.H).data.buffer);
}

/** The photo, pale and grey, as the ground under marked pixels. */
export function groundOf(maps) {
  const out = new Uint32Array(maps.W * maps.H);
  greyGround(photoOf(maps), out, 0.35, 16);
  return out;
}
