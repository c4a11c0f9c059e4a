// element.__esl: what tests and benchmarks read. Labels are read back from colours that went through a canvas.
import { Camera } from './camera.js';
import { classTable, packHex } from './heat.js';
import { drawLayer } from './layers.js';
import { IGNORE } from './quantise.js';
import { Scene } from './scene.js';

export function attachHandle(viewer) {
  const { session, screen, element } = viewer;
  element.__esl = {
    session, screen, viewer,
    get frames() { return screen.frames?.samples ?? []; },
    get lastFrame() { return screen.frames?.last ?? null; },
    setRule: (patch) => session.setRule(patch),
    show: (i) => session.show(i),
    thresholds: () => ({ mu: [...session.thresholds.mu], nu: [...session.thresholds.nu] }),
    counts: () => [...session.image.selection.counts],
    readPane: (kind) => readPane(session, kind),
    isSorted: () => session.image?.selection.orders !== null,
  };
}

/** Full-resolution train ids of a pane as drawn: painted 1:1 by the pane's own layer, put on a canvas, read back. */
export function readPane(session, kind) {
  const { maps, selection } = session.image;
  const { info } = session;
  const scene = new Scene();
  scene.setTables(info.class_colors, new Set());
  scene.setImage(maps, selection);
  scene.thresholds = session.thresholds;
  scene.classBalanced = session.classBalanced.current?.labels ?? null;
  const camera = new Camera();
  camera.fit(maps.W, maps.H, maps.W, maps.H);
  scene.setView(camera.geometry(maps.W, maps.H, maps.W, maps.H));
  const isDifference = kind === 'ssl-esl' || kind === 'esl-ssl';
  const canvas = new OffscreenCanvas(maps.W, maps.H);
  const context = canvas.getContext('2d', { alpha: false, willReadFrequently: true });
  const image = new ImageData(maps.W, maps.H);
  const words = new Uint32Array(image.data.buffer);
  if (isDifference) scene.ground.fill(scene.tables.ignore); // a plain ground, so that every colour names one id
  drawLayer(kind, scene, words);
  context.putImageData(image, 0, 0);
  const drawn = new Uint32Array(context.getImageData(0, 0, maps.W, maps.H).data.buffer);
  return idsOf(drawn, info.class_colors);
}

function idsOf(words, colors) {
  const table = classTable(colors, packHex('#0b0c0f'));
  const ids = new Map();
  for (let c = colors.length - 1; c >= 0; c--) ids.set(table[c], c);
  const out = new Uint8Array(words.length);
  for (let i = 0; i < words.length; i++) out[i] = ids.get(words[i]) ?? IGNORE;
  return out;
}
