package migrate

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
	"zombiezen.com/go/sqlite"
)

// pieceBytes is how much of a large value is asked for at a time.
const pieceBytes = 256 << 10

// pgValue is a large value of the database. The server holds it, which computes it once for each time that it is read.
type pgValue struct {
	ctx    context.Context //nolint:containedctx // a value lives as long as the row that is being written
	conn   *pgconn.PgConn
	sql    string // the rows are its pieces
	args   [][]byte
	length int64
}

func (v *pgValue) size() int64 { return v.length }

func (v *pgValue) pieces(fn func([]byte) error) (err error) {
	rows := v.conn.ExecParams(v.ctx, v.sql, v.args, nil, nil, []int16{1})
	defer func() {
		if _, closeErr := rows.Close(); err == nil {
			err = closeErr
		}
	}()
	for rows.NextRow() {
		if err := fn(rows.Values()[0]); err != nil {
			return err
		}
	}
	return nil
}

// piecesSQL returns the query for the pieces of a bytea in the row whose ctid is $1. LATERAL has it computed once.
func piecesSQL(expr, from string) string {
	return fmt.Sprintf("SELECT substring(v FROM i FOR %[1]d) FROM (SELECT %[2]s AS v FROM %[3]s WHERE ctid = $1::tid OFFSET 0) AS whole, "+
		"LATERAL generate_series(1, octet_length(v), %[1]d) AS i", pieceBytes, expr, from)
}

// awaited is a value of so many bytes that is written after its row.
type awaited int64

func (a awaited) size() int64 { return int64(a) }

func (awaited) pieces(func([]byte) error) error { return nil }

// largeRow is a row of the file whose large values are still empty.
type largeRow struct {
	place [6]byte // on the database
	rowid int64
	cells []largeCell
}

// largeCell is one of them.
type largeCell struct {
	column int // of those that are stored
	size   int64
}

// streamLarge lets a column's large values be read and written in pieces, where the file and the conversion allow it.
func (c *exportColumn) streamLarge(affinity string, into *sourceTable) {
	if c.place = into.column(c.Name); into.indexed(c.place) {
		return
	}
	r := restorer{Column: c.Column, affinity: affinity}
	length := "octet_length(" + c.read + ")"
	switch {
	case c.Convert == ConvertText && !ofNumbers(affinity):
		c.bytes = "convert_to(" + c.read + ", 'UTF8')"
	case c.Convert == ConvertBytes && !ofNumbers(affinity):
		c.bytes = c.read + ` || '\x'::bytea` // what is compressed is unpacked once, and not for every piece
	case c.Convert == ConvertJSON:
		c.bytes = "convert_to((" + c.read + ")::text, 'UTF8')"
		// Printing every document twice would cost more than the rest, and a number becomes one in the file.
		length = fmt.Sprintf("CASE WHEN pg_column_size(%[1]s) > 8000 AND jsonb_typeof(%[1]s) <> 'number' THEN octet_length((%[1]s)::text) END", c.read)
	default:
		return
	}
	c.empty = sqlite.TypeBlob
	if affinity == "TEXT" {
		c.empty = sqlite.TypeText
	}
	c.size = fmt.Sprintf("nullif(greatest(%s, %d), %[2]d)::bigint", length, largeBytes)
	c.restoreLarge = r.large
}

// large restores a value in pieces.
func (r *restorer) large(l largeValue) (value, error) {
	switch r.Convert {
	case ConvertText:
		if r.keptBlobs() {
			return value{class: sqlite.TypeBlob, large: l}, nil
		}
	case ConvertBytes:
		if !r.keptTexts() {
			return value{class: sqlite.TypeBlob, large: l}, nil
		}
		if check, err := checkText(l); err != nil || check.problem() != "" {
			return value{class: sqlite.TypeBlob, large: l}, err
		}
	case ConvertJSON:
		if r.Forms()[formJSON] == "compact" {
			c := &compactValue{json: l}
			err := c.pieces(func(piece []byte) error {
				c.length += int64(len(piece))
				return nil
			})
			return value{class: sqlite.TypeText, large: c}, err
		}
	}
	return value{class: sqlite.TypeText, large: l}, nil
}

// compactValue is JSON, as PostgreSQL prints it, without the spaces behind colons and commas.
type compactValue struct {
	json   largeValue
	length int64
}

func (c *compactValue) size() int64 { return c.length }

func (c *compactValue) pieces(fn func([]byte) error) error {
	var compact compactor
	var out []byte
	return c.json.pieces(func(piece []byte) error {
		out = compact.append(out[:0], piece)
		return fn(out)
	})
}

// readFields returns the expressions that are read of every row: all columns, then the sizes of large values, which are
// not read with their rows.
func (t *exportTable) readFields(columns []exportColumn) []string {
	fields := []string{"ctid"}
	for _, c := range columns {
		if c.size == "" {
			fields = append(fields, c.read)
		} else {
			fields = append(fields, "CASE WHEN "+c.size+" IS NULL THEN "+c.read+" END")
		}
	}
	for _, c := range columns {
		if c.size != "" {
			fields = append(fields, c.size)
		}
	}
	return fields
}

// rowJSON returns the SQL expression of a whole row as JSON, of its large values only size and beginning: jsonb does not
// hold them.
func (t *exportTable) rowJSON() string {
	if t.large == nil {
		return "to_jsonb(lakeward_row.*)"
	}
	fields := make([]string, len(t.columns))
	for i, c := range t.columns {
		name := quoteName(c.Target)
		if fields[i] = name; c.size != "" {
			fields[i] = fmt.Sprintf("CASE WHEN %s IS NULL THEN to_jsonb(%s) ELSE jsonb_build_object('bytes', %s, 'start', encode(substring(%s FROM 1 FOR %d), 'base64')) END AS %[2]s",
				c.size, name, c.size, c.bytes, quarantinedStart)
		}
	}
	return "(SELECT to_jsonb(lakeward_fields) FROM (SELECT " + strings.Join(fields, ", ") + ") AS lakeward_fields)"
}

// fillLarge writes the large values of the rows that were stored without them.
func (e *exporter) fillLarge(ctx context.Context, t *exportTable, columns []exportColumn, store *largeStore) error {
	from := qualified(e.record.Schema, t.Target)
	for _, row := range t.largeRows {
		values := map[int]value{}
		for _, cell := range row.cells {
			c := &columns[cell.column]
			v, err := c.restoreLarge(&pgValue{
				ctx: ctx, conn: e.conn.PgConn(), sql: piecesSQL(c.bytes, from), args: [][]byte{[]byte(placeText(row.place))}, length: cell.size,
			})
			if err != nil {
				return fmt.Errorf("read column %s: %w", c.Name, err)
			}
			values[c.place] = v
		}
		if err := store.fill(ctx, row.rowid, values); err != nil {
			return fmt.Errorf("store row %d: %w", row.rowid, err)
		}
	}
	return nil
}

// note remembers a row that was stored without its large values.
func (t *exportTable) note(place [6]byte, rowid int64, row []value) {
	if !slices.ContainsFunc(row, func(v value) bool { return v.isLarge() }) {
		return
	}
	noted := largeRow{place: place, rowid: rowid}
	for i, v := range row {
		if v.isLarge() {
			noted.cells = append(noted.cells, largeCell{i, v.large.size()})
		}
	}
	t.largeRows = append(t.largeRows, noted)
}
