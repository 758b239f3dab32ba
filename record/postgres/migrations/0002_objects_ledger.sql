-- +goose Up

CREATE TABLE objects (
    kind       text   NOT NULL COLLATE "C",
    key        text   NOT NULL COLLATE "C",
    version    bigint NOT NULL,
    updated_at bigint NOT NULL,
    data       text   NOT NULL, -- JSON
    PRIMARY KEY (kind, key)
) WITH (fillfactor = 70);

-- Costs of one day are added to by many transactions at once: each appends
-- its row to ledger_added, which is folded into the sums as rows gather, as
-- counts are (counts.go). day counts from 1970.
CREATE TABLE ledger (
    day          bigint NOT NULL,
    collection   bigint NOT NULL,
    model        text   NOT NULL COLLATE "C",
    purpose      text   NOT NULL COLLATE "C",
    space        bytea  NOT NULL,
    requests     bigint NOT NULL,
    tokens       bigint NOT NULL,
    computed     bigint NOT NULL,
    reused       bigint NOT NULL,
    saved_tokens bigint NOT NULL,
    micros       bigint NOT NULL,
    PRIMARY KEY (day, collection, model, purpose, space)
) WITH (fillfactor = 70);

CREATE TABLE ledger_added (LIKE ledger)
    WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000);

-- +goose Down
DROP TABLE ledger_added;
DROP TABLE ledger;
DROP TABLE objects;
