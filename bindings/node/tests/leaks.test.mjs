// What is used again and again takes no more memory than before. Run with --expose-gc.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Place, row } from './support.mjs';

const KEY = { projectKey: 'p', sessionId: 's' };
// In the long form, as many as a process of months makes.
const LOADS = process.env.MIRRORBOX_SOAK === undefined ? 3_000 : 100_000;

function resident() {
  globalThis.gc();
  return process.memoryUsage().rss;
}

test('loads', async () => {
  const place = new Place();
  const store = place.open();
  const entries = Array.from({ length: 50 }, (_, n) => row('user', { n, text: 'x'.repeat(200) }));
  await store.append(KEY, entries);
  await store.flush(60);
  const load = async (count) => {
    for (let n = 0; n < count; n += 1) assert.equal((await store.load(KEY)).length, 50);
  };
  // Until every thread and cache is there, and the heap is as large as it gets.
  await load(Math.max(LOADS / 4, 2_000));
  const before = resident();
  await load(LOADS);
  const after = resident();
  console.log(`${LOADS} loads: resident memory ${(after / before).toFixed(3)} times what it was`);
  assert.ok(after <= before * 1.05, `${before} ${after}`);
  await store.close();
  place.remove();
});
