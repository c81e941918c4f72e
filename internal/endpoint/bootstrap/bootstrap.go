// Package bootstrap turns a freshly made PostgreSQL into one that looks like Lakebase from the inside: its system
// roles, and in every database the databricks_auth extension with databricks_create_role().
package bootstrap

import (
	"context"
	_ "embed"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// Superuser is the role whose members may do what a Lakebase owner may: everything but a real superuser's work.
const Superuser = "databricks_superuser"

//go:embed cluster.sql
var clusterSQL string

//go:embed template.sql
var templateSQL string

// Template makes the cluster's roles and fills template1, which conn must be connected to as the real superuser. Each
// database created from then on has its objects.
func Template(ctx context.Context, conn *pgx.Conn) error {
	for _, sql := range []string{clusterSQL, templateSQL} {
		if _, err := conn.PgConn().Exec(ctx, sql).ReadAll(); err != nil {
			return fmt.Errorf("make Lakebase's roles and functions: %w", err)
		}
	}
	return nil
}

// CreateRole returns the statement that creates a login role with the rights of a Lakebase project's owner.
func CreateRole(name string) string {
	return "CREATE ROLE " + pgx.Identifier{name}.Sanitize() +
		" LOGIN CREATEDB CREATEROLE BYPASSRLS REPLICATION IN ROLE " + Superuser
}

// CreateDatabase returns the statements that create a database whose owner and whose Lakebase superusers may do in it
// what they may in Lakebase.
func CreateDatabase(name, owner string) []string {
	db := pgx.Identifier{name}.Sanitize()
	return []string{
		"CREATE DATABASE " + db + " OWNER " + pgx.Identifier{owner}.Sanitize(),
		"GRANT ALL ON DATABASE " + db + " TO " + Superuser + " WITH GRANT OPTION",
	}
}
