"""Times the agent SDK's own batcher in front of stores that do what its examples do: one pipelined RPUSH, one INSERT of
many rows, one object for each append. Nothing of it is synced before it is sent, and no retry is told apart.

Arguments: redis, postgres or s3; then batched or eager and a file of frames, `{"session":…,"entries":[…]}` a line, or
resume and what one of the former said that it wrote, RUN/SESSION. Prints one JSON object. Other programs import the stores.
"""
import asyncio
import json
import os
import secrets
import sys
import tempfile
import time

from claude_agent_sdk import SessionStore
from claude_agent_sdk._internal.transcript_mirror_batcher import TranscriptMirrorBatcher

RUN = "sdk" + secrets.token_hex(4)
SIDE_BY_SIDE = 16


def dumped(entry):
    return json.dumps(entry, separators=(",", ":"))


class InRedis(SessionStore):
    async def open(self, again):
        import redis.asyncio

        self.redis = redis.asyncio.from_url(os.environ["REDIS_URL"], decode_responses=True)

    async def append(self, key, entries):
        project, session = key["project_key"], key["session_id"]
        pipeline = self.redis.pipeline(transaction=True)
        pipeline.rpush(f"{RUN}:{project}:{session}", *map(dumped, entries))
        pipeline.zadd(f"{RUN}:{project}", {session: time.time()})
        await pipeline.execute()

    async def load(self, key):
        rows = await self.redis.lrange(f"{RUN}:{key['project_key']}:{key['session_id']}", 0, -1)
        return [json.loads(row) for row in rows]


class InPostgres(SessionStore):
    async def open(self, again):
        import asyncpg

        self.pool = await asyncpg.create_pool(os.environ["POSTGRES_URL"])
        columns = "project text, session text, place bigserial, entry jsonb, PRIMARY KEY (project, session, place)"
        if not again:
            await self.pool.execute(f"CREATE TABLE {RUN} ({columns})")

    async def append(self, key, entries):
        insert = (
            f"INSERT INTO {RUN} (project, session, entry) SELECT $1, $2, row.entry"
            " FROM unnest($3::jsonb[]) WITH ORDINALITY AS row (entry, place) ORDER BY row.place"
        )
        await self.pool.execute(insert, key["project_key"], key["session_id"], list(map(dumped, entries)))

    async def load(self, key):
        select = f"SELECT entry FROM {RUN} WHERE project = $1 AND session = $2 ORDER BY place"
        rows = await self.pool.fetch(select, key["project_key"], key["session_id"])
        return [json.loads(row["entry"]) for row in rows]


class InS3(SessionStore):
    async def open(self, again):
        import boto3

        self.s3 = boto3.client("s3", endpoint_url=os.environ["S3_ENDPOINT"], region_name="us-east-1")
        self.bucket = os.environ["S3_BUCKET"]
        self.parts = 0

    def folder(self, key):
        return f"{RUN}/{key['project_key']}/{key['session_id']}/"

    async def append(self, key, entries):
        self.parts += 1
        name = f"{self.folder(key)}{self.parts:013d}.jsonl"
        body = "".join(dumped(entry) + "\n" for entry in entries).encode()
        await asyncio.to_thread(self.s3.put_object, Bucket=self.bucket, Key=name, Body=body)

    def names(self, key):
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=self.folder(key))
        return sorted(found["Key"] for page in pages for found in page.get("Contents", []))

    def get(self, name):
        return self.s3.get_object(Bucket=self.bucket, Key=name)["Body"].read().decode()

    async def load(self, key):
        turns = asyncio.Semaphore(SIDE_BY_SIDE)

        async def get(name):
            async with turns:
                return await asyncio.to_thread(self.get, name)

        parts = await asyncio.gather(*map(get, await asyncio.to_thread(self.names, key)))
        return [json.loads(line) for part in parts for line in part.split("\n") if line]


async def complain(key, message):
    print(f"dropped a batch of {key}: {message}", file=sys.stderr)


def memory(line):
    """In KiB. `ru_maxrss` will not do: it begins at what the parent had."""
    with open("/proc/self/status") as status:
        return next(int(text.split()[1]) for text in status if text.startswith(line))


def frames_of(path):
    with open(path, encoding="utf-8", newline="\n") as file:
        return [(frame["session"], frame["entries"]) for frame in map(json.loads, file)]


EAGER = {"max_pending_entries": 0, "max_pending_bytes": 0}


async def mirror(store, frames, limits, project="project"):
    batchers = {}
    start = time.perf_counter()
    for number, (session, entries) in enumerate(frames):
        if session not in batchers:
            batchers[session] = TranscriptMirrorBatcher(
                store=store, projects_dir="/p", on_error=complain, **limits
            )
        batchers[session].enqueue(f"/p/{project}/{session}.jsonl", entries)
        if number % 64 == 63:
            # As a reader of a pipe does: others get their turn.
            await asyncio.sleep(0)
    for batcher in batchers.values():
        await batcher.close()
    return time.perf_counter() - start, list(batchers)


async def resume(store, session):
    start = time.perf_counter()
    entries = await store.load({"project_key": "project", "session_id": session})
    with tempfile.TemporaryFile("w") as file:
        for entry in entries:
            file.write(dumped(entry) + "\n")
    return time.perf_counter() - start, len(entries)


async def written(store, mode, path):
    frames = frames_of(path)
    seconds, sessions = await mirror(store, frames, EAGER if mode == "eager" else {})
    stored = [(await resume(store, session))[1] for session in sessions]
    lost = sum(len(entries) for _, entries in frames) - sum(stored)
    return {"seconds": seconds, "lost": lost, "run": RUN, "session": sessions[0]}


async def read(store, session):
    before = memory("VmRSS:")
    seconds, entries = await resume(store, session)
    return {"seconds": seconds, "entries": entries, "risen_kib": memory("VmHWM:") - before}


async def opened(where, again=None):
    """A store; one that holds what another process wrote, as `RUN`, where that is named."""
    global RUN
    RUN = again or RUN
    store = {"redis": InRedis, "postgres": InPostgres, "s3": InS3}[where]()
    await store.open(again is not None)
    return store


async def main(where, mode, what):
    run = None
    if mode == "resume":
        # Written by another process, whose memory does not count here.
        run, what = what.split("/")
    store = await opened(where, run)
    done = await (read(store, what) if mode == "resume" else written(store, mode, what))
    print(json.dumps(done))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
