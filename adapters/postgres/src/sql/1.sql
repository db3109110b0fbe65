-- The first version of the tables. {schema} is replaced by the schema's quoted name.

CREATE TABLE {schema}.projects (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  -- SHA-256 of the key, which is too long for an index.
  digest bytea NOT NULL UNIQUE,
  project_key text NOT NULL
);

CREATE TABLE {schema}.streams (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  project bigint NOT NULL REFERENCES {schema}.projects,
  -- SHA-256 of the whole key, and of the key of the session's main transcript.
  key bytea NOT NULL UNIQUE,
  main bytea NOT NULL,
  session_id text NOT NULL,
  -- None for the main transcript.
  subpath text,
  last numeric(20) NOT NULL DEFAULT 0,
  digest text NOT NULL DEFAULT '',
  -- The newest tombstone hides every batch before it.
  tombstone numeric(20) NOT NULL DEFAULT 0,
  modified timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX streams_of_project ON {schema}.streams (project, id) WHERE subpath IS NULL;
CREATE INDEX streams_of_session ON {schema}.streams (main, id) WHERE subpath IS NOT NULL;

CREATE TABLE {schema}.batches (
  stream bigint NOT NULL REFERENCES {schema}.streams,
  number numeric(20) NOT NULL,
  kind text NOT NULL,
  writer text NOT NULL,
  line numeric(20) NOT NULL,
  digest text NOT NULL,
  payload bytea NOT NULL,
  PRIMARY KEY (stream, number)
);

CREATE TABLE {schema}.summaries (
  stream bigint PRIMARY KEY REFERENCES {schema}.streams,
  through numeric(20) NOT NULL,
  json bytea NOT NULL
);

-- A payload that is too large for one message, until it is put together at the end of the same transaction: nobody else
-- ever sees a row of it.
CREATE UNLOGGED TABLE {schema}.pieces (
  upload xid8 NOT NULL DEFAULT pg_current_xact_id(),
  at int NOT NULL,
  bytes bytea NOT NULL,
  PRIMARY KEY (upload, at)
);

-- Decides about one batch and stores it: `stored` (now or before) or `conflict`.
CREATE FUNCTION {schema}.append(
  a_project_digest bytea, a_main bytea, a_key bytea, a_project text, a_session text, a_subpath text,
  a_number numeric, a_kind text, a_writer text, a_line numeric, a_digest text, a_payload bytea,
  a_through numeric, a_summary bytea
) RETURNS text LANGUAGE plpgsql AS $mirrorbox$
DECLARE
  s {schema}.streams;
  stored text;
BEGIN
  -- Whoever appends to a stream has its row to himself until the end of the transaction.
  SELECT * INTO s FROM {schema}.streams WHERE key = a_key FOR UPDATE;
  IF NOT FOUND THEN
    IF a_kind <> 'tombstone' AND a_number <> 1 THEN RETURN 'conflict'; END IF;
    INSERT INTO {schema}.projects (digest, project_key) VALUES (a_project_digest, a_project)
      ON CONFLICT (digest) DO NOTHING;
    INSERT INTO {schema}.streams (project, key, main, session_id, subpath)
      SELECT id, a_key, a_main, a_session, a_subpath FROM {schema}.projects WHERE digest = a_project_digest
      ON CONFLICT (key) DO NOTHING;
    SELECT * INTO STRICT s FROM {schema}.streams WHERE key = a_key FOR UPDATE;
  END IF;

  IF a_number < s.tombstone THEN RETURN 'conflict'; END IF;
  IF a_number <= s.last THEN
    SELECT b.digest INTO stored FROM {schema}.batches b WHERE b.stream = s.id AND b.number = a_number;
    IF stored IS DISTINCT FROM a_digest THEN RETURN 'conflict'; END IF;
  ELSE
    -- A tombstone may stand anywhere behind the end; anything else would leave a gap.
    IF a_kind <> 'tombstone' AND a_number <> s.last + 1 THEN RETURN 'conflict'; END IF;
    INSERT INTO {schema}.batches (stream, number, kind, writer, line, digest, payload)
      VALUES (s.id, a_number, a_kind, a_writer, a_line, a_digest, a_payload);
    IF a_kind = 'tombstone' THEN
      s.tombstone := a_number;
      DELETE FROM {schema}.summaries WHERE stream = s.id;
    END IF;
    UPDATE {schema}.streams
      SET last = a_number, digest = a_digest, tombstone = s.tombstone, modified = GREATEST(modified, clock_timestamp())
      WHERE id = s.id;
  END IF;

  IF a_through > s.tombstone THEN
    INSERT INTO {schema}.summaries AS m (stream, through, json) VALUES (s.id, a_through, a_summary)
      ON CONFLICT (stream) DO UPDATE SET through = excluded.through, json = excluded.json
      WHERE m.through < excluded.through;
  END IF;
  RETURN 'stored';
END
$mirrorbox$;

-- A line as JSON; none where the database cannot hold it (U+0000, a lone surrogate, a number beyond its own).
CREATE FUNCTION {schema}.as_jsonb(line bytea) RETURNS jsonb LANGUAGE plpgsql IMMUTABLE AS $mirrorbox$
BEGIN
  RETURN convert_from(line, 'UTF8')::jsonb;
EXCEPTION WHEN OTHERS THEN
  RETURN NULL;
END
$mirrorbox$;

-- For people: every entry that no tombstone hides, as it is and as JSON where it can be.
CREATE VIEW {schema}.entries AS
  SELECT p.project_key, s.session_id, s.subpath, b.number, b.writer, b.line + l.at - 1 AS line,
    {schema}.as_jsonb(l.raw) AS entry, l.raw
  FROM {schema}.batches b
  JOIN {schema}.streams s ON s.id = b.stream
  JOIN {schema}.projects p ON p.id = s.project
  -- Escaped text keeps its line feeds, so it can be cut into lines whatever the bytes are.
  CROSS JOIN LATERAL (
    SELECT at, decode(escaped, 'escape') AS raw
    FROM string_to_table(encode(b.payload, 'escape'), E'\n') WITH ORDINALITY AS t (escaped, at)
    WHERE escaped <> ''
  ) l
  WHERE b.kind = 'entries' AND b.number > s.tombstone;
