'use strict';

/** The command `mirrorbox`, which comes along. */

const fs = require('node:fs');
const path = require('node:path');

/** The command: the one in this package, else the one that is named or on the path; `null` if there is none. */
function bundled() {
  const named = [path.join(__dirname, '..', 'bin', 'mirrorbox'), process.env.MIRRORBOX_COMMAND, onPath('mirrorbox')];
  return named.find((file) => file && isProgram(file)) ?? null;
}

function onPath(name) {
  const folders = (process.env.PATH ?? '').split(path.delimiter).filter(Boolean);
  return folders.map((folder) => path.join(folder, name)).find(isProgram);
}

/** Whether it is a file that can be run, and no script: those of npm and pip lead back here. */
function isProgram(file) {
  let open;
  try {
    fs.accessSync(file, fs.constants.X_OK);
    open = fs.openSync(file);
    const begin = Buffer.alloc(2);
    return fs.readSync(open, begin, 0, 2, 0) === 2 && begin.toString('latin1') !== '#!';
  } catch {
    return false;
  } finally {
    if (open !== undefined) fs.closeSync(open);
  }
}

module.exports = { bundled, onPath };
