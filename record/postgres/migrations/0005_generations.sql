-- A queue of changes for each generation that is fed, instead of one for each
-- collection; a generation keeps all that it was built with.

-- +goose Up
ALTER TABLE generations ADD COLUMN content text NOT NULL DEFAULT '[]'; -- JSON
ALTER TABLE generations ADD COLUMN rules text NOT NULL DEFAULT '';     -- the policy, JSON
UPDATE generations g SET content = coalesce(c.declaration::json ->> 'content', '[]') FROM collections c WHERE c.id = g.collection;

DELETE FROM leases;
ALTER TABLE leases ADD COLUMN generation bigint NOT NULL;
UPDATE changes SET state = 0, epoch = NULL WHERE epoch IS NOT NULL;
ALTER TABLE changes ADD COLUMN generation bigint;
UPDATE changes q SET generation = g.id FROM generations g WHERE g.collection = q.collection AND g.state = 'active';
DELETE FROM changes WHERE generation IS NULL;
ALTER TABLE changes DROP CONSTRAINT changes_pkey;
ALTER TABLE changes ADD PRIMARY KEY (generation, ref);
DROP INDEX changes_in_line;
CREATE INDEX changes_in_line ON changes (generation, state, first, ref);

-- kind 1 of counts is now the changes of a generation that are not buried.
DELETE FROM counts WHERE kind = 1;
INSERT INTO counts SELECT 1, generation, count(*) FROM changes WHERE state <> 3 GROUP BY generation;

DELETE FROM staged;
ALTER TABLE staged DROP CONSTRAINT staged_pkey;
DROP INDEX staged_under;
ALTER TABLE staged ADD PRIMARY KEY (epoch, ref, field);

ALTER TABLE dead_letters ADD COLUMN generation bigint NOT NULL DEFAULT 0;
UPDATE dead_letters d SET generation = g.id FROM generations g WHERE g.collection = d.collection AND g.state = 'active';
DROP INDEX dead_letters_open;
CREATE UNIQUE INDEX dead_letters_open ON dead_letters (ref, step, generation, collection) WHERE resolved_at IS NULL;

-- +goose Down
DELETE FROM dead_letters WHERE resolved_at IS NULL AND id NOT IN
    (SELECT max(id) FROM dead_letters WHERE resolved_at IS NULL GROUP BY ref, step, collection);
DROP INDEX dead_letters_open;
ALTER TABLE dead_letters DROP COLUMN generation;
CREATE UNIQUE INDEX dead_letters_open ON dead_letters (ref, step, collection) WHERE resolved_at IS NULL;

DELETE FROM staged;
ALTER TABLE staged DROP CONSTRAINT staged_pkey;
ALTER TABLE staged ADD PRIMARY KEY (ref, field);
CREATE INDEX staged_under ON staged (epoch);

UPDATE changes SET state = 0, epoch = NULL WHERE epoch IS NOT NULL;
DELETE FROM changes q WHERE NOT EXISTS (SELECT FROM generations g WHERE g.id = q.generation AND g.state = 'active');
ALTER TABLE changes DROP CONSTRAINT changes_pkey;
DROP INDEX changes_in_line;
ALTER TABLE changes DROP COLUMN generation;
ALTER TABLE changes ADD PRIMARY KEY (ref);
CREATE INDEX changes_in_line ON changes (collection, state, first, ref);
DELETE FROM counts WHERE kind = 1;
INSERT INTO counts SELECT 1, collection, count(*) FROM changes WHERE state <> 3 GROUP BY collection;
DELETE FROM leases;
ALTER TABLE leases DROP COLUMN generation;
UPDATE generations SET state = 'retired' WHERE state = 'standby';
ALTER TABLE generations DROP COLUMN rules;
ALTER TABLE generations DROP COLUMN content;
