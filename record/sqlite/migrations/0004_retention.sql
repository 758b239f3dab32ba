-- What retention needs to find what is old, and vectors that are marked to be
-- deleted: a table of its own, as it is small or empty.

-- +goose Up

CREATE TABLE marks (
    address BLOB    NOT NULL PRIMARY KEY,
    at      INTEGER NOT NULL
) WITHOUT ROWID;

CREATE INDEX record_versions_by_age ON record_versions (updated_at);
CREATE INDEX dead_letters_resolved ON dead_letters (resolved_at) WHERE resolved_at IS NOT NULL;

-- +goose Down
DROP INDEX dead_letters_resolved;
DROP INDEX record_versions_by_age;
DROP TABLE marks;
