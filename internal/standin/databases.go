package standin

import (
	"cmp"
	"context"
	"errors"

	sdktime "github.com/databricks/databricks-sdk-go/common/types/time"
	"github.com/databricks/databricks-sdk-go/service/postgres"

	"github.com/lakeward/lakeward"
	"github.com/lakeward/lakeward/internal/endpoint"
)

const maxDatabases = 500 // of a branch

// addDatabase adds a database that PostgreSQL has or will have. An empty id is derived from its name.
func (b *branch) addDatabase(d endpoint.Database, id string) *pgdb {
	if id == "" {
		id = deriveID(d.Name, func(id string) bool { return b.database(id) != nil })
	}
	added := &pgdb{ID: id, Name: d.Name, Owner: d.Owner, Created: now(), Updated: now()}
	b.Databases = append(b.Databases, added)
	return added
}

func (l *Lakebase) createDatabase(r *request) (any, error) {
	var in postgres.Database
	if err := r.decode(&in); err != nil {
		return nil, err
	}
	id, replace, err := r.creation("database_id", derivedID)
	if err != nil {
		return nil, err
	}
	spec := cmp.Or(in.Spec, &postgres.DatabaseDatabaseSpec{})
	if err := checkDatabaseName(spec.PostgresDatabase); err != nil {
		return nil, err
	}
	l.refresh(r)
	return answer(l.submit(func(s *state) (*operation, error) {
		p, b, err := r.branchToChange(s)
		if err != nil {
			return nil, err
		}
		owner, err := ownerOf(p, b, spec.Role)
		if err != nil {
			return nil, err
		}
		wanted := endpoint.Database{Name: spec.PostgresDatabase, Owner: owner}
		if known := b.database(id); known != nil && replace {
			return planDatabaseUpdate(p, b, known, wanted)
		}
		return l.planDatabase(p, b, wanted, id)
	}))
}

// checkDatabaseName allows the name of the first database, which may have been dropped or renamed.
func checkDatabaseName(name string) error {
	if name == lakeward.DefaultDatabase {
		return nil
	}
	return checkIdentifier("database.spec.postgres_database", name)
}

// ownerOf returns the PostgreSQL role with a resource name.
func ownerOf(p *project, b *branch, name string) (string, error) {
	if name == "" {
		return "", required("database.spec.role")
	}
	owner := find(b.Roles, func(r *role) bool { return p.under(b, "roles", r.ID) == name })
	if owner == nil {
		return "", notFound("role not found; role:%q", name)
	}
	return owner.Name, nil
}

func (l *Lakebase) planDatabase(p *project, b *branch, wanted endpoint.Database, id string) (*operation, error) {
	if b.databaseNamed(wanted.Name) != nil || id != "" && b.database(id) != nil {
		return nil, badRequest("database with that name already exists")
	}
	if len(b.Databases) >= maxDatabases {
		return nil, overLimit("The branch has %d databases already, which is the limit.", maxDatabases)
	}
	if err := l.mayChange(b); err != nil {
		return nil, err
	}
	added := b.addDatabase(wanted, id)
	added.Pending = true
	op := newOperation(createDatabase, p.under(b, "databases", added.ID)).of(p, b, added.ID)
	op.Database = added
	return op, nil
}

func (l *Lakebase) updateDatabase(r *request) (any, error) {
	var in postgres.Database
	if err := r.decode(&in); err != nil {
		return nil, err
	}
	m, err := r.mask(true, "spec.postgres_database", "spec.role")
	if err != nil {
		return nil, err
	}
	spec := cmp.Or(in.Spec, &postgres.DatabaseDatabaseSpec{})
	l.refresh(r)
	return answer(l.submit(func(s *state) (*operation, error) {
		p, b, known, err := r.database(s)
		if err != nil {
			return nil, err
		}
		wanted := endpoint.Database{Name: known.Name, Owner: known.Owner}
		if m.has("spec.postgres_database") && spec.PostgresDatabase != known.Name {
			wanted.Name = spec.PostgresDatabase
			if err := checkDatabaseName(wanted.Name); err != nil {
				return nil, err
			}
		}
		if m.has("spec.role") {
			if wanted.Owner, err = ownerOf(p, b, spec.Role); err != nil {
				return nil, err
			}
		}
		return planDatabaseUpdate(p, b, known, wanted)
	}))
}

