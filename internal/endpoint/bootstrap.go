package endpoint

import (
	"context"
	_ "embed"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// superuser is the role whose members may do what a Lakebase owner may: everything but a real superuser's work.
const superuser = "databricks_superuser"

//go:embed cluster.sql
var clusterSQL string

//go:embed template.sql
var templateSQL string

// bootstrap makes the cluster's system roles and fills template1, which conn is connected to: each database created
// from then on has the databricks_auth extension.
func bootstrap(ctx context.Context, conn *pgx.Conn) error {
	for _, sql := range []string{clusterSQL, templateSQL} {
		if _, err := conn.PgConn().Exec(ctx, sql).ReadAll(); err != nil {
			return fmt.Errorf("make Lakebase's roles and functions: %w", err)
		}
	}
	return nil
}
