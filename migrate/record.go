package migrate

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"zombiezen.com/go/sqlite"

	"github.com/lakeward/lakeward"
)

// The record is what the target keeps of each migration: the plan, with which a verification can be repeated, and what
// the source was beside its rows, with which an export can make it again. It has a schema of its own, so that tools that
// read the application's schema do not meet it.
const (
	recordSchema = "lakeward"
	recordTable  = "migration"
)

// createRecord makes the place for records.
var createRecord = []string{
	"CREATE SCHEMA IF NOT EXISTS " + recordSchema,
	"CREATE TABLE IF NOT EXISTS " + recordSchema + "." + recordTable + ` (
		id text PRIMARY KEY,
		at timestamptz NOT NULL,
		lakeward text NOT NULL,
		source_path text NOT NULL,
		source_name text NOT NULL,
		"schema" text NOT NULL,
		plan jsonb NOT NULL,
		original jsonb NOT NULL
	)`,
	"COMMENT ON TABLE " + recordSchema + "." + recordTable + " IS " +
		literal("what lakeward verify and lakeward export need of each migration into this database"),
}

// original is what a SQLite database is beside its rows.
type original struct {
	Objects       []originalObject   `json:"objects"` // in the order of sqlite_schema
	Sequence      []originalSequence `json:"sequence,omitempty"`
	Encoding      string             `json:"encoding"`
	PageSize      int64              `json:"page_size"`
	AutoVacuum    int64              `json:"auto_vacuum"`
	Journal       string             `json:"journal"`
	UserVersion   int64              `json:"user_version"`
	ApplicationID int64              `json:"application_id"`
	Beside        []string           `json:"beside,omitempty"` // other tables and views of the target's schema at that time
	Cause         *cause             `json:"cause,omitempty"`  // what the migration was made from
}

// originalObject is a row of sqlite_schema. SQL is empty for what SQLite makes by itself.
type originalObject struct {
	Kind  string `json:"kind"`
	Name  string `json:"name"`
	Table string `json:"table"`
	SQL   string `json:"sql,omitempty"`
}

// originalSequence is a row of sqlite_sequence.
type originalSequence struct {
	Table string `json:"table"`
	Last  int64  `json:"last"`
}

// readOriginal reads it from the source's snapshot.
func readOriginal(ctx context.Context, conn *sqlite.Conn) (*original, error) {
	o := &original{}
	err := readRows(ctx, conn, "SELECT type, name, tbl_name, coalesce(sql, '') FROM main.sqlite_schema ORDER BY rowid",
		func(row []value) error {
			o.Objects = append(o.Objects, originalObject{
				string(row[0].b), string(row[1].b), string(row[2].b), string(row[3].b),
			})
			return nil
		})
	if err != nil {
		return nil, fmt.Errorf("read the source's schema: %w", err)
	}
	if slices.ContainsFunc(o.Objects, func(o originalObject) bool { return o.Name == "sqlite_sequence" }) {
		err = readRows(ctx, conn, "SELECT name, seq FROM main.sqlite_sequence ORDER BY rowid", func(row []value) error {
			if row[1].class == sqlite.TypeInteger {
				o.Sequence = append(o.Sequence, originalSequence{string(row[0].b), row[1].i})
			}
			return nil
		})
	}
	for pragma, to := range map[string]*int64{
		"page_size": &o.PageSize, "auto_vacuum": &o.AutoVacuum, "user_version": &o.UserVersion, "application_id": &o.ApplicationID,
	} {
		if err == nil {
			*to, err = pragmaInt(conn, "PRAGMA main."+pragma)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("read the source's settings: %w", err)
	}
	return o, nil
}

// record writes what is needed to go back and to verify again, in the transaction of the swap.
func (m *migration) record(ctx context.Context, tx pgx.Tx) error {
	conn, err := m.snapshot.open()
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }() // it was only read
	o, err := readOriginal(ctx, conn)
	if err != nil {
		return err
	}
	o.Encoding, o.Journal = m.plan.Source.Encoding, "delete"
	if look, err := lookAt(m.source); err == nil && look.wal {
		o.Journal = "wal"
	}
	if o.Beside, err = m.beside(ctx, tx); err != nil {
		return err
	}
	for _, sql := range createRecord {
		if _, err := tx.Exec(ctx, sql); err != nil {
			return explainStatement(sql, err)
		}
	}
	o.Cause = m.cause()
	carried := *m.plan
	carried.Left = m.report.Left // with the views that PostgreSQL did not accept
	plan, err := storable(carried)
	if err != nil {
		return err
	}
	about, err := storable(o)
	if err != nil {
		return err
	}
	const insert = "INSERT INTO " + recordSchema + "." + recordTable + " VALUES ($1, $2, $3, $4, $5, $6, $7, $8)"
	_, err = tx.Exec(ctx, insert, m.stage.id, time.Now().UTC(), libraryVersion(),
		cleanText(m.plan.Source.Path), cleanText(filepath.Base(m.source)), m.stage.into, plan, about)
	if err != nil {
		return fmt.Errorf("record the migration: %w", err)
	}
	return nil
}

