-- SELECTs over the sample that must have the same rows in both databases, one a line.

SELECT * FROM k
SELECT k.*, t.s FROM k JOIN t ON t.id = k.t_id
SELECT * FROM k, t WHERE t.id = t_id AND k.qty > 1
SELECT k.name, t.s FROM k LEFT JOIN t ON t.id = k.t_id
SELECT * FROM k CROSS JOIN (SELECT 1 AS one)
SELECT t.id tid, k.id FROM t, k LEFT JOIN t u ON u.id = t.id WHERE t.id = k.id
SELECT * FROM k JOIN t USING (id)
SELECT id, s FROM t NATURAL JOIN (SELECT id, name FROM k)
SELECT * FROM (SELECT id, name FROM k) a LEFT JOIN (SELECT id + 3 AS id, qty FROM k) b USING (id)
SELECT id, name, qty FROM (SELECT id, name FROM k) a FULL JOIN (SELECT id + 3 AS id, qty FROM k) b USING (id)
SELECT a.id, b.qty FROM k a RIGHT JOIN k b ON a.id = b.t_id
SELECT count(*), count(name), sum(qty), total(price), avg(qty), min(name), max(price), min(rate) FROM k
SELECT sum(qty), avg(price), total(qty), group_concat(name) FROM k WHERE qty > 100
SELECT t_id, count(*) AS n, sum(qty * price) AS amount FROM k GROUP BY t_id
SELECT t_id, count(*) FROM k GROUP BY 1 HAVING count(*) > 1
SELECT t_id * 2 AS twice, max(name) FROM k GROUP BY twice
SELECT t.id, t.s, count(k.id) FROM t LEFT JOIN k ON k.t_id = t.id GROUP BY t.id
SELECT sum(ok), count(ok), max(ok), avg(ok), sum(ok = 1) FROM t
SELECT ok, count(*) FROM t GROUP BY ok
SELECT strftime('%Y', ts) AS year, count(*) FROM t GROUP BY year
SELECT date(ts), count(*) FROM t GROUP BY date(ts)
SELECT qty > 1 AS many, count(*) FROM k GROUP BY qty > 1
SELECT substr(name, 1, 1) || '!' FROM k GROUP BY substr(name, 1, 1)
SELECT count(DISTINCT qty), sum(DISTINCT qty) FROM k
SELECT count(*) FILTER (WHERE qty > 1), sum(price) FILTER (WHERE rate) FROM k
SELECT group_concat(name, '; ' ORDER BY id DESC) FROM k
SELECT group_concat(qty, '' ORDER BY id) FROM k
SELECT DISTINCT qty FROM k
SELECT DISTINCT lower(name) FROM k ORDER BY lower(name) DESC
SELECT name FROM k ORDER BY name
SELECT qty, name, count(*) FROM k WHERE name IS NOT NULL GROUP BY 0x1, 2 ORDER BY 03, 2, 0x1
SELECT DISTINCT id, name FROM k ORDER BY 0x2, 1
SELECT name FROM k ORDER BY name DESC, id
SELECT qty AS z FROM k ORDER BY z NULLS LAST, price
SELECT id, name FROM k ORDER BY 2, 1
SELECT c FROM t ORDER BY c, id
SELECT s FROM t ORDER BY s COLLATE NOCASE
SELECT id FROM t ORDER BY ts DESC, id
SELECT s FROM t ORDER BY length(s) DESC, id LIMIT 3
SELECT id FROM t ORDER BY id LIMIT -1
SELECT id FROM t ORDER BY id LIMIT 2 OFFSET 1
SELECT id FROM t ORDER BY id LIMIT 1, 2
SELECT id FROM t ORDER BY -id LIMIT 2
SELECT name FROM k UNION SELECT s FROM t ORDER BY 1
SELECT name AS x FROM k UNION ALL SELECT s FROM t ORDER BY x DESC
SELECT id FROM t EXCEPT SELECT t_id FROM k
SELECT id FROM t INTERSECT SELECT t_id FROM k
SELECT 1 UNION ALL SELECT 2 UNION SELECT 2
SELECT 1 AS a, 'x' AS b UNION SELECT qty, name FROM k
SELECT 1 EXCEPT SELECT 1 UNION ALL SELECT 3 INTERSECT SELECT 3
SELECT qty FROM k UNION SELECT price FROM k
SELECT ok FROM t UNION SELECT ok FROM t
SELECT d FROM t UNION SELECT 'none'
SELECT NULL AS nada, 1 AS one
VALUES (1, 'a'), (2, NULL)
SELECT * FROM (VALUES (1, 'a'), (2.5, 'b'))
SELECT id, id, id + 1, id + 1 FROM k
SELECT 'it''s', "name", [qty] FROM k
WITH a AS (SELECT id, name FROM k WHERE qty > 1), b(x) AS (SELECT id FROM a) SELECT a.name FROM a JOIN b ON a.id = b.x
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5) SELECT i, i * i AS square FROM n
WITH RECURSIVE c(d) AS (SELECT '2024-01-01' UNION ALL SELECT date(d, '+1 day') FROM c WHERE d < '2024-01-05') SELECT d FROM c
WITH RECURSIVE up(id, path) AS (SELECT id, name FROM k WHERE id = 1 UNION ALL SELECT k.id, up.path || '/' || k.name FROM k JOIN up ON k.id = up.id + 1) SELECT * FROM up
SELECT x FROM (SELECT n / 2 AS x FROM t WHERE n IS NOT NULL) WHERE x > 1
SELECT s FROM t WHERE id IN (SELECT t_id FROM k WHERE qty > 1)
SELECT s FROM t WHERE NOT EXISTS (SELECT * FROM k WHERE k.t_id = t.id)
SELECT id, row_number() OVER (ORDER BY id DESC) FROM k
SELECT name, rank() OVER (ORDER BY qty), dense_rank() OVER (ORDER BY qty DESC) FROM k
SELECT id, sum(qty) OVER (ORDER BY id) FROM k
SELECT id, sum(qty) OVER (PARTITION BY t_id ORDER BY id ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) FROM k
SELECT id, lag(name) OVER w, lead(qty, 1, 0) OVER w, first_value(price) OVER w FROM k WINDOW w AS (ORDER BY id)
SELECT id, ntile(2) OVER (ORDER BY id), percent_rank() OVER (ORDER BY id) FROM k
SELECT id, 1.0 * qty / sum(qty) OVER () AS share FROM k
SELECT t_id, sum(qty) * 1.0 / (SELECT sum(qty) FROM k) FROM k GROUP BY t_id
SELECT name FROM k WHERE name = 'one' COLLATE NOCASE
SELECT k.id FROM k JOIN t ON k.name = t.s OR k.id = t.id
SELECT q AS amount FROM t WHERE amount > 10
SELECT n AS s, s AS n FROM t WHERE s = 'Alpha'
SELECT CASE WHEN qty > 1 THEN 'many' ELSE 'few' END AS size, count(*) FROM k GROUP BY size ORDER BY count(*) DESC, size
SELECT round(sum(price * qty), 2) AS total FROM k GROUP BY t_id
SELECT sum(price) / count(*) FROM k
SELECT max(t.ts), min(c.d), max(c.s) FROM t JOIN t c USING (id)
SELECT (SELECT count(*) FROM k WHERE k.t_id = t.id) AS c FROM t ORDER BY c DESC, id
SELECT * FROM (k JOIN t ON k.t_id = t.id)
SELECT main.k.id FROM main.k
SELECT sum(s), avg(s), total(s) FROM t
SELECT count(*) AS c FROM k WHERE 0
SELECT (SELECT price FROM k WHERE id = 1) / 4 AS x
SELECT iif(ok, 'y', 'n') || count(*) FROM t GROUP BY ok

