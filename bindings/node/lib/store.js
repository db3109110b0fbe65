'use strict';

const { directories, release, undelivered, use, Undelivered } = require('./hosts.js');
const { ClosedError, InvalidError, called, ofNative } = require('./errors.js');

/** So many events wait for who reads them; those beyond are counted. */
const WAITING_EVENTS = 1024;

/**
 * Keeps sessions on local disk first, and in every destination of a configuration: the SDK's `SessionStore`.
 * Stores of the same directories share one host, also those of worker threads.
 */
class SessionStore {
  #directories;
  #host;
  #appendTimeout;
  #isClosed = false;

  constructor({ config, state, whileAway = 'error', appendTimeout = 50 } = {}) {
    if (whileAway !== 'error' && whileAway !== 'local') {
      throw new InvalidError(`whileAway is "error" or "local", and not ${JSON.stringify(whileAway)}`);
    }
    this.#directories = directories(config, state, whileAway === 'local');
    this.#appendTimeout = appendTimeout;
    this.#host = use(this.#directories);
  }

  // The SDK's own.

  async append(key, entries) {
    if (entries.length === 0) return;
    // Printed now: they belong to the caller again when this returns.
    const lines = entries.map(line);
    await this.#ask((host) => host.append(...parts(key), lines, this.#appendTimeout));
  }

  async load(key) {
    const loaded = await this.#ask((host) => host.load(...parts(key)));
    if (loaded === null) return null;
    const entries = [];
    for await (const entry of read(loaded)) entries.push(entry);
    return entries;
  }

  async listSessions(projectKey) {
    const listed = await this.#ask((host) => host.listSessions(projectKey));
    return listed.map(({ sessionId, mtime }) => ({ sessionId, mtime }));
  }

  async listSessionSummaries(projectKey) {
    const listed = await this.#ask((host) => host.listSessionSummaries(projectKey));
    return listed.map(({ sessionId, mtime, data }) => ({ sessionId, mtime, data: JSON.parse(data) }));
  }

  async delete(key) {
    await this.#ask((host) => host.delete(...parts(key)));
  }

  async listSubkeys(key) {
    const [project, session] = parts(key);
    return this.#ask((host) => host.listSubkeys(project, session));
  }

  // What the SDK does not ask for.

  /** The entries of a transcript, one after another; memory stays flat. Nothing where it was never written. */
  async *entries(key) {
    const loaded = await this.#ask((host) => host.load(...parts(key)));
    if (loaded !== null) yield* read(loaded);
  }

  /** Delivers what is there now, for so many seconds at most; what remains goes on being delivered. */
  async flush(timeout = 30) {
    return undelivered(await this.#ask((host) => host.flush(timeout)));
  }

  /** How every stream is doing at every destination. */
  async status() {
    return JSON.parse(await this.#ask((host) => host.status()));
  }

  /** Tries destinations now that wait before the next try. */
  async retry() {
    await this.#ask((host) => host.retry());
  }

  /** What must not pass in silence, from now on. Ends when the host is closed; keeps no process running. */
  events() {
    const events = new Events();
    const listening = this.#ask((host) => host.listen((event) => events.take(event)));
    listening.catch((error) => events.fail(error));
    return events;
  }

  /** Ends this store. The last one of its directories delivers for so many seconds at most. */
  async close(timeout = 30) {
    if (this.#isClosed) return undelivered(null);
    this.#isClosed = true;
    return release(this.#directories, timeout);
  }

  async [Symbol.asyncDispose ?? Symbol.for('Symbol.asyncDispose')]() {
    await this.close();
  }

  async #ask(question) {
    if (this.#isClosed) throw new ClosedError('the store is closed; make another one');
    const host = await this.#host.open();
    return called(() => question(host));
  }
}

/** Events on their way to who reads them. */
class Events {
  #waiting = [];
  #missed = 0;
  #readers = [];
  #end = null;

  take(event) {
    if (event === null) return this.#finish({ end: { value: undefined, done: true } });
    if (this.#waiting.length >= WAITING_EVENTS) {
      this.#missed += 1;
      return undefined;
    }
    this.#waiting.push(JSON.parse(event));
    return this.#serve();
  }

  fail(error) {
    this.#finish({ error: ofNative(error) });
  }

  next() {
    return new Promise((resolve, reject) => {
      this.#readers.push({ resolve, reject });
      this.#serve();
    });
  }

  async return(value) {
    this.#finish({ end: { value: undefined, done: true } });
    return { value, done: true };
  }

  [Symbol.asyncIterator]() {
    return this;
  }

  #finish(end) {
    this.#end ??= end;
    this.#serve();
  }

  #serve() {
    while (this.#readers.length > 0) {
      if (this.#waiting.length > 0) {
        this.#readers.shift().resolve({ value: this.#waiting.shift(), done: false });
      } else if (this.#missed > 0) {
        const text = `${this.#missed} events were missed: they were not read fast enough`;
        this.#missed = 0;
        this.#readers.shift().resolve({ value: { of: 'events', name: 'missed', text }, done: false });
      } else if (this.#end !== null) {
        const { error, end } = this.#end;
        const reader = this.#readers.shift();
        if (error) reader.reject(error);
        else reader.resolve(end);
      } else {
        return;
      }
    }
  }
}

function parts(key) {
  const { projectKey, sessionId, subpath } = key ?? {};
  const isText = [projectKey, sessionId].every((part) => typeof part === 'string');
  if (!isText || !['string', 'undefined'].includes(typeof (subpath ?? undefined))) {
    throw new InvalidError('a key has projectKey and sessionId, and a subpath for what is not the main transcript');
  }
  return [projectKey, sessionId, subpath];
}

/** An entry as the command prints it. */
function line(entry) {
  let text;
  try {
    if (typeof entry === 'object' && entry !== null && !Array.isArray(entry)) text = JSON.stringify(entry);
  } catch (error) {
    throw new InvalidError(`an entry holds JSON values only: ${error.message}`);
  }
  if (text === undefined) throw new InvalidError('an entry is an object');
  return text;
}

async function* read(loaded) {
  for (;;) {
    const lines = await called(() => loaded.next());
    if (lines === null) return;
    yield* entriesOf(lines.toString());
  }
}

/** Lines as objects; what is no entry is passed over, as the SDK does with files. */
function entriesOf(text) {
  const lines = text.split('\n');
  lines.pop();
  try {
    const entries = JSON.parse(`[${lines.join(',')}]`);
    if (entries.length === lines.length && entries.every(isEntry)) return entries;
  } catch {
    // One by one, then.
  }
  return lines.flatMap((one) => {
    try {
      const entry = JSON.parse(one);
      return isEntry(entry) ? [entry] : [];
    } catch {
      return [];
    }
  });
}

const isEntry = (value) => typeof value === 'object' && value !== null && !Array.isArray(value);

module.exports = { SessionStore, Undelivered };
