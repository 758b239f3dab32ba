-- +goose Up

CREATE TABLE objects (
    kind       TEXT    NOT NULL,
    key        TEXT    NOT NULL,
    version    INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    data       TEXT    NOT NULL, -- JSON
    PRIMARY KEY (kind, key)
) WITHOUT ROWID;

-- day counts from 1970.
CREATE TABLE ledger (
    day          INTEGER NOT NULL,
    collection   INTEGER NOT NULL,
    model        TEXT    NOT NULL,
    purpose      TEXT    NOT NULL,
    space        BLOB    NOT NULL,
    requests     INTEGER NOT NULL,
    tokens       INTEGER NOT NULL,
    computed     INTEGER NOT NULL,
    reused       INTEGER NOT NULL,
    saved_tokens INTEGER NOT NULL,
    micros       INTEGER NOT NULL,
    PRIMARY KEY (day, collection, model, purpose, space)
) WITHOUT ROWID;

-- +goose Down
DROP TABLE ledger;
DROP TABLE objects;
