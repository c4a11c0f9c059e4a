// One, two or four panes under one camera: draws them, and turns wheel, drag and pointer into camera and cursor.
import { Camera } from './camera.js';
import { el, setFlag } from './dom.js';
import { drawDecor } from './decor.js';
import { KIND, DEFAULT_PANES, blinked } from './kinds.js';
import { drawLayer } from './layers.js';
import { packHex } from './heat.js';
import { Pane } from './pane.js';
import { Dirty, canRepaint, repaint } from './repaint.js';
import { Scene } from './scene.js';

const OUTSIDE = { dark: packHex('#16181d'), light: packHex('#e4e6ea') };

export class PaneGrid {
  /** @param {{onlook: () => void, oncursor: () => void, onpin: () => void, oncamera: () => void}} hooks */
  constructor(hooks, kinds = DEFAULT_PANES) {
    this.hooks = hooks;
    this.camera = new Camera();
    this.scene = new Scene();
    this.count = 4;
    this.cursor = null;
    this.cursorPane = null;
    this.pin = null;
    this.outline = null;
    this.curtain = null;
    this.isCurtain = false;
    this.isBlinking = false;
    this.root = el('div', { class: 'esl-panes', 'data-count': '4' });
    this.panes = kinds.map((kind) => connectedPane(kind, this));
    this.root.append(...this.panes.map((pane) => pane.root));
    this.active = this.panes[0];
    this.attachPointer();
    this.observer = new ResizeObserver(() => this.hooks.onlook('size'));
    this.observer.observe(this.root);
  }

  get shown() { return this.panes.slice(0, this.count); }

  setCount(count) {
    this.count = count;
    this.root.dataset.count = String(count);
    this.panes.forEach((pane, n) => { pane.root.hidden = n >= count; });
    if (this.panes.indexOf(this.active) >= count) this.activate(this.panes[0]);
    this.hooks.onlook('size');
  }

  activate(pane) {
    this.active = pane;
    for (const p of this.panes) setFlag(p.root, 'is-active', p === pane && this.count > 1);
  }

  setKind(pane, kind) {
    pane.setKind(kind);
    this.hooks.onlook('kinds');
  }

  /** One of the two differences takes the place of the other, unless a pane shows it already. */
  showDifference(kind) {
    const other = this.panes.find((pane) => pane.kind === blinked(kind));
    if (other && !this.panes.some((pane) => pane.kind === kind)) this.setKind(other, kind);
  }

  get viewport() {
    const { width, height } = this.panes[0].pixels;
    return [width, height];
  }

  fit() {
    const { maps } = this.scene;
    if (maps) this.camera.fit(...this.viewport, maps.W, maps.H);
    this.hooks.oncamera();
  }

  /** The camera of a link: [x, y, scale], or null for the whole image. */
  aim(camera) {
    if (camera) [this.camera.cx, this.camera.cy, this.camera.scale] = camera;
    this.camera.fitted = camera === null;
  }

  /** 1:1 at a point, or back to fit when already there. */
  oneToOne(sx, sy) {
    if (this.camera.scale === 1) return this.fit();
    this.camera.zoomAt(sx, sy, 1 / this.camera.scale, ...this.viewport);
    return this.hooks.oncamera();
  }

  frameBox(box) {
    this.camera.frame(box, ...this.viewport);
    this.hooks.oncamera();
  }

  /** After a change of size, image or camera: geometry, the photo at screen size, blank surroundings. */
  updateView(theme) {
    const { scene, camera } = this;
    let resized = false;
    for (const pane of this.shown) resized = pane.resize() || resized;
    if (!scene.maps) return;
    const { W, H } = scene.maps;
    const [w, h] = this.viewport;
    if (camera.fitted) camera.fit(w, h, W, H);
    else camera.clamp(W, H);
    scene.setView(camera.geometry(w, h, W, H), OUTSIDE[theme]);
    for (const pane of this.shown) pane.clear(OUTSIDE[theme]);
  }

  kindOf(pane) {
    return this.isBlinking ? blinked(pane.kind) : pane.kind;
  }

