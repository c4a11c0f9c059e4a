// An image's maps as typed arrays: fetched once, the last few kept, the neighbours fetched ahead.
import { IGNORE } from './quantise.js';

/** Cut one answer of /maps into its maps; `kinds` in the order asked. */
export function splitMaps(buffer, kinds, numPixels) {
  const maps = {};
  let offset = 0;
  for (const kind of kinds) {
    const wide = kind === 'conf' || kind === 'ent';
    const size = numPixels * (wide ? 2 : 1);
    if (offset + size > buffer.byteLength) throw new Error(`Maps must hold ${kinds.join(', ')} of ${numPixels} pixels; the answer is too short.`);
    if (!wide) maps[kind] = new Uint8Array(buffer, offset, size);
    else maps[kind] = offset % 2 ? new Uint16Array(buffer.slice(offset, offset + size)) : new Uint16Array(buffer, offset, numPixels);
    offset += size;
  }
  if (offset !== buffer.byteLength) throw new Error(`Maps must hold ${offset} bytes; got ${buffer.byteLength}. Reload the page: the map size has changed.`);
  return maps;
}

export class ImageCache {
  constructor(api, info, capacity = 4) {
    this.api = api;
    this.info = info;
    this.capacity = capacity;
    this.entries = new Map();
  }

  /** Promise of one image's maps; a failed fetch is forgotten, so that asking again tries again. */
  get(i) {
    const held = this.entries.get(i);
    if (held) {
      this.entries.delete(i);
      this.entries.set(i, held);
      return held;
    }
    const loading = loadImage(this.api, this.info, i);
    this.entries.set(i, loading);
    loading.catch(() => this.entries.delete(i));
    for (const old of this.entries.keys()) {
      if (this.entries.size <= this.capacity) break;
      this.entries.delete(old);
    }
    return loading;
  }

  forget(i) {
    this.entries.delete(i);
  }

  prefetch(i) {
    if (i >= 0 && i < this.info.num_images && this.info.images[i]?.done !== false && !this.entries.has(i)) this.get(i).catch(() => {});
  }
}

async function loadImage(api, info, i) {
  const [H, W] = info.map_size;
  const kinds = ['conf', 'ent', 'pred', 'second']; // the u16 maps first: aligned, so no copy
  const isOwn = typeof i === 'string';
  const hasTruth = !isOwn && (info.images.find((image) => image.i === i)?.has_truth ?? info.has_truth);
  const [buffer, truth, photo] = await Promise.all([
    api.maps(info, i, kinds),
    hasTruth ? settle(api.maps(info, i, ['gt']).then((b) => new Uint8Array(b))) : { value: null, error: null },
    settle(loadPhoto(api, info, i)),
  ]);
  const maps = splitMaps(buffer, kinds, H * W);
  let truthError = truth.error;
  let labels = truth.value;
  if (labels && labels.length !== H * W) {
    truthError = `Ground truth must have the maps' size, ${W} × ${H} pixels; it has ${labels.length} pixels.`;
    labels = null;
  }
  return {
    i, W, H, label: maps.pred, conf: maps.conf, ent: maps.ent, second: maps.second,
    truth: labels, truthError, photo: photo.value, photoError: photo.error,
  };
}

async function settle(promise) {
  try {
    return { value: await promise, error: null };
  } catch (error) {
    return { value: null, error: error.message };
  }
}

async function loadPhoto(api, info, i) {
  const response = await api.request(api.photoUrl(info, i).slice(api.base.length));
  const bitmap = await createImageBitmap(await response.blob());
  const [H, W] = info.map_size;
  if (bitmap.width !== W || bitmap.height !== H) {
    throw new Error(`The photo must come at map size, ${W} × ${H}; it is ${bitmap.width} × ${bitmap.height}.`);
  }
  return bitmap;
}

/** Distance in pixels to the nearest pixel of another predicted class, up to `reach`; reach + 1 when there is none. */
export function boundaryDistance(maps, x, y, reach = 16) {
  const { label, W, H } = maps;
  const own = label[y * W + x];
  let best = (reach + 1) ** 2;
  for (let dy = -reach; dy <= reach; dy++) {
    const yy = y + dy;
    if (yy < 0 || yy >= H || dy * dy >= best) continue;
    for (let dx = -reach; dx <= reach; dx++) {
      const xx = x + dx;
      const d = dx * dx + dy * dy;
      if (xx < 0 || xx >= W || d >= best) continue;
      const other = label[yy * W + xx];
      if (other !== own && other !== IGNORE) best = d;
    }
  }
  return Math.sqrt(best);
}
