package migrate

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
)

// pgStage is the staging of one migration from PostgreSQL: a schema with the progress, and one schema for each schema
// of the source, with the session that holds the migration's lock.
type pgStage struct {
	conn *pgx.Conn
	id   string // of the migration
	meta string // the schema with the progress
	pgState

	found []*pgStage  // that earlier runs have left
	work  *workFolder // is locked for as long as the migration lives, and holds nothing
}

// pgState is what a later run must know to go on.
type pgState struct {
	Key        string     `json:"key"`  // of the source
	Hash       string     `json:"hash"` // of its schema's SQL
	Spaces     []pgSpace  `json:"spaces"`
	Extensions []string   `json:"extensions,omitempty"` // made for the migration
	Schemas    []string   `json:"schemas,omitempty"`    // made for these extensions
	Replaced   []pgObject `json:"replaced,omitempty"`   // stand on the target, and go when the swap comes
	Checks     []pgCheck  `json:"checks,omitempty"`     // to be made when the swap comes
	Left       []Left     `json:"left,omitempty"`       // what the target did not take
	Done       bool       `json:"done,omitempty"`       // the swap has taken place
}

// pgSpace is a schema and its staging schema. New says that the target has no such schema yet.
type pgSpace struct {
	Schema string `json:"schema"`
	Stage  string `json:"stage"`
	New    bool   `json:"new,omitempty"`
}

// pgCheck is a CHECK that calls functions of the source. What their bodies name is in its place only after the swap.
type pgCheck struct {
	Name string `json:"name"`
	SQL  string `json:"sql"`
}

// pgStageComment marks a schema with the progress of a migration.
const pgStageComment = "progress of a migration by lakeward from a PostgreSQL database"

// createPgMeta makes the tables of the progress. A chunk is recorded by the transaction that loads its rows.
const createPgMeta = `
	CREATE SCHEMA %[1]s;
	COMMENT ON SCHEMA %[1]s IS '` + pgStageComment + `';
	CREATE TABLE %[1]s.state (state jsonb NOT NULL);
	CREATE TABLE %[1]s.definition (kind text NOT NULL, name text NOT NULL, text text NOT NULL);
	CREATE TABLE %[1]s.step (n int NOT NULL, kind text NOT NULL, schema text NOT NULL, relation text NOT NULL, name text NOT NULL,
		sql text NOT NULL, finish text NOT NULL, late bool NOT NULL);
	CREATE TABLE %[1]s.chunk (schema text NOT NULL, name text NOT NULL, first bigint NOT NULL, last bigint NOT NULL,
		horizon bigint NOT NULL, file_node bigint NOT NULL, rows bigint NOT NULL, bytes bigint NOT NULL, quarantined bigint NOT NULL,
		PRIMARY KEY (schema, name, first));
	CREATE TABLE %[1]s.large_object (oid oid NOT NULL, place bigint NOT NULL, data bytea NOT NULL, PRIMARY KEY (oid, place));
`

// stageOf returns the staging schema of a schema.
func (s *pgStage) stageOf(schema string) string {
	for _, space := range s.Spaces {
		if space.Schema == schema {
			return space.Stage
		}
	}
	return schema // of an extension: it is not staged
}

// table returns the qualified name of one of the tables with the progress.
func (s *pgStage) table(name string) string { return qualified(s.meta, name) }

// stages returns the staging schemas.
func (s *pgState) stages() (names []string) {
	for _, space := range s.Spaces {
		names = append(names, space.Stage)
	}
	return names
}

