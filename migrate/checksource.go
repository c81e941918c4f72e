package migrate

import (
	"context"

	"zombiezen.com/go/sqlite"
)

// CheckSource makes sure that path is a SQLite database that can be read to its last page, or the address of a PostgreSQL
// database that lets the migration in. [Run] and [MakePlan] do so
// themselves; it is for callers that prepare something for the migration first.
func CheckSource(ctx context.Context, path string) error {
	if isPostgres(path) {
		return checkPostgresSource(ctx, path)
	}
	return withSource(ctx, path, func(conn *sqlite.Conn) error {
		if _, err := pragmaInt(conn, "SELECT count(*) FROM sqlite_schema"); err != nil {
			return explainRead(ctx, path, err)
		}
		return checkIntegrity(ctx, conn, path)
	})
}
