package migrate

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"
	"zombiezen.com/go/sqlite"
)

// quarantineTable holds the rows with values that PostgreSQL cannot hold, each with the reason, what was done, and the
// original values.
const quarantineTable = "lakeward_quarantine"

// quarantineKept is how many quarantined rows of a table the report names; the table on the target has all of them.
const quarantineKept = 20

// createQuarantine returns the statement that makes the quarantine in a schema.
func createQuarantine(schema string) string {
	return `CREATE TABLE ` + qualified(schema, quarantineTable) + ` (
		migration text NOT NULL,
		table_name text NOT NULL,
		key jsonb NOT NULL,
		column_name text NOT NULL,
		reason text NOT NULL,
		action text NOT NULL,
		"row" jsonb NOT NULL,
		at timestamptz NOT NULL
	);
	COMMENT ON TABLE ` + qualified(schema, quarantineTable) + ` IS ` + literal(quarantineComment)
}

const quarantineComment = `rows that a migration by lakeward could not store in their tables as they were, with the ` +
	`reason, what was done (quarantined: not stored; nulled, replaced: stored with another value in that column) and ` +
	`the original values by storage class; blobs in base64, and of values over 8 MB the beginning: they stand in ` +
	quarantineValues

// quarantineColumns are the columns of the quarantine in the order in which they are written.
var quarantineColumns = []string{"migration", "table_name", "key", "column_name", "reason", "action", "row", "at"}

// reject is a row on its way to the quarantine. It shares no memory with the reader.
type reject struct {
	table string // the source's name
	misfit
	key []byte // JSON
	row []byte // JSON
}

// String returns the warning that goes into the progress.
func (r reject) String() string {
	if r.did == ActionQuarantined {
		return fmt.Sprintf("quarantined a row %s: column %s: %s", r.key, r.column, r.reason)
	}
	return fmt.Sprintf("%s column %s of a row %s: %s", r.did, r.column, r.key, r.reason)
}

// newReject copies what the quarantine keeps of a row. Large values go to the spill, if there is one.
func newReject(t Table, columns []Column, row []value, m misfit, s *spill) reject {
	var keyColumns []Column
	var keyValues []value
	for i, c := range columns {
		if t.inPrimaryKey(c.Target) {
			keyColumns, keyValues = append(keyColumns, c), append(keyValues, row[i])
		}
	}
	return reject{
		table: t.Name, misfit: m,
		key: appendRow(nil, keyColumns, keyValues, appendPlain),
		row: appendRow(nil, columns, row, s.appendClassed),
	}
}

// writeRejects adds rows to the quarantine of the staging schema.
func writeRejects(ctx context.Context, conn *pgx.Conn, s *stage, rejects []reject) error {
	if len(rejects) == 0 {
		return nil
	}
	at := time.Now().UTC()
	row := func(i int) ([]any, error) {
		r := rejects[i]
		return []any{s.id, r.table, r.key, r.column, r.reason, string(r.did), r.row, at}, nil
	}
	table := pgx.Identifier{s.name, quarantineTable}
	if _, err := conn.CopyFrom(ctx, table, quarantineColumns, pgx.CopyFromSlice(len(rejects), row)); err != nil {
		return fmt.Errorf("write quarantined rows: %w", err)
	}
	return nil
}

// appendRow appends a JSON object of column names and values.
func appendRow(dst []byte, columns []Column, row []value, appendValue func([]byte, value) []byte) []byte {
	dst = append(dst, '{')
	for i, c := range columns {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(appendString(dst, c.Name), ':')
		dst = appendValue(dst, row[i])
	}
	return append(dst, '}')
}

// appendClassed appends a value with its storage class, so that the row can be written back as it was:
// {"integer":1}, {"real":1.5}, {"text":"a"}, {"text_base64":"AA=="} for text that JSON cannot hold, {"blob":"AA=="}, or
// null; of a large value see appendStart.
func (s *spill) appendClassed(dst []byte, v value) []byte {
	if len(v.b) > quarantinedWhole && (v.class == sqlite.TypeText || v.class == sqlite.TypeBlob) {
		v.large = heldValue(v.b)
	}
	class := ""
	switch v.class {
	case sqlite.TypeNull:
		return append(dst, "null"...)
	case sqlite.TypeInteger:
		class = "integer"
	case sqlite.TypeFloat:
		class = "real"
	case sqlite.TypeText:
		class = "text"
	case sqlite.TypeBlob:
		class = "blob"
	}
	if v.isLarge() && (v.large.size() > quarantinedWhole || v.hold() != nil) {
		id := ""
		if s != nil {
			id = s.keep(v.large)
		}
		return appendStart(dst, v, id)
	}
	if v.class == sqlite.TypeText && !jsonText(v.b) {
		class = "text_base64"
	}
	dst = append(append(append(dst, `{"`...), class...), `":`...)
	return append(appendPlain(dst, v), '}')
}

// Of a value that is larger than quarantinedWhole the row has only so much as quarantinedStart; see quarantinelarge.go.
const (
	quarantinedWhole = 8 << 20
	quarantinedStart = 64 << 10
)

// appendStart appends the beginning of a large value, its size and its name among the large ones:
// {"text_start_base64":"AA==","bytes":104857600,"value":"…"} or {"blob_start":"AA==","bytes":104857600,"value":"…"}.
func appendStart(dst []byte, v value, id string) []byte {
	name := "text_start_base64"
	if v.class == sqlite.TypeBlob {
		name = "blob_start"
	}
	start := make([]byte, 0, quarantinedStart)
	// A value that cannot be read has ended the load before.
	_ = v.large.pieces(func(piece []byte) error {
		start = append(start, piece[:min(len(piece), quarantinedStart-len(start))]...)
		if len(start) == quarantinedStart {
			return io.EOF
		}
		return nil
	})
	dst = append(append(append(dst, `{"`...), name...), `":"`...)
	dst = base64.StdEncoding.AppendEncode(dst, start)
	dst = fmt.Appendf(dst, `","bytes":%d`, v.large.size())
	if id != "" {
		dst = fmt.Appendf(dst, `,"value":"%s"`, id)
	}
	return append(dst, '}')
}

// appendPlain appends a value as JSON; blobs, and text that JSON cannot hold, in base64.
func appendPlain(dst []byte, v value) []byte {
	switch v.class {
	case sqlite.TypeInteger:
		return strconv.AppendInt(dst, v.i, 10)
	case sqlite.TypeFloat:
		if math.IsInf(v.f, 0) || math.IsNaN(v.f) {
			return appendString(dst, strconv.FormatFloat(v.f, 'g', -1, 64))
		}
		return strconv.AppendFloat(dst, v.f, 'g', -1, 64)
	case sqlite.TypeText:
		if !v.isLarge() && jsonText(v.b) {
			return appendString(dst, string(v.b))
		}
		fallthrough
	case sqlite.TypeBlob:
		if v.isLarge() { // a key that long names nothing
			return appendStart(dst, v, "")
		}
		dst = append(dst, '"')
		dst = base64.StdEncoding.AppendEncode(dst, v.b)
		return append(dst, '"')
	}
	return append(dst, "null"...)
}

// jsonText reports whether jsonb can hold text: valid UTF-8 without NUL.
func jsonText(b []byte) bool {
	for _, c := range b {
		if c == 0 {
			return false
		}
	}
	return utf8.Valid(b)
}

// appendString appends s as a JSON string.
func appendString(dst []byte, s string) []byte {
	quoted, err := json.Marshal(s)
	if err != nil {
		panic("migrate: a string is always valid JSON: " + err.Error())
	}
	return append(dst, quoted...)
}
