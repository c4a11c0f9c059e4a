// Any-hit down-sampling: a screen pixel shows a difference when any image pixel under it differs, so that
// one-pixel lines stay whole (nearest sampling breaks them into dots).

/** First SSL-only and ESL-only image pixel under each screen pixel, -1 where there is none. */
export function scanDifferences(selection, label, g, visible, sslOnly, eslOnly) {
  const { words, state } = selection;
  const { w, W, across, down } = g;
  const columns = across.target;
  sslOnly.fill(-1);
  eslOnly.fill(-1);
  for (let y = down.from; y <= down.to; y++) {
    const row = down.target[y] * w;
    const base = y * W;
    const end = base + across.to + 1;
    let i = base + across.from;
    while (i < end) {
      if ((i & 3) === 0 && i + 4 <= end) {
        const word = words[i >> 2];
        if (((word ^ (word >>> 1)) & 0x01010101) === 0) { // four pixels on which the rules agree
          i += 4;
          continue;
        }
      }
      const s = state[i];
      if ((s === 1 || s === 2) && visible[label[i]]) {
        const hits = s === 1 ? sslOnly : eslOnly;
        const o = row + columns[i - base];
        if (hits[o] < 0) hits[o] = i;
      }
      i++;
    }
  }
}

/** First set pixel of a mask under each screen pixel. */
export function scanMask(mask, g, hits) {
  const { w, W, across, down } = g;
  hits.fill(-1);
  for (let y = down.from; y <= down.to; y++) {
    const row = down.target[y] * w;
    const base = y * W;
    for (let x = across.from; x <= across.to; x++) {
      if (mask[base + x]) {
        const o = row + across.target[x];
        if (hits[o] < 0) hits[o] = base + x;
      }
    }
  }
}

/** Pixels of one class inside a box of entropy and confidence: what a brush on the density marks. */
export function brushMask(maps, brush) {
  const mask = new Uint8Array(maps.label.length);
  for (let i = 0; i < mask.length; i++) {
    const e = maps.ent[i];
    const p = maps.conf[i];
    if (maps.label[i] === brush.cls && e >= brush.ent[0] && e <= brush.ent[1] && p >= brush.conf[0] && p <= brush.conf[1]) mask[i] = 1;
  }
  return mask;
}
