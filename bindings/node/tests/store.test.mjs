// Errors, options, events, worker threads, and how a process ends.

import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { Worker } from 'node:worker_threads';

import * as mirrorbox from 'mirrorbox';
import { HERE, Place, failsWith, row } from './support.mjs';

const KEY = { projectKey: 'project', sessionId: 'session' };

async function inPlace(work) {
  const place = new Place();
  try {
    await work(place);
  } finally {
    place.remove();
  }
}

/** Runs a program of JavaScript in the tests' folder. */
function program(text, ...words) {
  return promisify(execFile)(process.execPath, ['--input-type=module', '-e', text, ...words], { cwd: HERE });
}

const STORE = `
  import { SessionStore } from 'mirrorbox';
  const [config, state] = process.argv.slice(-2);
  const store = new SessionStore({ config, state });
  const KEY = { projectKey: 'project', sessionId: 'session' };
`;

test('ESM and CommonJS are the same package', () => {
  const required = createRequire(import.meta.url)('mirrorbox');
  for (const name of Object.keys(required)) assert.equal(mirrorbox[name], required[name], name);
  assert.deepEqual(Object.keys(mirrorbox).sort(), Object.keys(required).sort());
});

test('what is wrong is said', () =>
  inPlace(async (place) => {
    const missing = new mirrorbox.SessionStore({ config: path.join(place.folder, 'nowhere'), state: place.state });
    await failsWith('ConfigError', () => missing.load(KEY));
    const file = path.join(place.folder, 'file');
    fs.writeFileSync(file, '');
    const stateless = new mirrorbox.SessionStore({ config: place.config, state: path.join(file, 'state') });
    await failsWith('StateError', () => stateless.load(KEY));
    const store = place.open();
    for (const key of [undefined, {}, { projectKey: 'p', sessionId: 7 }, { ...KEY, sessionId: '' }, { ...KEY, sessionId: '\ud800' }]) {
      await failsWith('InvalidError', () => store.append(key, [row('1')]));
    }
    for (const entries of [undefined, 'text', new Set()]) {
      await failsWith('InvalidError', () => store.append(KEY, entries));
    }
    for (const wrong of ['5', NaN, -1]) {
      await failsWith('InvalidError', () => store.flush(wrong));
      assert.throws(() => place.open({ appendTimeout: wrong }), { name: 'InvalidError' });
    }
    await failsWith('InvalidError', () => store.listSessions(undefined));
    assert.throws(() => place.open({ config: '' }), { name: 'InvalidError' });
    for (const entry of [null, 'text', [1], { n: 1n }]) {
      await failsWith('InvalidError', () => store.append(KEY, [row('1'), entry]));
    }
    assert.equal(await store.load(KEY), null);
    assert.ok((await store.close()).isNone);
    await failsWith('ClosedError', () => store.append(KEY, [row('1')]));
    assert.throws(() => place.open({ whileAway: 'never' }), { name: 'InvalidError' });
    assert.ok(new mirrorbox.AwayError('x') instanceof mirrorbox.MirrorboxError);
  }));

test('a host that could not be opened is tried again', () =>
  inPlace(async (place) => {
    const config = path.join(place.folder, 'later');
    const store = new mirrorbox.SessionStore({ config, state: place.state });
    await failsWith('ConfigError', () => store.append(KEY, [row('1')]));
    fs.renameSync(place.config, config);
    await store.append(KEY, [row('2')]);
    assert.deepEqual(await store.load(KEY), [row('2')]);
    await store.close();
  }));

test('what another machine wrote is away with the destination', () =>
  inPlace(async (place) => {
    const other = new mirrorbox.SessionStore({ config: place.config, state: path.join(place.folder, 'other') });
    await other.append(KEY, [row('1')]);
    assert.ok((await other.close()).isNone);
    place.goAway();
    const store = place.open();
    await failsWith('AwayError', () => store.load(KEY));
    await store.append({ ...KEY, sessionId: 'mine' }, [row('2')]);
    const left = await store.flush(0);
    assert.ok(!left.isNone && JSON.stringify(left.left).includes('mine'), JSON.stringify(left));
    assert.match(String(left), /1 entries are not delivered/);
    await store.close(0);
  }));

test('a long transcript comes in pieces, and the loop goes on', () =>
  inPlace(async (place) => {
    const store = place.open();
    const text = 'x'.repeat(1000);
    for (let from = 0; from < 20_000; from += 500) {
      await store.append(KEY, Array.from({ length: 500 }, (_, n) => row('user', { n: from + n, text })));
    }
    let turns = 0;
    const ticking = setInterval(() => (turns += 1), 1);
    let next = 0;
    for await (const entry of store.entries(KEY)) assert.equal(entry.n, next++);
    clearInterval(ticking);
    assert.equal(next, 20_000);
    assert.ok(turns > 1, `${turns}`);
    await store.close();
  }));

