package migrate

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
)

// pgLeftSQL lists what pg_dump says nothing of, yet an application may miss.
const pgLeftSQL = `
	SELECT 'database setting' AS kind, split_part(s, '=', 1) AS name,
		'it belongs to the database itself, which is the target''s own' AS reason,
		format('ALTER DATABASE %I SET %I TO %L', $1::text, split_part(s, '=', 1), substr(s, strpos(s, '=') + 1)) AS draft
	FROM pg_db_role_setting r JOIN pg_database d ON d.oid = r.setdatabase CROSS JOIN unnest(r.setconfig) s
	WHERE d.datname = current_database() AND r.setrole = 0
	UNION ALL
	SELECT 'subscription', s.subname, 'replication is set up again for the new server, when and where it is wanted', ''
	FROM pg_subscription s JOIN pg_database d ON d.oid = s.subdbid WHERE d.datname = current_database()
	UNION ALL
	SELECT 'index', i.indexrelid::regclass::text, 'it is invalid on the source, as one that was not built to its end is', pg_get_indexdef(i.indexrelid)
	FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid AND c.relkind = 'i'
	WHERE NOT i.indisvalid AND c.relnamespace::regnamespace::text NOT LIKE 'pg\_%'
	ORDER BY 1, 2`

// leftUnsaid finds what a dump leaves out in silence.
func leftUnsaid(ctx context.Context, conn *pgx.Conn, target string) ([]Left, error) {
	left, err := pgCollect[Left](ctx, conn, pgLeftSQL, target)
	if err != nil {
		return nil, fmt.Errorf("look for settings and subscriptions: %w", err)
	}
	rows, err := leftInExtensions(ctx, conn)
	return append(left, rows...), err
}

// leftInExtensions finds rows that users have added to the tables of extensions.
func leftInExtensions(ctx context.Context, conn *pgx.Conn) (left []Left, err error) {
	type table struct{ Extension, Name, Condition string }
	tables, err := pgCollect[table](ctx, conn, `
		SELECT e.extname AS extension, c.oid::regclass::text AS name, coalesce(t.condition, '') AS condition
		FROM pg_extension e CROSS JOIN unnest(e.extconfig, e.extcondition) t (oid, condition)
		JOIN pg_class c ON c.oid = t.oid AND c.relkind = 'r' AND has_table_privilege(c.oid, 'SELECT') ORDER BY 1, 2`)
	if err != nil {
		return nil, fmt.Errorf("look at the tables of extensions: %w", err)
	}
	for _, t := range tables {
		var rows int64
		from := t.Name + " " + strings.TrimSpace(t.Condition)
		if err := conn.QueryRow(ctx, "SELECT count(*) FROM "+from).Scan(&rows); err != nil {
			return nil, fmt.Errorf("look at %s of extension %s: %w", t.Name, t.Extension, err)
		}
		if rows > 0 {
			left = append(left, Left{
				Kind: "rows", Name: t.Name, Reason: plural(rows, "row") + " in a table of extension " + t.Extension +
					", which keeps its own on the target", Draft: "SELECT * FROM " + from,
			})
		}
	}
	return left, nil
}
