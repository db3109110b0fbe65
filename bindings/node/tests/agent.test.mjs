// The agent's real command, through the real SDK, with a stand-in for the model.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';

import { query } from '@anthropic-ai/claude-agent-sdk';
import { SessionStore, durable, wrapped } from 'mirrorbox';
import { HERE, Place } from './support.mjs';

const PATIENCE = 120_000;

/** A state directory and an agent's home, with the configuration that all machines have. */
class Machine {
  constructor(config, folder) {
    this.config = config;
    this.state = path.join(folder, 'state');
    this.home = path.join(folder, 'home');
    fs.mkdirSync(this.home, { recursive: true });
  }

  options(work, more = {}) {
    const env = { ...process.env, CLAUDE_CONFIG_DIR: this.home, HOME: this.home, TMPDIR: this.home };
    return { cwd: work, env, permissionMode: 'default', ...more };
  }

  durable(work, more) {
    return durable(this.options(work, more), { config: this.config, state: this.state });
  }

  wrapped(work, how, more) {
    return wrapped(this.options(work, more), { config: this.config, state: this.state, ...how });
  }

  store() {
    return new SessionStore({ config: this.config, state: this.state });
  }

  /** Transcripts of the agent. A resumed session is laid out in a folder for that, by the SDK or by `mirrorbox run`. */
  files() {
    const all = [this.home, path.join(this.state, 'agents')].flatMap(walk);
    return all.filter((file) => /\/projects\/[^/]+\/[^/]+\.jsonl$/.test(file));
  }

  /** Their rows that have an identity. */
  rows() {
    const lines = this.files().flatMap((file) => fs.readFileSync(file, 'utf8').split('\n'));
    const rows = lines.filter((line) => line.endsWith('}')).map((line) => JSON.parse(line));
    return rows.filter(({ uuid }) => uuid !== undefined);
  }

  /** Identities of the rows that are stored. */
  async stored() {
    const store = this.store();
    const found = new Set();
    const projects = new Set(this.files().map((file) => path.basename(path.dirname(file))));
    for (const projectKey of projects) {
      for (const { sessionId } of await store.listSessions(projectKey)) {
        for (const { uuid } of (await store.load({ projectKey, sessionId })) ?? []) found.add(uuid);
      }
    }
    await store.close();
    return found;
  }
}

/** The files below a folder. What goes away meanwhile is passed over. */
function walk(folder) {
  let entries;
  try {
    entries = fs.readdirSync(folder, { withFileTypes: true });
  } catch {
    return [];
  }
  return entries.flatMap((entry) => {
    const whole = path.join(folder, entry.name);
    return entry.isDirectory() ? walk(whole) : [whole];
  });
}

export async function ask(prompt, options) {
  const abortController = new AbortController();
  const timer = setTimeout(() => abortController.abort(), PATIENCE);
  let result;
  for await (const message of query({ prompt, options: { ...options, abortController } })) {
    if (message.type === 'result') result = message;
  }
  clearTimeout(timer);
  return result;
}

async function withWork(test) {
  const place = new Place();
  const work = path.join(place.folder, 'work');
  fs.mkdirSync(work);
  try {
    await test((name) => new Machine(place.config, path.join(place.folder, name)), work, place);
  } finally {
    place.remove();
  }
}

// The program that is killed is this file, too.
const [, , way, config, folder, work, resume] = process.argv;
if (way === 'durable' || way === 'wrapped') {
  const machine = new Machine(config, folder);
  // The SDK lays a resumed session out there.
  process.env.TMPDIR = machine.home;
  const more = resume ? { resume } : {};
  await ask('HOLD', way === 'durable' ? machine.durable(work, more) : machine.wrapped(work, {}, more));
  process.exit(0);
}

