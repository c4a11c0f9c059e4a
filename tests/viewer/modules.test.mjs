import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { test } from 'node:test';

const FOLDER = new URL('../../app/viewer/', import.meta.url);

test('every module loads without a page: nothing touches the document before it is mounted', async () => {
  globalThis.self = {};
  for (const name of readdirSync(FOLDER).filter((file) => file.endsWith('.js'))) await import(new URL(name, FOLDER));
  const { mount } = await import(new URL('main.js', FOLDER));
  assert.equal(typeof mount, 'function');
  assert.equal(typeof globalThis.self.onmessage, 'function');
});

test('the worker sorts what it is sent', async () => {
  globalThis.self = { postMessage: (answer) => { globalThis.answer = answer; } };
  await import(new URL('order-worker.js?again', FOLDER));
  const pixels = { label: Uint8Array.of(0, 1, 255), conf: Uint16Array.of(9, 8, 7), ent: Uint16Array.of(1, 2, 3), cell: Uint8Array.of(0, 5, 6) };
  globalThis.self.onmessage({ data: { ...pixels, numClasses: 2, ticket: 4 } });
  assert.equal(globalThis.answer.ticket, 4);
  assert.deepEqual([...globalThis.answer.built.ent.order], [0, 1]);
});
