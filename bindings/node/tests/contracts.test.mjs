// What the SDK asks of a store, each as a test: under Node, under Bun, before servers, and while the destination is away.

import assert from 'node:assert/strict';

import { Place, isolated, row } from './support.mjs';

// Bun's tests are its own.
const runner = globalThis.Bun === undefined ? await import('node:test') : await import('bun:test');
const test = runner.test;
const after = runner.after ?? runner.afterAll;

const KEY = { projectKey: 'project', sessionId: 'session' };
const under = (subpath, key = KEY) => ({ ...key, subpath });
const names = (sessions) => sessions.map(({ sessionId }) => sessionId).sort();

const CONTRACTS = {
  async 'what is appended is loaded, deeply equal and in order'(store) {
    const entries = [row('user', { n: 1, deep: { list: [1, 2, null], text: 'é\ud800' } }), row('assistant', { n: 1e21 })];
    await store.append(KEY, entries);
    assert.deepEqual(await store.load(KEY), entries);
  },
  async 'what was never written is null'(store) {
    assert.equal(await store.load(KEY), null);
    assert.equal(await store.load(under('subagents/agent-1')), null);
  },
  async 'calls keep their order, awaited or not'(store) {
    const calls = [[row('1')], [row('2'), row('3')], [row('4')]].map((entries) => store.append(KEY, entries));
    await Promise.all(calls);
    await store.append(KEY, [row('5')]);
    assert.deepEqual((await store.load(KEY)).map(({ type }) => type), ['1', '2', '3', '4', '5']);
  },
  async 'appending nothing begins nothing'(store) {
    await store.append(KEY, []);
    assert.equal(await store.load(KEY), null);
    await store.append(KEY, [row('1')]);
    await store.append(KEY, []);
    assert.equal((await store.load(KEY)).length, 1);
  },
  async 'a subpath is a transcript of its own'(store) {
    await store.append(KEY, [row('main')]);
    await store.append(under('subagents/agent-1'), [row('sub')]);
    assert.deepEqual(await store.load(KEY), [row('main')]);
    assert.deepEqual(await store.load(under('subagents/agent-1')), [row('sub')]);
  },
  async 'projects know nothing of one another'(store) {
    const other = { ...KEY, projectKey: 'other' };
    await store.append(KEY, [row('1')]);
    await store.append(other, [row('2')]);
    assert.deepEqual(await store.load(KEY), [row('1')]);
    assert.deepEqual(await store.load(other), [row('2')]);
  },
  async 'sessions are listed by project, with their times'(store) {
    for (const [projectKey, sessionId] of [['P', 's1'], ['P', 's2'], ['Q', 's3']]) {
      await store.append({ projectKey, sessionId }, [row('1')]);
    }
    const listed = await store.listSessions('P');
    assert.deepEqual(names(listed), ['s1', 's2']);
    assert.ok(listed.every(({ mtime }) => Number.isInteger(mtime) && mtime > 1e12));
    assert.deepEqual(await store.listSessions('nobody'), []);
  },
  async 'a session that has subpaths only is not listed'(store) {
    await store.append(under('subagents/agent-1'), [row('sub')]);
    assert.deepEqual(await store.listSessions(KEY.projectKey), []);
  },
  async 'a summary is of the same time as its session'(store) {
    await store.append(KEY, [row('custom-title', { customTitle: 'Leaks', sessionId: KEY.sessionId })]);
    const [[session], [summary]] = [
      await store.listSessions(KEY.projectKey),
      await store.listSessionSummaries(KEY.projectKey),
    ];
    assert.equal(summary.mtime, session.mtime);
    assert.equal(summary.data.customTitle, 'Leaks');
  },
  async 'what is deleted is null, and deleting nothing is nothing'(store) {
    await store.append(KEY, [row('1')]);
    await store.delete(KEY);
    assert.equal(await store.load(KEY), null);
    await store.delete({ projectKey: 'nobody', sessionId: 'nothing' });
    await store.append(KEY, [row('2')]);
    assert.deepEqual(await store.load(KEY), [row('2')]);
  },
  async 'a session goes with its subpaths, and nothing else does'(store) {
    const others = [{ ...KEY, sessionId: 'other' }, { ...KEY, projectKey: 'other' }];
    for (const key of [KEY, under('subagents/a'), under('subagents/b'), ...others]) {
      await store.append(key, [row('1')]);
    }
    await store.delete(KEY);
    for (const key of [KEY, under('subagents/a'), under('subagents/b')]) assert.equal(await store.load(key), null);
    for (const key of others) assert.deepEqual(await store.load(key), [row('1')]);
    assert.deepEqual(await store.listSubkeys(KEY), []);
  },
  async 'a subpath is deleted alone'(store) {
    for (const key of [KEY, under('subagents/a'), under('subagents/b')]) await store.append(key, [row('1')]);
    await store.delete(under('subagents/a'));
    assert.equal(await store.load(under('subagents/a')), null);
    for (const key of [KEY, under('subagents/b')]) assert.deepEqual(await store.load(key), [row('1')]);
  },
  async 'subpaths are listed by session'(store) {
    const other = under('subagents/c', { ...KEY, sessionId: 'other' });
    for (const key of [under('subagents/a'), under('subagents/b'), other]) await store.append(key, [row('1')]);
    assert.deepEqual((await store.listSubkeys(KEY)).sort(), ['subagents/a', 'subagents/b']);
  },
  async 'the main transcript is no subpath'(store) {
    await store.append(KEY, [row('main')]);
    assert.deepEqual(await store.listSubkeys(KEY), []);
    assert.deepEqual(await store.listSubkeys({ projectKey: 'nobody', sessionId: 'nothing' }), []);
  },
};

function holds(title, place, options, patience) {
  for (const [name, contract] of Object.entries(CONTRACTS)) {
    test(`${title}: ${name}`, async () => {
      const store = isolated(place, options);
      await contract(store);
      await store.close(patience);
    });
  }
  // The host stays open between the tests.
  const keeper = place.open(options);
  after(async () => {
    await keeper.close(patience);
    place.remove();
  });
}

holds('here', new Place(), {}, 30);
if (process.env.STORE_ADAPTER === undefined) {
  const away = new Place();
  away.goAway();
  holds('away', away, { whileAway: 'local' }, 0);
}
