// Any-hit down-sampling: a screen pixel shows a difference when any image pixel under it differs, so that
// one-pixel lines stay whole (nearest sampling breaks them into dots).

/** Screen pixels with a hit: `first[o]` is the first image pixel that differs under screen pixel o, -1 where none does. */
export class Hits {
  constructor(size) {
    this.first = new Int32Array(size).fill(-1);
    this.list = new Uint32Array(size);
    this.count = 0;
  }

  clear() {
    const { first, list } = this;
    for (let k = 0; k < this.count; k++) first[list[k]] = -1;
    this.count = 0;
  }
}

/** SSL-only and ESL-only hits of the part of the image on screen, in one pass over the selection's words. */
export function scanDifferences(selection, label, g, visible, sslOnly, eslOnly) {
  const { words, state } = selection;
  const { w, W, across, down } = g;
  const columns = across.target;
  sslOnly.clear();
  eslOnly.clear();
  const firsts = [null, sslOnly.first, eslOnly.first];
  const lists = [null, sslOnly.list, eslOnly.list];
  const counts = [0, 0, 0];
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
      if (s === 1 || s === 2) {
        const o = row + columns[i - base];
        const first = firsts[s];
        if (first[o] < 0 && visible[label[i]]) {
          first[o] = i;
          lists[s][counts[s]++] = o;
        }
      }
      i++;
    }
  }
  sslOnly.count = counts[1];
  eslOnly.count = counts[2];
}

/** Hits of a mask. */
export function scanMask(mask, g, hits) {
  const { w, W, across, down } = g;
  hits.clear();
  for (let y = down.from; y <= down.to; y++) {
    const row = down.target[y] * w;
    const base = y * W;
    for (let x = across.from; x <= across.to; x++) {
      const o = row + across.target[x];
      if (mask[base + x] && hits.first[o] < 0) {
        hits.first[o] = base + x;
        hits.list[hits.count++] = o;
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
    if (maps.label[i] === brush.cls && e >= brush.e[0] && e <= brush.e[1] && p >= brush.p[0] && p <= brush.p[1]) mask[i] = 1;
  }
  return mask;
}
