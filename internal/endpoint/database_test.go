package endpoint_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lakeward/lakeward"
	"github.com/lakeward/lakeward/internal/endpoint"
)

func TestDatabases(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	e := s.start(s.options())
	ctx := t.Context()
	standard := endpoint.Database{Name: "databricks_postgres", Owner: ownerName}
	app := endpoint.Role{Name: "app", Identity: "SERVICE_PRINCIPAL"}
	if err := e.CreateRole(ctx, app); err != nil {
		t.Fatal(err)
	}
	shows := func(want ...endpoint.Database) {
		t.Helper()
		if got, err := e.Databases(ctx); err != nil || !cmp.Equal(got, want) {
			t.Errorf("databases (%v): %s", err, cmp.Diff(want, got))
		}
	}
	shows(standard)

	shop := endpoint.Database{Name: `sh"op`, Owner: ownerName}
	if err := e.CreateDatabase(ctx, shop); err != nil {
		t.Fatal(err)
	}
	shows(standard, shop)
	err := e.CreateDatabase(ctx, shop)
	if !errors.Is(err, endpoint.ErrExists) || lakeward.KindOf(err) != lakeward.KindConflict {
		t.Errorf("create the same database again: %v", err)
	}
	err = e.CreateDatabase(ctx, endpoint.Database{Name: "d", Owner: "nobody"})
	if want := `database "d": role "nobody" does not exist`; !errors.Is(err, endpoint.ErrNotExist) || err.Error() != want {
		t.Errorf("error %v, want %s", err, want)
	}

	before, err := e.LogicalSize(ctx)
	if err != nil {
		t.Fatal(err)
	}
	mustExec(t, s.connect(e, ownerName, shop.Name),
		"CREATE TABLE t AS SELECT repeat('x', 1000) FROM generate_series(1, 2000)")
	if after, err := e.LogicalSize(ctx); err != nil || after < before+2_000_000 {
		t.Errorf("size was %d and is %d after 2 MB more, %v", before, after, err)
	}

	if err := e.AlterDatabase(ctx, shop.Name, endpoint.Database{Owner: "app"}); err != nil {
		t.Error(err)
	}
	shows(standard, endpoint.Database{Name: shop.Name, Owner: "app"})
	if err := e.DropDatabase(ctx, shop.Name); err != nil {
		t.Error(err)
	}
	shows(standard)
	if err := e.CreateDatabase(ctx, endpoint.Database{Name: "old", Owner: ownerName}); err != nil {
		t.Fatal(err)
	}
	if err := e.AlterDatabase(ctx, "old", endpoint.Database{Name: "new"}); err != nil {
		t.Error(err)
	}
	shows(standard, endpoint.Database{Name: "new", Owner: ownerName})

	for _, name := range []string{"old", "postgres", "template1"} {
		if err := e.DropDatabase(ctx, name); !errors.Is(err, endpoint.ErrNotExist) {
			t.Errorf("drop %s: %v", name, err)
		}
	}
}