// openStage opens the session of the staging, finds what earlier runs have left, and takes the locks of the schemas. A
// run that goes on with an earlier one waits for the sessions of that to end.
func (m *pgMigration) openStage(ctx context.Context) (_ *pgStage, err error) {
	conn, err := session(ctx, m.target)
	if err != nil {
		return nil, err
	}
	s := &pgStage{conn: conn, id: newID()}
	defer func() {
		if err != nil {
			s.close(ctx)
		}
	}()
	if s.found, err = s.leftovers(ctx, m.catalog.schemas); err != nil {
		return nil, err
	}
	begun := false
	for _, left := range s.found {
		if !begun && left.continues(m.snapshot.key, m.hash, m.catalog.schemas, m.Replace != "") {
			s.id, s.pgState, begun = left.id, left.pgState, true
		}
	}
	s.meta = stagePrefix + s.id
	// Whether the sessions of an earlier run are those of a living one, the server cannot say, and waiting for them to end
	// takes long. On this machine the lock says it.
	if s.work, err = openWork(m.WorkDir, workName("postgres", s.id)); err != nil {
		return nil, err
	}
	for _, schema := range m.catalog.schemas {
		lock := stage{conn: conn, id: s.id, into: schema}
		if err := lock.lock(ctx, begun, &m.journal); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// close ends the session, and with it the locks.
func (s *pgStage) close(ctx context.Context) {
	closeSession(ctx, s.conn)
	if s.work != nil {
		_ = s.work.remove() // an empty folder that stays is removed by a later run
	}
}

// leftovers finds the stagings of runs into any of these schemas. When the locks are held, none of them can be alive.
func (s *pgStage) leftovers(ctx context.Context, schemas []string) ([]*pgStage, error) {
	rows, err := s.conn.Query(ctx, `
		SELECT nspname::text FROM pg_namespace
		WHERE starts_with(nspname, $1) AND obj_description(oid, 'pg_namespace') = $2 AND pg_has_role(nspowner, 'USAGE')
		ORDER BY nspname`, stagePrefix, pgStageComment)
	if err != nil {
		return nil, fmt.Errorf("look for leftover staging schemas: %w", err)
	}
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, fmt.Errorf("look for leftover staging schemas: %w", err)
	}
	var found []*pgStage
	for _, name := range names {
		left := &pgStage{conn: s.conn, id: strings.TrimPrefix(name, stagePrefix), meta: name}
		var state []byte
		if err := s.conn.QueryRow(ctx, "SELECT state FROM "+left.table("state")).Scan(&state); err != nil {
			return nil, fmt.Errorf("read the progress of an earlier run in %s: %w", name, err)
		}
		if err := json.Unmarshal(state, &left.pgState); err != nil {
			return nil, fmt.Errorf("read the progress of an earlier run in %s: %w", name, err)
		}
		ours := func(space pgSpace) bool { return slices.Contains(schemas, space.Schema) }
		if slices.ContainsFunc(left.Spaces, ours) {
			found = append(found, left)
		}
	}
	return found, nil
}

// continues reports whether an earlier run had staged just what this one would.
func (s *pgStage) continues(key, hash string, schemas []string, replace bool) bool {
	names := make([]string, len(s.Spaces))
	for i, space := range s.Spaces {
		names[i] = space.Schema
	}
	return s.Key == key && s.Hash == hash && slices.Equal(names, schemas) && (replace || len(s.Replaced) == 0)
}

// save records the state.
func (s *pgStage) save(ctx context.Context, tx pgx.Tx) error {
	state, err := json.Marshal(s.pgState)
	if err != nil {
		return fmt.Errorf("record the state of the migration: %w", err)
	}
	if _, err := tx.Exec(ctx, "INSERT INTO "+s.table("state")+" VALUES ($1)", state); err != nil {
		return fmt.Errorf("record the state of the migration: %w", err)
	}
	return nil
}

// discard removes the staging and what was made for it, also after ctx is done, and over a new session when the old one
// is gone.
func (s *pgStage) discard(ctx context.Context, target Target) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), discardTimeout)
	defer cancel()
	var drop strings.Builder
	for _, name := range append(s.stages(), s.meta) {
		fmt.Fprintf(&drop, "DROP SCHEMA IF EXISTS %s CASCADE;\n", quoteName(name))
	}
	if s.Done { // what was made for it is in use
		s.Extensions, s.Schemas = nil, nil
	}
	for _, name := range slices.Backward(s.Extensions) {
		fmt.Fprintf(&drop, "DROP EXTENSION IF EXISTS %s;\n", quoteName(name))
	}
	for _, name := range s.Schemas {
		fmt.Fprintf(&drop, "DROP SCHEMA IF EXISTS %s;\n", quoteName(name))
	}
	_, err := s.conn.Exec(ctx, drop.String())
	if err != nil && s.conn.IsClosed() {
		fresh, err := session(ctx, target)
		if err != nil {
			return s.leftBehind(err)
		}
		defer closeSession(ctx, fresh)
		_, err = fresh.Exec(ctx, drop.String())
		return s.leftBehind(err)
	}
	return s.leftBehind(err)
}

func (s *pgStage) leftBehind(err error) error {
	return (&stage{name: s.meta}).leftBehind(err)
}
