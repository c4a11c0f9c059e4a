// Parts of the page without a page: an object of a class with only what the methods under test need.
import { ImageList } from '../../app/viewer/list.js';
import { Session } from '../../app/viewer/session.js';

export const made = (kind, parts) => Object.assign(Object.create(kind.prototype), parts);
export const node = () => ({ firstChild: null, lastChild: null, textContent: '', style: {}, classList: { add() {}, remove() {}, toggle() {} } });
export const settle = () => new Promise((go) => setTimeout(go));

/** A session of a store of three images with ground truth; `api` answers what the test asks for. */
export function sessionOf(api = {}) {
  const session = new Session(api, 'aa');
  const images = [0, 1, 2].map((i) => ({ i, name: `${i}.png` }));
  session.info = { sid: 'aa', num_images: 3, num_done: 3, has_truth: true, class_names: ['a', 'b'], medians: { mu: [0, 0], nu: [9, 9] }, images };
  session.setRule({});
  return session;
}

/** The image list of a session, with rows that nobody draws. */
export function listOf(session) {
  const parts = { search: { value: '' }, sort: { value: 'index', options: [] }, note: node(), again: {}, inner: node(), nodes: new Map(), pool: [], seen: new Set(), key: 'index', order: [], values: null };
  return made(ImageList, { session, ...parts, draw() {} });
}
