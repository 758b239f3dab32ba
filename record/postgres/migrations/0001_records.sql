-- Times are microseconds since 1970, UTC. Digests are 32 bytes.
-- No foreign keys: each would cost a look-up and a lock per row, and every
-- delete is in one place (collections.go).
-- Names stand without a schema: the connection's search_path holds only ours.

-- +goose Up

CREATE SEQUENCE change_numbers;
CREATE SEQUENCE epochs;
CREATE SEQUENCE refs;
CREATE SEQUENCE inlined_ids;

-- Whoever writes records of a collection holds its row until the end of the
-- transaction, so that numbers are given in the order of commits.
CREATE TABLE collections (
    id          bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    name        text   NOT NULL COLLATE "C" UNIQUE,
    declaration text   NOT NULL, -- JSON
    created_at  bigint NOT NULL,
    updated_at  bigint NOT NULL,
    records     bigint NOT NULL DEFAULT 0, -- live ones
    latest      bigint NOT NULL DEFAULT 0  -- number of the newest change
) WITH (fillfactor = 50);

-- What else is counted changes in many transactions at once, which would wait
-- for each other on a common row: each adds its difference, and a count is
-- their sum. Rows are folded into one as they gather (counts.go).
-- kind: 1 changes that are not buried, of a collection; 2 passages that are
-- not removed, of a generation; 3 durable vectors; 4 inline vectors.
CREATE TABLE counts (
    kind  smallint NOT NULL,
    of    bigint   NOT NULL,
    delta bigint   NOT NULL
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000);
CREATE INDEX counts_of ON counts (kind, of) INCLUDE (delta);

CREATE TABLE generations (
    id         bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    collection bigint NOT NULL,
    state      text   NOT NULL,
    model      text   NOT NULL,
    space      bytea  NOT NULL,
    dimensions integer NOT NULL,
    recipe     bytea  NOT NULL,
    policy     text   NOT NULL,
    chunking   text   NOT NULL, -- JSON
    created_at bigint NOT NULL
);
CREATE INDEX generations_of ON generations (collection, id);
CREATE UNIQUE INDEX generations_active ON generations (collection) WHERE state = 'active';

-- fields is text, not jsonb: numbers and the order of names stay as written,
-- and jsonb refuses the character U+0000.
CREATE TABLE records (
    ref             bigint  PRIMARY KEY, -- from a sequence: never given twice
    collection      bigint  NOT NULL,
    version         bigint  NOT NULL,
    content_version bigint  NOT NULL,
    change          bigint  NOT NULL,
    updated_at      bigint  NOT NULL,
    deleted         boolean NOT NULL,
    id              text    NOT NULL COLLATE "C",
    fields          text    NOT NULL -- JSON; empty in a tombstone
) WITH (fillfactor = 90);
CREATE UNIQUE INDEX records_by_id ON records (collection, id);

-- What a newer version has replaced: a record that is never changed costs one row.
CREATE TABLE record_versions (
    ref             bigint  NOT NULL,
    version         bigint  NOT NULL,
    content_version bigint  NOT NULL,
    change          bigint  NOT NULL,
    updated_at      bigint  NOT NULL,
    deleted         boolean NOT NULL,
    fields          text    NOT NULL,
    PRIMARY KEY (ref, version)
);

-- At most one row a record. state: 0 ready, 1 delayed, 2 leased, 3 buried.
CREATE TABLE changes (
    ref           bigint   PRIMARY KEY,
    collection    bigint   NOT NULL,
    state         smallint NOT NULL,
    what          smallint NOT NULL, -- written since the last lease
    leased_what   smallint NOT NULL DEFAULT 0, -- handed out and not completed
    alone         boolean  NOT NULL DEFAULT false,
    attempts      integer  NOT NULL DEFAULT 0, -- leases so far
    lost          integer  NOT NULL DEFAULT 0, -- of them, ended by a crash or by time
    number        bigint   NOT NULL, -- of the newest write
    first         bigint   NOT NULL, -- every write of the record before this number is indexed
    written_at    bigint   NOT NULL, -- of the oldest write that is not indexed
    leased_number bigint   NOT NULL DEFAULT 0,
    epoch         bigint, -- of the lease; null in any other state
    not_before    bigint   NOT NULL DEFAULT 0 -- when delayed
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 5000);
CREATE INDEX changes_in_line ON changes (collection, state, first, ref);
CREATE INDEX changes_delayed ON changes (not_before) WHERE state = 1;
CREATE INDEX changes_held ON changes (epoch) WHERE epoch IS NOT NULL;

-- Whoever does something under a lease holds its row.
CREATE TABLE leases (
    epoch      bigint PRIMARY KEY,
    collection bigint NOT NULL,
    until      bigint NOT NULL
);

CREATE TABLE staged (
    ref             bigint NOT NULL,
    epoch           bigint NOT NULL,
    content_version bigint NOT NULL,
    field           text   NOT NULL COLLATE "C",
    sealed          bytea  NOT NULL,
    PRIMARY KEY (ref, field)
);
CREATE INDEX staged_under ON staged (epoch);

