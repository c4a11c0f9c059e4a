// The whole view in the URL's hash: copying the link copies the pixels.
import { DEFAULT_PORTION } from './class-balanced.js';
import { MODES } from './thresholds.js';

/** View -> hash without '#': tab, store, image, viewport, thresholds, overrides, panes, filter. */
export function encodeView(view) {
  const parts = new URLSearchParams();
  parts.set('tab', view.tab);
  if (view.sid) parts.set('s', view.sid);
  parts.set('i', String(view.index));
  if (view.camera) parts.set('at', view.camera.map((v) => +v.toFixed(3)).join(','));
  parts.set('nu', String(view.rule.nuStar));
  parts.set('mu', String(view.rule.muStar));
  if (view.rule.mode !== 'capped') parts.set('mode', view.rule.mode);
  const overrides = (o) => Object.entries(o).map(([c, v]) => `${c}:${+v.toFixed(6)}`).join(',');
  if (Object.keys(view.rule.nuOverrides).length) parts.set('nuc', overrides(view.rule.nuOverrides));
  if (Object.keys(view.rule.muOverrides).length) parts.set('muc', overrides(view.rule.muOverrides));
  if (view.panes) parts.set('p', view.panes.join(','));
  if (view.hidden?.length) parts.set('hide', view.hidden.join(','));
  if (view.filter) parts.set('q', view.filter);
  if (view.sort && view.sort !== 'index') parts.set('by', view.sort);
  if (view.scope && view.scope !== 'image') parts.set('n', view.scope);
  if (view.mix) parts.set('mix', String(view.mix));
  if (view.portion && view.portion !== DEFAULT_PORTION) parts.set('cb', String(+view.portion.toFixed(4)));
  if (view.colorBy && view.colorBy !== 'class') parts.set('c', view.colorBy);
  return parts.toString().replace(/%2C/g, ',').replace(/%3A/g, ':');
}

const unit = (text) => {
  const value = Number(text);
  return text !== null && text !== '' && value >= 0 && value <= 1 ? value : null;
};

function overridesOf(text) {
  const out = {};
  for (const pair of (text ?? '').split(',').filter(Boolean)) {
    const [c, v] = pair.split(':');
    if (/^\d+$/.test(c) && unit(v ?? null) !== null) out[c] = unit(v);
  }
  return out;
}

/** Hash -> what of a view it names; nonsense is left out, never passed on. */
export function decodeView(hash) {
  const parts = new URLSearchParams(hash.replace(/^#/, ''));
  const view = {};
  const text = (key, name, allowed) => {
    const value = parts.get(key);
    if (value !== null && (!allowed || allowed.test(value))) view[name] = value;
  };
  text('tab', 'tab', /^[a-z]+$/);
  text('s', 'sid', /^[0-9a-f]+$/);
  text('q', 'filter');
  text('by', 'sort', /^[a-z_]+$/);
  text('n', 'scope', /^(image|filter|set)$/);
  text('c', 'colorBy', /^(class|truth|cause)$/);
  if (/^\d+$/.test(parts.get('i') ?? '')) view.index = Number(parts.get('i'));
  const at = (parts.get('at') ?? '').split(',').map(Number);
  if (at.length === 3 && at.every(Number.isFinite) && at[2] > 0) view.camera = at;
  if (parts.has('p')) view.panes = parts.get('p').split(',');
  if (parts.has('hide')) view.hidden = parts.get('hide').split(',').map(Number).filter(Number.isInteger);
  if (unit(parts.get('cb')) > 0) view.portion = unit(parts.get('cb'));
  if (unit(parts.get('mix')) !== null) view.mix = unit(parts.get('mix'));
  if (parts.has('nu') || parts.has('mu')) {
    view.rule = {
      nuStar: unit(parts.get('nu')) ?? 0.1, muStar: unit(parts.get('mu')) ?? 0.9,
      mode: MODES.includes(parts.get('mode')) ? parts.get('mode') : 'capped',
      nuOverrides: overridesOf(parts.get('nuc')), muOverrides: overridesOf(parts.get('muc')),
    };
  }
  return view;
}

/** Put back a link that this page wrote its own view over before it could hear of the link. */
export function keepLink({ newURL }) {
  if (location.href !== newURL) history.replaceState(history.state, '', newURL);
}

/** What a view shows that is opened in place of another: what a link leaves out is then as a new page has it. */
export function wholeView(view) {
  const shared = view.rule ? { hidden: [], scope: 'image', portion: DEFAULT_PORTION, filter: '' } : {};
  const look = view.panes ? { camera: null, mix: 0, colorBy: 'class', sort: 'index' } : {};
  return { ...shared, ...look, ...view };
}

/** Write the hash without a history entry, at most a few times a second. */
export class HashWriter {
  constructor(compose, wait = 250) {
    this.compose = compose;
    this.wait = wait;
    this.timer = 0;
  }

  touch() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.write(), this.wait);
  }

  /** The hash is another's now: what was about to be written is older. */
  cancel() {
    clearTimeout(this.timer);
  }

  write() {
    const view = this.compose();
    if (view === null) return;
    const hash = `#${view}`;
    if (hash !== location.hash) history.replaceState(history.state, '', hash);
  }
}
