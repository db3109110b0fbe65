// What is used again and again takes no more memory than before. Run with --expose-gc.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';

import { Place, row } from './support.mjs';

const KEY = { projectKey: 'p', sessionId: 's' };
// In the long form, as many as a process of months makes. Before, until every thread and cache is there; Node itself
// takes 14 MB more, once, after some 45,000.
const IS_LONG = process.env.MIRRORBOX_SOAK !== undefined;
const [BEFORE, WINDOWS, LOADS] = IS_LONG ? [60_000, 1, 100_000] : [3_000, 5, 3_000];

/** Nothing says when V8 has given back what it freed: that is done by threads of its own. */
async function resident() {
  globalThis.gc();
  await wait(50);
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
  await load(BEFORE);
  // What leaks rises in every window; what grows once, in one of them.
  const rises = [];
  for (let window = 0; window < WINDOWS; window += 1) {
    const before = await resident();
    await load(LOADS);
    rises.push((await resident()) / before);
  }
  const least = Math.min(...rises);
  console.log(`${LOADS} loads: resident memory ${rises.map((rise) => rise.toFixed(3)).join(', ')} times what it was`);
  assert.ok(least <= (IS_LONG ? 1.05 : 1.01), `${least}`);
  await store.close();
  place.remove();
});