  /** Draw the panes; `only`: the kinds that a threshold moves, of which small moves draw what changed sides alone. */
  drawPixels(showsTruth, only = null) {
    const { scene } = this;
    const changed = scene.selection.takeChanged(this);
    const dirty = only && this.curtain === null && canRepaint(scene, changed) ? this.dirtyOf(changed) : null;
    if (!dirty) scene.scan(new Set(this.shown.map((pane) => this.kindOf(pane))));
    for (const pane of this.shown) {
      const kind = this.kindOf(pane);
      if (only && !only.has(kind)) continue;
      if (KIND.get(kind).truth && !(showsTruth && scene.maps.truth)) continue;
      if (kind === 'cbst' && !scene.classBalanced) continue;
      const rows = dirty && repaint(kind, scene, pane.words, dirty);
      if (!rows) this.drawKind(pane, kind);
      if (!rows || rows.bottom > 0) pane.put(only ? scene.g : null, rows); // nu* moves no pixel of SSL: that canvas stays
    }
  }

  dirtyOf(changed) {
    const { g } = this.scene;
    if (this.dirty?.list.length !== g.w * g.h) this.dirty = new Dirty(g.w * g.h);
    this.dirty.collect(changed, g);
    return this.dirty;
  }

  drawKind(pane, kind) {
    const { scene, curtain } = this;
    if (curtain === null || (kind !== 'ssl' && kind !== 'esl')) {
      drawLayer(kind, scene, pane.words);
      return;
    }
    const edge = Math.round(curtain);
    drawLayer('ssl', scene, pane.words, 0, edge - 1);
    drawLayer('esl', scene, pane.words, edge, scene.g.w);
  }

  drawDecor(names) {
    const view = {
      g: this.scene.g, maps: this.scene.maps, classBalanced: this.scene.classBalanced, names, cursor: this.cursor, cursorPane: this.cursorPane,
      pin: this.pin, outline: this.outline, curtain: this.curtain,
    };
    for (const pane of this.shown) drawDecor(pane, view);
  }

  attachPointer() {
    let drag = null;
    const at = (pane, event) => {
      const ratio = pane.pixels.ratio ?? 1;
      return [event.offsetX * ratio, event.offsetY * ratio];
    };
    for (const pane of this.panes) {
      const target = pane.decor;
      target.addEventListener('wheel', (event) => {
        event.preventDefault();
        if (event.shiftKey) return this.hooks.onmix(event.deltaY + event.deltaX);
        const [sx, sy] = at(pane, event);
        const speed = event.deltaMode === 1 ? 0.05 : 0.0016;
        this.camera.zoomAt(sx, sy, Math.exp(-event.deltaY * speed), ...this.viewport);
        return this.hooks.oncamera();
      }, { passive: false });
      target.addEventListener('pointerdown', (event) => {
        if (event.button !== 0) return;
        target.setPointerCapture(event.pointerId);
        drag = { x: event.clientX, y: event.clientY, moved: 0 };
      });
      target.addEventListener('pointermove', (event) => {
        if (drag) {
          const ratio = pane.pixels.ratio ?? 1;
          const [dx, dy] = [event.clientX - drag.x, event.clientY - drag.y];
          drag.moved += Math.abs(dx) + Math.abs(dy);
          if (drag.moved > 3) {
            this.camera.panBy(dx * ratio, dy * ratio);
            this.hooks.oncamera();
          }
          [drag.x, drag.y] = [event.clientX, event.clientY];
        }
        this.point(pane, ...at(pane, event));
      });
      target.addEventListener('pointerup', (event) => {
        if (drag && drag.moved <= 3) this.hooks.onpin(this.cursor, event);
        drag = null;
      });
      target.addEventListener('pointercancel', () => { drag = null; });
      target.addEventListener('pointerleave', () => { if (!drag) this.leave(); });
      target.addEventListener('dblclick', (event) => this.oneToOne(...at(pane, event)));
    }
  }

  point(pane, sx, sy) {
    const { g } = this.scene;
    if (!g) return;
    const x = Math.floor((sx - g.left) / g.scale);
    const y = Math.floor((sy - g.top) / g.scale);
    this.cursor = x >= 0 && y >= 0 && x < g.W && y < g.H ? [x, y] : null;
    this.cursorPane = pane;
    const moved = this.isCurtain && this.curtain !== sx;
    if (this.isCurtain) this.curtain = sx;
    this.hooks.oncursor(moved);
  }

  leave() {
    this.cursor = null;
    this.cursorPane = null;
    const moved = this.curtain !== null;
    this.curtain = null;
    this.hooks.oncursor(moved);
  }
}

/** A pane that reports to its grid. */
function connectedPane(kind, grid) {
  return new Pane(kind, { onkind: (pane, value) => grid.setKind(pane, value), onactive: (pane) => grid.activate(pane) });
}
