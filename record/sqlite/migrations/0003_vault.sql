-- +goose Up

-- The vault: data keys of subjects, wrapped by master keys that are not here,
-- and what pseudonyms stand for, encrypted with them.
CREATE TABLE vault_keys (
    subject BLOB    PRIMARY KEY,
    master  INTEGER NOT NULL,
    wrapped BLOB    NOT NULL
) WITHOUT ROWID;
CREATE INDEX vault_keys_master ON vault_keys (master);
CREATE TABLE vault (
    token   TEXT NOT NULL,
    subject BLOB NOT NULL,
    sealed  BLOB NOT NULL,
    PRIMARY KEY (token, subject)
) WITHOUT ROWID;
CREATE INDEX vault_subject ON vault (subject);

-- +goose Down
DROP TABLE vault;
DROP TABLE vault_keys;
