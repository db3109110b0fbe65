'use strict';

/** Options of the agent's SDK with which nothing is lost. */

const { createHash } = require('node:crypto');
const fs = require('node:fs');
const { createRequire } = require('node:module');
const path = require('node:path');

const { bundled, onPath } = require('./command.js');
const { ConfigError, InvalidError } = require('./errors.js');
const { directories } = require('./hosts.js');
const { SessionStore } = require('./store.js');

/** Options of `query` with which each row is on local disk as soon as the SDK has it. */
function durable(options = {}, { config, state } = {}) {
  if (options.persistSession === false) {
    throw new InvalidError('with persistSession: false the command writes no rows, and none could be kept');
  }
  if (options.sessionStore && (config !== undefined || state !== undefined)) {
    throw new InvalidError('the options have a sessionStore already, which has its own config and state');
  }
  const sessionStore = options.sessionStore ?? new SessionStore({ config, state });
  return { ...options, sessionStore, sessionStoreFlush: 'eager' };
}

/** Options of `query` with which the command runs under `mirrorbox run`: every row is kept. */
function wrapped(options = {}, { task, cwdKey, config, state } = {}) {
  const where = directories(config, state);
  if (task !== undefined && (options.resume || options.continue)) {
    throw new InvalidError('a task says which session to go on with: leave resume and continue unset');
  }
  const run = [program(), 'run', '--config', where.config, '--state', where.state];
  for (const [option, value] of [['--task', task], ['--cwd-key', cwdKey], ['--resume', options.resume]]) {
    if (value !== undefined) run.push(option, value);
  }
  if (options.continue && !options.resume) run.push('--continue');
  if (options.forkSession) run.push('--fork');
  const { sessionStore, sessionStoreFlush, resume, continue: goesOn, forkSession, ...others } = options;
  const script = wrapper(where.state, [...run, '--', agent(options)]);
  return { ...others, pathToClaudeCodeExecutable: script };
}

function program() {
  const command = bundled();
  if (command === null) {
    throw new ConfigError('the command `mirrorbox` is not there: install a released package, or put it on the path');
  }
  return fs.realpathSync(command);
}

/** The command that the SDK would start. */
function agent(options) {
  if (options.pathToClaudeCodeExecutable) return options.pathToClaudeCodeExecutable;
  const found = ofSdk() ?? onPath('claude');
  if (!found) {
    throw new ConfigError('the command `claude` is not there: name it with pathToClaudeCodeExecutable');
  }
  return found;
}

/** The one that comes with the SDK of the program that runs, for the C library that is here. */
function ofSdk() {
  const name = '@anthropic-ai/claude-agent-sdk';
  const kind = `${name}-${process.platform}-${process.arch}`;
  const hasGlibc = process.platform !== 'linux' || process.report?.getReport().header.glibcVersionRuntime;
  const kinds = hasGlibc ? [kind, `${kind}-musl`] : [`${kind}-musl`, kind];
  const here = createRequire(path.join(process.cwd(), 'main.js'));
  const resolved = (from, what) => {
    try {
      return from.resolve(what);
    } catch {
      return null;
    }
  };
  const sdk = resolved(here, name);
  const from = [here, createRequire(__filename), ...(sdk ? [createRequire(sdk)] : [])];
  for (const one of kinds) {
    for (const require of from) {
      const found = resolved(require, `${one}/claude`);
      if (found) return found;
    }
  }
  return null;
}

/** A program that does what the command line says, with more arguments behind. One for each command line. */
function wrapper(state, command) {
  const quoted = command.map((word) => `'${word.replaceAll("'", `'\\''`)}'`).join(' ');
  const text = `#!/bin/sh\nexec ${quoted} "$@"\n`;
  const folder = path.join(state, 'wrappers');
  fs.mkdirSync(folder, { recursive: true, mode: 0o700 });
  const script = path.join(folder, createHash('sha256').update(text).digest('hex').slice(0, 32));
  if (!fs.existsSync(script)) {
    const fresh = `${script}.${process.pid}`;
    fs.writeFileSync(fresh, text, { mode: 0o700 });
    fs.renameSync(fresh, script);
  }
  return script;
}

module.exports = { durable, wrapped };
