-- Times are microseconds since 1970, UTC. Digests are 32-byte blobs.
-- No foreign keys: each would cost a look-up per row, and every delete is in
-- one place (collections.go).

-- +goose Up

-- One row. There is one writer, so numbers are given in the order of commits.
CREATE TABLE sequence (
    id      INTEGER PRIMARY KEY CHECK (id = 1),
    change  INTEGER NOT NULL, -- last change number given
    epoch   INTEGER NOT NULL, -- last lease
    ref     INTEGER NOT NULL, -- last record
    passage INTEGER NOT NULL, -- last passage
    vectors INTEGER NOT NULL, -- durable vectors
    inlined INTEGER NOT NULL  -- of them, not yet in a segment
);
INSERT INTO sequence VALUES (1, 0, 0, 0, 0, 0, 0);

-- records and pending are counted by the statements that change them, so that
-- a status costs the same at any size.
CREATE TABLE collections (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    name        TEXT    NOT NULL UNIQUE,
    declaration TEXT    NOT NULL, -- JSON
    created_at  INTEGER NOT NULL,
    updated_at  INTEGER NOT NULL,
    records     INTEGER NOT NULL DEFAULT 0, -- live ones
    pending     INTEGER NOT NULL DEFAULT 0, -- changes that are not buried
    latest      INTEGER NOT NULL DEFAULT 0  -- number of the newest change
);

CREATE TABLE generations (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    collection INTEGER NOT NULL,
    state      TEXT    NOT NULL,
    model      TEXT    NOT NULL,
    space      BLOB    NOT NULL,
    dimensions INTEGER NOT NULL,
    recipe     BLOB    NOT NULL,
    policy     TEXT    NOT NULL,
    chunking   TEXT    NOT NULL, -- JSON
    created_at INTEGER NOT NULL,
    passages   INTEGER NOT NULL DEFAULT 0 -- those that are not removed
);
CREATE INDEX generations_of ON generations (collection, id);
CREATE UNIQUE INDEX generations_active ON generations (collection) WHERE state = 'active';

CREATE TABLE records (
    ref             INTEGER PRIMARY KEY, -- from the sequence: never given twice
    collection      INTEGER NOT NULL,
    id              TEXT    NOT NULL,
    version         INTEGER NOT NULL,
    content_version INTEGER NOT NULL,
    change          INTEGER NOT NULL,
    updated_at      INTEGER NOT NULL,
    deleted         INTEGER NOT NULL,
    fields          BLOB    NOT NULL -- JSON; empty in a tombstone
);
CREATE UNIQUE INDEX records_by_id ON records (collection, id);

-- What a newer version has replaced: a record that is never changed costs one row.
CREATE TABLE record_versions (
    ref             INTEGER NOT NULL,
    version         INTEGER NOT NULL,
    content_version INTEGER NOT NULL,
    change          INTEGER NOT NULL,
    updated_at      INTEGER NOT NULL,
    deleted         INTEGER NOT NULL,
    fields          BLOB    NOT NULL,
    PRIMARY KEY (ref, version)
);

