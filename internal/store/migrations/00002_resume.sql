-- +goose Up
-- What an operation must know of its earlier attempts to go on.
ALTER TABLE operations ADD COLUMN checkpoint TEXT NOT NULL DEFAULT '';

-- A keyed digest of what was asked for: the same thing is asked for once at a time.
ALTER TABLE operations ADD COLUMN fingerprint TEXT NOT NULL DEFAULT '';

CREATE UNIQUE INDEX operations_once ON operations (fingerprint) WHERE fingerprint <> '' AND state IN ('queued', 'running');

-- +goose Down
DROP INDEX operations_once;
ALTER TABLE operations DROP COLUMN fingerprint;
ALTER TABLE operations DROP COLUMN checkpoint;
