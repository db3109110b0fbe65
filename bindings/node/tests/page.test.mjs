// The page docs/node.md does what it says, and README's door.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';

import { HERE, Place } from './support.mjs';

const readme = path.join(path.dirname(process.env.PAGE), '..', 'README.md');
const blocksOf = (page) => [...fs.readFileSync(page, 'utf8').matchAll(/^```(?:js|ts)\n(.*?)^```/gms)].map(([, block]) => block);
const blocks = [...blocksOf(process.env.PAGE), ...blocksOf(readme)];
const runnable = blocks.filter((block) => !block.includes('query('));

test('there are examples', () => {
  assert.equal(blocksOf(readme).length, 1);
  assert.ok(runnable.length >= 3 && blocks.length > runnable.length, `${runnable.length} of ${blocks.length}`);
});

for (const [number, block] of blocks.entries()) {
  const isRun = runnable.includes(block);
  test(`example ${number + 1} ${isRun ? 'runs' : 'is JavaScript'}`, async () => {
    const place = new Place();
    try {
      const program = path.join(HERE, `example-${number}.mjs`);
      fs.writeFileSync(program, block);
      const home = { MIRRORBOX_CONFIG: place.config, XDG_STATE_HOME: place.folder, HOME: place.folder };
      const words = isRun ? [program] : ['--check', program];
      await promisify(execFile)(process.execPath, words, { cwd: HERE, env: { ...process.env, ...home } });
    } finally {
      place.remove();
    }
  });
}