test('another machine goes on', () =>
  withWork(async (machine, work) => {
    const first = machine('one').durable(work);
    const { session_id: resume } = await ask('Remember PINEAPPLE-42', first);
    assert.ok((await first.sessionStore.close(60)).isNone);
    const second = machine('other').durable(work, { resume });
    assert.match((await ask('RECALL', second)).result, /PINEAPPLE-42/);
    assert.ok((await second.sessionStore.close(60)).isNone);
    const third = machine('third').durable(work, { continue: true });
    assert.match((await ask('RECALL', third)).result, /PINEAPPLE-42/);
    assert.ok((await third.sessionStore.close(60)).isNone);
    const fork = machine('fourth').durable(work, { resume, forkSession: true });
    const forked = await ask('RECALL', fork);
    assert.match(forked.result, /PINEAPPLE-42/);
    assert.notEqual(forked.session_id, resume);
    await fork.sessionStore.close(60);
  }));

test('another machine goes on with a task', () =>
  withWork(async (machine, work) => {
    await ask('Remember PINEAPPLE-42', machine('one').wrapped(work, { task: 't' }));
    const { result } = await ask('RECALL', machine('other').wrapped(work, { task: 't' }));
    assert.match(result, /PINEAPPLE-42/);
  }));

test('a destination that is away costs nothing', () =>
  withWork(async (machine, work, place) => {
    place.goAway();
    const one = machine('one');
    const options = one.durable(work);
    await ask('Remember PINEAPPLE-42', options);
    assert.ok(!(await options.sessionStore.close(0)).isNone);
    fs.renameSync(path.join(place.folder, 'elsewhere'), place.store);
    place.state = one.state;
    place.run('drain');
    const files = fs.readdirSync(place.store, { recursive: true }).map((file) => path.join(place.store, String(file)));
    const batches = files.filter((file) => file.endsWith('.jsonl')).map((file) => fs.readFileSync(file, 'utf8'));
    const stored = batches.join('');
    const rows = one.rows();
    assert.ok(rows.length > 0 && rows.every(({ uuid }) => stored.includes(uuid)));
  }));

async function isKilled(machine, work, way, isResumed) {
  let resume = '';
  if (isResumed) {
    const options = machine('before').durable(work);
    resume = (await ask('Remember PINEAPPLE-42', options)).session_id;
    assert.ok((await options.sessionStore.close(60)).isNone);
  }
  const one = machine('one');
  const words = [path.join(HERE, 'agent.test.mjs'), way, one.config, path.dirname(one.home), work, resume];
  const child = spawn(process.execPath, words, { cwd: HERE, stdio: 'inherit' });
  const ended = new Promise((resolve) => child.once('exit', resolve));
  const until = Date.now() + PATIENCE;
  const untilTrue = async (condition) => {
    while (!(await condition())) {
      assert.ok(Date.now() < until, 'it takes too long');
      await wait(100);
    }
  };
  const onDisk = () => one.rows().map(({ uuid }) => uuid);
  const isStored = async (uuids) => {
    const stored = await one.stored();
    return uuids.every((uuid) => stored.has(uuid));
  };
  let before;
  try {
    // The turn is under way: the prompt is in the agent's file.
    await untilTrue(() => one.rows().some((row) => row.type === 'user' && JSON.stringify(row).includes('HOLD')));
    // The model answers nothing, so nothing more comes: all of the file is stored by now.
    if (way === 'durable') await untilTrue(() => isStored(onDisk()));
    before = onDisk();
  } finally {
    child.kill('SIGKILL');
    await ended;
  }
  if (way === 'wrapped') await untilTrue(() => isStored(onDisk()));
  assert.ok(before.length > 0 && (await isStored([...before, ...onDisk()])));
  console.log(`${way}, resumed: ${isResumed}: all ${before.length} rows`);
}

for (const way of ['durable', 'wrapped']) {
  for (const isResumed of [false, true]) {
    test(`a killed program loses nothing: ${way}, ${isResumed ? 'resumed' : 'new'}`, () =>
      withWork((machine, work) => isKilled(machine, work, way, isResumed)));
  }
}
