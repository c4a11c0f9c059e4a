// Colour tables as packed little-endian RGBA words, ready for a Uint32 view of ImageData.

export function pack(r, g, b) {
  return (255 << 24 | b << 16 | g << 8 | r) >>> 0;
}

export function packHex(hex) {
  const value = parseInt(hex.slice(1), 16);
  return pack(value >> 16, (value >> 8) & 255, value & 255);
}

export function cssColor([r, g, b]) {
  return `rgb(${r} ${g} ${b})`;
}

/** Right and wrong in blue and orange: told apart with any common colour blindness. */
export const RIGHT = packHex('#4aa3df');
export const WRONG = packHex('#f28e2b');
export const UNKNOWN = packHex('#9a9a9a');
export const BRUSHED = packHex('#ff3df2');

const STOPS = {
  entropy: ['#0b0d1e', '#3a1e6d', '#8c2981', '#de4968', '#fe9f6d', '#fcf7c0'],
  confidence: ['#f3f1cf', '#c0c66a', '#6d8f6a', '#3c6382', '#22396e', '#0a1433'],
};

/** 256 packed colours through evenly spaced stops. */
export function ramp(name) {
  const stops = STOPS[name].map((hex) => {
    const value = parseInt(hex.slice(1), 16);
    return [value >> 16, (value >> 8) & 255, value & 255];
  });
  const table = new Uint32Array(256);
  for (let k = 0; k < 256; k++) {
    const at = (k / 255) * (stops.length - 1);
    const s = Math.min(stops.length - 2, Math.floor(at));
    const f = at - s;
    table[k] = pack(...stops[s].map((v, j) => Math.round(v + (stops[s + 1][j] - v) * f)));
  }
  return table;
}

/** Packed class colours by train id; 255 and hidden classes take `background`. */
export function classTable(colors, background, hidden = new Set()) {
  const table = new Uint32Array(256).fill(background);
  colors.forEach((color, c) => {
    if (!hidden.has(c)) table[c] = pack(...color);
  });
  return table;
}

/** Class colours dimmed by entropy in 32 steps: [class << 5 | entropy >> 11]; sure pixels shine, unsure ones go dark. */
export function entropyClassTable(classes) {
  const table = new Uint32Array(256 << 5);
  for (let c = 0; c < 256; c++) {
    for (let k = 0; k < 32; k++) table[(c << 5) | k] = dim(classes[c], 1 - Math.sqrt(k / 31) * 0.92);
  }
  return table;
}

export function dim(word, factor) {
  return pack(Math.round((word & 255) * factor), Math.round(((word >> 8) & 255) * factor), Math.round(((word >> 16) & 255) * factor));
}

/** The photo as a quiet grey ground. */
export function greyGround(photo, out, strength, floor) {
  for (let i = 0; i < photo.length; i++) {
    const p = photo[i];
    const luma = ((p & 255) * 77 + ((p >> 8) & 255) * 150 + ((p >> 16) & 255) * 29) >> 8;
    const v = (floor + luma * strength) | 0;
    out[i] = 0xff000000 | (v << 16) | (v << 8) | v;
  }
}
