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
    const env = { ...process.env, CLAUDE_CONFIG_DIR: this.home, HOME: this.home };
    return { cwd: work, env, permissionMode: 'default', ...more };
  }

  durable(work, more) {
    return durable(this.options(work, more), { config: this.config, state: this.state });
  }

  wrapped(work, how) {
    return wrapped(this.options(work), { config: this.config, state: this.state, ...how });
  }

  store() {
    return new SessionStore({ config: this.config, state: this.state });
  }

  /** Rows of the agent's own files that have an identity. */
  rows() {
    const files = fs.globSync?.('projects/*/*.jsonl', { cwd: this.home }) ?? this.#files();
    const lines = files.flatMap((file) => fs.readFileSync(path.join(this.home, file), 'utf8').split('\n'));
    return lines.filter(Boolean).map((line) => JSON.parse(line)).filter(({ uuid }) => uuid !== undefined);
  }

  #files() {
    const projects = path.join(this.home, 'projects');
    if (!fs.existsSync(projects)) return [];
    const folders = fs.readdirSync(projects).map((project) => path.join('projects', project));
    return folders.flatMap((folder) => {
      const files = fs.readdirSync(path.join(this.home, folder)).filter((file) => file.endsWith('.jsonl'));
      return files.map((file) => path.join(folder, file));
    });
  }

  /** Identities of the rows that are stored. */
  async stored() {
    const store = this.store();
    const found = new Set();
    const projects = path.join(this.home, 'projects');
    for (const projectKey of fs.existsSync(projects) ? fs.readdirSync(projects) : []) {
      for (const { sessionId } of await store.listSessions(projectKey)) {
        for (const { uuid } of (await store.load({ projectKey, sessionId })) ?? []) found.add(uuid);
      }
    }
    await store.close();
    return found;
  }
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
    await test((name) => new Machine(place.config, path.join(place.folder, name)), work);
  } finally {
    place.remove();
  }
}

// The program that is killed is this file, too.
const [, , way, config, folder, work] = process.argv;
if (way === 'durable' || way === 'wrapped') {
  const machine = new Machine(config, folder);
  await ask('HOLD', way === 'durable' ? machine.durable(work) : machine.wrapped(work));
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

for (const way of ['durable', 'wrapped']) {
  test(`a killed program loses nothing: ${way}`, () =>
    withWork(async (machine, work) => {
      const one = machine('one');
      const words = [path.join(HERE, 'agent.test.mjs'), way, one.config, path.dirname(one.home), work];
      const child = spawn(process.execPath, words, { cwd: HERE, stdio: 'inherit' });
      const ended = new Promise((resolve) => child.once('exit', resolve));
      const until = Date.now() + PATIENCE;
      const untilTrue = async (condition) => {
        while (!(await condition())) {
          assert.ok(Date.now() < until, 'it takes too long');
          await wait(100);
        }
      };
      const users = () => one.rows().filter(({ type }) => type === 'user').map(({ uuid }) => uuid);
      const isStored = async (uuids) => {
        const stored = await one.stored();
        return uuids.every((uuid) => stored.has(uuid));
      };
      let before;
      try {
        // The turn is under way: the prompt is in the agent's file.
        await untilTrue(() => users().length > 0);
        if (way === 'durable') await untilTrue(() => isStored(users()));
        before = way === 'durable' ? [...(await one.stored())] : one.rows().map(({ uuid }) => uuid);
      } finally {
        child.kill('SIGKILL');
        await ended;
      }
      if (way === 'wrapped') await untilTrue(() => isStored(one.rows().map(({ uuid }) => uuid)));
      assert.ok(before.length > 0 && (await isStored(before)));
    }));
}
