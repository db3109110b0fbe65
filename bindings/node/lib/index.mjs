import mirrorbox from './index.js';

export const {
  SessionStore,
  Undelivered,
  durable,
  wrapped,
  MirrorboxError,
  ConfigError,
  StateError,
  InvalidError,
  NotWrittenError,
  NotDeliveredError,
  AwayError,
  ReadError,
  ClosedError,
} = mirrorbox;
