package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
	"github.com/jackc/pgx/v5"

	"github.com/lakeward/lakeward/internal/browse"
)

type schemaList struct {
	Schemas []browse.Schema `json:"schemas" nullable:"false"`
}

type tablesAsked struct {
	ByName
	Schema string `query:"schema" maxLength:"63" example:"public" doc:"Without it, all"`
	Exact  bool   `query:"exact" doc:"Count large tables as well, as far as there is time"`
}

type tableList struct {
	Tables []browse.Table `json:"tables" nullable:"false"`
}

// ByTable is the path of a table.
type ByTable struct {
	ByName
	Schema string `path:"schema" maxLength:"63" example:"public"`
	Table  string `path:"table" maxLength:"63" example:"orders"`
}

// Paging says which page is wanted, and how much of each value.
type Paging struct {
	After string `query:"after" maxLength:"20000" doc:"The next of the page before"`
	Limit int    `query:"limit" default:"50" minimum:"1" maximum:"500"`
	Chars int    `query:"chars" default:"300" minimum:"1" maximum:"1000000" doc:"How much of a long value is shown: characters, or bytes of bytea. For all of one, ask for one row"`
}

type rowsAsked struct {
	ByTable
	Paging
}

type quarantine struct {
	Reasons []browse.QuarantineReason `json:"reasons" nullable:"false" doc:"The most rows first"`
	Rows    int64                     `json:"rows" example:"12" doc:"In all of them"`
}

type quarantineAsked struct {
	ByName
	Paging
	Schema    string `query:"schema" default:"public" maxLength:"63" example:"public"`
	Table     string `query:"table" maxLength:"1000" example:"orders" doc:"The source's name of a table; without it, all"`
	Column    string `query:"column" maxLength:"1000" example:"placed_at"`
	Action    string `query:"action" enum:"quarantined,nulled,replaced"`
	Migration string `query:"migration" maxLength:"253"`
}

const tagData = "data"

// rowsOfAll is what only administrators may read.
const rowsOfAll = "the application's rows"

// data registers a look at what an instance holds.
func (s *server) data(a huma.API) {
	const one = "/api/instances/{name}"
	look(s, a, route("list-schemas", http.MethodGet, one+"/schemas", "List the application's schemas", tagData), nameOf,
		func(ctx context.Context, tx pgx.Tx, _ *ByName) (out schemaList, err error) {
			out.Schemas, err = browse.Schemas(ctx, tx)
			return out, err
		})
	tables := route("list-tables", http.MethodGet, one+"/tables", "List tables and views", tagData)
	tables.Description = "Small tables are counted, of others the number of rows is PostgreSQL's estimate: counted says which."
	look(s, a, tables, func(in *tablesAsked) string { return in.Name },
		func(ctx context.Context, tx pgx.Tx, in *tablesAsked) (out tableList, err error) {
			out.Tables, err = browse.Tables(ctx, tx, in.Schema, in.Exact)
			return out, err
		})
	look(s, a, route("get-table", http.MethodGet, one+"/tables/{schema}/{table}", "Show a table or view", tagData),
		func(in *ByTable) string { return in.Name },
		func(ctx context.Context, tx pgx.Tx, in *ByTable) (browse.Definition, error) {
			return browse.Define(ctx, tx, in.Schema, in.Table)
		})
	rows := route("list-rows", http.MethodGet, one+"/tables/{schema}/{table}/rows", "Read a page of rows", tagData)
	rows.Description = "In the order of the key, or of the place where there is none. An answer ends early when it has four megabytes."
	look(s, a, s.sensitive(rows, rowsOfAll), func(in *rowsAsked) string { return in.Name },
		func(ctx context.Context, tx pgx.Tx, in *rowsAsked) (browse.Page, error) {
			return browse.Rows(ctx, tx, in.ask(in.Schema, in.Table))
		})
	look(s, a, route("get-quarantine", http.MethodGet, one+"/quarantine", "Sum up what migrations could not store as it was", tagData), nameOf,
		func(ctx context.Context, tx pgx.Tx, _ *ByName) (out quarantine, err error) {
			out.Reasons, err = browse.Quarantine(ctx, tx)
			for _, r := range out.Reasons {
				out.Rows += r.Rows
			}
			return out, err
		})
	look(s, a, s.sensitive(route("list-quarantine", http.MethodGet, one+"/quarantine/rows", "Read a page of the quarantine", tagData), rowsOfAll),
		func(in *quarantineAsked) string { return in.Name },
		func(ctx context.Context, tx pgx.Tx, in *quarantineAsked) (browse.QuarantinePage, error) {
			return browse.QuarantineRows(ctx, tx, browse.QuarantineAsk{
				Ask: in.ask(in.Schema, in.Table), Column: in.Column, Action: in.Action, Migration: in.Migration,
			})
		})
}

func nameOf(in *ByName) string { return in.Name }

func (p Paging) ask(schema, table string) browse.Ask {
	return browse.Ask{Schema: schema, Table: table, After: p.After, Limit: p.Limit, Chars: p.Chars}
}

// look registers an endpoint that reads from an instance in a transaction that can write nothing.
func look[I, O any](s *server, a huma.API, o huma.Operation, name func(*I) string, do func(context.Context, pgx.Tx, *I) (O, error)) {
	answer(s, a, o, func(ctx context.Context, in *I) (out O, err error) {
		err = s.on(ctx, name(in), func(c *pgx.Conn) error {
			return browse.Read(ctx, c, func(tx pgx.Tx) error {
				out, err = do(ctx, tx, in)
				return err
			})
		})
		return out, err
	})
}
