// Sorts an image's pixels off the main thread; see orders.js.
import { buildAll, transferables } from './orders.js';

self.onmessage = ({ data }) => {
  const built = buildAll(data);
  self.postMessage({ ticket: data.ticket, built }, transferables(built));
};
