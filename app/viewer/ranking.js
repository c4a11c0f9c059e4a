// What the image list may be ordered by, and what of its filter is asked of whom.
import { showShort } from './quantise.js';

/** [key of the server, name, does it need ground truth]. */
export const KEYS = Object.freeze([
  ['index', 'file order'], ['ssl_only', 'SSL − ESL pixels'], ['esl_only', 'ESL − SSL pixels'],
  ['err_ssl', 'error of SSL', true], ['err_esl', 'error of ESL', true], ['err_diff', 'error in SSL − ESL', true],
  ['coverage', 'kept by ESL'], ['coverage_ssl', 'kept by SSL'], ['boundary', 'boundary share'], ['entropy', 'mean entropy'], ['class', 'pixels of a class'], ['verdicts', 'verdicts'],
]);
const PERCENT = new Set(['err_ssl', 'err_esl', 'err_diff', 'coverage', 'coverage_ssl', 'boundary']);
const TRUTH_WORD = /^(err|ssl|diff)[<>]/; // app/filters.py

export function needsTruth(key) {
  return KEYS.find(([id]) => id === key)?.[2] === true;
}

/** What an image is ordered by, as its row says it. */
export function inWords(key, value) {
  const number = PERCENT.has(key) ? `${(100 * value).toFixed(1)} %` : key === 'entropy' ? value.toFixed(3) : showShort(value);
  return `${number}  ${KEYS.find(([id]) => id === key)[1]}`;
}

/** Split what only this browser knows (`seen`, `unseen`) from what the server filters; `truth` is a word that asks for errors. */
export function splitFilter(text) {
  const words = text.trim().split(/\s+/).filter(Boolean);
  return {
    server: words.filter((word) => word !== 'seen' && word !== 'unseen').join(' '),
    seen: words.includes('seen') ? true : words.includes('unseen') ? false : null,
    truth: words.find((word) => TRUTH_WORD.test(word)) ?? null,
  };
}
