// What verdicts say, without a DOM: decisions, rates per class pair with their intervals, agreement.
import { IGNORE, showCount } from './quantise.js';
import { kappa, wilson } from './statistics.js';

/** Keys of the Audit screen; `wrong` is what the verdict says about the predicted label (null: nothing). */
export const DECISIONS = Object.freeze({
  a: { key: 'A', name: 'ESL is right to drop it', short: 'drop', decision: 'drop', wrong: true },
  s: { key: 'S', name: 'Should be kept: SSL is right', short: 'keep', decision: 'keep', wrong: false },
  d: { key: 'D', name: 'Both classes wrong', short: 'both wrong', decision: 'drop', wrong: true, note: 'both classes wrong' },
  x: { key: 'X', name: 'Relabel to the second class', short: 'relabel', decision: 'relabel', wrong: true },
  u: { key: 'U', name: 'Unsure', short: 'unsure', decision: 'unsure', wrong: null },
});

const BOTH = DECISIONS.d.note;

const WRONG = { drop: true, relabel: true, keep: false, unsure: null };

/** The body of POST /verdicts. */
export function verdictBody({ id, session, item, decision, user, recipe, note }) {
  const body = {
    id, sid: session.sid, i: item.i, item: item.key, decision: decision.decision, runs: item.runs, pred: item.pred, second: item.second,
    weight: item.weight, recipe: recipe ?? '', blind: session.blind, note: [decision.note, note].filter(Boolean).join('; '), user,
  };
  if (decision.decision === 'relabel') body.relabel_to = item.relabelTo ?? item.second;
  return body;
}

/** The key that gave a verdict. A and D both drop: only the words that D puts into the note tell them apart. */
export function keyOf({ decision, note }) {
  if (decision === 'drop') return typedNote({ note }) === (note ?? '') ? 'a' : 'd';
  return Object.keys(DECISIONS).find((key) => DECISIONS[key].decision === decision);
}

/** What was typed into a verdict's note, without the words that came with its key. */
export function typedNote({ note }) {
  const text = note ?? '';
  return text === BOTH || text.startsWith(`${BOTH}; `) ? text.slice(BOTH.length + 2) : text;
}

/** A queue without arcs: no difference at all, or only specks. */
export function whyNone({ num_pixels: pixels = 0, min_pixels: least }, name, nuStar) {
  if (pixels > 0) return `No arcs at ν* = ${nuStar}: the ${showCount(pixels)} pixels of ${name} lie in pieces of fewer than ${least}, too small to be judged.`;
  return `No ${name} pixels at ν* = ${nuStar}: one rule keeps everything that the other keeps.`;
}

/** Standing verdicts: the last one of each user on each item. */
export function standing(verdicts) {
  const last = new Map();
  for (const verdict of verdicts) last.set(`${verdict.user}\u0000${verdict.item}`, verdict);
  return [...last.values()];
}

/**
 * How often the removed label was indeed wrong, weighted by sampling, with a 95 % Wilson interval on the effective n.
 * @returns {{rate: number, low: number, high: number, n: number}}
 */
export function precision(verdicts) {
  let right = 0;
  let weight = 0;
  let squares = 0;
  let n = 0;
  for (const verdict of verdicts) {
    const wrong = WRONG[verdict.decision];
    if (wrong === null || wrong === undefined) continue;
    const w = verdict.weight > 0 ? verdict.weight : 1;
    right += wrong ? w : 0;
    weight += w;
    squares += w * w;
    n++;
  }
  if (n === 0) return { rate: NaN, low: 0, high: 1, n: 0 };
  const effective = (weight * weight) / squares;
  const [low, high] = wilson((right / weight) * effective, effective);
  return { rate: right / weight, low, high, n };
}

/** Precision by class pair, the pairs with most verdicts first. */
export function precisionByPair(verdicts) {
  const pairs = new Map();
  for (const verdict of verdicts) {
    const key = `${verdict.pred},${verdict.second}`;
    if (!pairs.has(key)) pairs.set(key, []);
    pairs.get(key).push(verdict);
  }
  return [...pairs.entries()].map(([key, list]) => {
    const [pred, second] = key.split(',').map(Number);
    return { pred, second, ...precision(list) };
  }).sort((a, b) => b.n - a.n);
}

/** Share of an arc's labelled pixels whose predicted label is wrong; NaN without ground truth there. */
export function wrongShare(maps, runs) {
  if (!maps.truth) return NaN;
  let wrong = 0;
  let labelled = 0;
  for (const [start, length] of runs) {
    for (let i = start; i < start + length; i++) {
      if (maps.truth[i] === IGNORE) continue;
      labelled++;
      if (maps.truth[i] !== maps.label[i]) wrong++;
    }
  }
  return labelled > 0 ? wrong / labelled : NaN;
}

/** How many decided verdicts agree with the majority of ground truth: {agree, n}. */
export function agreement(verdicts, shares) {
  let agree = 0;
  let n = 0;
  for (const verdict of verdicts) {
    const share = shares.get(verdict.item);
    const wrong = WRONG[verdict.decision];
    if (!(share >= 0) || wrong === null || wrong === undefined) continue;
    n++;
    if (wrong === share >= 0.5) agree++;
  }
  return { agree, n };
}

/** Cohen's kappa of the two users with most items in common; null below five of them. */
export function raterKappa(verdicts) {
  const users = [...new Set(verdicts.map((v) => v.user))];
  let best = null;
  for (let a = 0; a < users.length; a++) {
    for (let b = a + 1; b < users.length; b++) {
      const other = new Map(verdicts.filter((v) => v.user === users[b]).map((v) => [v.item, v.decision]));
      const pairs = verdicts.filter((v) => v.user === users[a] && other.has(v.item)).map((v) => [v.decision, other.get(v.item)]);
      if (pairs.length >= 5 && (!best || pairs.length > best.n)) best = { users: [users[a], users[b]], n: pairs.length, kappa: kappa(pairs) };
    }
  }
  return best;
}