// beside returns what else the target's schema holds, so that an export can tell it from what was added since.
func (m *migration) beside(ctx context.Context, tx pgx.Tx) ([]string, error) {
	relations, _ := planNames(m.plan)
	rows, err := tx.Query(ctx, `
		SELECT relname::text FROM pg_class
		WHERE relnamespace = to_regnamespace($1) AND relkind IN ('r', 'p', 'v', 'm', 'f') AND relname <> ALL ($2)
		ORDER BY 1`, quoteName(m.stage.into), relations)
	if err != nil {
		return nil, fmt.Errorf("list the tables of schema %s: %w", m.stage.into, err)
	}
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, fmt.Errorf("list the tables of schema %s: %w", m.stage.into, err)
	}
	return names, nil
}

// storable returns v as JSON that jsonb can hold: without U+0000, which only samples can have.
func storable(v any) ([]byte, error) {
	text, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("record the migration: %w", err)
	}
	if jsonProblem(text) == "" {
		return text, nil
	}
	var out strings.Builder
	for at := 0; at < len(text); at++ {
		if text[at] == '\\' && strings.HasPrefix(string(text[at:min(at+6, len(text))]), `\u0000`) {
			out.WriteString(`\ufffd`)
			at += 5
			continue
		}
		out.WriteByte(text[at])
		if text[at] == '\\' && at+1 < len(text) {
			at++
			out.WriteByte(text[at])
		}
	}
	return []byte(out.String()), nil
}

// cleanText makes a path fit for a column of type text.
func cleanText(s string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "\uFFFD")
}

// libraryVersion returns the version of this module that the program was built with.
func libraryVersion() string {
	const path = "github.com/lakeward/lakeward"
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	for _, m := range append(info.Deps, &info.Main) {
		if m.Path == path && m.Version != "" {
			return m.Version
		}
	}
	return "unknown"
}

// checkRecord refuses a migration early whose record could not be written in the end.
func checkRecord(ctx context.Context, conn *pgx.Conn) error {
	var owner, user string
	var there, usable bool
	err := conn.QueryRow(ctx, `
		SELECT to_regnamespace($1) IS NOT NULL, current_user,
			coalesce((SELECT pg_get_userbyid(nspowner) FROM pg_namespace WHERE oid = to_regnamespace($1)), ''),
			coalesce(has_schema_privilege(to_regnamespace($1), 'USAGE'), true) AND
			CASE WHEN to_regclass($2) IS NULL THEN coalesce(has_schema_privilege(to_regnamespace($1), 'CREATE'), true)
				ELSE has_table_privilege(to_regclass($2), 'INSERT') AND pg_has_role((SELECT relowner FROM pg_class WHERE oid = to_regclass($2)), 'USAGE') END`,
		quoteName(recordSchema), qualified(recordSchema, recordTable)).Scan(&there, &user, &owner, &usable)
	if err != nil {
		return fmt.Errorf("look for the record of migrations: %w", err)
	}
	if there && !usable {
		return lakeward.Errorf(lakeward.KindDenied, "ask for: GRANT "+quoteName(owner)+" TO "+quoteName(user),
			"role %s may not write to schema %s of %s, which keeps the record of migrations", user, recordSchema, owner)
	}
	return nil
}