-- state: 0 fresh, 1 indexed, 2 removed.
CREATE TABLE passages (
    id              bigint   PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    generation      bigint   NOT NULL,
    ref             bigint   NOT NULL,
    content_version bigint   NOT NULL,
    ordinal         integer  NOT NULL,
    span_start      integer  NOT NULL,
    span_end        integer  NOT NULL,
    state           smallint NOT NULL,
    field           text     NOT NULL,
    text            bytea    NOT NULL, -- digest
    display         bytea    NOT NULL, -- digest
    sealed          bytea    NOT NULL
) WITH (fillfactor = 85);
CREATE INDEX passages_of ON passages (generation, ref);
CREATE INDEX passages_in_order ON passages (generation, id);

-- Where a vector lies: inline, or in a segment. The row stays small, for the
-- addresses are random and there are millions.
CREATE TABLE vectors (
    address bytea  PRIMARY KEY,
    inlined bigint, -- id in inlined_vectors, or null
    segment bigint, -- id in segments, or null
    start   bigint NOT NULL,
    length  bigint NOT NULL
) WITH (fillfactor = 80);

CREATE TABLE inlined_vectors (
    id      bigint PRIMARY KEY, -- in the order of arrival
    address bytea  NOT NULL,
    data    bytea  NOT NULL
);

CREATE TABLE segments (
    id   bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    name text   NOT NULL UNIQUE
);

CREATE TABLE claims (
    address bytea  PRIMARY KEY,
    owner   text   NOT NULL,
    until   bigint NOT NULL
);

CREATE TABLE runs (
    id          text   PRIMARY KEY COLLATE "C",
    pipeline    text   NOT NULL,
    collection  bigint NOT NULL,
    state       text   NOT NULL,
    input       bytea,
    started_at  bigint NOT NULL,
    finished_at bigint NOT NULL -- 0 while it goes on
);
CREATE INDEX runs_by_pipeline ON runs (pipeline, id);
CREATE INDEX runs_by_collection ON runs (collection, id);
CREATE INDEX runs_by_state ON runs (state, id);
CREATE INDEX runs_finished ON runs (finished_at) WHERE finished_at > 0;

CREATE TABLE steps (
    run      text    NOT NULL COLLATE "C",
    position integer NOT NULL,
    name     text    NOT NULL,
    state    text    NOT NULL,
    output   bytea,
    PRIMARY KEY (run, position),
    UNIQUE (run, name)
);

CREATE TABLE attempts (
    run         text     NOT NULL COLLATE "C",
    step        text     NOT NULL,
    number      integer  NOT NULL,
    state       text     NOT NULL,
    worker      text     NOT NULL,
    started_at  bigint   NOT NULL,
    finished_at bigint   NOT NULL,
    kind        smallint NOT NULL,
    error       text     NOT NULL,
    PRIMARY KEY (run, step, number)
);

CREATE TABLE dead_letters (
    id          bigint   PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    collection  bigint   NOT NULL,
    ref         bigint   NOT NULL,
    pipeline    text     NOT NULL,
    step        text     NOT NULL,
    run         text     NOT NULL,
    kind        smallint NOT NULL,
    message     text     NOT NULL,
    attempts    bigint   NOT NULL,
    first_at    bigint   NOT NULL,
    last_at     bigint   NOT NULL,
    resolved_at bigint -- null while it is open
);
CREATE UNIQUE INDEX dead_letters_open ON dead_letters (ref, step, collection) WHERE resolved_at IS NULL;
CREATE INDEX dead_letters_of ON dead_letters (collection, id) WHERE resolved_at IS NULL;

CREATE TABLE audit (
    number    bigint  PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    at        bigint  NOT NULL,
    principal text    NOT NULL,
    action    text    NOT NULL,
    resource  text    NOT NULL,
    allowed   boolean NOT NULL,
    reason    text    NOT NULL
);
-- +goose StatementBegin
CREATE FUNCTION audit_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the audit trail is only ever appended to';
END $$;
-- +goose StatementEnd
CREATE TRIGGER audit_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit
    FOR EACH STATEMENT EXECUTE FUNCTION audit_is_append_only();

-- +goose Down
DROP TABLE audit;
DROP FUNCTION audit_is_append_only();
DROP TABLE dead_letters;
DROP TABLE attempts;
DROP TABLE steps;
DROP TABLE runs;
DROP TABLE claims;
DROP TABLE segments;
DROP TABLE inlined_vectors;
DROP TABLE vectors;
DROP TABLE passages;
DROP TABLE staged;
DROP TABLE leases;
DROP TABLE changes;
DROP TABLE record_versions;
DROP TABLE records;
DROP TABLE generations;
DROP TABLE counts;
DROP TABLE collections;
DROP SEQUENCE inlined_ids;
DROP SEQUENCE refs;
DROP SEQUENCE epochs;
DROP SEQUENCE change_numbers;
