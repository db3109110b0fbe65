// The types fit the SDK's.

import { query, type Options, type SessionStore as OfTheSdk } from '@anthropic-ai/claude-agent-sdk';
import { AwayError, MirrorboxError, SessionStore, durable, wrapped } from 'mirrorbox';

export const store: OfTheSdk = new SessionStore({ config: '/etc/mirrorbox', whileAway: 'local' });
export const options: Options = durable({ model: 'm', cwd: '/srv' });
export const others: Options = wrapped({ model: 'm' }, { task: 'nightly' });

export async function use(): Promise<number> {
  for await (const message of query({ prompt: 'x', options })) {
    if (message.type === 'result') break;
  }
  await using mine = new SessionStore();
  try {
    for await (const event of mine.events()) return event.text.length;
    for await (const entry of mine.entries({ projectKey: 'p', sessionId: 's' })) return entry.type.length;
    return (await mine.flush(1)).left.length;
  } catch (error) {
    const isOurs: boolean = error instanceof AwayError && error instanceof MirrorboxError;
    return Number(isOurs);
  }
}

// @ts-expect-error: there is no such answer.
export const wrong = new SessionStore({ whileAway: 'never' });
