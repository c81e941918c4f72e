package migrate

import (
	"context"

	"github.com/lakeward/lakeward"
	"zombiezen.com/go/sqlite"
)

// PlanOptions are the choices of [MakePlan]. The zero value is useful.
type PlanOptions struct {
	Schema   string            // the target's schema; empty means public
	Progress lakeward.Progress // receives what happens; may be nil
	Jobs     int               // tables that are read at the same time; 0 means one
}

// MakePlan reads every value of the SQLite database at path once and decides what each table and column becomes. The
// file is opened read-only and read in one transaction.
func MakePlan(ctx context.Context, path string, o PlanOptions) (*Plan, error) {
	return nil, nil
}

func planFrom(ctx context.Context, conn *sqlite.Conn, o PlanOptions) (*Plan, error) {
	return nil, nil
}
