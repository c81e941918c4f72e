-- A PostgreSQL database with one of each kind of thing, of an owner who is no superuser.
CREATE EXTENSION citext;
CREATE SCHEMA ext;
CREATE EXTENSION pg_trgm WITH SCHEMA ext;
CREATE EXTENSION btree_gist WITH SCHEMA ext;
CREATE SCHEMA shop;
COMMENT ON SCHEMA shop IS 'the shop''s own';
CREATE SCHEMA "Odd ""Näme""";

CREATE TYPE shop.mood AS ENUM ('sad', 'it''s ok', 'happy');
CREATE DOMAIN shop.price AS numeric(12,2) DEFAULT 0 CONSTRAINT price_positive CHECK (VALUE >= 0);
COMMENT ON DOMAIN shop.price IS 'in euros';
CREATE TYPE shop.address AS (street text, zip varchar(10), floors int4range);
CREATE TYPE shop.span AS RANGE (subtype = float8, subtype_diff = float8mi);
CREATE COLLATION shop.german (provider = icu, locale = 'de');
CREATE SEQUENCE shop.tickets START 100 INCREMENT BY -5 MINVALUE -1000 MAXVALUE 1000 CYCLE CACHE 7;
SELECT nextval('shop.tickets');

CREATE FUNCTION shop.trimmed(t text) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT trim(t) $$;
CREATE FUNCTION shop.slug(t text) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT lower(shop.trimmed(t)) $$;
CREATE FUNCTION shop.total(a numeric, b numeric DEFAULT 1) RETURNS numeric LANGUAGE sql IMMUTABLE BEGIN ATOMIC SELECT CASE WHEN a > 0 THEN a * b ELSE 0 END; END;
CREATE PROCEDURE shop.nothing(INOUT x int) LANGUAGE plpgsql AS $_$ BEGIN x := x + 1; END $_$;
CREATE FUNCTION shop.touch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
	UPDATE shop.audit SET n = n + 1; -- would betray itself if it ran during the load
	NEW.touched := now();
	RETURN NEW;
END $$;
CREATE AGGREGATE shop.product(numeric) (sfunc = numeric_mul, stype = numeric, initcond = '1');
CREATE OPERATOR shop.=== (leftarg = text, rightarg = text, function = texteq, commutator = OPERATOR(shop.===));
CREATE TEXT SEARCH DICTIONARY shop.plain (template = simple, stopwords = english);
CREATE TEXT SEARCH CONFIGURATION shop.search (copy = english);
ALTER TEXT SEARCH CONFIGURATION shop.search ALTER MAPPING FOR asciiword WITH shop.plain;

CREATE TABLE shop.audit (n bigint NOT NULL);
INSERT INTO shop.audit VALUES (0);
CREATE TABLE shop.customers (
	id bigint GENERATED ALWAYS AS IDENTITY (START WITH 10 INCREMENT BY 10) PRIMARY KEY,
	email citext NOT NULL,
	name text COLLATE shop.german NOT NULL,
	mood shop.mood NOT NULL DEFAULT 'happy',
	moods shop.mood[],
	home shop.address,
	credit shop.price,
	referrer bigint REFERENCES shop.customers DEFERRABLE INITIALLY DEFERRED,
	favourite bigint,
	touched timestamptz,
	attic text COMPRESSION pglz,
	gone int,
	initials text GENERATED ALWAYS AS (upper(left(name, 1))) STORED,
	CONSTRAINT emails UNIQUE (email) INCLUDE (name) WITH (fillfactor = 70),
	CONSTRAINT slugs CHECK (shop.slug(name) <> '')
);
ALTER TABLE shop.customers DROP COLUMN gone, ALTER attic SET STORAGE EXTERNAL;
COMMENT ON TABLE shop.customers IS E'with a \\ and a '' in it;\n-- and a second line';
COMMENT ON COLUMN shop.customers.email IS 'unique without case';
COMMENT ON CONSTRAINT emails ON shop.customers IS 'one account each';
COMMENT ON CONSTRAINT slugs ON shop.customers IS 'calls a function of ours';
ALTER TABLE shop.customers ALTER COLUMN name SET STATISTICS 500;
CREATE INDEX customers_trgm ON shop.customers USING gin (name ext.gin_trgm_ops);
CREATE INDEX customers_slug ON shop.customers (shop.slug(name));
CREATE INDEX customers_sad ON shop.customers (lower(name) DESC NULLS LAST, id) WHERE mood = 'sad';
ALTER INDEX shop.customers_sad ALTER COLUMN 1 SET STATISTICS 77;
COMMENT ON INDEX shop.customers_sad IS 'they need care';
ALTER TABLE shop.customers CLUSTER ON customers_slug;
CREATE STATISTICS shop.customers_both ON mood, credit FROM shop.customers;
CREATE TRIGGER touch BEFORE INSERT OR UPDATE ON shop.customers FOR EACH ROW EXECUTE FUNCTION shop.touch();
CREATE TRIGGER sleeping AFTER DELETE ON shop.customers FOR EACH STATEMENT EXECUTE FUNCTION shop.touch();
ALTER TABLE shop.customers DISABLE TRIGGER sleeping;
COMMENT ON TRIGGER touch ON shop.customers IS 'counts';
INSERT INTO shop.customers (email, name, mood, moods, home, credit, referrer, attic)
	SELECT 'User' || i || '@example.com', 'Jörg ' || i, (ARRAY['sad', 'it''s ok', 'happy'])[1 + i % 3]::shop.mood,
		ARRAY['sad', 'happy']::shop.mood[], ('Street ' || i, '1' || i, int4range(0, i))::shop.address, i / 7.0,
		CASE WHEN i > 1 THEN 10 END, repeat('x', i)
	FROM generate_series(1, 500) i;
