-- A generation keeps the declaration that it was built from.

-- +goose Up
ALTER TABLE generations ADD COLUMN declaration text NOT NULL DEFAULT ''; -- JSON

-- +goose Down
ALTER TABLE generations DROP COLUMN declaration;
