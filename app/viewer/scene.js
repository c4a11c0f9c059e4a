// What the layers need, kept between frames: the view's geometry, the photo at screen size, colour tables, hits.
import { classTable, entropyClassTable, greyGround, packHex, ramp } from './heat.js';
import { Hits, scanDifferences, scanMask } from './scan.js';

const IGNORE_COLOR = packHex('#0b0c0f');

export class Scene {
  constructor() {
    this.maps = null;
    this.selection = null;
    this.thresholds = null;
    this.classBalanced = null; // CBST's labels of the image, once they are there
    this.g = null;
    this.colorBy = 'class';
    this.photoShare = 0;
    this.brush = null;
    this.tables = null;
    this.photoCanvas = null;
  }

  setTables(colors, hidden) {
    const classes = classTable(colors, IGNORE_COLOR, hidden);
    const visible = new Uint8Array(256);
    colors.forEach((_, c) => { visible[c] = hidden.has(c) ? 0 : 1; });
    this.tables = {
      classes, visible, ignore: IGNORE_COLOR,
      entropy: ramp('entropy'), confidence: ramp('confidence'), entropyClass: entropyClassTable(classes),
    };
  }

  setImage(maps, selection) {
    this.maps = maps;
    this.selection = selection;
    this.brush = null;
  }

  /** New geometry: the photo is brought to screen size once, and the grey ground of the difference panes with it. */
  setView(g, outside = IGNORE_COLOR) {
    const size = g.w * g.h;
    if (!this.g || this.g.w * this.g.h !== size) {
      this.ground = new Uint32Array(size);
      this.sslOnlyHits = new Hits(size);
      this.eslOnlyHits = new Hits(size);
      this.brushHits = new Hits(size);
    }
    this.g = g;
    this.photoView = this.drawPhoto(g);
    greyGround(this.photoView, this.ground, 0.3, 14);
    fillOutside(this.ground, g, outside);
  }

  drawPhoto(g) {
    if (!this.maps.photo) return new Uint32Array(g.w * g.h).fill(packHex('#3a3c42'));
    if (!this.photoCanvas || this.photoCanvas.width !== g.w || this.photoCanvas.height !== g.h) {
      this.photoCanvas = new OffscreenCanvas(g.w, g.h);
      this.photoContext = this.photoCanvas.getContext('2d', { willReadFrequently: true });
    }
    const context = this.photoContext;
    context.imageSmoothingEnabled = g.scale < 1;
    context.imageSmoothingQuality = 'low';
    context.fillStyle = '#6b6e74'; // half-covered edge pixels take a quiet tone
    context.fillRect(0, 0, g.w, g.h);
    context.drawImage(this.maps.photo, g.left, g.top, g.W * g.scale, g.H * g.scale);
    return new Uint32Array(context.getImageData(0, 0, g.w, g.h).data.buffer);
  }

  /** Bring the any-hit lists in line with the selection, for the panes that need them. */
  scan(kinds) {
    if (this.g.scale >= 1) return;
    if (kinds.has('ssl-esl') || kinds.has('esl-ssl')) {
      scanDifferences(this.selection, this.maps.label, this.g, this.tables.visible, this.sslOnlyHits, this.eslOnlyHits);
    }
    if (this.brush) scanMask(this.brush, this.g, this.brushHits);
  }
}


function fillOutside(out, g, color) {
  const { w, h, across, down } = g;
  for (let y = 0; y < h; y++) {
    if (y < down.first || y > down.last) out.fill(color, y * w, (y + 1) * w);
    else {
      out.fill(color, y * w, y * w + Math.max(0, Math.min(w, across.first)));
      out.fill(color, y * w + across.last + 1, (y + 1) * w);
    }
  }
}
