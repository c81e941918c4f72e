-- A schema with what real ones have. Nothing enforces its foreign keys, as in years of foreign_keys=off.
PRAGMA ignore_check_constraints = ON;
CREATE TABLE person (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    email VARCHAR(40) NOT NULL COLLATE NOCASE UNIQUE,
    name TEXT NOT NULL DEFAULT '',
    active BOOLEAN NOT NULL DEFAULT 1,
    born DATE,
    seen DATETIME DEFAULT CURRENT_TIMESTAMP,
    settings JSON,
    boss_id INTEGER REFERENCES person ON DELETE SET NULL DEFERRABLE INITIALLY DEFERRED,
    age INT CHECK (age >= 0),
    CONSTRAINT named CHECK (length(name) < 100)
);
INSERT INTO person VALUES
    (1, 'ada@example.com', 'Ada', 1, '1815-12-10', '2024-01-31 10:00:00', '{"theme": "dark"}', NULL, 36),
    (2, 'grace@example.com', 'Grace', 1, '1906-12-09', '2024-02-01 11:30:00.250', '[]', 1, 85),
    (3, 'linus@example.com', 'Linus', 0, NULL, NULL, NULL, 99, -1),
    (7, 'ken@example.com', 'Ken', 't', '1943-02-04', '2024-02-01 12:00:00', '{}', 2, 'old');
UPDATE sqlite_sequence SET seq = 41 WHERE name = 'person';

CREATE TABLE team (code CHAR(3), year SMALLINT, title TEXT, lead INT REFERENCES person(id), PRIMARY KEY (code, year)) WITHOUT ROWID;
INSERT INTO team VALUES ('ops', 2023, 'Operations', 1), ('ops', 2024, 'Operations', 2), ('dev', 2024, NULL, 3);

CREATE TABLE member (
    team_code CHAR(3) NOT NULL, team_year SMALLINT NOT NULL, person_id INTEGER NOT NULL,
    since INTEGER, share DECIMAL(5,2) DEFAULT 100.00,
    PRIMARY KEY (team_code, team_year, person_id),
    FOREIGN KEY (team_code, team_year) REFERENCES team ON UPDATE CASCADE ON DELETE CASCADE,
    CONSTRAINT member_person FOREIGN KEY (person_id) REFERENCES person(id) ON DELETE RESTRICT
);
INSERT INTO member VALUES ('ops', 2023, 1, 1700000000, 50.25), ('ops', 2024, 7, NULL, 100), ('qa', 2024, 1, 0, 12.5);
CREATE INDEX member_since ON member (since DESC, share);
CREATE UNIQUE INDEX member_open ON member (person_id) WHERE since IS NULL;
CREATE INDEX member_lower ON member (lower(team_code));

-- circular, and to what is not there
CREATE TABLE egg (id INTEGER PRIMARY KEY, hen_id INTEGER REFERENCES hen(id), nest TEXT REFERENCES nests(name));
CREATE TABLE hen (id INTEGER PRIMARY KEY, egg_id INTEGER REFERENCES egg(id), name TEXT, rival TEXT REFERENCES hen(name));
INSERT INTO egg VALUES (1, 1, NULL), (2, 1, 'loft');
INSERT INTO hen VALUES (1, 1, 'Berta', NULL);

-- every kind of value
CREATE TABLE odd (
    anything, tags BLOB, price NUMERIC(8,2), ratio REAL, made DATETIME, changed DATETIME, day DATE, at TIME,
    token UUID, flag TINYINT(1), note VARCHAR(4), doc JSON, big INTEGER,
    twice INTEGER GENERATED ALWAYS AS (big * 2) STORED, price_text TEXT AS (price || ' EUR')
);
INSERT INTO odd (anything, tags, price, ratio, made, changed, day, at, token, flag, note, doc, big) VALUES
    (1, x'00ff', 19.99, 0.5, 1700000000123, '2024-01-31T10:00:00+02:00', '2024-02-29', '08:00', '0f8fad5b-d9cb-469f-a165-70867728950e', 0, 'long one', '{', 9007199254740993),
    (2.5, x'01', 5, 1, 1600000000000, '2024-01-31 10:00:00', '2024-02-28 00:00:00', '23:59:59.5', NULL, 1, 'x', '[1]', -1);

CREATE TABLE loose (k TEXT PRIMARY KEY, v, UNIQUE (k, v));
INSERT INTO loose VALUES ('a', 1), (NULL, 'two'), (NULL, x'03');
CREATE TABLE "Order Details" ("select" INTEGER, "naïve col" TEXT, ctid INTEGER, "quo""te" TEXT);
CREATE INDEX "by select" ON "Order Details" ("select", "naïve col" COLLATE NOCASE);
CREATE TABLE a_table_whose_name_goes_on_and_on_until_it_is_longer_than_postgresql_can_hold_1 (id INTEGER PRIMARY KEY);
CREATE TABLE a_table_whose_name_goes_on_and_on_until_it_is_longer_than_postgresql_can_hold_2 (id INTEGER PRIMARY KEY);
CREATE TABLE empty_log (at TIMESTAMP NOT NULL, line TEXT);

CREATE VIEW active_person AS SELECT id, name FROM person WHERE active = 1;
CREATE VIEW active_name AS SELECT name FROM active_person;
CREATE TRIGGER person_seen AFTER UPDATE OF name ON person WHEN new.active BEGIN
    UPDATE person SET seen = CURRENT_TIMESTAMP WHERE id = new.id;
END;
CREATE VIRTUAL TABLE note_index USING fts5(body);