UPDATE shop.audit SET n = 1;

CREATE TABLE public.orders (
	id serial PRIMARY KEY,
	customer bigint NOT NULL CONSTRAINT orders_customer REFERENCES shop.customers ON DELETE CASCADE,
	lines jsonb NOT NULL DEFAULT '[]',
	during tstzrange,
	room int,
	note xml,
	bits bit varying(9),
	net inet,
	seen shop.span,
	CONSTRAINT no_overlap EXCLUDE USING gist (room WITH =, during WITH &&) WHERE (room IS NOT NULL) DEFERRABLE
);
COMMENT ON CONSTRAINT no_overlap ON public.orders IS 'one guest a room';
INSERT INTO public.orders (customer, lines, during, room, note, bits, net, seen)
	SELECT 10 * (1 + i % 500), jsonb_build_object('n', i, 'e', 'ü'), tstzrange('2024-01-01'::timestamptz + i * interval '1 day',
		'2024-01-01'::timestamptz + (i + 1) * interval '1 day'), i % 3, '<a>ü</a>', B'101', '10.0.0.1', shop.span(i, i + 0.5)
	FROM generate_series(1, 2000) i;
ALTER TABLE shop.customers ADD CONSTRAINT favourite FOREIGN KEY (favourite) REFERENCES public.orders (id) ON DELETE SET NULL;
UPDATE shop.customers SET favourite = id / 10 WHERE id > 100;
UPDATE shop.audit SET n = 1;
ALTER TABLE public.orders ADD CONSTRAINT few CHECK (room < 2) NOT VALID;

CREATE TABLE shop.events (id bigint GENERATED BY DEFAULT AS IDENTITY, at date NOT NULL, kind text NOT NULL, customer bigint,
	PRIMARY KEY (id, at, kind), FOREIGN KEY (customer) REFERENCES shop.customers) PARTITION BY RANGE (at);
CREATE TABLE shop.events_old PARTITION OF shop.events FOR VALUES FROM (MINVALUE) TO ('2024-01-01');
CREATE TABLE shop.events_2024 PARTITION OF shop.events FOR VALUES FROM ('2024-01-01') TO ('2025-01-01') PARTITION BY LIST (kind);
CREATE TABLE shop.events_2024_click PARTITION OF shop.events_2024 FOR VALUES IN ('click');
CREATE TABLE shop.events_2024_rest PARTITION OF shop.events_2024 DEFAULT;
CREATE TABLE shop.events_new (kind text NOT NULL, customer bigint, at date NOT NULL, id bigint NOT NULL);
ALTER TABLE shop.events ATTACH PARTITION shop.events_new DEFAULT;
CREATE INDEX events_kind ON shop.events (kind, at);
CREATE INDEX events_lone ON ONLY shop.events (customer);
INSERT INTO shop.events (at, kind, customer) SELECT '2023-06-01'::date + i, (ARRAY['click', 'view', 'buy'])[1 + i % 3], 10 * (1 + i % 500)
	FROM generate_series(1, 900) i;
CREATE TABLE shop.hashed (k text PRIMARY KEY, v int) PARTITION BY HASH (k);
CREATE TABLE shop.hashed_0 PARTITION OF shop.hashed FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE shop.hashed_1 PARTITION OF shop.hashed FOR VALUES WITH (MODULUS 2, REMAINDER 1);
INSERT INTO shop.hashed SELECT 'k' || i, i FROM generate_series(1, 100) i;

CREATE TABLE shop.animals (id int PRIMARY KEY, name text);
CREATE TABLE shop.dogs (bark text, CONSTRAINT loud CHECK (bark <> '')) INHERITS (shop.animals);
INSERT INTO shop.animals VALUES (1, 'cat'), (2, NULL);
INSERT INTO shop.dogs VALUES (3, 'rex', 'wuff');

