/** Durable mirror for the transcripts of AI agents: the store for the agent's SDK. */
/// <reference lib="esnext.disposable" />

/** Which transcript: the main one of a session, or one of its subpaths. */
export type SessionKey = { projectKey: string; sessionId: string; subpath?: string };

/** A line of a transcript. */
export type SessionStoreEntry = { type: string; uuid?: string; timestamp?: string; [member: string]: unknown };

export interface SessionStoreOptions {
  /** The configuration directory; the command's own unless it is named. */
  config?: string;
  /** The state directory; the command's own unless it is named. */
  state?: string;
  /**
   * What to answer while no destination can be reached. `"error"`: what this machine holds whole, and `AwayError` for
   * everything else. `"local"`: what this machine does not hold does not exist.
   */
  whileAway?: 'error' | 'local';
  /** So many seconds an append may take; 50 unless it is set. The SDK waits for 60. */
  appendTimeout?: number;
}

/** What is on local disk and not in every destination yet. */
export declare class Undelivered {
  readonly text: string;
  readonly left: ReadonlyArray<Record<string, unknown>>;
  readonly adopting: boolean;
  /** Whether that is nothing. */
  get isNone(): boolean;
  toString(): string;
}

/** What must not pass in silence. */
export interface MirrorboxEvent {
  of: 'destination' | 'spool' | 'adapter' | 'events';
  name: string;
  text: string;
  destination?: string;
  stream?: unknown;
  /** So many events before it were missed, because they were not read fast enough. */
  missed_before?: number;
}

/**
 * Keeps sessions on local disk first, and in every destination of a configuration: the SDK's `SessionStore`.
 * Stores of the same directories share one host, also those of worker threads.
 */
export declare class SessionStore {
  constructor(options?: SessionStoreOptions);
  /** Appends entries: they are on local disk when the promise is kept, all or none. */
  append(key: SessionKey, entries: SessionStoreEntry[]): Promise<void>;
  /** The entries of a transcript; `null` where it was never written. */
  load(key: SessionKey): Promise<SessionStoreEntry[] | null>;
  /** The sessions of a project, and when each was written to last, in Unix milliseconds. */
  listSessions(projectKey: string): Promise<Array<{ sessionId: string; mtime: number }>>;
  /** What is known of each session of a project. */
  listSessionSummaries(
    projectKey: string,
  ): Promise<Array<{ sessionId: string; mtime: number; data: Record<string, unknown> }>>;
  /** Deletes a session with all that belongs to it, or what one subpath holds. */
  delete(key: SessionKey): Promise<void>;
  /** The subpaths of a session. */
  listSubkeys(key: { projectKey: string; sessionId: string }): Promise<string[]>;
  /** The entries of a transcript, one after another; memory stays flat. */
  entries(key: SessionKey): AsyncGenerator<SessionStoreEntry, void, undefined>;
  /** Delivers what is there now, for so many seconds at most; what remains goes on being delivered. */
  flush(timeout?: number): Promise<Undelivered>;
  /** How every stream is doing at every destination. */
  status(): Promise<Array<Record<string, unknown>>>;
  /** Tries destinations now that wait before the next try. */
  retry(): Promise<void>;
  /** Events from now on. Ends when the host is closed; keeps no process running. */
  events(): AsyncIterableIterator<MirrorboxEvent>;
  /** Ends this store: delivers for so many seconds at most. The last one of its directories closes the host. */
  close(timeout?: number): Promise<Undelivered>;
  /** What `await using` calls. */
  [Symbol.asyncDispose](): Promise<void>;
}

/** Where configuration and state are, where they are not the command's own. */
export interface Directories {
  config?: string;
  state?: string;
}

/**
 * Options of `query` with which each row is on local disk as soon as the SDK has it. What the command writes after the
 * SDK has stopped reading does not come this way: `wrapped` has that, too.
 */
export declare function durable<Options extends object>(
  options?: Options,
  directories?: Directories,
): Options & { sessionStore: SessionStore; sessionStoreFlush: 'eager' };

/**
 * Options of `query` with which the command runs under `mirrorbox run`: every row is kept, whatever becomes of this
 * process. With a `task`, the session that the task had last is gone on with, on whichever machine.
 */
export declare function wrapped<Options extends object>(
  options?: Options,
  how?: Directories & { task?: string; cwdKey?: string },
): Options & { pathToClaudeCodeExecutable: string };

/** Of all errors of this package: what happened, where, and what to do. */
export declare class MirrorboxError extends Error {}
/** The configuration cannot be used: make one with `mirrorbox init`, or pass `config`. */
export declare class ConfigError extends MirrorboxError {}
/** The state directory cannot be used: pass `state`, a directory on a local disk that can be written to. */
export declare class StateError extends MirrorboxError {}
/** Nothing of the call was kept: pass what is a key, an entry, an option. */
export declare class InvalidError extends MirrorboxError {}
/** The disk is full or fails: mend it and make the same call again. */
export declare class NotWrittenError extends MirrorboxError {}
/** The entries are accepted and are delivered later: do not send them again. */
export declare class NotDeliveredError extends MirrorboxError {}
/** No destination answers, and this machine does not hold it whole: try again once one can be reached. */
export declare class AwayError extends MirrorboxError {}
/** What is stored cannot be read: look at it with `mirrorbox verify`. */
export declare class ReadError extends MirrorboxError {}
/** The store is closed: make another one. */
export declare class ClosedError extends MirrorboxError {}
