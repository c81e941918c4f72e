-- As SQLAlchemy and Alembic write it for SQLite: types in capitals, names bare where they can be, UUIDs in CHAR(32).
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
CREATE TABLE account (
	id CHAR(32) NOT NULL, 
	name VARCHAR(80) NOT NULL, 
	nick VARCHAR, 
	slug VARCHAR(36) NOT NULL, 
	is_admin BOOLEAN DEFAULT (0) NOT NULL, 
	active BOOLEAN DEFAULT 1 NOT NULL, 
	born DATE, 
	opens TIME, 
	created DATETIME DEFAULT (CURRENT_TIMESTAMP) NOT NULL, 
	changed TIMESTAMP, 
	invited_by CHAR(32), 
	CONSTRAINT pk_account PRIMARY KEY (id), 
	CONSTRAINT uq_account_name UNIQUE (name), 
	CONSTRAINT fk_account_invited_by_account FOREIGN KEY(invited_by) REFERENCES account (id) ON DELETE SET NULL
);
CREATE TABLE "order" (
	id INTEGER NOT NULL, 
	account_id CHAR(32) NOT NULL, 
	reference CHAR(32), 
	status VARCHAR(9) NOT NULL, 
	total NUMERIC(10, 2) DEFAULT '0.00' NOT NULL, 
	rate NUMERIC, 
	weight FLOAT, 
	exact DOUBLE PRECISION, 
	items SMALLINT, 
	big BIGINT, 
	extra JSON, 
	picture BLOB, 
	notes CLOB, 
	PRIMARY KEY (id), 
	CHECK (total >= 0), 
	CONSTRAINT status CHECK (status IN ('new', 'paid', 'cancelled')), 
	FOREIGN KEY(account_id) REFERENCES account (id) ON DELETE CASCADE
);
CREATE INDEX ix_order_account_id ON "order" (account_id);
CREATE INDEX ix_order_status_total ON "order" (status, total DESC);
INSERT INTO alembic_version VALUES ('a1b2c3d4e5f6');
INSERT INTO account VALUES
    ('22de7913f60841009d3d2012b48a0fdb', 'Ada', 'first', '4313e1bd-6537-4cac-a2a4-1776dc3ec648', 1, 1, '1815-12-10', '08:30:00.000000', '2024-01-31 10:00:00.123456', NULL, NULL),
    ('2fda20f8ddaa482da3663ce01bb33097', 'Bob', NULL, 'b37eeb30-3534-4466-8ba9-eff71e1cc4ad', 0, 0, NULL, NULL, '2024-02-01 10:00:00', '2024-02-01 10:00:00.500000', '22de7913f60841009d3d2012b48a0fdb');
INSERT INTO "order" VALUES
    (1, '22de7913f60841009d3d2012b48a0fdb', NULL, 'paid', 19.9, 0.1, 0.1, 2.5, 3, 1099511627776, '{"gift": true}', x'00ff', NULL),
    (2, '22de7913f60841009d3d2012b48a0fdb', NULL, 'new', 100, 1230.99, NULL, NULL, NULL, NULL, 'null', NULL, 'call first');