test('events are told of, and end with the host', () =>
  inPlace(async (place) => {
    const store = place.open();
    const events = store.events();
    await store.append(KEY, [row('1')]);
    place.goAway();
    await store.append(KEY, [row('2')]);
    const seen = [];
    const read = (async () => {
      for await (const event of events) seen.push(event);
    })();
    await store.flush(3);
    await store.retry();
    assert.ok(Array.isArray(await store.status()));
    await store.close(0);
    await read;
    assert.ok(seen.some(({ of, text }) => of === 'destination' && text.length > 0), JSON.stringify(seen));
  }));

test('two hundred at once', () =>
  inPlace(async (place) => {
    const store = place.open();
    const calls = Array.from({ length: 200 }, (_, n) =>
      store.append({ ...KEY, sessionId: `s${n % 10}` }, [row('user', { n })]),
    );
    await Promise.all(calls);
    for (let session = 0; session < 10; session += 1) {
      const numbers = (await store.load({ ...KEY, sessionId: `s${session}` })).map(({ n }) => n);
      assert.deepEqual(numbers, Array.from({ length: 20 }, (_, n) => n * 10 + session));
    }
    assert.ok((await store.close()).isNone);
  }));

test('worker threads share a host', () =>
  inPlace(async (place) => {
    const text = `
      const { workerData } = require('node:worker_threads');
      const { SessionStore } = require('mirrorbox');
      const { config, state, number } = workerData;
      const store = new SessionStore({ config, state });
      const key = { projectKey: 'project', sessionId: 'w' + number };
      (async () => {
        for (let n = 0; n < 20; n += 1) await store.append(key, [{ type: 'user', n }]);
        await store.close();
      })();
    `;
    const { config, state } = place;
    const store = place.open();
    await store.append(KEY, [row('1')]);
    const workers = Array.from({ length: 4 }, (_, number) => {
      const worker = new Worker(text, { eval: true, workerData: { config, state, number } });
      return new Promise((resolve, reject) => worker.once('error', reject).once('exit', resolve));
    });
    assert.deepEqual(await Promise.all(workers), [0, 0, 0, 0]);
    for (let number = 0; number < 4; number += 1) {
      assert.equal((await store.load({ ...KEY, sessionId: `w${number}` })).length, 20);
    }
    // One host, one spool.
    const found = fs.readdirSync(path.join(place.state, 'spool'), { withFileTypes: true });
    assert.equal(found.filter((entry) => entry.isDirectory()).length, 1, found.map(({ name }) => name).join());
    assert.ok((await store.close()).isNone);
  }));

test('a worker thread that ends with calls under way takes nobody with it', () =>
  inPlace(async (place) => {
    const text = `
      const { parentPort, workerData } = require('node:worker_threads');
      const { SessionStore } = require('mirrorbox');
      const store = new SessionStore(workerData);
      const key = { projectKey: 'project', sessionId: 'session' };
      store.load(key).then(() => {
        for (let n = 0; n < 5; n += 1) { store.load(key); store.flush(1); store.listSessions('project'); }
        parentPort.postMessage('now');
      });
    `;
    const { config, state } = place;
    const store = place.open();
    await store.append(KEY, [row('1')]);
    for (let n = 0; n < 10; n += 1) {
      const worker = new Worker(text, { eval: true, workerData: { config, state } });
      await new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject));
      await worker.terminate();
    }
    assert.deepEqual(await store.load(KEY), [row('1')]);
    assert.ok((await store.close()).isNone);
    // None of them holds the host.
    assert.match(place.run('status'), /\b0 spools of living/);
  }));

test('stores of the same directories share a host, however they answer', () =>
  inPlace(async (place) => {
    const link = path.join(place.folder, 'link');
    fs.mkdirSync(place.state, { recursive: true });
    fs.symlinkSync(place.state, link);
    const stores = [place.open(), place.open({ whileAway: 'local' }), place.open({ state: link })];
    for (let n = 0; n < 30; n += 1) await stores[n % 3].append(KEY, [row('user', { n })]);
    assert.deepEqual((await stores[1].load(KEY)).map(({ n }) => n), Array.from({ length: 30 }, (_, n) => n));
    await stores[0].delete(KEY);
    await stores[1].append(KEY, [row('after')]);
    for (const store of stores) assert.deepEqual(await store.load(KEY), [row('after')]);
    place.goAway();
    await stores[2].append(KEY, [row('last')]);
    // Others go on using the host: what is left is said all the same.
    assert.ok(!(await stores[0].close(0)).isNone);
    const closing = stores[1].close(0);
    assert.equal(await closing, await stores[1].close(0));
    assert.ok(!(await stores[2].close(0)).isNone);
  }));

test('nobody waits for a reader that is not read, and half of it is no short answer', () =>
  inPlace(async (place) => {
    const store = place.open();
    const text = 'x'.repeat(1000);
    for (let n = 0; n < 20; n += 1) await store.append(KEY, Array.from({ length: 500 }, () => row('user', { text })));
    for await (const entry of store.entries(KEY)) {
      assert.equal(entry.type, 'user');
      break;
    }
    const paused = store.entries(KEY);
    await paused.next();
    await store.flush(Infinity);
    await store.close(Infinity);
    await failsWith('ClosedError', async () => {
      for await (const entry of paused) assert.equal(entry.type, 'user');
    });
  }));

