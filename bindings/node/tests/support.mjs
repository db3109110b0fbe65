// What the tests share.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

import { SessionStore } from 'mirrorbox';

export const HERE = path.dirname(fileURLToPath(import.meta.url));
export const COMMAND = path.join(HERE, 'node_modules/mirrorbox/bin/mirrorbox');

/** A configuration with the adapter `fs`, its state directory and the folder that it keeps transcripts in. */
export class Place {
  constructor(folder = fs.mkdtempSync(path.join(os.tmpdir(), 'mirrorbox-node-'))) {
    this.folder = folder;
    this.config = path.join(folder, 'config');
    this.state = path.join(folder, 'state');
    this.store = path.join(folder, 'store');
    this.run('init', '--store', this.store);
    const adapter = process.env.STORE_ADAPTER;
    if (adapter !== undefined) this.keepIn(adapter, process.env.STORE_MANIFEST);
  }

  /** A server takes the folder's place. */
  keepIn(adapter, manifest) {
    this.run('adapters', 'install', adapter);
    fs.writeFileSync(path.join(this.config, 'adapters', `${adapter}.toml`), manifest);
    this.run('adapters', 'approve', adapter);
    this.run('adapters', 'remove', 'fs', '--yes');
  }

  run(...words) {
    const options = { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'], timeout: 300_000 };
    try {
      return execFileSync(COMMAND, ['--config', this.config, '--state', this.state, ...words], options);
    } catch (error) {
      throw new Error(`${words.join(' ')} ended with ${error.status}: ${error.stdout}${error.stderr}`);
    }
  }

  goAway() {
    fs.renameSync(this.store, path.join(this.folder, 'elsewhere'));
  }

  open(options = {}) {
    return new SessionStore({ config: this.config, state: this.state, ...options });
  }

  remove() {
    fs.rmSync(this.folder, { recursive: true, force: true });
  }
}

let number = 0;

/** A store of which nobody else sees the projects: an empty one, where opening adapters anew would take long. */
export function isolated(place, options) {
  number += 1;
  const prefix = `${number}-`;
  const store = place.open(options);
  const mapped = (key) => ({ ...key, projectKey: prefix + key.projectKey });
  return {
    append: (key, entries) => store.append(mapped(key), entries),
    load: (key) => store.load(mapped(key)),
    listSessions: (project) => store.listSessions(prefix + project),
    listSessionSummaries: (project) => store.listSessionSummaries(prefix + project),
    delete: (key) => store.delete(mapped(key)),
    listSubkeys: (key) => store.listSubkeys(mapped(key)),
    close: (timeout) => store.close(timeout),
  };
}

/** Fails with this class, saying something. */
export async function failsWith(name, call) {
  await assert.rejects(call, (error) => error.name === name && error.message.length > 10);
}

export const row = (type, members = {}) => ({ type, ...members });
