-- Small, and full of the corners of SQLite's conversions.
CREATE TABLE t(id INTEGER PRIMARY KEY, n INTEGER, q NUMERIC, r REAL, s TEXT, c TEXT COLLATE NOCASE, b BLOB,
	ok BOOLEAN, d DATE, ts DATETIME, ms DATETIME, j TEXT, u TEXT);
INSERT INTO t VALUES
	(1, 7, 18, 0.5, 'Alpha', 'alpha', x'00ff', 1, '2024-01-31', '2024-01-31 10:20:30',
		'2024-01-31 10:20:30.500', '{"a":{"b":[1,"x",null]},"n":5,"t":true}', '2024-02-31 10:00'),
	(2, -7, 21.35, -2.5, '12abc', 'ALPHA', x'', 0, '1997-12-31', '1997-12-31 00:00:00',
		'1997-12-31 00:00:00.000', '{"n":"7","t":false}', '2023-05-06'),
	(3, 0, 0, 0.0, '', '', NULL, NULL, '2000-02-29', '2000-02-29 23:59:59', '2000-02-29 23:59:59.999',
		'[]', 'never'),
	(4, NULL, NULL, NULL, NULL, NULL, x'4142', 1, NULL, NULL, NULL, NULL, NULL),
	(5, 2147483647, 99.995, 1e20, '3.75e1 ', 'Zoë', x'ff', 0, '1970-01-01', '1970-01-01 00:00:00',
		'1970-01-01 00:00:00.000', '{"a":1.5,"n":null}', '1999-12-31T23:59:59'),
	(6, 42, -3.5, 2.675, 'ÄÖü_%', 'b''q', x'00', 0, '2023-03-01', '2023-03-01 12:00:00',
		'2023-03-01 12:00:00.250', '{"a":{"b":"deep"},"n":-1}', 'soon'),
	(7, 1000000, 1234.5, 123456.789, '42', 'Beta', x'01', 1, '1997-01-01', '1997-01-01 00:00:00',
		'1997-01-01 00:00:00.000', '{}', '');
CREATE TABLE k(id INTEGER PRIMARY KEY, t_id INTEGER, name TEXT, qty INTEGER, price NUMERIC, rate REAL);
INSERT INTO k VALUES (1, 1, 'one', 3, 10, 0.1), (2, 1, 'two', 2, 2.5, 0.25), (3, 2, 'three', 1, 7, 0),
	(4, 5, NULL, NULL, 1.25, NULL), (5, 9, 'orphan', 4, NULL, 0.5), (6, 2, 'One', 3, 3, 1);
