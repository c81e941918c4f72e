package migrate

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"

	"github.com/jackc/pgx/v5"
	"zombiezen.com/go/sqlite"
)

// putBack gives the file what the migration could not store as it was: rows that it had put into the quarantine, and
// values in whose place it had stored NULL or a replacement. They go back where nothing has been written since that
// takes a row's key or has changed a value.
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
	rows, err := e.conn.Query(ctx, `SELECT table_name, key::text, column_name, action, "row"::text FROM `+name+`
		WHERE migration = $1 ORDER BY at, key::text`, e.record.ID)
	if err != nil {
		return fmt.Errorf("read quarantined rows: %w", err)
	}
	back, mended := map[string]int64{}, map[string]int64{}
	var k keptRow
	_, err = pgx.ForEachRow(rows, []any{&k.table, &k.key, &k.column, &k.action, &k.row}, func() error {
		at := slices.IndexFunc(now.tables, func(t sourceTable) bool { return t.name == k.table })
		if at < 0 {
			return nil // named already: the file does not have its table
		}
		if k.action != ActionQuarantined {
			done, err := e.putValueBack(ctx, &now.tables[at], k)
			mended[k.table] += done
			return err
		}
		reason, err := e.putRowBack(ctx, &now.tables[at], k.row)
		switch {
		case err != nil:
			return fmt.Errorf("put row %s of %s back: %w", k.key, k.table, err)
		case reason == "":
			back[k.table]++
			return nil
		}
		q := QuarantinedRow{Table: k.table, Key: k.key, Reason: "it was quarantined by the migration and cannot go back: " + reason}
		found := e.report.table(Table{Name: k.table, Target: e.targetOf(k.table)})
		found.Read++
		return e.setAside(found, q, k.row)
	})
	if err != nil {
		return fmt.Errorf("put quarantined rows back: %w", err)
	}
	for _, table := range sortedKeys(back) {
		e.uneven[table] = true
		e.note("%s of %s, which the migration had quarantined, went back as they were", plural(back[table], "row"), table)
	}
	for _, table := range sortedKeys(mended) {
		if mended[table] > 0 {
			e.uneven[table] = true
			e.note("%s of %s, which the migration had nulled or replaced, went back as they were", plural(mended[table], "value"), table)
		}
	}
	return nil
}

// keptRow is one row of the quarantine.
type keptRow struct {
	table, key, column string
	action             Action
	row                string // JSON
}

