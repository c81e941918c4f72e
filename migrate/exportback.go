package migrate

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"

	"github.com/jackc/pgx/v5"
	"zombiezen.com/go/sqlite"
)

// putBack stores the rows that the migration had put into the quarantine, which PostgreSQL could not hold and SQLite can:
// as they were, where nothing that was written since has taken their keys.
func (e *exporter) putBack(ctx context.Context) error {
	name := qualified(e.record.Schema, quarantineTable)
	var there bool
	if err := e.conn.QueryRow(ctx, "SELECT to_regclass($1) IS NOT NULL", name).Scan(&there); err != nil {
		return fmt.Errorf("look for quarantined rows: %w", err)
	}
	if !there {
		return nil
	}
	now, err := readCatalog(ctx, e.file.conn)
	if err != nil {
		return err
	}
	rows, err := e.conn.Query(ctx, `SELECT table_name, key::text, "row"::text FROM `+name+`
		WHERE migration = $1 AND action = $2 ORDER BY at, key::text`, e.record.ID, ActionQuarantined)
	if err != nil {
		return fmt.Errorf("read quarantined rows: %w", err)
	}
	back := map[string]int64{}
	var table, key, row string
	_, err = pgx.ForEachRow(rows, []any{&table, &key, &row}, func() error {
		at := slices.IndexFunc(now.tables, func(t sourceTable) bool { return t.name == table })
		if at < 0 {
			return nil // named already: the file does not have its table
		}
		reason, err := e.putRowBack(&now.tables[at], row)
		switch {
		case err != nil:
			return fmt.Errorf("put row %s of %s back: %w", key, table, err)
		case reason == "":
			back[table]++
			return nil
		}
		q := QuarantinedRow{Table: table, Key: key, Reason: "it was quarantined by the migration and cannot go back: " + reason}
		found := e.report.table(Table{Name: table, Target: e.targetOf(table)})
		found.Read++
		return e.setAside(found, q, row)
	})
	if err != nil {
		return fmt.Errorf("put quarantined rows back: %w", err)
	}
	for _, table := range sortedKeys(back) {
		e.note("%s of %s, which the migration had quarantined, went back as they were", plural(back[table], "row"), table)
	}
	return nil
}

// targetOf returns the name that a table has on the database.
func (e *exporter) targetOf(table string) string {
	for _, t := range e.record.Plan.Tables {
		if t.Name == table {
			return t.Target
		}
	}
	return table
}

// putRowBack stores one row, or returns why a constraint refuses it.
func (e *exporter) putRowBack(t *sourceTable, row string) (reason string, err error) {
	values, err := parseClassed([]byte(row))
	if err != nil {
		return "", err
	}
	into := t.name
	if t.shows != nil {
		into = t.shows.name
	}
	var columns []exportColumn
	var cells []value
	for i, c := range t.columns {
		if v, ok := values[c.name]; ok && !c.generated {
			columns, cells = append(columns, exportColumn{into: t.shownColumn(i)}), append(cells, v)
		}
	}
	stmt, _, err := e.file.conn.PrepareTransient(insertInto(into, columns))
	if err != nil {
		return "", err
	}
	defer func() { _ = stmt.Finalize() }() // it repeats the error of the last step
	return store(stmt, cells)
}

// parseClassed reads what appendClassed has written.
func parseClassed(row []byte) (map[string]value, error) {
	decoder := json.NewDecoder(bytes.NewReader(row))
	decoder.UseNumber()
	var fields map[string]map[string]any
	if err := decoder.Decode(&fields); err != nil {
		return nil, fmt.Errorf("read a quarantined row: %w", err)
	}
	values := make(map[string]value, len(fields))
	for name, field := range fields {
		v := value{class: sqlite.TypeNull}
		for class, content := range field {
			var err error
			if v, err = classedValue(class, content); err != nil {
				return nil, fmt.Errorf("read a quarantined row: column %s: %w", name, err)
			}
		}
		values[name] = v
	}
	return values, nil
}

func classedValue(class string, content any) (v value, err error) {
	text := fmt.Sprint(content) // a json.Number or a string
	switch class {
	case "integer":
		v.class = sqlite.TypeInteger
		v.i, err = strconv.ParseInt(text, 10, 64)
	case "real":
		v.class = sqlite.TypeFloat
		if v.f, err = strconv.ParseFloat(text, 64); math.IsInf(v.f, 0) {
			err = nil
		}
	case "text":
		v.class, v.b = sqlite.TypeText, []byte(text)
	case "text_base64":
		v.class = sqlite.TypeText
		v.b, err = base64.StdEncoding.DecodeString(text)
	case "blob":
		v.class = sqlite.TypeBlob
		v.b, err = base64.StdEncoding.DecodeString(text)
	default:
		err = fmt.Errorf("unknown storage class %q", class)
	}
	return v, err
}
