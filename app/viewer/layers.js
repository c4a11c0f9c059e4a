// Panes as pixels: each layer writes packed colours of the part of the image on screen into a Uint32Array.
import { ESL, SSL } from './selection.js';
import { RIGHT, UNKNOWN, WRONG, BRUSHED, dim, packHex } from './heat.js';
import { IGNORE } from './quantise.js';

const BOTH_WRONG = packHex('#d55e00');
const SSL_WRONG = packHex('#f0c541');
const ESL_WRONG = packHex('#c58be0');
const DROPPED_WRONG = packHex('#5d4a44');
const WRONG_STRIPE = dim(WRONG, 0.45);
export const CAUSES = Object.freeze([packHex('#7fb8e6'), packHex('#e3c34a'), packHex('#e07bb0')]);

/** Run `pixel(i, sx, sy)` over the visible part and store its colours. */
function sample(g, out, from, to, pixel) {
  const { w, W, across, down } = g;
  const a = Math.max(from, across.first);
  const b = Math.min(to, across.last);
  for (let sy = down.first; sy <= down.last; sy++) {
    const base = down.source[sy] * W;
    const row = sy * w;
    for (let sx = a; sx <= b; sx++) out[row + sx] = pixel(base + across.source[sx], sx, sy, row + sx);
  }
}

/** A pseudo-label: class colours where the rule keeps the pixel, the ignore colour elsewhere. */
function drawKept(scene, bit, out, from, to) {
  const { g, tables } = scene;
  const { state } = scene.selection;
  const { label } = scene.maps;
  const { w, W, across, down } = g;
  const { classes, ignore } = tables;
  const columns = across.source;
  const a = Math.max(from, across.first);
  const b = Math.min(to, across.last);
  for (let sy = down.first; sy <= down.last; sy++) {
    const base = down.source[sy] * W;
    const row = sy * w;
    for (let sx = a; sx <= b; sx++) {
      const i = base + columns[sx];
      out[row + sx] = state[i] & bit ? classes[label[i]] : ignore;
    }
  }
}

/** One side of the difference on the grey photo; reduced views draw the any-hit list on a copied ground. */
function drawDifference(scene, only, out, from, to) {
  const { g, ground, selection, tables } = scene;
  const color = differenceColor(scene, only);
  if (g.scale >= 1) {
    const { state } = selection;
    const { visible } = tables;
    const { label } = scene.maps;
    sample(g, out, from, to, (i, sx, sy, o) => (state[i] === only && visible[label[i]] ? color(i, sx, sy) : ground[o]));
    return;
  }
  const { first, list, count } = only === SSL ? scene.sslOnlyHits : scene.eslOnlyHits;
  out.set(ground);
  for (let k = 0; k < count; k++) {
    const o = list[k];
    out[o] = color(first[o], o % g.w, (o / g.w) | 0);
  }
}

/** Colour of a difference pixel: its class, right or wrong, or what set the deciding threshold. */
function differenceColor(scene, only) {
  const { classes } = scene.tables;
  const { label, truth } = scene.maps;
  if (scene.colorBy === 'truth' && truth) return (i, sx, sy) => truthColor(truth[i], label[i], sx, sy);
  if (scene.colorBy === 'cause') {
    const t = scene.thresholds;
    const binds = only === SSL ? t.nuBinds : t.muBinds;
    const set = only === SSL ? t.nuOverridden : t.muOverridden;
    return (i) => CAUSES[set[label[i]] ? 2 : binds[label[i]] ? 1 : 0];
  }
  return (i) => classes[label[i]];
}

function truthColor(truth, label, sx, sy) {
  if (truth === IGNORE) return UNKNOWN;
  if (truth === label) return RIGHT;
  return ((sx + sy) & 7) < 3 ? WRONG_STRIPE : WRONG; // stripes: wrong is not told by hue alone
}

