package migrate

import (
	"context"
	"slices"

	"zombiezen.com/go/sqlite"

	"github.com/lakeward/lakeward"
)

// checkPlan refuses a plan that was made from another schema than the source has now: it would silently leave out what
// has been added since.
func checkPlan(ctx context.Context, conn *sqlite.Conn, p *Plan) error {
	now, err := readCatalog(ctx, conn)
	if err != nil {
		return err
	}
	if p.Source.Schema == "" || p.Source.Schema == now.schemaHash {
		return nil
	}
	for _, t := range now.tables {
		if !slices.ContainsFunc(p.Tables, func(planned Table) bool { return planned.Name == t.name }) {
			return stalePlan("table " + t.name + " is not in it")
		}
	}
	return stalePlan("a definition is another one")
}

func stalePlan(what string) error {
	return lakeward.Errorf(lakeward.KindConflict, "make the plan again",
		"the source's schema has changed since the plan was made: %s", what)
}
