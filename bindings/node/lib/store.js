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
  #answersFromHere;
  #appendTimeout;
  /** What is left, once it is closed. */
  #closing = null;
  /** What is being read: it is not waited for at the end. */
  #readers = new Set();

  constructor(options) {
    const { config, state, whileAway = 'error', appendTimeout = 50 } = options ?? {};
    if (whileAway !== 'error' && whileAway !== 'local') {
      throw new InvalidError(`whileAway is "error" or "local", and not ${JSON.stringify(whileAway)}`);
    }
    this.#directories = directories(config, state);
    this.#answersFromHere = whileAway === 'local';
    this.#appendTimeout = seconds('appendTimeout', appendTimeout);
    this.#host = use(this.#directories);
  }

  // The SDK's own.

  async append(key, entries) {
    if (!Array.isArray(entries)) throw new InvalidError('entries are an array');
    if (entries.length === 0) return;
    // Printed now: they belong to the caller again when this returns.
    const lines = Array.from(entries, line);
    await this.#ask((host) => host.append(...parts(key), lines, this.#appendTimeout));
  }

  async load(key) {
    const loaded = await this.#load(key);
    if (loaded === null) return null;
    const entries = [];
    for await (const entry of this.#read(loaded)) entries.push(entry);
    return entries;
  }

  async listSessions(projectKey) {
    const project = projectOf(projectKey);
    const listed = await this.#ask((host) => host.listSessions(project, this.#answersFromHere));
    return listed.map(({ sessionId, mtime }) => ({ sessionId, mtime }));
  }

  async listSessionSummaries(projectKey) {
    const project = projectOf(projectKey);
    const listed = await this.#ask((host) => host.listSessionSummaries(project, this.#answersFromHere));
    return listed.map(({ sessionId, mtime, data }) => ({ sessionId, mtime, data: JSON.parse(data) }));
  }

  async delete(key) {
    await this.#ask((host) => host.delete(...parts(key)));
  }

  async listSubkeys(key) {
    const [project, session] = parts(key);
    return this.#ask((host) => host.listSubkeys(project, session, this.#answersFromHere));
  }

  // What the SDK does not ask for.

  /** The entries of a transcript, one after another; memory stays flat. Nothing where it was never written. */
  async *entries(key) {
    const loaded = await this.#load(key);
    if (loaded !== null) yield* this.#read(loaded);
  }

  /** Delivers what is there now, for so many seconds at most; what remains goes on being delivered. */
  async flush(timeout = 30) {
    const most = seconds('timeout', timeout);
    return undelivered(await this.#ask((host) => host.flush(most)));
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

  /** Ends this store: delivers for so many seconds at most. The last one of its directories closes the host. */
  async close(timeout = 30) {
    const most = seconds('timeout', timeout);
    if (this.#closing === null) {
      for (const loaded of this.#readers) loaded.close();
      this.#closing = release(this.#directories, most);
    }
    return this.#closing;
  }

  async [Symbol.asyncDispose ?? Symbol.for('Symbol.asyncDispose')]() {
    await this.close();
  }

  async #load(key) {
    const [project, session, subpath] = parts(key);
    return this.#ask((host) => host.load(project, session, subpath, this.#answersFromHere));
  }

  /** The entries of what was loaded. Who stops in between wants nothing more. */
  async *#read(loaded) {
    this.#readers.add(loaded);
    try {
      for (;;) {
        const lines = await called(() => loaded.next());
        if (lines === null) return;
        yield* entriesOf(lines.toString());
      }
    } finally {
      this.#readers.delete(loaded);
      loaded.close();
    }
  }

  async #ask(question) {
    if (this.#closing !== null) throw new ClosedError('the store is closed; make another one');
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
    if (this.#end !== null) return undefined;
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
    this.#waiting = [];
    this.#missed = 0;
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
  if (![projectKey, sessionId, subpath ?? ''].every(isText)) {
    throw new InvalidError('a key has projectKey and sessionId, and a subpath for what is not the main transcript');
  }
  return [projectKey, sessionId, subpath ?? undefined];
}

function projectOf(projectKey) {
  if (!isText(projectKey)) throw new InvalidError('a projectKey is text');
  return projectKey;
}

/** Half a character is none: two keys that differ in it would be one. */
const isText = (value) => typeof value === 'string' && value.isWellFormed();

function seconds(name, value) {
  if (typeof value !== 'number' || !(value >= 0)) {
    throw new InvalidError(`${name} is a number of seconds, and not ${String(value)}`);
  }
  return value;
}

/** An entry as the command prints it. */
function line(entry) {
  let text;
  try {
    if (typeof entry === 'object' && entry !== null && !Array.isArray(entry)) text = JSON.stringify(entry);
  } catch (error) {
    throw new InvalidError(`an entry holds JSON values only: ${error?.message ?? error}`);
  }
  if (text === undefined) throw new InvalidError('an entry is an object');
  return text;
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