function drawErrors(scene, out, from, to) {
  const { g, ground, maps, selection } = scene;
  const { state } = selection;
  const colors = [DROPPED_WRONG, SSL_WRONG, ESL_WRONG, BOTH_WRONG];
  const { label, truth } = maps;
  const { visible } = scene.tables;
  sample(g, out, from, to, (i, sx, sy, o) => {
    if (truth[i] === IGNORE || truth[i] === label[i] || !visible[label[i]]) return ground[o];
    return colors[state[i]];
  });
}

const plain = {
  photo: (scene, out, from, to) => sample(scene.g, out, from, to, (i, sx, sy, o) => scene.photoView[o]),
  gt: (scene, out, from, to) => labelLayer(scene, scene.maps.truth, out, from, to),
  second: (scene, out, from, to) => labelLayer(scene, scene.maps.second, out, from, to),
  prediction: (scene, out, from, to) => labelLayer(scene, scene.maps.label, out, from, to),
  entropy: (scene, out, from, to) => heatLayer(scene, scene.maps.ent, scene.tables.entropy, out, from, to),
  confidence: (scene, out, from, to) => heatLayer(scene, scene.maps.conf, scene.tables.confidence, out, from, to),
  'entropy-class': (scene, out, from, to) => {
    const { label, ent } = scene.maps;
    const table = scene.tables.entropyClass;
    sample(scene.g, out, from, to, (i) => table[(label[i] << 5) | (ent[i] >> 11)]);
  },
  ssl: (scene, out, from, to) => drawKept(scene, SSL, out, from, to),
  esl: (scene, out, from, to) => drawKept(scene, ESL, out, from, to),
  cbst: (scene, out, from, to) => labelLayer(scene, scene.classBalanced, out, from, to),
  'ssl-esl': (scene, out, from, to) => drawDifference(scene, SSL, out, from, to),
  'esl-ssl': (scene, out, from, to) => drawDifference(scene, ESL, out, from, to),
  errors: drawErrors,
};

/** `table[values[i] >> shift]` over the visible part: the common inner loop of labels and heat maps. */
function drawTable(scene, values, table, shift, out, from, to) {
  const { w, W, across, down } = scene.g;
  const columns = across.source;
  const a = Math.max(from, across.first);
  const b = Math.min(to, across.last);
  for (let sy = down.first; sy <= down.last; sy++) {
    const base = down.source[sy] * W;
    const row = sy * w;
    for (let sx = a; sx <= b; sx++) out[row + sx] = table[values[base + columns[sx]] >> shift];
  }
}

function labelLayer(scene, labels, out, from, to) {
  drawTable(scene, labels, scene.tables.classes, 0, out, from, to);
}

function heatLayer(scene, values, table, out, from, to) {
  drawTable(scene, values, table, 8, out, from, to);
}

export const MIXABLE = new Set(['gt', 'ssl', 'esl', 'cbst', 'second', 'prediction', 'entropy', 'confidence', 'entropy-class']);

/** Draw one kind into `out` (w * h), for screen columns from..to; then mix the photo in and mark brushed pixels. */
export function drawLayer(kind, scene, out, from = 0, to = scene.g.w) {
  plain[kind](scene, out, from, to);
  if (scene.photoShare > 0 && MIXABLE.has(kind)) mix(scene.g, out, scene.photoView, scene.photoShare, from, to);
  if (scene.brush) markBrushed(scene, out, from, to);
}

function mix(g, out, photo, share, from, to) {
  const a = Math.round(share * 256);
  const b = 256 - a;
  sample(g, out, from, to, (_i, _x, _y, o) => {
    const p = photo[o];
    const q = out[o];
    const rb = (((p & 0xff00ff) * a + (q & 0xff00ff) * b) >>> 8) & 0xff00ff;
    const gr = (((p & 0xff00) * a + (q & 0xff00) * b) >>> 8) & 0xff00;
    return 0xff000000 | rb | gr;
  });
}

function markBrushed(scene, out, from, to) {
  const { g, brush, brushHits } = scene;
  if (g.scale >= 1) {
    sample(g, out, from, to, (i, _x, _y, o) => (brush[i] ? BRUSHED : out[o]));
    return;
  }
  for (let k = 0; k < brushHits.count; k++) out[brushHits.list[k]] = BRUSHED;
}
