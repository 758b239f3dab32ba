-- +goose Up

-- The vault: data keys of subjects, wrapped by master keys that are not here,
-- and what pseudonyms stand for, encrypted with them.
CREATE TABLE vault_keys (
    subject bytea  PRIMARY KEY,
    master  bigint NOT NULL,
    wrapped bytea  NOT NULL
);
CREATE INDEX vault_keys_master ON vault_keys (master);
CREATE TABLE vault (
    token   text  NOT NULL COLLATE "C",
    subject bytea NOT NULL,
    sealed  bytea NOT NULL,
    PRIMARY KEY (token, subject)
);
CREATE INDEX vault_subject ON vault (subject);

-- +goose Down
DROP TABLE vault;
DROP TABLE vault_keys;
