package migrate

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/lakeward/lakeward"
)

// PostgresPlan is what a migration from a PostgreSQL moves. PostgreSQL's own definitions are the rest of the plan.
type PostgresPlan struct {
	Schemas      []string            `json:"schemas" yaml:"schemas"`
	Extensions   []PostgresExtension `json:"extensions,omitempty" yaml:"extensions,omitempty"`
	Tables       []PostgresTable     `json:"tables" yaml:"tables"` // that hold rows, the largest first
	Views        int                 `json:"views" yaml:"views"`
	Routines     int                 `json:"routines" yaml:"routines"`
	Sequences    int                 `json:"sequences" yaml:"sequences"`
	LargeObjects int                 `json:"large_objects" yaml:"large_objects"`
}

// PostgresExtension is an extension that the source uses, and the target must have.
type PostgresExtension struct {
	Name    string `json:"name" yaml:"name"`
	Version string `json:"version" yaml:"version"`
	Schema  string `json:"schema" yaml:"schema"`
}

// PostgresTable is a table, or a partition.
type PostgresTable struct {
	Name  string `json:"name" yaml:"name"`
	Rows  int64  `json:"rows" yaml:"rows"` // as the source's statistics say
	Bytes int64  `json:"bytes" yaml:"bytes"`
}

// planPostgres says what a migration from a PostgreSQL would move, and what it would leave behind.
func planPostgres(ctx context.Context, source string, o PlanOptions) (*Plan, error) {
	m := newPgMigration("plan", source, nil, Options{Progress: o.Progress})
	m.journal.begin("plan", "read the catalog and the definitions")
	defer m.journal.end()
	if err := m.hold(ctx); err != nil {
		return nil, interrupted(ctx, err)
	}
	defer m.snapshot.close(ctx)
	if err := m.readScript(ctx, &pgFilter{everyRole: true}); err != nil {
		return nil, interrupted(ctx, err)
	}
	p := &PostgresPlan{Schemas: m.catalog.schemas, Sequences: len(m.catalog.sequences), LargeObjects: len(m.catalog.largeObjects)}
	for _, e := range m.catalog.extensions {
		p.Extensions = append(p.Extensions, PostgresExtension{Name: e.Name, Version: e.Version, Schema: e.Schema})
	}
	for _, o := range m.objects {
		switch {
		case strings.HasSuffix(o.Noun, "VIEW"):
			p.Views++
		case o.Noun == "ROUTINE":
			p.Routines++
		}
	}
	plan := &Plan{
		Version: 1, Source: m.snapshot.info, Schema: strings.Join(m.catalog.schemas, ", "), Tables: []Table{}, Left: m.script.left, Postgres: p,
	}
	plan.Source.Schema = m.hash
	tables := slices.SortedStableFunc(slices.Values(m.catalog.tables), func(a, b pgTable) int { return cmp.Compare(b.Bytes, a.Bytes) })
	for _, t := range tables {
		p.Tables = append(p.Tables, PostgresTable{t.label(), t.Rows, t.Bytes})
	}
	return plan, nil
}

// checkPostgresSource makes sure that a PostgreSQL source can be reached and read.
func checkPostgresSource(ctx context.Context, source string) error {
	snapshot, err := takePgSnapshot(ctx, DSN(source))
	if err != nil {
		return interrupted(ctx, err)
	}
	snapshot.close(ctx)
	return nil
}

// postgres writes the plan of a PostgreSQL source.
func (o *planText) postgres(p *Plan) {
	q := p.Postgres
	var rows int64
	for _, t := range q.Tables {
		rows += t.Rows
	}
	o.line("Plan for %s", p.Source.Path)
	o.line("PostgreSQL %s, %s, %s: %s, about %s", firstWord(p.Source.Server), p.Source.Encoding, byteCount(p.Source.Bytes),
		countOf(int64(len(q.Tables)), "table", "tables"), countOf(rows, "row", "rows"))
	o.item("schemas     ", strings.Join(q.Schemas, ", "))
	var extensions []string
	for _, e := range q.Extensions {
		extensions = append(extensions, e.Name+" "+e.Version)
	}
	if len(extensions) > 0 {
		o.item("extensions  ", strings.Join(extensions, ", ")+" (the target must offer them)")
	}
	o.item("and         ", fmt.Sprintf("%s, %s, %s, %s", countOf(int64(q.Views), "view", "views"),
		countOf(int64(q.Routines), "routine", "routines"), countOf(int64(q.Sequences), "sequence", "sequences"),
		countOf(int64(q.LargeObjects), "large object", "large objects")))
	o.line("\nEverything keeps its name and its definition; the role of the target owns all of it.")
	o.line("\n%14s %10s  table", "rows, about", "size")
	for _, t := range q.Tables {
		o.line("%14s %10s  %s", count(t.Rows), byteCount(t.Bytes), t.Name)
	}
	for i, l := range p.Left {
		if i == 0 {
			o.line("\nLeft behind")
		}
		o.item("  ", l.title()+": "+l.Reason)
	}
}

// noPlanForPostgres refuses a plan from a file for a source that needs none.
func noPlanForPostgres() error {
	return lakeward.Errorf(lakeward.KindInvalid, "leave the plan out: PostgreSQL's own definitions are the plan",
		"a plan is for a SQLite source")
}
