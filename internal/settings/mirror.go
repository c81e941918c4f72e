package settings

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"golang.org/x/sync/errgroup"

	"github.com/lakeward/lakeward"
)

// The mirror stands in the schema in which migrations leave their record. An instance may serve several apps: each has
// rows of its own, and who is no app has those of the empty name.
const (
	mirrorSchema = "lakeward"
	mirrorTable  = mirrorSchema + ".settings"
	createMirror = `CREATE TABLE ` + mirrorTable + ` (
		app text NOT NULL,
		name text NOT NULL,
		value text NOT NULL,
		actor text NOT NULL,
		changed timestamptz NOT NULL,
		PRIMARY KEY (app, name)
	)`
	commentMirror = `COMMENT ON TABLE ` + mirrorTable + ` IS 'how lakeward serve finds its configuration again after a redeploy'`
)

// mirror reads what an instance knows about the configuration, which also proves that it answers. One that sleeps is not
// woken to hear the same again: it answers whoever logs in.
func (s *Settings) mirror(ctx context.Context, instance string) (layer, error) {
	s.mu.Lock()
	known, ok := s.mirrors[instance]
	s.mu.Unlock()
	none := layer{values: map[string]Value{}}
	connector := s.o.Connector(instance)
	if ok {
		i, err := connector.Instance(ctx)
		if err != nil || i.State == "IDLE" {
			return known, err
		}
	}
	l, _, err := s.readMirror(ctx, connector, instance)
	if err != nil {
		if ok {
			return known, err
		}
		return none, err
	}
	s.remember(instance, l)
	return l, nil
}

func (s *Settings) remember(instance string, l layer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mirrors[instance] = l
}

// readMirror reads the rows of this app, and where there are none, those of the empty name. It says whether there are
// any of the app's own.
func (s *Settings) readMirror(ctx context.Context, c *lakeward.Connector, instance string) (layer, bool, error) {
	l := layer{values: map[string]Value{}}
	conn, err := c.Connect(ctx)
	if err != nil {
		return l, false, err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	var there bool
	err = conn.QueryRow(ctx, `SELECT EXISTS (SELECT FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
		WHERE n.nspname = $1 AND c.relname = 'settings')`, mirrorSchema).Scan(&there)
	if err != nil || !there {
		return l, false, explainMirror(err, instance, "read")
	}
	rows, err := conn.Query(ctx, `SELECT app, name, value FROM `+mirrorTable+` WHERE app IN ($1, '') ORDER BY app = '' DESC`, s.app)
	if err != nil {
		return l, false, explainMirror(err, instance, "read")
	}
	own := false
	var app, name, value string
	_, err = pgx.ForEachRow(rows, []any{&app, &name, &value}, func() error {
		if app != "" && !own {
			clear(l.values) // what was said to nobody by name does not mix with what was said to this app
			own = true
		}
		if slices.Contains(names, name) && check(name, value) == nil {
			l.values[name] = Value{Text: value, Origin: "mirror in instance " + instance}
		}
		return nil
	})
	return l, own, explainMirror(err, instance, "read")
}

// writeMirror sets and removes values of this app's rows, all or none of them.
func (s *Settings) writeMirror(ctx context.Context, instance, actor string, values map[string]string) error {
	conn, err := s.o.Connector(instance).Connect(ctx)
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	err = pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		if err := makeMirror(ctx, tx); err != nil {
			return err
		}
		for name, value := range values {
			if value == "" {
				if _, err := tx.Exec(ctx, `DELETE FROM `+mirrorTable+` WHERE app = $1 AND name = $2`, s.app, name); err != nil {
					return err
				}
				continue
			}
			if _, err := tx.Exec(ctx, `
				INSERT INTO `+mirrorTable+` AS m (app, name, value, actor, changed) VALUES ($1, $2, $3, $4, $5)
				ON CONFLICT (app, name) DO UPDATE SET value = excluded.value, actor = excluded.actor, changed = excluded.changed
				WHERE m.value <> excluded.value`, s.app, name, value, actor, time.Now().UTC()); err != nil {
				return err
			}
		}
		return nil
	})
	return explainMirror(err, instance, "write")
}

