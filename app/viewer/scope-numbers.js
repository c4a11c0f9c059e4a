// The counts behind every number of a screen: of one image (exact), of the filtered images, or of the whole set.
import { splitFilter } from './ranking.js';

/**
 * @param {'image'|'filter'|'set'} scope
 * @param {number} numShown images that the filter leaves
 * @returns {{scope, counts, cumulative, tag, note, title, missing}} counts and cumulative are null while they travel; `tag`
 *   changes with what they are of, `title` names it in a figure, `missing` says why there are no curves and none will come
 */
export function numbersOf(session, scope, numShown = 0) {
  if (scope === 'set') return { scope, ...ofSet(session) };
  return { scope, ...(scope === 'filter' ? ofFilter(session, numShown) : ofImage(session)) };
}

/** How many images are counted without the ground truth that they have; the bar says why. */
export function unread({ num_unread: count = 0 }) {
  return count ? `${count} label${count > 1 ? 's' : ''} cannot be read` : '';
}

function ofSet(session) {
  const { histogram, histogramImages: counted, info } = session;
  const without = session.showsTruth && unread(info);
  return {
    counts: histogram?.at(session.thresholds) ?? null, cumulative: histogram?.cumulative ?? null, tag: `set${counted}`,
    note: session.histogramError ?? (histogram ? `≈ ${counted} of ${info.num_images} images${without ? ` · ${without}` : ''}` : 'reading …'), title: `whole target set, ${counted ?? 0} images`,
  };
}

function ofFilter(session, numShown) {
  const totals = session.filtered;
  const none = splitFilter(session.filter).seen === null ? 'filter or sort the list first' : 'which images were seen is known to this browser only: no counts';
  return {
    counts: totals ? Float64Array.from(totals.flat(2)) : null, cumulative: null, tag: 'filter', missing: 'curves: choose Image or Set',
    note: totals ? `≈ ${numShown} images` : none, title: `${numShown} filtered images`,
  };
}

function ofImage(session) {
  const { image, imageError } = session;
  const i = imageError ? session.index : image?.maps.i;
  const name = (typeof i === 'string' ? session.own?.name : session.info.images[i]?.name) ?? '';
  return {
    counts: image?.selection.counts ?? null, cumulative: image?.cumulative ?? null, tag: `image${i}${imageError ? ' failed' : ''}`,
    note: imageError ? (session.isWaiting ? 'not predicted yet' : 'cannot be shown') : '', missing: imageError ? 'no curve: no image' : '',
    title: `image ${name.split('/').pop().slice(0, 60)}`,
  };
}
