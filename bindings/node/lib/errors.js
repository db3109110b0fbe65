'use strict';

/** Of all errors of this package: what happened, where, and what to do. */
class MirrorboxError extends Error {
  get name() {
    return this.constructor.name;
  }
}

/** The configuration cannot be used: make one with `mirrorbox init`, or pass `config`. */
class ConfigError extends MirrorboxError {}
/** The state directory cannot be used: pass `state`, a directory on a local disk that can be written to. */
class StateError extends MirrorboxError {}
/** Nothing of the call was kept: pass what is a key, an entry, an option. */
class InvalidError extends MirrorboxError {}
/** The disk is full or fails: mend it and make the same call again. */
class NotWrittenError extends MirrorboxError {}
/** The entries are accepted and are delivered later: do not send them again. */
class NotDeliveredError extends MirrorboxError {}
/** No destination answers, and this machine does not hold it whole: try again once one can be reached. */
class AwayError extends MirrorboxError {}
/** What is stored cannot be read: look at it with `mirrorbox verify`. */
class ReadError extends MirrorboxError {}
/** The store is closed: make another one. */
class ClosedError extends MirrorboxError {}

const CLASSES = {
  ConfigError,
  StateError,
  InvalidError,
  NotWrittenError,
  NotDeliveredError,
  AwayError,
  ReadError,
  ClosedError,
};

/** The error that a failure of the native half stands for: its first line is the class. */
function ofNative(error) {
  const message = String(error?.message ?? error);
  const end = message.indexOf('\n');
  const known = CLASSES[message.slice(0, Math.max(end, 0))];
  return known === undefined ? error : new known(message.slice(end + 1));
}

/** What a call of the native half gives, with errors of this package. */
async function called(call) {
  try {
    return await call();
  } catch (error) {
    throw ofNative(error);
  }
}

module.exports = { MirrorboxError, ...CLASSES, ofNative, called };
