// The page docs/node.md does what it says.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';

import { HERE, Place } from './support.mjs';

const page = fs.readFileSync(process.env.PAGE, 'utf8');
const blocks = [...page.matchAll(/^```(?:js|ts)\n(.*?)^```/gms)].map(([, block]) => block);
const runnable = blocks.filter((block) => !block.includes('query('));

test('there are examples', () => {
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