// makeMirror makes the table where it is missing. CREATE … IF NOT EXISTS would ask for the right to create also where
// there is nothing to do.
func makeMirror(ctx context.Context, tx pgx.Tx) error {
	if _, err := tx.Exec(ctx, `SELECT pg_catalog.pg_advisory_xact_lock(hashtext('lakeward settings'))`); err != nil {
		return err
	}
	var schema, table bool
	err := tx.QueryRow(ctx, `
		SELECT EXISTS (SELECT FROM pg_catalog.pg_namespace WHERE nspname = $1), EXISTS (SELECT FROM pg_catalog.pg_class c
			JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = $1 AND c.relname = 'settings')`,
		mirrorSchema).Scan(&schema, &table)
	if err != nil || table {
		return err
	}
	statements := []string{createMirror, commentMirror}
	if !schema {
		statements = append([]string{"CREATE SCHEMA " + mirrorSchema}, statements...)
	}
	for _, sql := range statements {
		if _, err := tx.Exec(ctx, sql); err != nil {
			return err
		}
	}
	return nil
}

func explainMirror(err error, instance, verb string) error {
	if err == nil {
		return nil
	}
	const insufficientPrivilege = "42501"
	if p, ok := errors.AsType[*pgconn.PgError](err); ok && p.Code == insufficientPrivilege {
		return lakeward.Errorf(lakeward.KindDenied,
			`ask who owns schema `+mirrorSchema+` there for: GRANT that role TO the role of this server`,
			"may not %s the configuration that instance %s keeps: %w", verb, instance, err)
	}
	return lakeward.Errorf(lakeward.KindUnavailable, "lakeward doctor "+instance,
		"%s the configuration that instance %s keeps: %w", verb, instance, err)
}

// How the instances of a workspace are searched.
const (
	searchers   = 4
	searchEach  = 10 * time.Second
	searchAgain = time.Minute
)

// search looks for the one instance whose mirror says that it belongs to this app. Two are an error: which of them is
// right, a person must say.
func (s *Settings) search(ctx context.Context) (Value, error) {
	s.mu.Lock()
	found, lately := s.found, time.Since(s.searched) < searchAgain
	s.mu.Unlock()
	if found != "" || lately {
		return s.foundValue(found), nil
	}
	all, err := s.o.Workspace.Instances(ctx)
	if err != nil {
		return Value{}, err
	}
	var mu sync.Mutex
	var owned, notes []string
	var group errgroup.Group
	group.SetLimit(searchers)
	for _, i := range all {
		group.Go(func() error {
			owns, err := s.belongs(ctx, i)
			mu.Lock()
			defer mu.Unlock()
			switch {
			case lakeward.KindOf(err) == lakeward.KindDenied || lakeward.KindOf(err) == lakeward.KindUnauthenticated:
				// An instance that this identity may not log in to is no one's that it could use.
			case err != nil:
				notes = append(notes, fmt.Sprintf("instance %s could not be asked whether it belongs to app %s: %v", i.Name, s.app, err))
			case owns:
				owned = append(owned, i.Name)
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil || ctx.Err() != nil {
		return Value{}, cmp.Or(err, context.Cause(ctx))
	}
	slices.Sort(owned)
	if len(owned) > 1 {
		return Value{}, lakeward.Errorf(lakeward.KindConflict, "set LAKEBASE_INSTANCE_NAME to the right one",
			"several instances keep a configuration of app %s: %s", s.app, strings.Join(owned, ", "))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.why, s.searched = notes, time.Now()
	if len(owned) == 1 {
		s.found = owned[0]
	}
	return s.foundValue(s.found), nil
}

func (s *Settings) foundValue(instance string) Value {
	if instance == "" {
		return Value{}
	}
	return Value{Text: instance, Origin: "mirror in instance " + instance + " (app " + s.app + ")"}
}

// belongs says whether an instance keeps a configuration of this app that leads to itself. One that the app has left for
// another still has its rows, which lead there.
func (s *Settings) belongs(ctx context.Context, i lakeward.Instance) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, searchEach)
	defer cancel()
	l, own, err := s.readMirror(ctx, s.o.Connector(i.Name), i.Name)
	if err != nil {
		return false, err
	}
	return own && l.values[Instance].Text == i.Name, nil
}
