// One camera for all panes: image point in the middle and screen pixels per image pixel.

const MIN_SCALE = 1 / 32;
const MAX_SCALE = 64;

export class Camera {
  constructor() {
    this.cx = 0;
    this.cy = 0;
    this.scale = 1;
    this.fitted = true;
  }

  /** Whole image in a w x h viewport. */
  fit(w, h, W, H) {
    this.scale = Math.min(w / W, h / H);
    this.cx = W / 2;
    this.cy = H / 2;
    this.fitted = true;
  }

  /** A box of the image in the viewport, with a margin; never beyond `most` screen pixels per pixel. */
  frame(box, w, h, margin = 2, most = 24) {
    const [x0, y0, x1, y1] = box;
    this.cx = (x0 + x1) / 2;
    this.cy = (y0 + y1) / 2;
    const wanted = Math.min(w / ((x1 - x0 + 1) * margin), h / ((y1 - y0 + 1) * margin));
    this.scale = Math.max(MIN_SCALE, Math.min(most, wanted));
    this.fitted = false;
  }

  /** Zoom so that the image point under (sx, sy) stays there; 1:1 and whole multiples are caught. */
  zoomAt(sx, sy, factor, w, h) {
    const x = this.toImageX(sx, w);
    const y = this.toImageY(sy, h);
    this.scale = Math.max(MIN_SCALE, Math.min(MAX_SCALE, this.scale * factor));
    if (Math.abs(this.scale - 1) < 0.04) this.scale = 1;
    this.cx = x - (sx - w / 2) / this.scale;
    this.cy = y - (sy - h / 2) / this.scale;
    this.fitted = false;
  }

  panBy(dx, dy) {
    this.cx -= dx / this.scale;
    this.cy -= dy / this.scale;
    this.fitted = false;
  }

  /** The middle stays over the image. */
  clamp(W, H) {
    this.cx = Math.max(0, Math.min(W, this.cx));
    this.cy = Math.max(0, Math.min(H, this.cy));
  }

  toImageX(sx, w) { return this.cx + (sx - w / 2) / this.scale; }
  toImageY(sy, h) { return this.cy + (sy - h / 2) / this.scale; }
  toScreenX(x, w) { return (x - this.cx) * this.scale + w / 2; }
  toScreenY(y, h) { return (y - this.cy) * this.scale + h / 2; }

  /**
   * Which image pixel each screen pixel shows (its centre's), the part of the screen that the image covers, and,
   * for any-hit down-sampling, on which screen column and row each image column and row falls.
   */
  geometry(w, h, W, H) {
    // Screen origin on whole screen pixels when enlarged: image pixels then have equal sizes.
    const left = this.scale >= 1 ? Math.round(this.toScreenX(0, w)) : this.toScreenX(0, w);
    const top = this.scale >= 1 ? Math.round(this.toScreenY(0, h)) : this.toScreenY(0, h);
    const across = axis(w, W, left, this.scale);
    const down = axis(h, H, top, this.scale);
    return { w, h, W, H, scale: this.scale, left, top, across, down };
  }
}

function axis(screen, image, origin, scale) {
  const source = new Int32Array(screen);
  let first = screen;
  let last = -1;
  for (let s = 0; s < screen; s++) {
    const x = Math.floor((s + 0.5 - origin) / scale);
    source[s] = x;
    if (x >= 0 && x < image) {
      if (s < first) first = s;
      last = s;
    }
  }
  const target = new Int32Array(image).fill(-1);
  const begin = new Int32Array(screen); // image pixels begin[s] .. end[s] fall on screen pixel s
  const end = new Int32Array(screen);
  let from = image;
  let to = -1;
  for (let x = 0; x < image; x++) {
    const s = Math.floor((x + 0.5) * scale + origin);
    if (s < first || s > last) continue;
    target[x] = s;
    if (end[s] === 0) begin[s] = x;
    end[s] = x + 1;
    if (x < from) from = x;
    to = x;
  }
  return { source, first, last, target, begin, end, from, to };
}
