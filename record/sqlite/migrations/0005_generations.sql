-- A queue of changes for each generation that is fed, instead of one for each
-- collection; a generation keeps all that it was built with.

-- +goose Up
ALTER TABLE generations ADD COLUMN content TEXT NOT NULL DEFAULT '[]'; -- JSON
ALTER TABLE generations ADD COLUMN rules TEXT NOT NULL DEFAULT '';     -- the policy, JSON
ALTER TABLE generations ADD COLUMN pending INTEGER NOT NULL DEFAULT 0; -- changes that are not buried
UPDATE generations SET content =
    coalesce((SELECT json_extract(declaration, '$.content') FROM collections c WHERE c.id = generations.collection), '[]');

-- At most one row a record and generation. state: 0 ready, 1 delayed, 2 leased, 3 buried.
CREATE TABLE queue (
    generation    INTEGER NOT NULL,
    ref           INTEGER NOT NULL,
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
    alone         INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (generation, ref)
) WITHOUT ROWID;
INSERT INTO queue
    SELECT g.id, q.ref, q.collection, iif(q.state = 2, 0, q.state), q.number, q.first, q.written_at, q.what, q.leased_what,
        q.leased_number, NULL, q.not_before, q.attempts, q.lost, q.alone
    FROM changes q JOIN generations g ON g.collection = q.collection AND g.state = 'active';
DROP TABLE changes;
ALTER TABLE queue RENAME TO changes;
CREATE INDEX changes_in_line ON changes (generation, state, first);
CREATE INDEX changes_delayed ON changes (not_before) WHERE state = 1;
CREATE INDEX changes_held ON changes (epoch) WHERE epoch IS NOT NULL;
UPDATE generations SET pending = (SELECT count(*) FROM changes q WHERE q.generation = generations.id AND q.state <> 3);
ALTER TABLE collections DROP COLUMN pending;

DROP TABLE leases;
CREATE TABLE leases (
    epoch      INTEGER PRIMARY KEY,
    collection INTEGER NOT NULL,
    generation INTEGER NOT NULL,
    until      INTEGER NOT NULL
);
DROP TABLE staged;
CREATE TABLE staged (
    epoch           INTEGER NOT NULL,
    ref             INTEGER NOT NULL,
    field           TEXT    NOT NULL,
    content_version INTEGER NOT NULL,
    sealed          BLOB    NOT NULL,
    PRIMARY KEY (epoch, ref, field)
);

ALTER TABLE dead_letters ADD COLUMN generation INTEGER NOT NULL DEFAULT 0;
UPDATE dead_letters SET generation =
    coalesce((SELECT id FROM generations g WHERE g.collection = dead_letters.collection AND g.state = 'active'), 0);
DROP INDEX dead_letters_open;
CREATE UNIQUE INDEX dead_letters_open ON dead_letters (ref, step, generation, collection) WHERE resolved_at IS NULL;

-- +goose Down
DELETE FROM dead_letters WHERE resolved_at IS NULL AND id NOT IN
    (SELECT max(id) FROM dead_letters WHERE resolved_at IS NULL GROUP BY ref, step, collection);
DROP INDEX dead_letters_open;
ALTER TABLE dead_letters DROP COLUMN generation;
CREATE UNIQUE INDEX dead_letters_open ON dead_letters (ref, step, collection) WHERE resolved_at IS NULL;

DROP TABLE staged;
CREATE TABLE staged (
    ref             INTEGER NOT NULL,
    field           TEXT    NOT NULL,
    epoch           INTEGER NOT NULL,
    content_version INTEGER NOT NULL,
    sealed          BLOB    NOT NULL,
    PRIMARY KEY (ref, field)
);
CREATE INDEX staged_under ON staged (epoch);
DROP TABLE leases;
CREATE TABLE leases (
    epoch      INTEGER PRIMARY KEY,
    collection INTEGER NOT NULL,
    until      INTEGER NOT NULL
);

ALTER TABLE collections ADD COLUMN pending INTEGER NOT NULL DEFAULT 0;
CREATE TABLE queue (
    ref           INTEGER PRIMARY KEY,
    collection    INTEGER NOT NULL,
    state         INTEGER NOT NULL,
    number        INTEGER NOT NULL,
    first         INTEGER NOT NULL,
    written_at    INTEGER NOT NULL,
    what          INTEGER NOT NULL,
    leased_what   INTEGER NOT NULL DEFAULT 0,
    leased_number INTEGER NOT NULL DEFAULT 0,
    epoch         INTEGER,
    not_before    INTEGER NOT NULL DEFAULT 0,
    attempts      INTEGER NOT NULL DEFAULT 0,
    lost          INTEGER NOT NULL DEFAULT 0,
    alone         INTEGER NOT NULL DEFAULT 0
);
INSERT INTO queue
    SELECT q.ref, q.collection, iif(q.state = 2, 0, q.state), q.number, q.first, q.written_at, q.what, q.leased_what,
        q.leased_number, NULL, q.not_before, q.attempts, q.lost, q.alone
    FROM changes q JOIN generations g ON g.id = q.generation AND g.state = 'active';
DROP TABLE changes;
ALTER TABLE queue RENAME TO changes;
CREATE INDEX changes_in_line ON changes (collection, state, first);
CREATE INDEX changes_delayed ON changes (not_before) WHERE state = 1;
CREATE INDEX changes_held ON changes (epoch) WHERE epoch IS NOT NULL;
UPDATE collections SET pending = (SELECT count(*) FROM changes q WHERE q.collection = collections.id AND q.state <> 3);
UPDATE generations SET state = 'retired' WHERE state = 'standby';
ALTER TABLE generations DROP COLUMN pending;
ALTER TABLE generations DROP COLUMN rules;
ALTER TABLE generations DROP COLUMN content;
