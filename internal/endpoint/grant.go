package endpoint

import (
	"context"
	"fmt"
)

// GrantDatabase lets a role connect to a database and create schemas in it: what an app gets whose resource it is.
func (e *Endpoint) GrantDatabase(ctx context.Context, database, role string) error {
	return e.execute(ctx, adminDatabase, fmt.Sprintf("rights of role %q", role),
		"GRANT CONNECT, CREATE ON DATABASE "+quote(database)+" TO "+quote(role))
}
