// The pixel under the cursor in one line, and the whole class distribution of a pinned one.
import { el, setFlag, setText } from './dom.js';
import { cssColor } from './heat.js';
import { boundaryDistance } from './images.js';
import { IGNORE, dequantise, showUnit } from './quantise.js';

const REACH = 16;

/** What both rules do with one pixel, as plain values (no DOM). */
export function explainPixel(maps, thresholds, x, y) {
  const i = y * maps.W + x;
  const c = maps.label[i];
  const has = c !== IGNORE;
  return {
    x, y, c, has,
    second: maps.second ? maps.second[i] : IGNORE,
    truth: maps.truth ? maps.truth[i] : null,
    conf: maps.conf[i], ent: maps.ent[i],
    mu: has ? thresholds.mu[c] : 0, nu: has ? thresholds.nu[c] : 0,
    sslKeeps: has && maps.conf[i] >= thresholds.mu[c],
    eslKeeps: has && maps.ent[i] <= thresholds.nu[c],
    why: {
      mu: has && reason(thresholds.muOverridden[c], thresholds.muBinds[c]),
      nu: has && reason(thresholds.nuOverridden[c], thresholds.nuBinds[c]),
    },
  };
}

function reason(overridden, binds) {
  return overridden ? 'override' : binds ? 'median' : 'global';
}

export class Probe {
  constructor(session) {
    this.session = session;
    this.parts = {};
    const part = (name, cls = '') => (this.parts[name] = el('span', { class: `esl-probe-part ${cls}` }));
    this.swatch = el('i', { class: 'esl-swatch' });
    this.line = el('div', { class: 'esl-probe', role: 'status', 'aria-live': 'off', 'aria-label': 'Pixel under the cursor' },
      part('place'), this.swatch, part('pred', 'is-strong'), part('second'), part('truth'), part('ssl'), part('esl'), part('cbst'), part('edge'), el('span', { class: 'esl-grow' }), part('zoom'));
    this.panel = el('aside', { class: 'esl-probs', hidden: true, 'aria-label': 'Class distribution of the pinned pixel' });
  }

  draw(point, scale, pinned = false) {
    const { session, parts } = this;
    setText(parts.zoom, scale >= 1 ? `${+scale.toFixed(1)}×` : `1 : ${+(1 / scale).toFixed(1)}`);
    const maps = session.image?.maps;
    this.line.classList.toggle('is-empty', !point || !maps);
    if (!point || !maps) {
      for (const name of ['pred', 'second', 'truth', 'ssl', 'esl', 'cbst', 'edge']) setText(parts[name], '');
      setText(parts.place, maps ? 'Point at a pixel · wheel zooms · drag moves · double click 1:1 · ? for keys' : '');
      return;
    }
    const p = explainPixel(maps, session.thresholds, point[0], point[1]);
    const name = (c) => (c === IGNORE ? 'void' : session.info.class_names[c] ?? `class ${c}`);
    setText(parts.place, `${pinned ? '⌖ ' : ''}(${p.x}, ${p.y})`);
    this.swatch.style.background = p.has ? cssColor(session.info.class_colors[p.c]) : '';
    setText(parts.pred, p.has ? name(p.c) : 'no prediction here');
    setText(parts.second, p.second !== IGNORE ? `2nd ${name(p.second)}` : '');
    this.drawTruth(p, name);
    setText(parts.ssl, p.has ? `P ${showUnit(dequantise(p.conf))} ${p.sslKeeps ? '≥' : '<'} μ ${showUnit(dequantise(p.mu))} ${p.why.mu} · SSL ${p.sslKeeps ? 'keeps' : 'drops'}` : '');
    setText(parts.esl, p.has ? `E ${showUnit(dequantise(p.ent))} ${p.eslKeeps ? '≤' : '>'} ν ${showUnit(dequantise(p.nu))} ${p.why.nu} · ESL ${p.eslKeeps ? 'keeps' : 'drops'}` : '');
    setFlag(parts.ssl, 'is-off', !p.sslKeeps);
    setFlag(parts.esl, 'is-off', !p.eslKeeps);
    setText(parts.cbst, this.balanced(p, name));
    const distance = p.has ? boundaryDistance(maps, p.x, p.y, REACH) : 0;
    setText(parts.edge, !p.has ? '' : distance > REACH ? `> ${REACH} px from boundary` : `${distance.toFixed(distance % 1 ? 1 : 0)} px from boundary`);
  }

  /** What CBST makes of the pixel, while a pane shows it. */
  balanced(p, name) {
    const { classBalanced, image } = this.session;
    const held = classBalanced.isShown && classBalanced.current;
    if (!held || !p.has) return '';
    const c = held.labels[p.y * image.maps.W + p.x];
    return c === IGNORE ? 'CBST drops' : `CBST keeps${c === p.c ? '' : ` as ${name(c)}`}`;
  }

  drawTruth(p, name) {
    const { truth } = this.parts;
    const shown = p.truth !== null && this.session.showsTruth;
    const word = p.truth === IGNORE ? '' : p.truth === p.c ? ' ✓' : ' ✗ wrong';
    setText(truth, shown ? `GT ${name(p.truth)}${word}` : '');
    setFlag(truth, 'is-right', shown && p.truth === p.c);
    setFlag(truth, 'is-wrong', shown && p.truth !== p.c && p.truth !== IGNORE);
  }

  hide() {
    this.panel.hidden = true;
  }

  /** Ask the server for all class probabilities of a pixel and list them. */
  async open(x, y) {
    const { session, panel } = this;
    const ask = `${session.index},${x},${y}`;
    this.asked = ask;
    panel.hidden = false;
    panel.replaceChildren(el('p', { class: 'esl-muted' }, `Reading (${x}, ${y}) …`));
    try {
      const { probs } = await session.api.probe(session.info, session.index, x, y);
      if (this.asked === ask) this.fill(x, y, probs);
    } catch (error) {
      if (this.asked !== ask) return;
      panel.replaceChildren(el('p', { class: 'esl-warn' }, error.message),
        el('button', { type: 'button', class: 'esl-btn', onclick: () => this.open(x, y) }, 'Retry'));
    }
  }

  fill(x, y, probs) {
    const { info } = this.session;
    const ranked = probs.map((p, c) => [p, c]).sort((a, b) => b[0] - a[0]);
    this.panel.replaceChildren(
      el('header', {}, el('b', {}, `P at (${x}, ${y})`), el('button', { type: 'button', class: 'esl-iconbtn', 'aria-label': 'Close', onclick: () => this.hide() }, '×')),
      ...ranked.map(([p, c]) => el('div', { class: 'esl-prob' },
        el('i', { class: 'esl-swatch', style: { background: cssColor(info.class_colors[c]) } }), el('span', {}, info.class_names[c]),
        el('i', { class: 'esl-prob-bar', style: { '--p': p } }), el('code', {}, p < 0.0005 ? '<.001' : showUnit(p)))));
  }
}