func planDatabaseUpdate(p *project, b *branch, known *pgdb, wanted endpoint.Database) (*operation, error) {
	if other := b.databaseNamed(wanted.Name); other != nil && other != known {
		return nil, badRequest("database with that name already exists")
	}
	op := newOperation(updateDatabase, p.under(b, "databases", known.ID)).of(p, b, known.ID)
	op.Database = &pgdb{ID: known.ID, Name: wanted.Name, Owner: wanted.Owner}
	return op, nil
}

func (l *Lakebase) deleteDatabase(r *request) (any, error) {
	l.refresh(r)
	return answer(l.submit(func(s *state) (*operation, error) {
		p, b, known, err := r.database(s)
		if err != nil {
			return nil, err
		}
		op := newOperation(deleteDatabase, p.under(b, "databases", known.ID)).of(p, b, known.ID)
		op.Database = known
		return op, nil
	}))
}

// performDatabase does to PostgreSQL what the operation says. Doing it twice does no harm.
func (l *Lakebase) performDatabase(ctx context.Context, op *operation) (settlement, error) {
	name := "projects/" + op.Project + "/branches/" + op.Branch
	wanted := endpoint.Database{Name: op.Database.Name, Owner: op.Database.Owner}
	_, b := l.store.view().branchByName(name)
	err := l.withPrimary(ctx, name, func(e *endpoint.Endpoint) error {
		switch op.Kind {
		case createDatabase:
			if err := e.CreateDatabase(ctx, wanted); err == nil || !errors.Is(err, endpoint.ErrExists) {
				return err
			}
			return e.AlterDatabase(ctx, wanted.Name, wanted) // made before a crash
		case updateDatabase:
			known := b.database(op.ID)
			if known == nil {
				return notFound("database not found; database_id:%q", op.ID)
			}
			err := e.AlterDatabase(ctx, known.Name, wanted)
			if errors.Is(err, endpoint.ErrNotExist) && known.Name != wanted.Name {
				err = e.AlterDatabase(ctx, wanted.Name, wanted) // renamed before a crash
			}
			return err
		}
		if err := e.DropDatabase(ctx, wanted.Name); !errors.Is(err, endpoint.ErrNotExist) {
			return err
		}
		return nil
	})
	return func(s *state, err error) any {
		p, b := s.branchByName(name)
		if b == nil {
			return nil
		}
		known := b.database(op.ID)
		switch {
		case known == nil:
			return nil
		case op.Kind == createDatabase && err != nil, op.Kind == deleteDatabase && err == nil:
			b.Databases = without(b.Databases, known)
			return nil
		case err == nil:
			known.Pending, known.Updated = false, now()
			known.Name, known.Owner = wanted.Name, wanted.Owner
		}
		return databaseAnswer(p, b, known)
	}, err
}

func (l *Lakebase) getDatabase(r *request) (any, error) {
	l.refresh(r)
	p, b, known, err := r.database(l.store.view())
	if err != nil {
		return nil, err
	}
	return databaseAnswer(p, b, known), nil
}

func (l *Lakebase) listDatabases(r *request) (any, error) {
	l.refresh(r)
	p, b, err := r.branch(l.store.view())
	if err != nil {
		return nil, err
	}
	var all []postgres.Database
	for _, known := range b.Databases {
		all = append(all, *databaseAnswer(p, b, known))
	}
	return list(r, all, func(d postgres.Database) string { return d.DatabaseId },
		func(items []postgres.Database, next string) postgres.ListDatabasesResponse {
			return postgres.ListDatabasesResponse{Databases: items, NextPageToken: next}
		})
}

func databaseAnswer(p *project, b *branch, d *pgdb) *postgres.Database {
	status := &postgres.DatabaseDatabaseStatus{DatabaseId: d.ID, PostgresDatabase: d.Name}
	if owner := b.roleNamed(d.Owner); owner != nil {
		status.Role = p.under(b, "roles", owner.ID)
	}
	return &postgres.Database{
		Name: p.under(b, "databases", d.ID), DatabaseId: d.ID, Parent: p.branchName(b), Status: status,
		CreateTime: sdktime.New(d.Created), UpdateTime: sdktime.New(d.Updated),
	}
}
