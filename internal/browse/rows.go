package browse

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/lakeward/lakeward"
)

// Cell is a value as text. A long one is cut.
type Cell struct {
	Text  *string `json:"text" doc:"As PostgreSQL writes it, bytea in hex; null is NULL"`
	Cut   bool    `json:"cut,omitempty" doc:"Whether this is only the beginning"`
	Bytes int64   `json:"bytes,omitempty" example:"52310" doc:"How long a value is that was cut, in bytes"`
}

// Page are some rows of a table.
type Page struct {
	Columns []PageColumn `json:"columns" nullable:"false"`
	Rows    [][]Cell     `json:"rows" nullable:"false" doc:"Each with a value for each column"`
	Order   string       `json:"order" enum:"key,place,none" doc:"What rows are in the order of: the key; the place in the table, which a row changes with each update; or what the view makes of it, where pages count rows"`
	Next    string       `json:"next,omitempty" doc:"What to ask for the page after this one with; without it, this is the last"`
}

// PageColumn is a column of a page.
type PageColumn struct {
	Name string `json:"name" example:"id"`
	Type string `json:"type" example:"bigint"`
	Key  bool   `json:"key,omitempty" doc:"Whether it is a part of the key that rows are in the order of"`
}

// The orders of rows.
const (
	byKey   = "key"
	byPlace = "place"
	byCount = "none"
)

// Ask says which page is wanted.
type Ask struct {
	Schema, Table string
	After         string // Next of the page before
	Limit         int    // rows
	Chars         int    // of a value
}

const (
	mostBytes   = 4 << 20  // of a page; it has one row at least
	mostShown   = 16 << 20 // characters of a row
	mostCounted = 100_000  // rows of a view that are passed over for a page
)

// column is a column as its rows are read.
type column struct {
	PageColumn
	number int16
	isText bool
	isBlob bool
}

const readColumns = `select a.attname::text, pg_catalog.format_type(a.atttypid, a.atttypmod), false, a.attnum,
	b.typcategory = 'S', b.oid = 'pg_catalog.bytea'::pg_catalog.regtype
	from pg_catalog.pg_attribute a join pg_catalog.pg_type t on t.oid = a.atttypid
	join pg_catalog.pg_type b on b.oid = case when t.typtype = 'd' then t.typbasetype else t.oid end
	where a.attrelid = $1 and a.attnum > 0 and not a.attisdropped
	and pg_catalog.has_column_privilege(a.attrelid, a.attnum, 'select') order by a.attnum`

// keyColumns are those of the primary key, or else of the first key whose columns are never NULL.
const keyColumns = `select i.indkey::int2[] from pg_catalog.pg_index i where i.indrelid = $1 and i.indisunique and i.indimmediate
	and i.indisvalid and i.indpred is null and i.indexprs is null
	and not exists (select from pg_catalog.unnest(i.indkey::int2[]) k (num) join pg_catalog.pg_attribute a
		on a.attrelid = i.indrelid and a.attnum = k.num where not a.attnotnull)
	order by not i.indisprimary, i.indnatts, i.indexrelid limit 1`

// Rows reads a page of a table or view.
func Rows(ctx context.Context, tx pgx.Tx, a Ask) (p Page, err error) {
	oid, t, err := find(ctx, tx, a.Schema, a.Table)
	if err != nil {
		return p, err
	}
	a.Limit, a.Chars = max(a.Limit, 1), max(a.Chars, 1)
	r := reader{Ask: a, table: t}
	if err := r.learn(ctx, tx, oid); err != nil {
		return p, err
	}
	query, args, err := r.query()
	if err != nil {
		return p, err
	}
	if r.order == byPlace { // in the order of the place, and with a scan that begins there
		if _, err := tx.Exec(ctx, "set local enable_seqscan = off"); err != nil {
			return p, err
		}
	}
	rows, err := tx.Query(ctx, query, append([]any{pgx.QueryExecModeExec}, args...)...)
	if err != nil {
		return p, err
	}
	p, err = r.page(rows)
	if c := code(err); strings.HasPrefix(c, "22") && a.After != "" {
		err = lakeward.Errorf(lakeward.KindInvalid, "begin without after", "after is not of this table: %w", err)
	}
	return p, err
}

// reader knows how the rows of one table are read.
type reader struct {
	Ask
	table   Table
	columns []column
	keys    []column
	order   string
}

// learn finds out which columns there are and what orders the rows.
func (r *reader) learn(ctx context.Context, tx pgx.Tx, oid uint32) error {
	rows, err := tx.Query(ctx, readColumns, oid)
	if err != nil {
		return err
	}
	r.columns, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (c column, err error) {
		return c, row.Scan(&c.Name, &c.Type, &c.Key, &c.number, &c.isText, &c.isBlob)
	})
	if err != nil {
		return err
	}
	if len(r.columns) == 0 {
		return lakeward.Errorf(lakeward.KindDenied, "its owner grants SELECT to the server's role",
			"no column of %s.%s may be read", r.Schema, r.Table)
	}
	var numbers []int16
	rows, err = tx.Query(ctx, keyColumns, oid)
	if err != nil {
		return err
	}
	if _, err := pgx.ForEachRow(rows, []any{&numbers}, func() error { return nil }); err != nil {
		return err
	}
	for _, number := range numbers {
		n := slices.IndexFunc(r.columns, func(c column) bool { return c.number == number })
		if n < 0 { // a part of the key may not be read
			r.keys = nil
			break
		}
		r.columns[n].Key = true
		r.keys = append(r.keys, r.columns[n])
	}
	switch {
	case len(r.keys) > 0:
		r.order = byKey
	case r.table.Kind == "table" || r.table.Kind == "materialized view":
		r.order = byPlace
	default:
		r.order = byCount
	}
	return nil
}

