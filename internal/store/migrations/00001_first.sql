-- +goose Up
CREATE TABLE meta (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL
);

CREATE TABLE operations (
    id TEXT PRIMARY KEY, -- ordered by time
    kind TEXT NOT NULL,
    instance TEXT NOT NULL,
    state TEXT NOT NULL,
    actor TEXT NOT NULL,
    input TEXT NOT NULL, -- without secrets
    sealed TEXT NOT NULL, -- the input with its secrets, encrypted
    result TEXT,
    error TEXT,
    attempt BIGINT NOT NULL,
    created BIGINT NOT NULL,
    started BIGINT,
    ended BIGINT,
    retry_of TEXT NOT NULL,
    cancelled_by TEXT NOT NULL, -- who has asked for the end of one that runs
    last_event BIGINT NOT NULL
);

CREATE INDEX operations_state ON operations (state, instance, id);

CREATE TABLE events (
    operation TEXT NOT NULL REFERENCES operations (id),
    seq BIGINT NOT NULL,
    event TEXT NOT NULL,
    PRIMARY KEY (operation, seq)
);

CREATE TABLE settings (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL,
    actor TEXT NOT NULL,
    changed BIGINT NOT NULL
);

CREATE TABLE audit (
    id {counter},
    time BIGINT NOT NULL,
    actor TEXT NOT NULL,
    action TEXT NOT NULL,
    object TEXT NOT NULL,
    outcome TEXT NOT NULL,
    remote TEXT NOT NULL,
    request TEXT NOT NULL
);

-- +goose Down
DROP TABLE audit;
DROP TABLE settings;
DROP TABLE events;
DROP TABLE operations;
DROP TABLE meta;
