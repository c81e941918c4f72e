-- The tables of a help desk as it grew over the years. Foreign keys were declared from the start and switched on never:
-- SQLite enforces them only where an application asks for it.

CREATE TABLE organizations (
    id                 INTEGER PRIMARY KEY,
    name               TEXT NOT NULL,
    domain             TEXT NOT NULL COLLATE NOCASE UNIQUE,
    plan               TEXT NOT NULL DEFAULT 'free' CHECK (plan IN ('free', 'team', 'business')),
    settings           JSON NOT NULL DEFAULT '{}',
    primary_contact_id INTEGER REFERENCES users (id) ON DELETE SET NULL,
    created_at         TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP
);

CREATE TABLE users (
    id              INTEGER PRIMARY KEY,
    organization_id INTEGER REFERENCES organizations (id) ON DELETE CASCADE,
    manager_id      INTEGER REFERENCES users (id) ON DELETE SET NULL,
    email           VARCHAR(120) NOT NULL,
    name            TEXT NOT NULL,
    role            TEXT NOT NULL DEFAULT 'customer' CHECK (role IN ('customer', 'agent', 'admin')),
    is_active       BOOLEAN NOT NULL DEFAULT 1,
    phone           TEXT,
    timezone        TEXT NOT NULL DEFAULT 'Europe/Berlin',
    avatar          BLOB,
    last_seen_at    TEXT,
    created_at      TEXT NOT NULL DEFAULT (datetime('now'))
);

CREATE TABLE teams (
    id      INTEGER PRIMARY KEY,
    name    TEXT NOT NULL COLLATE NOCASE UNIQUE,
    lead_id INTEGER REFERENCES users (id) ON DELETE SET NULL
);

CREATE TABLE team_members (
    team_id   INTEGER NOT NULL REFERENCES teams (id) ON DELETE CASCADE,
    user_id   INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    joined_on DATE NOT NULL,
    PRIMARY KEY (team_id, user_id)
) WITHOUT ROWID;

CREATE TABLE categories (
    id        INTEGER PRIMARY KEY,
    parent_id INTEGER REFERENCES categories (id),
    name      TEXT NOT NULL,
    position  INTEGER NOT NULL DEFAULT 0,
    UNIQUE (parent_id, name)
);

CREATE TABLE products (
    sku          TEXT PRIMARY KEY NOT NULL,
    name         TEXT NOT NULL,
    price        DECIMAL(10,2) NOT NULL CHECK (price >= 0),
    weight_kg    REAL,
    released_on  DATE,
    discontinued BOOLEAN NOT NULL DEFAULT 0
);

CREATE TABLE contracts (
    id              INTEGER PRIMARY KEY,
    organization_id INTEGER NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
    sku             TEXT NOT NULL REFERENCES products (sku) ON UPDATE CASCADE,
    seats           INTEGER NOT NULL DEFAULT 1 CHECK (seats > 0),
    monthly_fee     DECIMAL(10,2) NOT NULL,
    starts_on       DATE NOT NULL,
    ends_on         DATE,
    CONSTRAINT contract_ends_after_it_starts CHECK (ends_on IS NULL OR ends_on > starts_on)
);

CREATE TABLE tickets (
    id              INTEGER PRIMARY KEY AUTOINCREMENT,
    public_id       TEXT NOT NULL UNIQUE DEFAULT (lower(hex(randomblob(16)))),
    organization_id INTEGER NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
    requester_id    INTEGER NOT NULL REFERENCES users (id),
    assignee_id     INTEGER REFERENCES users (id) ON DELETE SET NULL,
    category_id     INTEGER REFERENCES categories (id) ON DELETE SET NULL,
    merged_into_id  INTEGER REFERENCES tickets (id) ON DELETE SET NULL,
    subject         TEXT NOT NULL CHECK (length(subject) > 0),
    status          TEXT NOT NULL DEFAULT 'open' CHECK (status IN ('open', 'pending', 'solved', 'closed')),
    priority        INTEGER NOT NULL DEFAULT 3 CHECK (priority BETWEEN 1 AND 4),
    is_private      BOOLEAN NOT NULL DEFAULT 0,
    custom_fields   JSON,
    due_on          DATE,
    satisfaction    INTEGER CHECK (satisfaction BETWEEN 1 AND 5),
    opened_at       DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at      DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP,
    closed_at       DATETIME
);

CREATE TABLE messages (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    ticket_id     INTEGER NOT NULL REFERENCES tickets (id) ON DELETE CASCADE,
    author_id     INTEGER REFERENCES users (id) ON DELETE SET NULL,
    body          TEXT NOT NULL,
    is_internal   BOOLEAN NOT NULL DEFAULT 0,
    minutes_spent INTEGER,
    sent_at       DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP
);

CREATE TABLE attachments (
    id         INTEGER PRIMARY KEY,
    message_id INTEGER NOT NULL REFERENCES messages (id) ON DELETE CASCADE,
    filename   TEXT NOT NULL,
    media_type TEXT NOT NULL DEFAULT 'application/octet-stream',
    content    BLOB NOT NULL,
    sha256     BLOB NOT NULL
);

CREATE TABLE tags (
    id    INTEGER PRIMARY KEY,
    name  TEXT NOT NULL COLLATE NOCASE UNIQUE,
    color CHAR(7) NOT NULL DEFAULT '#888888'
);

CREATE TABLE ticket_tags (
    ticket_id INTEGER NOT NULL REFERENCES tickets (id) ON DELETE CASCADE,
    tag_id    INTEGER NOT NULL REFERENCES tags (id) ON DELETE CASCADE,
    PRIMARY KEY (ticket_id, tag_id)
) WITHOUT ROWID;

CREATE TABLE ticket_events (
    ticket_id   INTEGER NOT NULL REFERENCES tickets (id) ON DELETE CASCADE,
    seq         INTEGER NOT NULL,
    actor_id    INTEGER REFERENCES users (id) ON DELETE SET NULL,
    kind        TEXT NOT NULL,
    details     JSON,
    happened_at INTEGER NOT NULL, -- seconds since 1970
    PRIMARY KEY (ticket_id, seq)
);

CREATE TABLE notifications (
    id        INTEGER PRIMARY KEY,
    user_id   INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    ticket_id INTEGER NOT NULL,
    event_seq INTEGER NOT NULL,
    is_read   BOOLEAN NOT NULL DEFAULT 0,
    FOREIGN KEY (ticket_id, event_seq) REFERENCES ticket_events (ticket_id, seq) ON DELETE CASCADE
);

CREATE TABLE articles (
    id           INTEGER PRIMARY KEY,
    slug         TEXT NOT NULL UNIQUE,
    title        TEXT NOT NULL,
    body         TEXT NOT NULL,
    author_id    INTEGER REFERENCES users (id) ON DELETE SET NULL,
    is_published BOOLEAN NOT NULL DEFAULT 0,
    views        BIGINT NOT NULL DEFAULT 0,
    rating       REAL,
    updated_at   DATETIME
);

CREATE TABLE settings (
    "key"   TEXT PRIMARY KEY NOT NULL,
    "value" JSON NOT NULL
) WITHOUT ROWID;