-- columns from one row of the group
SELECT name, qty, max(price) FROM k
SELECT t_id, name || '!' AS shout, min(price) FROM k GROUP BY t_id
SELECT t_id, *, max(id) AS last FROM k GROUP BY t_id
SELECT t_id + 1, upper(name), max(id) FROM k GROUP BY t_id + 1 HAVING name <> 'x' ORDER BY name
SELECT DISTINCT rate > 0 AS some, max(price) AS most, name FROM k GROUP BY rate > 0

-- row values and JSON
SELECT id FROM t WHERE (id, n) IN (SELECT t_id, qty + 4 FROM k)
SELECT id FROM t WHERE (id, n) NOT IN (SELECT id, qty FROM k WHERE qty IS NOT NULL)
SELECT rowid, k.oid, name FROM k WHERE _rowid_ > 1
SELECT e.type, e.value || '', e.key + 0, e.atom IS NULL FROM json_each('[1, 2.5, "x", null, true, -7, [], {}]') AS e WHERE type <> 'x'
SELECT t.id, json_each.key || '=' || value FROM t, json_each(t.j) WHERE t.id IN (2, 3, 5, 7)
SELECT id, json_array(n, s, r IS NULL, NULL), json_object('a', n, 'b', s) FROM t
SELECT t.id, count(e.value) FROM t LEFT JOIN json_each(t.j, '$.a.b') AS e ON 1 GROUP BY t.id
SELECT id FROM t WHERE EXISTS (SELECT 1 FROM json_each(t.j) WHERE value = 5)
SELECT id FROM t WHERE 'x' IN (SELECT value FROM json_each(t.j, '$.a.b'))
SELECT json_group_array(name ORDER BY id) FROM k WHERE id < 4
SELECT t_id, json_group_array(qty ORDER BY id) FROM k GROUP BY t_id
SELECT json_group_object(name, qty) FROM k WHERE id = 2
SELECT json_array_length(json_group_array(id)) AS n FROM k
SELECT id AS "", name AS " " FROM k