// query makes the statement. All names are quoted, and all values are parameters.
func (r *reader) query() (string, []any, error) {
	n := strconv.Itoa(min(r.Chars, mostShown/len(r.columns)))
	var shown, sizes, keys, order []string
	for _, c := range r.columns {
		value := "t." + pgx.Identifier{c.Name}.Sanitize()
		size := value
		switch {
		case c.isBlob: // of a long value, no more than is shown is read
			shown = append(shown, `'\x' || pg_catalog.encode(pg_catalog.substring(`+value+`, 1, `+n+`), 'hex')`)
		case c.isText:
			size += "::text"
			shown = append(shown, "pg_catalog.substring("+value+"::text, 1, "+n+")")
		default:
			size += "::text"
			shown = append(shown, "pg_catalog.left("+value+"::text, "+n+")")
		}
		sizes = append(sizes, "pg_catalog.octet_length("+size+")")
	}
	for _, c := range r.keys {
		value := "t." + pgx.Identifier{c.Name}.Sanitize()
		keys, order = append(keys, value+"::text"), append(order, value)
	}
	where, tail := "", ""
	after, err := decodeCursor(r.After, r.order, max(len(r.keys), 1))
	if err != nil {
		return "", nil, err
	}
	switch r.order {
	case byKey:
		var given []string
		for n, c := range r.keys {
			given = append(given, fmt.Sprintf("$%d::text::%s", n+1, c.Type))
		}
		if after != nil {
			where = " where (" + strings.Join(order, ", ") + ") > (" + strings.Join(given, ", ") + ")"
		}
		tail = " order by " + strings.Join(order, ", ")
	case byPlace:
		keys = []string{"t.ctid::text"}
		if after == nil {
			after = []any{"(0,0)"}
		}
		where = " where t.ctid > $1::text::tid"
	case byCount:
		keys = []string{"''"}
		if after != nil {
			tail = " offset $1::text::bigint"
		}
	}
	query := "select array[" + strings.Join(shown, ", ") + "]::text[], array[" + strings.Join(sizes, ", ") + "]::bigint[], array[" +
		strings.Join(keys, ", ") + "]::text[] from " + pgx.Identifier{r.Schema, r.Table}.Sanitize() + " t" + where + tail +
		fmt.Sprintf(" limit %d", r.Limit+1)
	return query, after, nil
}

// page reads as many rows as were asked for, or as make an answer of a good size.
func (r *reader) page(rows pgx.Rows) (Page, error) {
	defer rows.Close()
	p := Page{Rows: [][]Cell{}, Order: r.order}
	for _, c := range r.columns {
		p.Columns = append(p.Columns, c.PageColumn)
	}
	var last []string
	bytes, more := 0, false
	for rows.Next() {
		if more = len(p.Rows) == r.Limit || bytes > mostBytes; more {
			break
		}
		var shown []*string
		var sizes []*int64
		last = nil
		if err := rows.Scan(&shown, &sizes, &last); err != nil {
			return p, err
		}
		cells := make([]Cell, len(shown))
		for n, text := range shown {
			cells[n] = r.columns[n].cell(text, sizes[n])
			if text != nil {
				bytes += len(*text)
			}
		}
		p.Rows = append(p.Rows, cells)
	}
	rows.Close()
	if err := rows.Err(); err != nil {
		return p, err
	}
	if !more || len(p.Rows) == 0 {
		return p, nil
	}
	if r.order == byCount {
		passed, _ := decodeCursor(r.After, byCount, 1) // query has read it before
		n := int64(len(p.Rows))
		if passed != nil {
			before, _ := strconv.ParseInt(passed[0].(string), 10, 64)
			n += before
		}
		if n > mostCounted {
			return p, nil
		}
		last = []string{strconv.FormatInt(n, 10)}
	}
	p.Next = encodeCursor(r.order, last)
	return p, nil
}

func (c column) cell(text *string, size *int64) Cell {
	if text == nil {
		return Cell{}
	}
	valid := strings.ToValidUTF8(*text, "\uFFFD")
	have := int64(len(*text))
	if c.isBlob {
		have = (have - 2) / 2
	}
	cell := Cell{Text: &valid}
	if size != nil && *size > have {
		cell.Cut, cell.Bytes = true, *size
	}
	return cell
}

// encodeCursor writes where a page has ended.
func encodeCursor(order string, at []string) string {
	text, err := json.Marshal(append([]string{order}, at...))
	if err != nil {
		return "" // strings can always be written
	}
	return base64.RawURLEncoding.EncodeToString(text)
}

// decodeCursor reads where a page shall begin; nil is the beginning. It is somebody's input.
func decodeCursor(cursor, order string, values int) ([]any, error) {
	if cursor == "" {
		return nil, nil
	}
	wrong := lakeward.Errorf(lakeward.KindInvalid, "begin without after", "after is not what a page of this table has given as next")
	text, err := base64.RawURLEncoding.DecodeString(cursor)
	if err != nil {
		return nil, wrong
	}
	var at []string
	if err := json.Unmarshal(text, &at); err != nil || len(at) != values+1 || at[0] != order {
		return nil, wrong
	}
	if order == byCount {
		if n, err := strconv.ParseInt(at[1], 10, 64); err != nil || n < 0 || n > mostCounted {
			return nil, wrong
		}
	}
	var out []any
	for _, value := range at[1:] {
		if strings.ContainsRune(value, 0) {
			return nil, wrong
		}
		out = append(out, value)
	}
	return out, nil
}
