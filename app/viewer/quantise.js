// One scale for maps and thresholds: q(v) = floor(65535 v + 0.5), the same integers as the kernel and the exporter.

export const SCALE = 65535;
export const IGNORE = 255;

/** Integer of a probability, entropy or threshold in 0..1 (never `Math.round`: Python rounds halves to even). */
export function quantise(value) {
  return Math.floor(SCALE * value + 0.5);
}

/** The value in 0..1 that an integer stands for. */
export function dequantise(integer) {
  return integer / SCALE;
}

/** Clamp to 0..1 and to a grid, so that sliders, keys and number boxes land on the same floats. */
export function snap(value, step = 0.001) {
  const steps = Math.round(1 / step);
  const clamped = Math.min(1, Math.max(0, Number.isFinite(value) ? value : 0));
  return Math.round(clamped * steps) / steps;
}

/** ".912" for 0.912 and "1.00" for 1: probabilities take three places of width everywhere. */
export function showUnit(value, digits = 3) {
  if (value < 0 || !Number.isFinite(value)) return '—';
  const text = value.toFixed(digits);
  return text.startsWith('0.') ? text.slice(1) : text.slice(0, digits + 1);
}

/** "4.2 %", or a dash where there is nothing to divide by. */
export function showPercent(part, whole, digits = 1) {
  return whole > 0 && Number.isFinite(part) ? `${((100 * part) / whole).toFixed(digits)} %` : '—';
}

/** 1 234 567 with narrow no-break spaces: readable in any locale, and one width. */
export function showCount(number) {
  return String(Math.round(number)).replace(/\B(?=(\d{3})+(?!\d))/g, '\u202f');
}

/** 1.2 M, 34 k: for narrow columns. */
export function showShort(number) {
  if (number >= 1e9) return `${(number / 1e9).toFixed(1)} G`;
  if (number >= 1e6) return `${(number / 1e6).toFixed(1)} M`;
  if (number >= 1e4) return `${Math.round(number / 1e3)} k`;
  return String(Math.round(number));
}
