// What lies over the pixels: crosshair, pixel grid, values of single pixels, outlines, the curtain's edge.
import { IGNORE, dequantise, showUnit } from './quantise.js';

const GRID_FROM = 8;
const VALUES_FROM = 36;

/** Redraw one pane's overlay canvas. */
export function drawDecor(pane, view) {
  const { decor } = pane;
  const context = decor.getContext('2d');
  context.clearRect(0, 0, decor.width, decor.height);
  const { g } = view;
  // A transparent layer costs the compositor as much as a full one; at opacity 0 it is left out and still takes the pointer.
  const isEmpty = !g || (g.scale < GRID_FROM && !view.outline && !view.pin && !view.cursor && view.curtain === null);
  const opacity = isEmpty ? '0' : '';
  if (decor.style.opacity !== opacity) decor.style.opacity = opacity;
  if (isEmpty) return;
  if (g.scale >= GRID_FROM) drawGrid(context, g);
  if (g.scale >= VALUES_FROM && view.maps) drawValues(context, g, view, pane.kind);
  if (view.outline) drawOutline(context, g, view.outline);
  if (view.pin) drawBox(context, g, view.pin, '#ffffff', '#000000');
  if (view.cursor) drawCrosshair(context, g, view.cursor, view.cursorPane === pane);
  if (view.curtain !== null && (pane.kind === 'ssl' || pane.kind === 'esl')) drawCurtain(context, g, view.curtain);
}

function drawGrid(context, g) {
  const { across, down, scale } = g;
  context.strokeStyle = 'rgba(128,128,128,0.35)';
  context.lineWidth = 1;
  context.beginPath();
  const bottom = Math.min(g.h, g.top + g.H * scale);
  const right = Math.min(g.w, g.left + g.W * scale);
  for (let x = Math.max(0, across.source[0]); x <= Math.min(g.W, across.source[g.w - 1] + 1); x++) {
    const sx = Math.round(g.left + x * scale) + 0.5;
    context.moveTo(sx, Math.max(0, g.top));
    context.lineTo(sx, bottom);
  }
  for (let y = Math.max(0, down.source[0]); y <= Math.min(g.H, down.source[g.h - 1] + 1); y++) {
    const sy = Math.round(g.top + y * scale) + 0.5;
    context.moveTo(Math.max(0, g.left), sy);
    context.lineTo(right, sy);
  }
  context.stroke();
}

function drawValues(context, g, view, kind) {
  const { names } = view;
  context.font = '10px ui-monospace, monospace';
  context.textAlign = 'center';
  context.textBaseline = 'middle';
  context.lineWidth = 2.5;
  context.strokeStyle = 'rgba(0,0,0,0.75)';
  context.fillStyle = '#fff';
  const text = valueText(kind, view, names);
  for (let y = Math.max(0, g.down.source[0]); y <= Math.min(g.H - 1, g.down.source[g.h - 1]); y++) {
    for (let x = Math.max(0, g.across.source[0]); x <= Math.min(g.W - 1, g.across.source[g.w - 1]); x++) {
      const label = text(y * g.W + x);
      const sx = g.left + (x + 0.5) * g.scale;
      const sy = g.top + (y + 0.5) * g.scale;
      context.strokeText(label, sx, sy);
      context.fillText(label, sx, sy);
    }
  }
}

function valueText(kind, { maps, classBalanced }, names) {
  const short = (c) => (c === IGNORE ? '–' : (names[c] ?? '?').slice(0, 5));
  if (kind === 'gt') return (i) => (maps.truth ? short(maps.truth[i]) : '');
  if (kind === 'cbst') return (i) => (classBalanced ? short(classBalanced[i]) : '');
  if (kind === 'second') return (i) => short(maps.second[i]);
  if (kind === 'confidence' || kind === 'ssl') return (i) => showUnit(dequantise(maps.conf[i]));
  if (kind === 'entropy' || kind === 'esl' || kind.includes('-')) return (i) => showUnit(dequantise(maps.ent[i]));
  return (i) => short(maps.label[i]);
}

