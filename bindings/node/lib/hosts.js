'use strict';

/** The hosts of this thread: one for each pair of directories, opened when it is first needed, closed at exit. */

const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { isMainThread } = require('node:worker_threads');

const native = require('../native/mirrorbox.node');
const { bundled } = require('./command.js');
const { ConfigError, InvalidError, called } = require('./errors.js');

/** So many seconds the end of the process waits for deliveries. */
const EXIT_SECONDS = 10;

/** What is on local disk and not in every destination yet. */
class Undelivered {
  /** In words. */
  text;
  /** What is left, by destination and stream. */
  left;
  /** Whether spools of processes that died are still being looked through. */
  adopting;

  constructor({ text, left, adopting }) {
    Object.assign(this, { text, left, adopting });
  }

  /** Whether that is nothing. */
  get isNone() {
    return this.left.length === 0 && !this.adopting;
  }

  toString() {
    return this.text;
  }
}

const NOTHING = { text: 'everything is delivered', left: [], adopting: false };

function undelivered(json) {
  return new Undelivered(json === null ? NOTHING : JSON.parse(json));
}

/** The directories that the command would use, unless others are named. */
function directories(config, state) {
  for (const [name, value] of Object.entries({ config, state })) {
    if (value !== undefined && (typeof value !== 'string' || value === '')) {
      throw new InvalidError(`${name} is the path of a directory, and not ${JSON.stringify(value)}`);
    }
  }
  config ??= process.env.MIRRORBOX_CONFIG || platform('XDG_CONFIG_HOME', '.config');
  state ??= platform('XDG_STATE_HOME', '.local/state');
  return { config: real(config), state: real(state) };
}

/** Without links, as far as it can be looked at; why it cannot, opening it says. A directory is one by every name. */
function real(folder) {
  const whole = path.resolve(folder);
  try {
    return fs.realpathSync(whole);
  } catch {
    const above = path.dirname(whole);
    return above === whole ? whole : path.join(real(above), path.basename(whole));
  }
}

function platform(variable, usual) {
  const named = process.env[variable] ?? '';
  if (path.isAbsolute(named)) return path.join(named, 'mirrorbox');
  const home = os.homedir();
  if (!home) throw new ConfigError('cannot find your home directory: pass config and state');
  return path.join(home, usual, 'mirrorbox');
}

/** A host, or the place for one. */
class Host {
  users = 0;
  #directories;
  #opening = null;

  constructor(where) {
    this.#directories = where;
  }

  /** The host, opened by the first that asks. Who asks first gets it first, so that calls keep their order. */
  open() {
    this.#opening ??= called(() => {
      const { config, state } = this.#directories;
      return native.openHost(config, state, bundled());
    }).catch((error) => {
      // It is tried again by who asks next.
      this.#opening = null;
      throw error;
    });
    return this.#opening;
  }

  /** Delivers for so many seconds at most, while others go on using the host: what is left undelivered. */
  async flush(seconds) {
    if (this.#opening === null) return new Undelivered(NOTHING);
    const opened = await this.#opening;
    return undelivered(await called(() => opened.flush(seconds)));
  }

  /** Ends it for this thread, likewise; the last one closes it. */
  async close(seconds) {
    if (this.#opening === null) return new Undelivered(NOTHING);
    const opened = await this.#opening;
    closing.add(this.#directories.state);
    try {
      const left = await called(() => opened.release(seconds));
      return left === null ? await this.flush(seconds) : undelivered(left);
    } finally {
      closing.delete(this.#directories.state);
    }
  }
}

/** State directories whose hosts are being closed. */
const closing = new Set();

const hosts = new Map();

const nameOf = (where) => JSON.stringify([where.config, where.state]);

/** The host of these directories, with one more user. */
function use(where) {
  const name = nameOf(where);
  if (!hosts.has(name)) hosts.set(name, new Host(where));
  const host = hosts.get(name);
  host.users += 1;
  return host;
}

/** One user less; the last one closes the host. */
async function release(where, seconds) {
  const host = hosts.get(nameOf(where));
  host.users -= 1;
  if (host.users > 0) return host.flush(seconds);
  hosts.delete(nameOf(where));
  return host.close(seconds);
}

// At the end of the process everything is delivered, or named on stderr. Worker threads share the process's hosts, so it
// is the main thread that sees to it; where only workers use this package, the next process delivers what is left.
if (isMainThread) {
  process.once('exit', () => {
    for (const state of closing) say(`what a store that was being closed had not delivered waits in ${state}`);
    for (const { state, left } of JSON.parse(native.closeAll(EXIT_SECONDS))) {
      if (left.left.length > 0 || left.adopting) say(`${left.text}; it waits in ${state}`);
    }
  });
}

function say(text) {
  try {
    fs.writeSync(2, `mirrorbox: ${text}, and \`mirrorbox drain\` delivers it\n`);
  } catch {
    // Nobody reads it any more; how the process ends is its own.
  }
}

module.exports = { Undelivered, directories, use, release, undelivered };
