// After a small move of a threshold: only the screen pixels over image pixels that changed sides are drawn again.
// The result is the same as that of `Scene.scan` and `drawLayer`, pixel for pixel; tests/viewer/repaint.test.mjs holds it to that.
import { ESL, SSL } from './selection.js';

/** Screen pixels, each once, that any of the changed image pixels falls on. */
export class Dirty {
  constructor(size) {
    this.stamps = new Uint32Array(size);
    this.stamp = 0;
    this.list = new Uint32Array(size);
    this.count = 0;
  }

  collect(changed, g) {
    const { w, W } = g;
    const columns = g.across.target;
    const rows = g.down.target;
    const { stamps, list } = this;
    const stamp = ++this.stamp;
    let count = 0;
    for (let k = 0; k < changed.length; k++) {
      const i = changed[k];
      const y = (i / W) | 0;
      const sx = columns[i - y * W];
      const sy = rows[y];
      if (sx < 0 || sy < 0) continue;
      const o = sy * w + sx;
      if (stamps[o] === stamp) continue;
      stamps[o] = stamp;
      list[count++] = o;
    }
    this.count = count;
  }
}

/** Whether a move can be drawn pixel by pixel: reduced views without anything that lies over or under the labels. */
export function canRepaint(scene, changed) {
  return changed !== null && scene.g.scale < 1 && scene.photoShare === 0 && !scene.brush && scene.colorBy === 'class'
    && changed.length < scene.g.w * scene.g.h;
}

/** Screen rows in which a pane's colours changed; `bottom` lies outside, and is 0 where none did. */
class Rows {
  constructor(height) {
    this.top = height;
    this.bottom = 0;
  }

  add(y) {
    if (y < this.top) this.top = y;
    if (y >= this.bottom) this.bottom = y + 1;
  }
}

/** SSL or ESL: the pixel in the middle of each dirty screen pixel. */
function repaintKept(scene, bit, out, dirty, rows) {
  const { g, tables } = scene;
  const { classes, ignore } = tables;
  const { state } = scene.selection;
  const { label } = scene.maps;
  for (let k = 0; k < dirty.count; k++) {
    const o = dirty.list[k];
    const sy = (o / g.w) | 0;
    const sx = o - sy * g.w;
    const i = g.down.source[sy] * g.W + g.across.source[sx];
    const color = state[i] & bit ? classes[label[i]] : ignore;
    if (out[o] === color) continue;
    out[o] = color;
    rows.add(sy);
  }
}

/** A side of the difference: the first image pixel under each dirty screen pixel that is kept by `only` alone. */
function repaintDifference(scene, only, out, dirty, rows) {
  const { g, ground, tables } = scene;
  const { classes, visible } = tables;
  const { state } = scene.selection;
  const { label } = scene.maps;
  const { across, down, w, W } = g;
  for (let k = 0; k < dirty.count; k++) {
    const o = dirty.list[k];
    const sy = (o / w) | 0;
    const sx = o - sy * w;
    let color = ground[o];
    search: for (let y = down.begin[sy]; y < down.end[sy]; y++) {
      for (let i = y * W + across.begin[sx], end = y * W + across.end[sx]; i < end; i++) {
        if (state[i] === only && visible[label[i]]) {
          color = classes[label[i]];
          break search;
        }
      }
    }
    if (out[o] === color) continue;
    out[o] = color;
    rows.add(sy);
  }
}

const REPAINTS = {
  ssl: (scene, ...rest) => repaintKept(scene, SSL, ...rest),
  esl: (scene, ...rest) => repaintKept(scene, ESL, ...rest),
  'ssl-esl': (scene, ...rest) => repaintDifference(scene, SSL, ...rest),
  'esl-ssl': (scene, ...rest) => repaintDifference(scene, ESL, ...rest),
};

/** Bring a pane's pixels in line: the rows that changed, or null where this kind has to be drawn as a whole. */
export function repaint(kind, scene, out, dirty) {
  if (!(kind in REPAINTS)) return null;
  const rows = new Rows(scene.g.h);
  REPAINTS[kind](scene, out, dirty, rows);
  return rows;
}
