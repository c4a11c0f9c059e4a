/** Maps of 80 columns with ties, pixels outside the classes and unlabelled ones, and thresholds to go with them. */
export function randomMaps(seed, n = 4000, C = 5) {
  let s = seed * 2654435761 % 4294967296;
  const next = () => (s = (s * 1664525 + 1013904223) % 4294967296) / 4294967296;
  const maps = { label: new Uint8Array(n), conf: new Uint16Array(n), ent: new Uint16Array(n), truth: new Uint8Array(n), W: 80, H: n / 80 };
  for (let i = 0; i < n; i++) {
    maps.label[i] = next() < 0.03 ? 255 : Math.floor(next() * C);
    maps.conf[i] = Math.floor(next() * 65536);
    maps.ent[i] = next() < 0.2 ? [0, 65535, 6554][i % 3] : Math.floor(next() * 65536);
    maps.truth[i] = next() < 0.1 ? 255 : Math.floor(next() * C);
  }
  const thresholds = () => ({ mu: Uint16Array.from({ length: C }, () => Math.floor(next() * 65536)), nu: Uint16Array.from({ length: C }, () => Math.floor(next() * 65536)) });
  return { maps, thresholds, C };
}