// recorded is a migration that the target has a record of.
type recorded struct {
	ID       string
	At       time.Time
	Source   string // the file's name
	Path     string
	Schema   string
	Plan     *Plan
	Original *original
}

// readRecords returns the records of migrations into a schema, or into any when schema is empty, whose tables stand
// there, the newest first. Where no table names its migration any more, all records count.
func readRecords(ctx context.Context, conn *pgx.Conn, schema string) ([]recorded, error) {
	var there bool
	err := conn.QueryRow(ctx, "SELECT to_regclass($1) IS NOT NULL", qualified(recordSchema, recordTable)).Scan(&there)
	if err != nil {
		return nil, fmt.Errorf("look for the record of migrations: %w", err)
	}
	if !there {
		return nil, nil
	}
	rows, err := conn.Query(ctx, `
		SELECT r.id, r.at, r.source_name, r.source_path, r."schema", r.plan::text, r.original::text,
			EXISTS (SELECT FROM pg_class c WHERE c.relnamespace = to_regnamespace(quote_ident(r."schema"))
				AND starts_with(obj_description(c.oid, 'pg_class'), $2 || r.id))
		FROM `+recordSchema+"."+recordTable+` r WHERE $1 IN ('', r."schema") ORDER BY r.at DESC, r.id`, schema, markPrefix)
	if err != nil {
		return nil, explainRecord(err)
	}
	var all, marked []recorded
	var r recorded
	var plan, about string
	var isMarked bool
	_, err = pgx.ForEachRow(rows, []any{&r.ID, &r.At, &r.Source, &r.Path, &r.Schema, &plan, &about, &isMarked}, func() error {
		r.Plan, r.Original = &Plan{}, &original{}
		if err := errors.Join(json.Unmarshal([]byte(plan), r.Plan), json.Unmarshal([]byte(about), r.Original)); err != nil {
			return fmt.Errorf("migration %s: %w", r.ID, err)
		}
		all = append(all, r)
		if isMarked {
			marked = append(marked, r)
		}
		return nil
	})
	if err != nil {
		return nil, explainRecord(err)
	}
	if len(marked) > 0 {
		return marked, nil
	}
	return all, nil
}

func explainRecord(err error) error {
	if sqlState(err) == "42501" { // insufficient_privilege
		return lakeward.Errorf(lakeward.KindDenied, "do this as the role that migrated",
			"may not read the record of migrations: %w", err)
	}
	return fmt.Errorf("read the record of migrations: %w", err)
}

// recordedPlan returns the plan by which the target's schema was filled from a source with the same definitions, nil when
// there is none. A role that may not read records verifies by a plan made anew.
func (m *migration) recordedPlan(ctx context.Context, source *sqlite.Conn) (*Plan, error) {
	now, err := readCatalog(ctx, source)
	if err != nil {
		return nil, err
	}
	conn, err := session(ctx, m.target)
	if err != nil {
		return nil, err
	}
	defer closeSession(ctx, conn)
	records, err := readRecords(ctx, conn, m.Schema)
	if lakeward.KindOf(err) == lakeward.KindDenied {
		m.journal.warn("", "the plan is made anew: "+err.Error())
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	for _, r := range records {
		if r.Plan.Source.Schema == now.schemaHash {
			m.report.Migration, m.report.Plan = r.ID, "recorded by migration "+r.ID
			m.journal.info("comparing by the plan that migration " + r.ID + " of " + r.At.UTC().Format("2006-01-02 15:04") + " recorded")
			return r.Plan, nil
		}
	}
	return nil, nil
}
