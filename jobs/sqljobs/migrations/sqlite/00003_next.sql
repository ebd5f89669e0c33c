-- +goose Up
-- not_before is the record's NotBefore, or NULL if there is none. Earlier versions do not set
-- it, so the record decides.
ALTER TABLE fhirdock_jobs ADD COLUMN not_before INTEGER;
-- In earlier versions a waiting job was due within seconds, to send its wake-up again. Now it
-- is due after a day (in microseconds), even if no program ran for longer than that.
UPDATE fhirdock_jobs SET not_before = due_at
    WHERE state = 'accepted' AND json_extract(record, '$.NotBefore') <> '0001-01-01T00:00:00Z'
        OR state = 'cancelled' AND due_at IS NOT NULL;
UPDATE fhirdock_jobs SET due_at = max(due_at, CAST(strftime('%s', 'now') AS INTEGER) * 1000000) + 86400000000
    WHERE state = 'accepted' OR state = 'cancelled' AND due_at IS NOT NULL;
DROP INDEX fhirdock_jobs_heads;
-- An organization's jobs that are ready, and those that wait for a time.
CREATE INDEX fhirdock_jobs_ready ON fhirdock_jobs (organization_id, created_at, id)
    WHERE state = 'accepted' AND not_before IS NULL;
CREATE INDEX fhirdock_jobs_later ON fhirdock_jobs (organization_id, not_before, state)
    WHERE state IN ('accepted', 'cancelled') AND not_before IS NOT NULL;
-- The leases by their ends.
CREATE INDEX fhirdock_jobs_leases ON fhirdock_jobs (due_at) WHERE state = 'processing';

-- +goose Down
DROP INDEX fhirdock_jobs_leases;
DROP INDEX fhirdock_jobs_later;
DROP INDEX fhirdock_jobs_ready;
-- Earlier versions send wake-ups for due jobs.
UPDATE fhirdock_jobs SET due_at = 1 WHERE state = 'accepted' OR state = 'cancelled' AND due_at IS NOT NULL;
ALTER TABLE fhirdock_jobs DROP COLUMN not_before;
CREATE INDEX fhirdock_jobs_heads ON fhirdock_jobs (organization_id, created_at, id, state)
    WHERE state IN ('accepted', 'processing');
