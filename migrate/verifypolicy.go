package migrate

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"
	"zombiezen.com/go/sqlite"
)

// What a policy makes of a value is worked out here once more, without the code of the load.

// standFunc returns what stands in for a value that does not fit, or false when the row is not on the target.
type standFunc func(v value) (value, bool)

// newStand returns the function for the policy of a column.
func newStand(c Column, canon canonFunc) standFunc {
	fits := func(v value) bool {
		_, ok := canon(nil, v)
		return ok
	}
	switch c.OnMisfit {
	case PolicyNull:
		return func(value) (value, bool) { return value{class: sqlite.TypeNull}, true }
	case PolicyReplace:
		with := "\uFFFD"
		if c.Replacement != nil {
			with = *c.Replacement
		}
		return func(v value) (value, bool) {
			if c.Convert == ConvertText && (v.class == sqlite.TypeText || v.class == sqlite.TypeBlob) {
				if mended := textValue(mendedText(string(v.b), with)); fits(mended) {
					return mended, true
				}
			}
			return textValue(with), fits(textValue(with))
		}
	}
	return func(v value) (value, bool) { return v, false }
}

func textValue(s string) value { return value{class: sqlite.TypeText, b: []byte(s)} }

// mendedText keeps the characters of a text and puts something else in place of NUL and of bytes that belong to none.
func mendedText(text, with string) string {
	var b strings.Builder
next:
	for at := 0; at < len(text); {
		for n := 1; n <= 4 && at+n <= len(text); n++ {
			if part := text[at : at+n]; part != "\x00" && utf8.ValidString(part) && utf8.RuneCountInString(part) == 1 {
				b.WriteString(part)
				at += n
				continue next
			}
		}
		b.WriteString(with)
		at++
	}
	return b.String()
}

// handled counts the values that do not fit, by their column and what was done: those that the source has and those that
// stand in the quarantine.
type handled map[handledKey]int64

type handledKey struct {
	column string
	did    Action
}

// note counts the misfits of one row.
func (h handled) note(s *rowShape, r *sourceRow) {
	columns := s.columns
	of := func(fk int) string { return strings.Join(sourceNames(s.table, s.table.ForeignKeys[fk].Columns), ", ") }
	if r.gone >= 0 {
		h[handledKey{of(r.gone), ActionQuarantined}]++
		return
	}
	if r.misfit >= 0 {
		h[handledKey{columns[r.misfit].Name, ActionQuarantined}]++
		return
	}
	for _, c := range r.changed {
		h[handledKey{columns[c.column].Name, c.did()}]++
	}
}

// rows returns how many there are of one kind.
func (h handled) rows(did Action) (n int64) {
	for key, rows := range h {
		if key.did == did {
			n += rows
		}
	}
	return n
}

// differ words the first difference from what stands in the quarantine, or returns "".
func (h handled) differ(kept handled) string {
	var problems []string
	for _, from := range []handled{h, kept} {
		for key := range from {
			if h[key] != kept[key] {
				problems = append(problems, fmt.Sprintf("column %s: %d values should be %s, %d are in %s",
					key.column, h[key], key.did, kept[key], quarantineTable))
			}
		}
	}
	if len(problems) == 0 {
		return ""
	}
	return slices.Min(problems)
}

// quarantined counts what the migration which made the table has put into the quarantine, and takes the first of it.
func (v *verifier) quarantined(ctx context.Context, conn *pgx.Conn, t Table, found *TableReport) (handled, error) {
	kept := handled{}
	var there bool
	var mark string
	err := conn.QueryRow(ctx, `
		SELECT to_regclass($1) IS NOT NULL, coalesce(obj_description(to_regclass($2), 'pg_class'), '')`,
		qualified(v.schema, quarantineTable), qualified(v.schema, t.Target)).Scan(&there, &mark)
	if err != nil {
		return nil, fmt.Errorf("look for quarantined rows: %w", err)
	}
	if !there {
		return kept, nil
	}
	id := v.report.Migration // of rows that went into tables of the application's own
	if own, marked := strings.CutPrefix(mark, markPrefix); marked {
		id, _, _ = strings.Cut(own, " ")
	}
	if v.stage != nil {
		id = v.stage.id
	}
	rows, err := conn.Query(ctx, `
		SELECT column_name, action, count(*) FROM `+qualified(v.schema, quarantineTable)+`
		WHERE table_name = $1 AND migration = $2 GROUP BY 1, 2`, t.Name, id)
	if err != nil {
		return nil, fmt.Errorf("count quarantined rows: %w", err)
	}
	var key handledKey
	var n int64
	_, err = pgx.ForEachRow(rows, []any{&key.column, &key.did, &n}, func() error {
		kept[key] = n
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("count quarantined rows: %w", err)
	}
	found.Quarantined, found.Nulled, found.Replaced = kept.rows(ActionQuarantined), kept.rows(ActionNulled), kept.rows(ActionReplaced)
	return kept, v.firstQuarantined(ctx, conn, t, id, found)
}

// firstQuarantined reads the rows of the quarantine that the report names.
func (v *verifier) firstQuarantined(ctx context.Context, conn *pgx.Conn, t Table, id string, found *TableReport) error {
	rows, err := conn.Query(ctx, `
		SELECT table_name, key::text, column_name, reason, action FROM (
			SELECT *, row_number() OVER (PARTITION BY action ORDER BY at, key::text, column_name) AS n
			FROM `+qualified(v.schema, quarantineTable)+` WHERE table_name = $1 AND migration = $2
		) AS q
		WHERE n <= $3 ORDER BY at, key::text, column_name`, t.Name, id, quarantineKept)
	if err != nil {
		return fmt.Errorf("read quarantined rows: %w", err)
	}
	found.Quarantine, err = pgx.CollectRows(rows, pgx.RowToStructByPos[QuarantinedRow])
	if err != nil {
		return fmt.Errorf("read quarantined rows: %w", err)
	}
	return nil
}
