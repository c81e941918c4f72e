package task

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/lakeward/lakeward"
	"github.com/lakeward/lakeward/databricks"
	"github.com/lakeward/lakeward/internal/address"
	"github.com/lakeward/lakeward/internal/store"
	"github.com/lakeward/lakeward/migrate"
)

// Input is what an operation is asked to do: a [Create], [Migrate] and so on.
type Input interface {
	// Kind is the kind of operation, in the word of the command line.
	Kind() string

	check() error     // before it is queued
	instance() string // that it works on: operations on the same one wait for each other
	shown() any       // without secrets
	do(ctx context.Context, r *run) (any, error)
}

// inputs makes an empty input of each kind.
var inputs = map[string]func() Input{
	"create":  func() Input { return new(Create) },
	"migrate": func() Input { return new(Migrate) },
	"plan":    func() Input { return new(Plan) },
	"verify":  func() Input { return new(Verify) },
	"check":   func() Input { return new(Check) },
	"export":  func() Input { return new(Export) },
	"start":   func() Input { return new(Start) },
	"stop":    func() Input { return new(Stop) },
	"resize":  func() Input { return new(Resize) },
	"delete":  func() Input { return new(Delete) },
	"enable":  func() Input { return new(Enable) },
	"backup":  func() Input { return new(Backup) },
	"restore": func() Input { return new(Restore) },
}

// Kinds are the kinds of operations, by the alphabet.
func Kinds() []string { return slices.Sorted(maps.Keys(inputs)) }

// NewInput returns an empty input of a kind, for a decoder to fill.
func NewInput(kind string) (Input, bool) {
	if make := inputs[kind]; make != nil {
		return make(), true
	}
	return nil, false
}

// run is one attempt at an operation.
type run struct {
	*Service
	o        store.Operation
	progress lakeward.Progress
}

// load reads what an attempt before this one has noted, one of an operation that this one repeats included.
func (r *run) load(ctx context.Context, mark any) error {
	text, err := r.Store.Checkpoint(ctx, r.o.ID)
	if err != nil || text == "" {
		return err
	}
	return json.Unmarshal([]byte(text), mark)
}

// save notes something for an attempt after this one.
func (r *run) save(ctx context.Context, mark any) error {
	text, err := json.Marshal(mark)
	if err != nil {
		return err
	}
	return r.Store.SetCheckpoint(ctx, r.o, string(text))
}

// target is where a migration goes: an instance, or the address of a PostgreSQL.
func (r *run) target(name string) migrate.Target {
	if address.IsPostgres(name) {
		return migrate.DSN(name)
	}
	return r.Connector(name)
}

// targetName is what reports call a target; empty for an address, whose database has a name.
func targetName(name string) string {
	if address.IsPostgres(name) {
		return ""
	}
	return name
}

// probe makes sure that a target lets us in.
func (r *run) probe(ctx context.Context, name string) error {
	conn, err := r.target(name).Connect(ctx)
	if err != nil {
		return err
	}
	defer closeConn(ctx, conn)
	return conn.Ping(ctx)
}

func closeConn(ctx context.Context, conn *pgx.Conn) { conn.Close(context.WithoutCancel(ctx)) }

// works is the instance that a target is, or is a part of. The address of another PostgreSQL stands for itself.
func works(target string) string {
	if address.IsPostgres(target) {
		return address.Database(target)
	}
	if path, ok := strings.CutPrefix(target, "projects/"); ok {
		target, _, _ = strings.Cut(path, "/")
	}
	return target
}

// checkName refuses what cannot be the name of an instance to make.
func checkName(name string) error {
	if strings.Contains(name, "/") || databricks.CheckName(name) != nil {
		return lakeward.Errorf(lakeward.KindInvalid, "use 1 to 63 letters, digits and hyphens", "%q cannot be the name of an instance", address.Shown(name))
	}
	return nil
}

// checkInstance refuses what cannot be an instance, or a part of one.
func checkInstance(name string) error {
	if databricks.CheckName(name) == nil {
		return nil
	}
	return checkName(name)
}

// checkTarget refuses what cannot be the target of a migration.
func checkTarget(name string) error {
	switch {
	case address.IsPostgres(name):
		if _, err := pgx.ParseConfig(name); err != nil { // pgx leaves the password out of its message
			return lakeward.Errorf(lakeward.KindInvalid, "write it as postgres://user@host/database", "read the target's address: %w", err)
		}
		return nil
	case name == "":
		return lakeward.Errorf(lakeward.KindInvalid, "name an instance, or a postgres:// address", "no target is named")
	}
	return checkInstance(name)
}

// checkSource refuses what cannot be the source of a migration. Whether it is there shows when it is opened.
func checkSource(source string) error {
	switch {
	case source == "":
		return lakeward.Errorf(lakeward.KindInvalid, "name a SQLite file, or a postgres:// address", "no source is named")
	case address.IsPostgres(source):
		if _, err := pgx.ParseConfig(source); err != nil {
			return lakeward.Errorf(lakeward.KindInvalid, "write it as postgres://user@host/database", "read the source's address: %w", err)
		}
	case strings.Contains(source, "://") || address.HasPassword(source):
		return lakeward.Errorf(lakeward.KindInvalid, "name a SQLite file, or write it as postgres://user@host/database",
			"a source of this form cannot be read")
	}
	return nil
}