CREATE TABLE "Odd ""Näme"""."Tàble.1" ("select" int, "a ""b""" text, "日本" text DEFAULT '$$;');
INSERT INTO "Odd ""Näme"""."Tàble.1" VALUES (1, E'tab\tnew\nline\\', 'x'), (NULL, NULL, NULL), (1, E'tab\tnew\nline\\', 'x');
CREATE INDEX "1x" ON "Odd ""Näme"""."Tàble.1" ("a ""b""", ("select" + 1));
ALTER TABLE "Odd ""Näme"""."Tàble.1" REPLICA IDENTITY FULL;
CREATE TABLE shop.nothing_at_all ();
INSERT INTO shop.nothing_at_all DEFAULT VALUES;
CREATE UNLOGGED TABLE shop.scratch (id int NOT NULL, CONSTRAINT scratch_id UNIQUE (id) DEFERRABLE);
INSERT INTO shop.scratch VALUES (1), (2);
CREATE UNIQUE INDEX scratch_identity ON shop.scratch (id);
ALTER TABLE shop.scratch REPLICA IDENTITY USING INDEX scratch_identity;
CREATE TABLE shop.types (a bytea, b money, c interval, d timestamptz, e time with time zone, f point, g polygon, h tsvector, i uuid,
	j double precision, k real, l numeric, m "char", n name, o oid, p int[][], q jsonpath, r pg_lsn, s macaddr, t int8multirange, u box,
	v char(7), w regtype, x text[]);
INSERT INTO shop.types VALUES ('\x00ff', '1.5', '1 mon -3 days 04:05:06.7', '2024-02-29 12:00:00.123456+02', '12:00+02', '(1,2)',
	'((0,0),(1,1),(2,0))', 'a:1 b:2', '12345678-1234-1234-1234-123456789012', 'NaN', '-Infinity', 1e100, 'x', 'n', 42,
	'{{1,2},{3,NULL}}', '$.a[*]', '16/B374D848', '08:00:2b:01:02:03', '{[1,3),[5,9)}', '(1,1),(0,0)', 'ab', 'integer', '{"a,b",NULL,"\\"}'),
	('', '-0.01', '-1 year', 'infinity', '00:00', NULL, NULL, '', NULL, 0.1, 0.1, 'NaN', '', '', 0, '{}', '$', '0/0', NULL, '{}', NULL, '', NULL, '{}');

CREATE VIEW public.rich AS SELECT c.*, shop.total(credit, 2) AS twice FROM shop.customers c WHERE credit > 10 WITH LOCAL CHECK OPTION;
CREATE VIEW shop.grouped AS SELECT c.*, count(o.id) AS orders FROM shop.customers c LEFT JOIN public.orders o ON o.customer = c.id GROUP BY c.id;
CREATE MATERIALIZED VIEW shop.mood_count AS SELECT mood, count(*) AS n FROM shop.customers GROUP BY mood;
CREATE UNIQUE INDEX mood_count_mood ON shop.mood_count (mood);
CREATE MATERIALIZED VIEW shop.a_first AS SELECT * FROM shop.mood_count WHERE n > 0;
CREATE MATERIALIZED VIEW shop.slugs AS SELECT id, shop.slug(name) AS slug FROM shop.customers;
CREATE INDEX slugs_slug ON shop.slugs (slug);
CREATE MATERIALIZED VIEW shop.grouped_kept AS SELECT c.*, count(*) AS n FROM shop.animals c GROUP BY c.id;
CREATE MATERIALIZED VIEW shop.empty AS SELECT 1 AS x WITH NO DATA;
CREATE RULE quiet AS ON DELETE TO shop.audit DO INSTEAD NOTHING;
COMMENT ON RULE quiet ON shop.audit IS 'nothing is forgotten';
CREATE TABLE shop.tenants (id int PRIMARY KEY, owner text NOT NULL);
INSERT INTO shop.tenants VALUES (1, 'a'), (2, 'b');
ALTER TABLE shop.tenants ENABLE ROW LEVEL SECURITY;
ALTER TABLE shop.tenants FORCE ROW LEVEL SECURITY;
CREATE POLICY mine ON shop.tenants FOR SELECT USING (owner = current_setting('shop.owner', true));
COMMENT ON POLICY mine ON shop.tenants IS 'only one''s own';
CREATE FUNCTION public.f(shop.customers, shop.mood[], OUT a int, OUT b text) RETURNS SETOF record LANGUAGE sql AS 'SELECT 1, ''x''';
COMMENT ON FUNCTION public.f(shop.customers, shop.mood[]) IS 'takes a row';
GRANT SELECT (id, name), UPDATE (name) ON shop.customers TO PUBLIC;
REVOKE EXECUTE ON FUNCTION public.f(shop.customers, shop.mood[]) FROM PUBLIC;
SELECT lo_from_bytea(4711, decode(repeat('00ff41', 700000), 'hex'));
SELECT lo_create(4712);
COMMENT ON LARGE OBJECT 4711 IS 'a photograph';
CREATE PUBLICATION everything_out FOR TABLE shop.audit;
CREATE TABLE shop.catalogue (c regclass, t regtype, p regprocedure);
INSERT INTO shop.catalogue VALUES ('shop.customers', 'shop.mood[]', 'shop.total(numeric,numeric)'),
	('"Odd ""Näme"""."Tàble.1"', 'integer', NULL), ('pg_class', NULL, 'public.f(shop.customers,shop.mood[])');