function drawCrosshair(context, g, [x, y], own) {
  const sx = Math.round(g.left + (x + 0.5) * g.scale) + 0.5;
  const sy = Math.round(g.top + (y + 0.5) * g.scale) + 0.5;
  const gap = Math.max(7, g.scale / 2 + 3);
  context.lineWidth = 1;
  for (const [color, shift] of [['rgba(0,0,0,0.55)', 1], [own ? 'rgba(255,255,255,0.55)' : 'rgba(255,255,255,0.95)', 0]]) {
    context.strokeStyle = color;
    context.beginPath();
    const long = own ? Infinity : 16 + gap;
    context.moveTo(Math.max(0, sx - long), sy + shift);
    context.lineTo(sx - gap, sy + shift);
    context.moveTo(sx + gap, sy + shift);
    context.lineTo(Math.min(g.w, sx + long), sy + shift);
    context.moveTo(sx + shift, Math.max(0, sy - long));
    context.lineTo(sx + shift, sy - gap);
    context.moveTo(sx + shift, sy + gap);
    context.lineTo(sx + shift, Math.min(g.h, sy + long));
    context.stroke();
  }
  if (g.scale >= 4) drawBox(context, g, [x, y], '#ffffff', '#000000');
}

function drawBox(context, g, [x, y], light, dark) {
  const size = Math.max(g.scale, 5);
  const sx = g.left + (x + 0.5) * g.scale - size / 2;
  const sy = g.top + (y + 0.5) * g.scale - size / 2;
  context.lineWidth = 1;
  context.strokeStyle = dark;
  context.strokeRect(sx - 0.5, sy - 0.5, size + 1, size + 1);
  context.strokeStyle = light;
  context.strokeRect(sx + 0.5, sy + 0.5, size - 1, size - 1);
}

/** Edges of a set of pixels: `outline` holds image-space segments [x0, y0, x1, y1]. */
function drawOutline(context, g, outline) {
  context.beginPath();
  for (let k = 0; k < outline.length; k += 4) {
    context.moveTo(g.left + outline[k] * g.scale, g.top + outline[k + 1] * g.scale);
    context.lineTo(g.left + outline[k + 2] * g.scale, g.top + outline[k + 3] * g.scale);
  }
  context.lineCap = 'square';
  context.strokeStyle = 'rgba(0,0,0,0.8)';
  context.lineWidth = 4;
  context.stroke();
  context.strokeStyle = '#ffe14d';
  context.lineWidth = 2;
  context.stroke();
}

function drawCurtain(context, g, at) {
  context.fillStyle = 'rgba(255,255,255,0.9)';
  context.fillRect(at, 0, 1, g.h);
  context.font = '600 11px system-ui, sans-serif';
  context.textBaseline = 'top';
  context.lineWidth = 3;
  context.strokeStyle = 'rgba(0,0,0,0.8)';
  for (const [text, x, align] of [['SSL', at - 7, 'right'], ['ESL', at + 8, 'left']]) {
    context.textAlign = align;
    context.strokeText(text, x, 8);
    context.fillText(text, x, 8);
  }
}

/** Segments around the pixels given as runs [[start, length], ...] of flat indexes at map size. */
export function outlineOf(runs, W) {
  const inside = new Set();
  for (const [start, length] of runs) for (let k = 0; k < length; k++) inside.add(start + k);
  const segments = [];
  for (const i of inside) {
    const x = i % W;
    const y = (i - x) / W;
    if (x === 0 || !inside.has(i - 1)) segments.push(x, y, x, y + 1);
    if (x === W - 1 || !inside.has(i + 1)) segments.push(x + 1, y, x + 1, y + 1);
    if (!inside.has(i - W)) segments.push(x, y, x + 1, y);
    if (!inside.has(i + W)) segments.push(x, y + 1, x + 1, y + 1);
  }
  return Float32Array.from(segments);
}