// putValueBack stores the original of one value where the file has what the migration made of it, and returns how many
// rows that are.
func (e *exporter) putValueBack(ctx context.Context, t *sourceTable, k keptRow) (int64, error) {
	values, err := e.parseClassed(ctx, []byte(k.row))
	if errors.Is(err, errNotWhole) {
		e.note("%s.%s of row %s stays %s: %v", k.table, k.column, k.key, k.action, err)
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	at, key := t.column(k.column), t.key()
	if at < 0 || t.columns[at].generated || len(key) == 0 || t.shows != nil {
		return 0, nil // nothing says which row it is
	}
	original := values[k.column]
	if original.isLarge() && (k.action != ActionNulled || !e.file.storesLarge(t) || t.indexed(at)) {
		if err := original.hold(); err != nil {
			return 0, err
		}
	}
	made, ok, err := e.madeOf(t, k, original)
	if err != nil || !ok {
		return 0, err
	}
	name := sourceName(t.columns[at].name)
	sql := "UPDATE OR ABORT main." + sourceName(t.name) + " SET " + name + " = ? WHERE " + name + " IS ?"
	cells := []value{original, made}
	for _, i := range key {
		sql += " AND " + sourceName(t.columns[i].name) + " IS ?"
		cells = append(cells, values[t.columns[i].name])
	}
	if original.isLarge() {
		sql += " RETURNING " + t.rowid
	}
	stmt, _, err := e.file.conn.PrepareTransient(sql)
	if err != nil {
		return 0, err
	}
	defer func() { _ = stmt.Finalize() }() // it repeats the error of the last step
	if original.isLarge() {
		return e.putLargeBack(ctx, t, at, stmt, cells)
	}
	if reason, err := store(stmt, cells); err != nil || reason != "" {
		return 0, err
	}
	return int64(e.file.conn.Changes()), nil
}

// putLargeBack stores the original of a large value in the row that an UPDATE finds.
func (e *exporter) putLargeBack(ctx context.Context, t *sourceTable, at int, stmt *sqlite.Stmt, cells []value) (int64, error) {
	bind(stmt, cells)
	found, err := stmt.Step()
	var rowid int64
	if found {
		rowid = stmt.ColumnInt64(0)
	}
	if resetErr := stmt.Reset(); err == nil {
		err = resetErr
	}
	if err != nil || !found {
		return 0, err
	}
	return 1, e.fillRow(ctx, t, rowid, map[int]value{at: cells[0]})
}

// fillRow writes large values into a row that was stored without them.
func (e *exporter) fillRow(ctx context.Context, t *sourceTable, rowid int64, large map[int]value) error {
	store, err := e.file.openLarge(t)
	if err != nil {
		return err
	}
	return also(store.fill(ctx, rowid, large), store.close(ctx))
}

// madeOf returns what the file has in place of an original value, unless it was changed on the database since.
func (e *exporter) madeOf(t *sourceTable, k keptRow, original value) (made value, ok bool, err error) {
	made.class = sqlite.TypeNull
	if k.action == ActionNulled {
		return made, true, nil
	}
	planned := slices.IndexFunc(e.record.Plan.Tables, func(p Table) bool { return p.Name == t.name })
	if planned < 0 {
		return made, false, nil
	}
	columns := e.record.Plan.Tables[planned].Columns
	at := slices.IndexFunc(columns, func(c Column) bool { return c.Name == k.column })
	if at < 0 {
		return made, false, nil
	}
	c := columns[at]
	encode, err := newEncoder(c)
	if err != nil {
		return made, false, err
	}
	field, did := newAmend(c, encode)(nil, original)
	if did != ActionReplaced || isNull(field) {
		return made, did == ActionReplaced, nil
	}
	field = field[4:]
	if c.Convert == ConvertDecimal {
		field = []byte(showNumeric(field))
	}
	restore, err := restoreColumn(c, affinity(c.Declared))
	if err != nil {
		return made, false, err
	}
	_, reason := restore(nil, &made, field)
	return made, reason == "", nil
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
func (e *exporter) putRowBack(ctx context.Context, t *sourceTable, row string) (reason string, err error) {
	values, err := e.parseClassed(ctx, []byte(row))
	if errors.Is(err, errNotWhole) {
		return err.Error(), nil
	}
	if err != nil {
		return "", err
	}
	into := t.name
	if t.shows != nil {
		into = t.shows.name
	}
	var columns []exportColumn
	var cells []value
	large := map[int]value{}
	for i, c := range t.columns {
		v, ok := values[c.name]
		if !ok || c.generated {
			continue
		}
		switch {
		case !v.isLarge():
		case v.large.size() > mostSQLiteBytes-roomBytes:
			return fmt.Sprintf("%d bytes are more than a row of SQLite holds", v.large.size()), nil
		case e.file.storesLarge(t) && !t.indexed(i):
			large[i] = v
		default:
			if err := v.hold(); err != nil {
				return "", err
			}
		}
		columns, cells = append(columns, exportColumn{into: t.shownColumn(i)}), append(cells, v)
	}
	stmt, _, err := e.file.conn.PrepareTransient(insertInto(into, columns))
	if err != nil {
		return "", err
	}
	defer func() { _ = stmt.Finalize() }() // it repeats the error of the last step
	if reason, err := store(stmt, cells); err != nil || reason != "" || len(large) == 0 {
		return reason, err
	}
	return "", e.fillRow(ctx, t, e.file.conn.LastInsertRowID(), large)
}

// errNotWhole tells that a row cannot be written back.
var errNotWhole = errors.New("the quarantine has only the beginning of a large value")

// parseClassed reads what appendClassed has written.
func (e *exporter) parseClassed(ctx context.Context, row []byte) (map[string]value, error) {
	decoder := json.NewDecoder(bytes.NewReader(row))
	decoder.UseNumber()
	var fields map[string]map[string]any
	if err := decoder.Decode(&fields); err != nil {
		return nil, fmt.Errorf("read a quarantined row: %w", err)
	}
	values := make(map[string]value, len(fields))
	for name, field := range fields {
		v := value{class: sqlite.TypeNull}
		if _, start := field["bytes"]; start {
			large, err := e.keptLarge(ctx, field)
			if err != nil {
				return nil, err
			}
			values[name] = large
			continue
		}
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

// keptLarge returns a large value of the quarantine, which is read through a connection of its own.
func (e *exporter) keptLarge(ctx context.Context, field map[string]any) (v value, err error) {
	id, size := fmt.Sprint(field["value"]), fmt.Sprint(field["bytes"])
	n, err := strconv.ParseInt(size, 10, 64)
	if field["value"] == nil || err != nil {
		return v, errNotWhole
	}
	if e.beside == nil {
		if e.beside, err = e.joinMoment(ctx); err != nil {
			return v, err
		}
	}
	v.class = sqlite.TypeText
	if _, blob := field["blob_start"]; blob {
		v.class = sqlite.TypeBlob
	}
	v.large = &pgValue{
		ctx: ctx, conn: e.beside.PgConn(), length: n, args: [][]byte{[]byte(id)},
		sql: "SELECT data FROM " + qualified(e.record.Schema, quarantineValues) + " WHERE value = $1::uuid ORDER BY place",
	}
	return v, nil
}

// joinMoment opens another connection that reads as of the moment of the export.
func (e *exporter) joinMoment(ctx context.Context) (*pgx.Conn, error) {
	conn, err := session(ctx, e.source)
	if err != nil {
		return nil, err
	}
	for _, sql := range []string{"BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", "SET TRANSACTION SNAPSHOT " + literal(e.moment)} {
		if _, err := conn.Exec(ctx, sql); err != nil {
			closeSession(ctx, conn)
			return nil, fmt.Errorf("go to the moment of the export: %w", err)
		}
	}
	return conn, nil
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
