-- +goose Up
CREATE TABLE fhirdock_jobs (
    id              TEXT    NOT NULL PRIMARY KEY,
    organization_id TEXT    NOT NULL,
    state           TEXT    NOT NULL,
    created_at      INTEGER NOT NULL, -- microseconds since 1970, like all times
    due_at          INTEGER,          -- NULL: never
    revision        INTEGER NOT NULL,
    record          TEXT    NOT NULL  -- the whole job, as JSON
);

CREATE INDEX fhirdock_jobs_due ON fhirdock_jobs (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX fhirdock_jobs_list ON fhirdock_jobs (organization_id, created_at DESC, id DESC);
CREATE INDEX fhirdock_jobs_list_state ON fhirdock_jobs (organization_id, state, created_at DESC, id DESC);

-- +goose Down
DROP TABLE fhirdock_jobs;
