// Elements without markup strings: all text goes through textContent, so that a file's name can never be code.

const SVG = 'http://www.w3.org/2000/svg';

/**
 * Make an element: `el('button', { class: 'go', onclick: f, 'aria-label': 'Go' }, 'Go', child)`.
 * Properties starting with `on` are listeners; `dataset` is an object; null children are left out.
 */
export function el(tag, props = {}, ...children) {
  const node = document.createElement(tag);
  for (const [key, value] of Object.entries(props)) setProp(node, key, value);
  node.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

function setProp(node, key, value) {
  if (value === null || value === undefined || value === false) return;
  if (key.startsWith('on')) node.addEventListener(key.slice(2), value);
  else if (key === 'dataset') Object.assign(node.dataset, value);
  else if (key === 'style') for (const [name, v] of Object.entries(value)) node.style.setProperty(name, v);
  else if (key === 'value' || key === 'checked' || key === 'disabled') node[key] = value;
  else node.setAttribute(key, value === true ? '' : value);
}

/** Write text only where it differs: an unchanged row costs no layout, and a changed one keeps its text node. */
export function setText(node, text) {
  if (node.__text === text) return;
  node.__text = text;
  const only = node.firstChild;
  if (only !== null && only === node.lastChild && only.nodeType === 3) only.data = text;
  else node.textContent = text;
}

export function setFlag(node, name, on) {
  node.classList.toggle(name, Boolean(on));
}

/** A small line icon from an SVG path in a 16 x 16 box. */
export function icon(path, label = null) {
  const svg = document.createElementNS(SVG, 'svg');
  svg.setAttribute('viewBox', '0 0 16 16');
  svg.setAttribute('class', 'esl-icon');
  if (label) svg.setAttribute('aria-label', label);
  else svg.setAttribute('aria-hidden', 'true');
  const shape = document.createElementNS(SVG, 'path');
  shape.setAttribute('d', path);
  svg.append(shape);
  return svg;
}

export const ICONS = Object.freeze({
  eye: 'M1.5 8C3 5 5.300 3.500 8 3.500S13 5 14.500 8C13 11 10.700 12.500 8 12.500S3 11 1.500 8ZM8 6a2 2 0 1 0 0 4a2 2 0 0 0 0-4',
  closed: 'M2 6.500C3.500 9 5.500 10.300 8 10.300S12.500 9 14 6.500M4 9.300L2.800 11M8 10.500v2M12 9.300l1.200 1.700',
  lock: 'M4.500 7.500h7v6h-7zM6 7.500V5.500a2 2 0 0 1 4 0v2',
  open: 'M4.500 7.500h7v6h-7zM6 7.500V4.500a2 2 0 0 1 4-.3',
  fit: 'M2.500 6V2.500H6M10 2.500h3.500V6M13.500 10v3.500H10M6 13.500H2.500V10',
  undo: 'M6 3L3 6l3 3M3 6h6a3.500 3.500 0 0 1 0 7H6',
  search: 'M7 3a4 4 0 1 0 0 8a4 4 0 0 0 0-8M10 10l3.500 3.500',
  theme: 'M8 2.500a5.500 5.500 0 1 0 0 11zM8 2.500a5.500 5.500 0 0 1 0 11',
  check: 'M3 8.500l3.200 3.200L13 5',
  cross: 'M4 4l8 8M12 4l-8 8',
});

export function iconButton(path, label, onclick, extra = {}) {
  return el('button', { type: 'button', class: 'esl-iconbtn', title: label, 'aria-label': label, onclick, ...extra }, icon(path));
}

/** A canvas whose backing store follows its box; `resize()` returns true when the size changed. */
export function fittedCanvas(className, label = null) {
  const canvas = el('canvas', { class: className, role: label ? 'img' : null, 'aria-label': label, 'aria-hidden': label ? null : 'true' });
  canvas.resize = () => {
    const ratio = Math.min(window.devicePixelRatio || 1, 2);
    const w = Math.max(1, Math.round(canvas.clientWidth * ratio));
    const h = Math.max(1, Math.round(canvas.clientHeight * ratio));
    canvas.ratio = ratio;
    if (canvas.width === w && canvas.height === h) return false;
    canvas.width = w;
    canvas.height = h;
    return true;
  };
  return canvas;
}

/** Value of a CSS variable of the viewer's theme, for canvases. */
export function themeColor(node, name) {
  return getComputedStyle(node).getPropertyValue(name).trim() || '#888';
}

/** The number in a box; where it holds none, the one that was there. */
export function numberIn(box, was) {
  return Number.isFinite(box.valueAsNumber) ? box.valueAsNumber : was;
}

/** Typing belongs to the field; ranges keep their arrows and give the other keys away. */
export function isTyping(event) {
  const target = event.composedPath ? event.composedPath()[0] : event.target;
  if (!target || !target.tagName) return false;
  if (target.isContentEditable || target.tagName === 'TEXTAREA' || target.tagName === 'SELECT') return true;
  if (target.tagName !== 'INPUT') return false;
  if (target.type === 'range') return event.key.startsWith('Arrow') || event.key === 'Home' || event.key === 'End';
  return !['button', 'checkbox', 'radio', 'submit'].includes(target.type);
}
