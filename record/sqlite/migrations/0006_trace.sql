-- A passage knows the run that gave it its place last.

-- +goose Up
ALTER TABLE passages ADD COLUMN run TEXT NOT NULL DEFAULT '';

-- +goose Down
ALTER TABLE passages DROP COLUMN run;
