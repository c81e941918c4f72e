package migrate

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"zombiezen.com/go/sqlite"
)

// The rows that orphan policies move are known only when all tables have been looked at. Their keys wait in a file beside
// the snapshot, from which every worker reads them: for each table with such rows a table of the same name, with the
// columns k0, k1, … of the row's key, the number of the foreign key because of which the row is quarantined, or NULL,
// and a list of the numbers of those whose columns become NULL.
const (
	asideFile       = "aside.sqlite"
	asideVerifyFile = "aside-verify.sqlite"
)

// keyColumns returns the names k0, k1, … of the key's columns of t.
func keyColumns(t Table) []string {
	names := make([]string, len(rowKey(t)))
	for i := range names {
		names[i] = "k" + strconv.Itoa(i)
	}
	return names
}

// createAside returns the statement that makes the table for t in a database.
func createAside(database string, t Table) string {
	keys := strings.Join(keyColumns(t), ", ")
	return "CREATE TABLE " + database + "." + sourceName(t.Name) + " (" + keys + ", gone INTEGER, nulls TEXT NOT NULL DEFAULT '', PRIMARY KEY (" +
		keys + ")) WITHOUT ROWID"
}

// writeAside copies tables that createAside has made in the temporary database of conn into a new file.
func writeAside(ctx context.Context, conn *sqlite.Conn, path string, tables []Table) (err error) {
	if err := os.RemoveAll(path); err != nil {
		return err
	}
	out, err := sqlite.OpenConn(path, sqlite.OpenReadWrite, sqlite.OpenCreate)
	if err != nil {
		return fmt.Errorf("keep the rows that are moved: %w", err)
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	if err := exec(out, "BEGIN"); err != nil {
		return err
	}
	for _, t := range tables {
		if err := copyAside(ctx, conn, out, t); err != nil {
			return fmt.Errorf("keep the rows of %s that are moved: %w", t.Name, err)
		}
	}
	return exec(out, "COMMIT")
}

func copyAside(ctx context.Context, conn, out *sqlite.Conn, t Table) error {
	if err := exec(out, createAside("main", t)); err != nil {
		return err
	}
	marks := strings.Repeat("?, ", len(rowKey(t))+1) + "?"
	stmt, _, err := out.PrepareTransient("INSERT INTO main." + sourceName(t.Name) + " VALUES (" + marks + ")")
	if err != nil {
		return err
	}
	defer func() { _ = stmt.Finalize() }() // it repeats the error of the last step
	return readRows(ctx, conn, "SELECT * FROM temp."+sourceName(t.Name), func(row []value) error { return keepKey(stmt, row) })
}

// attachAside shows the file at path to a connection as the database aside.
func attachAside(conn *sqlite.Conn, path string) error {
	if absolute, err := filepath.Abs(path); err == nil { // it fails only where the working folder is gone
		path = absolute
	}
	uri := url.URL{Scheme: "file", OmitHost: true, Path: path, RawQuery: "mode=ro&immutable=1"}
	return exec(conn, "ATTACH "+sourceText(uri.String())+" AS aside")
}

// joinAside returns the FROM clause that puts beside every row of t, called c, what stands about it in aside, called o.
func joinAside(t Table) string {
	var on []string
	for i, key := range rowKey(t) {
		on = append(on, "o.k"+strconv.Itoa(i)+" = c."+key)
	}
	return " FROM main." + sourceName(t.Name) + " AS c LEFT JOIN aside." + sourceName(t.Name) + " AS o ON " + strings.Join(on, " AND ")
}

// asideOf reads what joinAside has put beside a row: the place of the foreign key for which it is quarantined, or -1, and
// those whose columns become NULL.
func asideOf(gone, nulls value) (int, []int) {
	out := -1
	if gone.class == sqlite.TypeInteger {
		out = int(gone.i)
	}
	if nulls.class != sqlite.TypeText {
		return out, nil
	}
	var list []int
	for part := range strings.SplitSeq(string(nulls.b), ",") {
		if n, err := strconv.Atoi(part); err == nil {
			list = append(list, n)
		}
	}
	return out, list
}