test('a process that ends while it closes says so, and ends as it wants', () =>
  inPlace(async (place) => {
    place.goAway();
    const text = `${STORE} await store.append(KEY, [{ type: 'user' }]);
      store.close(60); setTimeout(() => process.exit(0), 200);`;
    const { stderr } = await program(text, place.config, place.state);
    assert.match(stderr, /mirrorbox drain/);
    const words = ['--input-type=module', '-e', `${STORE} await store.append(KEY, [{ type: 'user' }]);`];
    const full = fs.openSync('/dev/full', 'w');
    const options = { cwd: HERE, stdio: ['ignore', 'ignore', full] };
    const child = spawn(process.execPath, [...words, place.config, place.state], options);
    assert.equal(await new Promise((resolve) => child.once('exit', resolve)), 0);
    fs.closeSync(full);
  }));

test('a process that ends delivers what it has', () =>
  inPlace(async (place) => {
    await program(`${STORE} await store.append(KEY, [{ type: 'user', n: 1 }]);`, place.config, place.state);
    const listed = JSON.parse(place.run('sessions', '--json', '--project', 'project'));
    assert.ok(JSON.stringify(listed).includes('session'));
  }));

test('a process that ends in the middle of an append neither hangs nor crashes', () =>
  inPlace(async (place) => {
    const text = `${STORE}
      await store.load(KEY);
      for (let n = 0; n < 100; n += 1) store.append(KEY, [{ type: 'user', n }]);
      await new Promise(setImmediate);
      process.exit(0);`;
    const { stderr } = await program(text, place.config, place.state);
    assert.equal(stderr, '');
    place.run('drain');
    const store = place.open();
    const loaded = await store.load(KEY);
    assert.deepEqual(loaded.map(({ n }) => n), Array.from({ length: loaded.length }, (_, n) => n));
    await store.close();
  }));

test('what is left at the end is named', () =>
  inPlace(async (place) => {
    place.goAway();
    const text = `${STORE} await store.append(KEY, [{ type: 'user' }]); process.exitCode = 0;`;
    const { stderr } = await program(text, place.config, place.state);
    assert.match(stderr, /mirrorbox drain/);
  }));

test('who listens keeps no process running', () =>
  inPlace(async (place) => {
    const text = `${STORE} await store.load(KEY); (async () => { for await (const e of store.events()) ; })();`;
    await program(text, place.config, place.state);
  }));

test('a killed process loses nothing that was answered', () =>
  inPlace(async (place) => {
    const text = `${STORE} for (let n = 0; ; n += 1) {
      await store.append(KEY, [{ type: 'user', n }]); console.log(n); }`;
    const words = ['--input-type=module', '-e', text, place.config, place.state];
    const child = spawn(process.execPath, words, { cwd: HERE, stdio: ['ignore', 'pipe', 'inherit'] });
    let answered = -1;
    for await (const printed of child.stdout) {
      answered = Number(String(printed).trim().split('\n').pop());
      if (answered > 50) child.kill('SIGKILL');
    }
    place.run('drain');
    const store = place.open();
    const numbers = (await store.load(KEY)).map(({ n }) => n);
    assert.deepEqual(numbers, numbers.map((_, n) => n));
    assert.ok(numbers.length > answered, `${numbers.length} of ${answered}`);
    await store.close();
  }));

test('options with which nothing is lost', () =>
  inPlace(async (place) => {
    const { config, state } = place;
    const durable = mirrorbox.durable({ model: 'm' }, { config, state });
    assert.equal(durable.model, 'm');
    assert.equal(durable.sessionStoreFlush, 'eager');
    assert.ok(durable.sessionStore instanceof mirrorbox.SessionStore);
    assert.throws(() => mirrorbox.durable(durable, { config }), { name: 'InvalidError' });
    assert.throws(() => mirrorbox.durable({ persistSession: false }), { name: 'InvalidError' });
    assert.equal(mirrorbox.durable(durable).sessionStore, durable.sessionStore);
    const options = { pathToClaudeCodeExecutable: "/o'ne/claude", continue: true, forkSession: true, cwd: '/srv' };
    const wrapped = mirrorbox.wrapped(options, { config, state, cwdKey: '-srv' });
    const script = fs.readFileSync(wrapped.pathToClaudeCodeExecutable, 'utf8');
    assert.match(script, /'run' .*'--cwd-key' '-srv' '--continue' '--fork' '--' '\/o'\\''ne\/claude' "\$@"\n$/);
    assert.deepEqual(Object.keys(wrapped).sort(), ['cwd', 'pathToClaudeCodeExecutable']);
    assert.throws(() => mirrorbox.wrapped({ resume: 'x' }, { task: 't', config, state }), { name: 'InvalidError' });
    await durable.sessionStore.close();
  }));