-- At most one row a record. state: 0 ready, 1 delayed, 2 leased, 3 buried.
CREATE TABLE changes (
    ref           INTEGER PRIMARY KEY,
    collection    INTEGER NOT NULL,
    state         INTEGER NOT NULL,
    number        INTEGER NOT NULL, -- of the newest write
    first         INTEGER NOT NULL, -- every write of the record before this number is indexed
    written_at    INTEGER NOT NULL, -- of the oldest write that is not indexed
    what          INTEGER NOT NULL, -- written since the last lease
    leased_what   INTEGER NOT NULL DEFAULT 0, -- handed out and not completed
    leased_number INTEGER NOT NULL DEFAULT 0,
    epoch         INTEGER, -- of the lease; null in any other state
    not_before    INTEGER NOT NULL DEFAULT 0, -- when delayed
    attempts      INTEGER NOT NULL DEFAULT 0, -- leases so far
    lost          INTEGER NOT NULL DEFAULT 0, -- of them, ended by a crash or by time
    alone         INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX changes_in_line ON changes (collection, state, first);
CREATE INDEX changes_delayed ON changes (not_before) WHERE state = 1;
CREATE INDEX changes_held ON changes (epoch) WHERE epoch IS NOT NULL;

CREATE TABLE leases (
    epoch      INTEGER PRIMARY KEY,
    collection INTEGER NOT NULL,
    until      INTEGER NOT NULL
);

CREATE TABLE staged (
    ref             INTEGER NOT NULL,
    field           TEXT    NOT NULL,
    epoch           INTEGER NOT NULL,
    content_version INTEGER NOT NULL,
    sealed          BLOB    NOT NULL,
    PRIMARY KEY (ref, field)
);
CREATE INDEX staged_under ON staged (epoch);

-- state: 0 fresh, 1 indexed, 2 removed.
CREATE TABLE passages (
    id              INTEGER PRIMARY KEY, -- from the sequence: never given twice
    generation      INTEGER NOT NULL,
    ref             INTEGER NOT NULL,
    state           INTEGER NOT NULL,
    content_version INTEGER NOT NULL,
    ordinal         INTEGER NOT NULL,
    span_start      INTEGER NOT NULL,
    span_end        INTEGER NOT NULL,
    field           TEXT    NOT NULL,
    text            BLOB    NOT NULL, -- digest
    display         BLOB    NOT NULL, -- digest
    sealed          BLOB    NOT NULL
);
CREATE INDEX passages_of ON passages (generation, ref, ordinal);
CREATE INDEX passages_in_order ON passages (generation, id);

-- Where a vector lies: inline, or in a segment. The row stays small, for the
-- addresses are random and there are millions.
CREATE TABLE vectors (
    address BLOB    NOT NULL PRIMARY KEY,
    inlined INTEGER, -- id in inlined_vectors, or null
    segment INTEGER, -- id in segments, or null
    start   INTEGER NOT NULL,
    length  INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE inlined_vectors (
    id      INTEGER PRIMARY KEY, -- in the order of arrival
    address BLOB NOT NULL,
    data    BLOB NOT NULL
);

CREATE TABLE segments (
    id   INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE
);

CREATE TABLE claims (
    address BLOB    NOT NULL PRIMARY KEY,
    owner   TEXT    NOT NULL,
    until   INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE runs (
    id          TEXT    NOT NULL PRIMARY KEY,
    pipeline    TEXT    NOT NULL,
    collection  INTEGER NOT NULL,
    state       TEXT    NOT NULL,
    input       BLOB,
    started_at  INTEGER NOT NULL,
    finished_at INTEGER NOT NULL -- 0 while it goes on
) WITHOUT ROWID;
CREATE INDEX runs_by_pipeline ON runs (pipeline, id);
CREATE INDEX runs_by_collection ON runs (collection, id);
CREATE INDEX runs_by_state ON runs (state, id);
CREATE INDEX runs_finished ON runs (finished_at) WHERE finished_at > 0;

CREATE TABLE steps (
    run      TEXT    NOT NULL,
    position INTEGER NOT NULL,
    name     TEXT    NOT NULL,
    state    TEXT    NOT NULL,
    output   BLOB,
    PRIMARY KEY (run, position),
    UNIQUE (run, name)
) WITHOUT ROWID;

CREATE TABLE attempts (
    run         TEXT    NOT NULL,
    step        TEXT    NOT NULL,
    number      INTEGER NOT NULL,
    state       TEXT    NOT NULL,
    worker      TEXT    NOT NULL,
    started_at  INTEGER NOT NULL,
    finished_at INTEGER NOT NULL,
    kind        INTEGER NOT NULL,
    error       TEXT    NOT NULL,
    PRIMARY KEY (run, step, number)
) WITHOUT ROWID;

CREATE TABLE dead_letters (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    collection  INTEGER NOT NULL,
    ref         INTEGER NOT NULL,
    pipeline    TEXT    NOT NULL,
    step        TEXT    NOT NULL,
    run         TEXT    NOT NULL,
    kind        INTEGER NOT NULL,
    message     TEXT    NOT NULL,
    attempts    INTEGER NOT NULL,
    first_at    INTEGER NOT NULL,
    last_at     INTEGER NOT NULL,
    resolved_at INTEGER -- null while it is open
);
CREATE UNIQUE INDEX dead_letters_open ON dead_letters (ref, step, collection) WHERE resolved_at IS NULL;
CREATE INDEX dead_letters_of ON dead_letters (collection, id) WHERE resolved_at IS NULL;

CREATE TABLE audit (
    number    INTEGER PRIMARY KEY AUTOINCREMENT,
    at        INTEGER NOT NULL,
    principal TEXT    NOT NULL,
    action    TEXT    NOT NULL,
    resource  TEXT    NOT NULL,
    allowed   INTEGER NOT NULL,
    reason    TEXT    NOT NULL
);
-- +goose StatementBegin
CREATE TRIGGER audit_no_update BEFORE UPDATE ON audit BEGIN
    SELECT RAISE(ABORT, 'the audit trail is only ever appended to');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER audit_no_delete BEFORE DELETE ON audit BEGIN
    SELECT RAISE(ABORT, 'the audit trail is only ever appended to');
END;
-- +goose StatementEnd

-- +goose Down
DROP TABLE audit;
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
DROP TABLE collections;
DROP TABLE sequence;
