-- Expressions that the parser must understand as SQLite does, one a line.

1
-1
1_000 + 0x1F
.5
1.
1e3
1.5E-3
x'4142'
'it''s'
NULL
true
NOT false
1 + 2 * 3
(1 + 2) * 3
10 - 4 - 3
100 / 7 % 4
1 || 2 + 3
-2 || 'a'
~5 & 12 | 3 << 2 >> 1
1 < 2 = 1
1 = 2 < 3
NOT 1 = 2
NOT 0 AND 0 OR 1
1 OR 0 AND 0
2 > 1 AND 1 < 2
5 <> 5 == 0
NULL IS NULL
1 IS NOT NULL
1 IS NOT 2
NULL IS DISTINCT FROM 1
NULL IS NOT DISTINCT FROM NULL
1 ISNULL
1 NOTNULL
1 NOT NULL
NOT NULL ISNULL
- - 3
-~2
+'a'
5 BETWEEN 1 AND 10
5 NOT BETWEEN 1 AND 10 AND 1
5 BETWEEN 1 AND 3 OR 1
1 BETWEEN 0 AND 2 = 1
'abc' LIKE 'A%'
'a%c' LIKE 'a!%c' ESCAPE '!'
'abc' NOT LIKE 'x%' AND 1
'abc' GLOB 'a*'
'ab' LIKE 'a' || '_'
3 IN (1, 2, 3)
3 NOT IN (1, 2)
3 IN ()
3 IN (SELECT 3)
(1, 2) IN (SELECT 1, 2)
(1, 2) < (1, 3)
EXISTS (SELECT 1)
NOT EXISTS (SELECT 1 WHERE 0)
(SELECT 42)
(VALUES (7))
(WITH a AS (SELECT 1) SELECT * FROM a)
CASE 1 WHEN 1 THEN 'a' ELSE 'b' END
CASE WHEN 0 THEN 1 END
CASE WHEN 1 IN (2) THEN 3 WHEN 2 THEN 4 END
CAST('12abc' AS INTEGER)
CAST(5 AS varchar(10))
CAST(1.5 AS "double precision")
'a' = 'A' COLLATE NOCASE
'a' || 'B' COLLATE nocase = 'AB'
abs(-5)
coalesce(NULL, 1, 2)
max(1, 2)
replace('abc', 'b', 'x')
glob('a*', 'abc')
like('a%', 'ABC')
"abs"(-1)
'{"a":[1,2]}' -> '$.a'
'{"a":[1,2]}' ->> '$.a[1]'
'{"a":{"b":1}}' -> 'a' ->> 'b' + 1
count(*)
count(DISTINCT 1)
group_concat('a', '-')
sum(1) FILTER (WHERE 1)
count(*) OVER ()
sum(1) OVER (PARTITION BY 1 ORDER BY 2 DESC ROWS BETWEEN 1 PRECEDING AND CURRENT ROW EXCLUDE TIES)
row_number() OVER (ORDER BY 1 NULLS LAST)
sum(1) OVER (ORDER BY 1 RANGE UNBOUNDED PRECEDING)
CURRENT_DATE = date('now')
1 -- comment
1 /* comment */ + /* unclosed? */ 1
1.5 IS 1.5
1 = 1 IS 1
NOT 5 IN (5)
2 * -3
2 - -3
1 NOT IN (2) NOT NULL
9223372036854775808
group_concat('a' ORDER BY 1)
