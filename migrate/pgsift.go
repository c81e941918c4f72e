package migrate

import (
	"cmp"
	"context"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
)

// sift copies a chunk in which the target, or the source itself, refuses a row. It halves the pages, and then the rows
// of a page, until each piece is either copied or one row, which goes to the quarantine.
func (m *pgMigration) sift(ctx context.Context, src, dst *pgx.Conn, c pgChunk) (done pgLoaded, err error) {
	err = pgx.BeginFunc(ctx, dst, func(tx pgx.Tx) error {
		s := &pgSieve{pgMigration: m, src: src, dst: dst, tx: tx, table: c.table}
		pages := c
		if pages.last == pgToEnd {
			pages.last = max(c.table.Pages-1, c.first)
		}
		if err := s.pages(ctx, pages); err != nil {
			return err
		}
		done = s.done
		return m.recordChunk(ctx, tx, c, done)
	})
	return done, err
}

// pgSieve separates the rows of a chunk that can be copied from those that cannot.
type pgSieve struct {
	*pgMigration
	src, dst *pgx.Conn
	tx       pgx.Tx
	table    *pgLoading
	done     pgLoaded
}

// try copies the rows under a condition, and reports why it cannot be.
func (s *pgSieve) try(ctx context.Context, where string) (refusal, err error) {
	var done pgLoaded
	err = pgx.BeginFunc(ctx, s.tx, func(pgx.Tx) (err error) {
		done, err = s.copyRange(ctx, s.src, s.dst, s.table, where, false)
		return err
	})
	if pgRefuses(err) {
		return err, nil
	}
	s.done.rows += done.rows
	s.done.bytes += done.bytes
	return nil, err
}

func (s *pgSieve) pages(ctx context.Context, c pgChunk) error {
	refusal, err := s.try(ctx, c.where())
	if err != nil || refusal == nil {
		return err
	}
	if c.first < c.last {
		middle := (c.first + c.last) / 2
		if err := s.pages(ctx, pgChunk{table: c.table, first: c.first, last: middle}); err != nil {
			return err
		}
		return s.pages(ctx, pgChunk{table: c.table, first: middle + 1, last: c.last})
	}
	rows, err := s.src.Query(ctx, "SELECT ctid::text FROM ONLY "+qualified(c.table.Schema, c.table.Name)+c.where())
	if err != nil {
		return fmt.Errorf("read %s: %w", c.table.label(), err)
	}
	places, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return fmt.Errorf("read %s: %w", c.table.label(), err)
	}
	return s.rows(ctx, places)
}

func (s *pgSieve) rows(ctx context.Context, places []string) error {
	if len(places) == 0 {
		return nil
	}
	where := " WHERE ctid = ANY ('{\"" + strings.Join(places, `","`) + "\"}'::tid[])"
	refusal, err := s.try(ctx, where)
	switch {
	case err != nil, refusal == nil:
		return err
	case len(places) > 1:
		half := len(places) / 2
		if err := s.rows(ctx, places[:half]); err != nil {
			return err
		}
		return s.rows(ctx, places[half:])
	}
	return s.reject(ctx, places[0], refusal)
}

// reject writes one row to the quarantine, as the texts of its values.
func (s *pgSieve) reject(ctx context.Context, place string, refusal error) error {
	row, err := s.read(ctx, place)
	if err != nil {
		return err
	}
	reason := pgMessage(refusal)
	if e := pgErrorOf(refusal); e != nil && e.Detail != "" {
		reason += ": " + e.Detail
	}
	column := ""
	if e := pgErrorOf(refusal); e != nil {
		column = e.ColumnName
	}
	key := make([]string, 0, len(s.table.Key))
	object := make([]string, len(row))
	for i, v := range row {
		object[i] = string(appendString(nil, s.table.Columns[i])) + ":" + v
		if slices.Contains(s.table.Key, s.table.Columns[i]) {
			key = append(key, object[i])
		}
	}
	r := reject{
		table: s.table.label(), misfit: misfit{column: column, reason: reason, did: ActionQuarantined},
		key: []byte("{" + strings.Join(key, ",") + "}"), row: []byte("{" + strings.Join(object, ",") + "}"),
	}
	if err := writeRejects(ctx, s.dst, &stage{id: s.stage.id, name: s.stage.meta}, []reject{r}); err != nil {
		return err
	}
	if s.done.quarantined++; s.done.quarantined <= quarantineKept {
		s.journal.warn(r.table, r.String())
	}
	return nil
}

// read returns the values of a row as JSON: texts, in base64 where they are no valid UTF-8.
func (s *pgSieve) read(ctx context.Context, place string) ([]string, error) {
	fields := make([]string, len(s.table.Columns))
	for i, c := range s.table.Columns {
		fields[i] = "convert_to(" + quoteName(c) + "::text, getdatabaseencoding())"
	}
	rows, err := s.src.Query(ctx, "SELECT ARRAY["+strings.Join(fields, ", ")+"]::bytea[] FROM ONLY "+
		qualified(s.table.Schema, s.table.Name)+" WHERE ctid = '"+place+"'")
	if err != nil {
		return nil, fmt.Errorf("read a row of %s: %w", s.table.label(), err)
	}
	values, err := pgx.CollectExactlyOneRow(rows, pgx.RowTo[[][]byte])
	if err != nil {
		return nil, fmt.Errorf("read a row of %s: %w", s.table.label(), err)
	}
	texts := make([]string, len(values))
	for i, v := range values {
		switch {
		case v == nil:
			texts[i] = "null"
		case jsonText(v):
			texts[i] = string(appendString(nil, string(v)))
		default:
			texts[i] = `{"text_base64":"` + base64.StdEncoding.EncodeToString(v) + `"}`
		}
	}
	return texts, nil
}

// quarantined reads the quarantine: how many rows of each table stand there, and the first of them. A migration reads
// its own; a verification reads that of the last migration, which the target keeps.
func (m *pgMigration) quarantined(ctx context.Context, conn *pgx.Conn) error {
	schema := cmp.Or(m.stage.meta, pgQuarantineSchema)
	var there bool
	if err := conn.QueryRow(ctx, "SELECT to_regclass($1) IS NOT NULL", qualified(schema, quarantineTable)).Scan(&there); err != nil || !there {
		return err // nothing was ever quarantined
	}
	rows, err := conn.Query(ctx, `
		SELECT table_name, count(*) OVER (PARTITION BY table_name), key::text, column_name, reason, action
		FROM `+qualified(schema, quarantineTable)+` q
		WHERE migration = (SELECT migration FROM `+qualified(schema, quarantineTable)+` ORDER BY at DESC LIMIT 1)
		ORDER BY table_name, at, key::text`)
	if err != nil {
		return fmt.Errorf("read the quarantine: %w", err)
	}
	var q QuarantinedRow
	var n int64
	_, err = pgx.ForEachRow(rows, []any{&q.Table, &n, &q.Key, &q.Column, &q.Reason, &q.Action}, func() error {
		for i := range m.report.Tables {
			if r := &m.report.Tables[i]; r.Target == q.Table {
				if r.Quarantined = n; len(r.Quarantine) < quarantineKept {
					r.Quarantine = append(r.Quarantine, q)
				}
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("read the quarantine: %w", err)
	}
	return nil
}
