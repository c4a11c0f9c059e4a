// The mask: whose verdicts the recipes that are saved take along, and whether a recipe's mask is that of the screen.

/** Whose verdicts are frozen into recipes from now on: { users } or null. */
export function setMask(session, mask) {
  session.verdictMask = mask;
  session.emit('mask');
}

/** There are other verdicts than those of the recipe in use: saving again makes another one. */
export function touchMask(session) {
  if (!session.verdictMask) return;
  session.isMaskBehind = true;
  session.emit('mask');
}

/** Whoever judges has another name; a mask of other people's verdicts stays theirs. */
export function takeName(audit, name) {
  const { session, user: before } = audit;
  audit.user = name;
  if (session.verdictMask && name !== before) setMask(session, { users: [...new Set(session.verdictMask.users.map((user) => (user === before ? name : user)))] });
}

const keyOf = (users, sid) => (users.length > 0 ? JSON.stringify([[...users].sort(), sid]) : '');

/** Whether a recipe has a mask as the next one saved would have. */
export function sameMask(session, recipe) {
  const { verdictMask } = session;
  if (verdictMask && session.isMaskBehind) return false;
  const theirs = recipe.mask && recipe.num_verdicts !== 0 ? keyOf(recipe.mask_users ?? [], recipe.mask_sid) || recipe.mask : '';
  return theirs === (verdictMask ? keyOf(verdictMask.users, session.sid) : '');
}

/** The mask that a recipe puts on screen: none where it has none, or one whose verdicts are not of this store. */
export function maskFrom(session, { mask, mask_users: users = [], mask_sid: sid }) {
  return mask && users.length > 0 && sid === session.sid ? { users: [...users] } : null;
}

/** What is said of the mask of a recipe that was loaded, where `before` was on screen. */
export function saidOfLoaded(session, recipe, before) {
  const { verdictMask } = session;
  if (verdictMask) return ` Saved again, it takes the verdicts of ${people(verdictMask.users)} as they stand then.`;
  if (recipe.num_verdicts === null) return ' Its verdicts cannot be read, so recipes are saved without a mask.';
  if (recipe.num_verdicts > 0) return ' Its verdicts are on another store, so recipes are saved without a mask.';
  return before ? ' It has no mask: verdicts are put into recipes no longer.' : '';
}

/** A recipe's mask in a list. */
export function maskNote({ mask, num_verdicts: count, mask_users: users = [] }) {
  if (!mask) return '';
  if (count === null || count === undefined) return 'with verdicts that cannot be read';
  return `with ${count} verdict${count === 1 ? '' : 's'}${users.length > 0 ? ` of ${people(users)}` : ''}`;
}

/** Names in a sentence. */
export function people(users) {
  return users.length > 3 ? `${users.length} people` : users.join(' and ');
}
