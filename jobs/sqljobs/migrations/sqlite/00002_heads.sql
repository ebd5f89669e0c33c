-- +goose Up
-- For finding an organization's oldest unfinished job and, for jobs.Blocking, its oldest job
-- that failed after it was begun.
CREATE INDEX fhirdock_jobs_heads ON fhirdock_jobs (organization_id, created_at, id, state)
    WHERE state IN ('accepted', 'processing');
CREATE INDEX fhirdock_jobs_failed ON fhirdock_jobs (organization_id, created_at, id)
    WHERE state = 'failed' AND json_extract(record, '$.StartedAt') <> '0001-01-01T00:00:00Z';

-- +goose Down
DROP INDEX fhirdock_jobs_failed;
DROP INDEX fhirdock_jobs_heads;
