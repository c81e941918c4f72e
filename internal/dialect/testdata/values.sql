-- Expressions over the sample that must have the same value in both databases, one a line.

-- numbers
n + 1
n - 1
n * 3
n / 2
n / 0
n % 4
n % 0
-n
+n
- -n
~n
n & 6
n | 8
n << 2
n >> 1
n + q
n * r
q * 2
q / 2
q / 4 * 2
q * n / 100
q / r
r / 0
r / 4
q % 4
r % 2
(q + 1) / 2
n + s
s + s
s * 2
'3x' + 4
s + ' ' + c
'abc' + 1
-s
n + ok
ok + 1
ok * n
2000000000 + 2000000000
2147483648 * 2
0x1F + n
1_000 * n
1e2
.5 + n
-9223372036854775808
7 / 2
-7 / 2
7 / 2.0
1 / 3 * 3
abs(n)
abs(r)
abs(q)
round(r)
round(r, 2)
round(q, 1)
round(2.5)
round(-2.5)
round(n)
round(2.675, 2)
round(1.005 * 1000, 0)
sign(n)
max(n, 5)
min(n, q)
max(n, r, q)
max(s, 'B')

-- comparisons
n = 7
n <> 7
n < 7.5
q > 21
q = 21.35
r >= 0.5
n = '7'
n < 'abc'
n > 'abc'
n = 'abc'
'7' = n
q <= '18'
s = 42
s <> 42
s = '42'
s < 5
s > 3.75
s = 12
s >= 'A'
s < 'b'
s = n
n = s
n < s
r > s
substr(s, 1, 2) = 12
length(s) = '5'
c = 'ALPHA'
c <> 'alpha'
c < 'BETA'
s = 'ALPHA' COLLATE NOCASE
c = 'ALPHA' COLLATE BINARY
'alpha' = c
c = s
s = c
s || ' ' = 'Alpha' COLLATE RTRIM
b = x'00ff'
b < x'01'
b > 'text'
b = 1
n IS NULL
n IS NOT NULL
n ISNULL
s NOTNULL
n IS 7
n IS NOT 7
s IS NULL
n IS q
n IS DISTINCT FROM 0
n BETWEEN 0 AND 42
s BETWEEN 'A' AND 'b'
n NOT BETWEEN 0 AND 42
n IN (7, 42, NULL)
n NOT IN (7, 42)
s IN ('42', 'Alpha')
s IN (42, 'Alpha')
n IN ('7', 0)
c IN ('ALPHA', 'x')
n IN ()
n NOT IN ()
id IN (SELECT t_id FROM k)
n NOT IN (1, 2, 3)
1 < 2 < 3
n = 7 = 1
(n > 0) + (q > 0)
n > 0 AND q > 0
n OR q
NOT n
NOT s
s AND 1
n AND NULL
NULL = n

-- booleans
ok
ok = 1
ok = 0
ok <> 1
NOT ok
ok AND n > 0
ok IS 1
ok IS TRUE
ok IS NOT TRUE
ok = TRUE
ok = (n > 0)
ok > 0
ok IN (1)
coalesce(ok, 0)
CASE ok WHEN 1 THEN 'yes' ELSE 'no' END
CASE WHEN ok THEN 'yes' END
iif(ok, n, -n)
ok || ''
TRUE
n = FALSE

-- texts
s || c
s || n
n || ''
r || ''
q || ''
'r: ' || (r / 3)
(0.1 + 0.2) || ''
s || NULL
1.0 || ''
1e15 || 'x'
n || q || r
s || d
d || ts
length(s)
length(n)
length(b)
length(r)
upper(s)
lower(s)
upper(n)
trim('  ' || s || ' ')
ltrim(s, 'A')
rtrim(s, 'ac ')
trim(s, 'Aa')
substr(s, 2)
substr(s, 2, 2)
substr(s, -2)
substr(s, -3, 2)
substr(s, -10, 7)
substr(s, 0)
substr(s, 0, 2)
substr(s, 1, n)
substr(s, n)
substr(s, n, 2)
substr(s, 3, n)
substr(s, 1, instr(s, 'p') - 1)
substr(s, instr(s, 'b') + 1)
substr(n, 1, 1)
instr(s, 'a')
instr(s, '')
replace(s, 'a', 'o')
replace(s, '', 'x')
hex(b)
hex(s)
hex(n)
hex(NULL)
quote(s)
quote(n)
quote(b)
quote(c)
unicode(s)
char(65)
typeof(n)
typeof(q)
typeof(r)
typeof(s)
typeof(b)
typeof(n + q)
typeof(NULL)
typeof(n / 2)
typeof(r * n)
typeof(d)
typeof(ok)
s LIKE 'a%'
s LIKE 'A_P%'
s NOT LIKE '%a'
s LIKE '%!_!%' ESCAPE '!'
n LIKE '%7%'
s LIKE c
s LIKE 'ä%'
c LIKE 'ALPHA'
s LIKE NULL
'a\b' LIKE 'a\b'
s GLOB 'A*'
s GLOB '[0-9]*'
s GLOB '*[^0-9a-z]'
s GLOB '?l*'
s GLOB '*.*'
s GLOB '[[]*'
s GLOB 'Alph[a'
s GLOB '[]a]*'
n GLOB '4?'
printf('%d-%s', n, s)
printf('%.2f', r)
printf('%05d|%-5s|%5s', n, s, s)
format('%d%%', q)
printf('%.1f %f', q, n)
printf('x')
printf('%08.3f', q)

