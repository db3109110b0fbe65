'use strict';

/** The hosts of this thread: one for each pair of directories, opened when it is first needed, closed at exit. */

const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { isMainThread } = require('node:worker_threads');

const native = require('../native/mirrorbox.node');
const { bundled } = require('./command.js');
const { ConfigError, called } = require('./errors.js');

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
function directories(config, state, answerFromHere) {
  config ??= process.env.MIRRORBOX_CONFIG || platform('XDG_CONFIG_HOME', '.config');
  state ??= platform('XDG_STATE_HOME', '.local/state');
  return { config: path.resolve(config), state: path.resolve(state), answerFromHere };
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
      const { config, state, answerFromHere } = this.#directories;
      return native.openHost(config, state, answerFromHere, bundled());
    }).catch((error) => {
      // It is tried again by who asks next.
      this.#opening = null;
      throw error;
    });
    return this.#opening;
  }

  /** Ends it for this thread: what is left undelivered, where nobody else uses it. */
  async close(seconds) {
    if (this.#opening === null) return new Undelivered(NOTHING);
    const opened = await this.#opening;
    return undelivered(await called(() => opened.release(seconds)));
  }
}

const hosts = new Map();

const nameOf = (where) => JSON.stringify([where.config, where.state, where.answerFromHere]);

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
  if (host.users > 0) return new Undelivered(NOTHING);
  hosts.delete(nameOf(where));
  return host.close(seconds);
}

// At the end of the process everything is delivered, or named on stderr. Worker threads share the process's hosts, so it
// is the main thread that sees to it; where only workers use this package, the next process delivers what is left.
if (isMainThread) {
  process.once('exit', () => {
    for (const { state, left } of JSON.parse(native.closeAll(EXIT_SECONDS))) {
      if (left.left.length === 0 && !left.adopting) continue;
      const text = `mirrorbox: ${left.text}; it waits in ${state}, and \`mirrorbox drain\` delivers it\n`;
      fs.writeSync(2, text);
    }
  });
}

module.exports = { Undelivered, directories, use, release, undelivered };