-- choices
coalesce(n, 0)
ifnull(s, 'none')
coalesce(NULL, n, q)
nullif(n, 7)
nullif(s, '')
nullif(n, '7')
nullif(ok, 0)
iif(n > 0, 'pos', 'neg')
coalesce(q, 0) / 2
CASE WHEN n > 0 THEN 1 WHEN n < 0 THEN -1 ELSE 0 END
CASE n WHEN '7' THEN 'a' WHEN 42 THEN 'b' END
CASE s WHEN 42 THEN 1 ELSE 2.5 END
CASE WHEN s THEN 1 ELSE 0 END
CASE WHEN n THEN NULL END
CASE WHEN n > 0 THEN d END
CASE WHEN n > 0 THEN d ELSE 'no date' END
coalesce(ts, 'never')
CASE WHEN n > 1 THEN n ELSE r END
CAST(s AS INTEGER)
CAST(s AS REAL)
CAST(s AS NUMERIC)
CAST(n AS TEXT)
CAST(r AS INTEGER)
CAST(q AS INTEGER)
CAST(n AS REAL) / 2
CAST(ok AS INTEGER)
CAST(q AS TEXT)
CAST('1e3' AS INTEGER)
CAST('1e3' AS REAL)
CAST('7.0' AS NUMERIC) / 2
CAST(n AS TEXT) = 7
CAST(s AS INTEGER) = '42'
CAST(b AS BLOB)

-- times
d = '2024-01-31'
d > '1997-12-31'
d <= '1997-12-31 00:00:00'
d < '1997-12-31 00:00:00'
d BETWEEN '1997-01-01' AND '2000-12-31'
d <> '2000-02-29'
d LIKE '1997%'
ts = '2024-01-31 10:20:30'
ts > '1997-12-31'
ts <= '1997-12-31'
ts = '1997-12-31'
ts >= '1997-12-31 00:00:00'
ts < DATETIME('1997-12-31')
ts BETWEEN datetime('1997-01-01') AND datetime('1997-12-31')
ms BETWEEN datetime('1997-01-01') AND datetime('1997-12-31')
ms <= '1997-12-31 00:00:00'
ms = '1997-12-31 00:00:00.000'
ms > '1997-12-31 00:00:00'
ms > ts
ts > d
d = ts
ts = ms
d < 5
ts > 'x'
ts IN ('1997-12-31 00:00:00', '2024-01-31')
date(ts)
date(d)
datetime(d)
datetime(ms)
time(ts)
date(ts) = d
date(ts) = '2024-01-31'
date(ts, '+1 day')
date(d, '+1 month')
date(d, '-1 year')
date(d, 'start of month', '+1 month', '-1 day')
date(d, 'weekday 0')
datetime(ts, '-90 minutes')
datetime(ts, '+1.5 hours')
strftime('%Y-%m', ts)
strftime('%d.%m.%Y %H:%M:%S', ts)
strftime('%j %w %W %%', d)
strftime('%s', ts)
strftime('%f', ms)
strftime('%Y', d) = '1997'
strftime('%Y', d) = 1997
CAST(strftime('%Y', d) AS INTEGER) = 1997
julianday(ts)
julianday(ts) - julianday(d)
unixepoch(ts)
datetime(1700000000, 'unixepoch')
date(n, 'unixepoch')
date('2024-01-31')
datetime('2024-01-31', '+1 day')
substr(ts, 1, 4)
substr(d, 6, 2)
ts || ''
ms || ''
length(ts)
d + 0
strftime('literal', d)
date(u)
d IS NULL
max(d, '2000-01-01')
strftime('%Y', ts) || '-Q' || ((CAST(strftime('%m', ts) AS INTEGER) + 2) / 3)
date('now') > d
CURRENT_TIMESTAMP > ts
ts < datetime('now', '-1 day')

-- JSON
json_extract(j, '$.n') = 5
json_extract(j, '$.n') > 0
json_extract(j, '$.n') = '7'
j ->> 'n' = 5
json_extract(j, '$.t') || ''
json_extract(j, '$.a.b[1]')
j ->> '$.a.b[0]' + 1
json_extract(j, '$.n') IS NULL
json_extract(j, '$.t') = 1
json_extract(j, '$.t') IN (0, 1)
json_array_length(j)
j -> 'a' ->> 'b'  = 'deep'
json_valid(j)
json_extract(j, '$.n') + 1
json_extract('{"x":3}', '$.x') = 3
json_extract(j, '$.n') <> 5
json_extract(j, '$.a.b[#-1]')

-- subqueries
(SELECT count(*) FROM k WHERE k.t_id = t.id)
(SELECT max(price) FROM k WHERE t_id = t.id)
EXISTS (SELECT 1 FROM k WHERE t_id = t.id AND qty > 2)
(SELECT name FROM k WHERE k.id = t.id)
n > (SELECT avg(qty) FROM k)
(SELECT sum(qty * price) FROM k WHERE t_id = t.id)
(SELECT qty FROM k ORDER BY id DESC LIMIT 1)
coalesce((SELECT sum(qty) FROM k WHERE t_id = t.id), 0) / 2

-- row values and the rowid
(n, s) = (7, 'Alpha')
(n, s) <> (7, 'Alpha')
(n, q) < (7, 20)
(n, q, id) >= (0, 0, 3)
(n, r) IS (NULL, NULL)
(n, r) IS NOT (7, 0.5)
(c, n) = ('ALPHA', 7)
rowid
t._rowid_ * 2

json_type(j)
