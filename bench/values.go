package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"
)

// The database of large values: so many of each kind, of so many bytes.
const (
	largeValues = 3
	largeBytes  = 100 << 20
)

// asciiWords can be cut anywhere.
var asciiWords = [...]string{"amber", "anchor", "apple", "bicycle", "blue", "bottle", "candle", "carpet"}

// benchValues migrates a database of large values, and exports it: memory must not depend on their size. Then it does so with
// values that are held as a whole.
func benchValues(ctx context.Context, o options) (err error) {
	say("generating, or finding, a database of values of %d MB in %s", largeBytes>>20, o.cache)
	source, err := cachedValues(ctx, o.cache, o.seed)
	if err != nil {
		return err
	}
	p, err := open(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.Close()) }()
	r, back, err := thereAndBack(ctx, o, p, source)
	if err != nil {
		return err
	}
	info, err := os.Stat(source)
	if err != nil {
		return fmt.Errorf("measure source: %w", err)
	}
	fmt.Printf("%d MB of SQLite with %d blobs and %d texts of %d MB each: lakeward, every row verified, %.1f s and %d MB at its peak; "+
		"back into a file %.1f s and %d MB\n",
		info.Size()>>20, largeValues, largeValues, largeBytes>>20, r.wall.Seconds(), r.peak>>20, back.wall.Seconds(), back.peak>>20)
	for _, kind := range heldKinds {
		if err := benchHeld(ctx, o, p, kind); err != nil {
			return err
		}
	}
	return nil
}

// thereAndBack migrates a database and exports it again.
func thereAndBack(ctx context.Context, o options, p *place, source string) (there, back result, err error) {
	ours := &lakewardTool{binary: o.binary, source: source, place: p}
	ours.migrated = func(ctx context.Context) (err error) {
		path := filepath.Join(p.dir, "back.db")
		back, err = ours.Export(ctx, path)
		return errors.Join(err, os.RemoveAll(path))
	}
	there, err = compete(ctx, p, ours)
	return there, back, err
}

// heldKinds are databases with a value of largeBytes that is held as a whole.
var heldKinds = []struct{ name, script string }{
	{"JSON", `CREATE TABLE t (id INTEGER PRIMARY KEY, doc JSON);
		INSERT INTO t VALUES (1, '[' || replace(hex(zeroblob(%[1]d / 24)), '00', '{"name":"value","n":77},') || '1]')`},
	{"text WITHOUT ROWID", `CREATE TABLE t (id TEXT PRIMARY KEY, body TEXT) WITHOUT ROWID;
		INSERT INTO t VALUES ('a', replace(hex(zeroblob(%[1]d / 10)), '00', 'amber blue'))`},
	{"text beside a generated column", `CREATE TABLE t (id INTEGER PRIMARY KEY, body TEXT, twice INTEGER AS (id * 2));
		INSERT INTO t (id, body) VALUES (1, replace(hex(zeroblob(%[1]d / 10)), '00', 'amber blue'))`},
	{"text in UTF-16", `PRAGMA encoding = 'UTF-16';
		CREATE TABLE t (id INTEGER PRIMARY KEY, body TEXT);
		INSERT INTO t VALUES (1, replace(hex(zeroblob(%[1]d / 20)), '00', 'amber blue'))`},
}

func benchHeld(ctx context.Context, o options, p *place, kind struct{ name, script string }) (err error) {
	path := filepath.Join(p.dir, "held.db")
	defer func() { err = errors.Join(err, os.RemoveAll(path)) }()
	conn, err := sqlite.OpenConn(path, sqlite.OpenReadWrite|sqlite.OpenCreate)
	if err != nil {
		return err
	}
	err = sqlitex.ExecuteScript(conn, fmt.Sprintf(kind.script, largeBytes)+";", nil)
	if err = errors.Join(err, conn.Close()); err != nil {
		return fmt.Errorf("generate %s: %w", kind.name, err)
	}
	there, back, err := thereAndBack(ctx, o, p, path)
	if err != nil {
		return err
	}
	fmt.Printf("%s of %d MB: %d MB at the peak; back into a file %d MB\n", kind.name, largeBytes>>20, there.peak>>20, back.peak>>20)
	return nil
}

func cachedValues(ctx context.Context, folder string, seed uint64) (string, error) {
	path := filepath.Join(folder, fmt.Sprintf("bench-values-seed%d-v%d.db", seed, generation))
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		return path, err
	}
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return "", fmt.Errorf("make cache folder: %w", err)
	}
	draft := path + ".new"
	if err := os.RemoveAll(draft); err != nil {
		return "", fmt.Errorf("remove what an earlier run left: %w", err)
	}
	if err := generateValues(ctx, draft, seed); err != nil {
		return "", errors.Join(fmt.Errorf("generate %s: %w", path, err), os.RemoveAll(draft))
	}
	return path, os.Rename(draft, path)
}

func generateValues(ctx context.Context, path string, seed uint64) (err error) {
	conn, err := sqlite.OpenConn(path, sqlite.OpenReadWrite|sqlite.OpenCreate)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	conn.SetInterrupt(ctx.Done())
	for _, pragma := range []string{"journal_mode = OFF", "synchronous = OFF"} {
		if err := sqlitex.ExecuteTransient(conn, "PRAGMA "+pragma, nil); err != nil {
			return err
		}
	}
	err = sqlitex.ExecuteScript(conn, `
		CREATE TABLE scans (id INTEGER PRIMARY KEY, name TEXT NOT NULL, content BLOB NOT NULL);
		CREATE TABLE books (id INTEGER PRIMARY KEY, name TEXT NOT NULL, body TEXT NOT NULL);`, nil)
	if err != nil {
		return err
	}
	random := rand.New(rand.NewPCG(seed, 2))
	g := &generator{rng: random}
	for id := range largeValues {
		err := fillValue(conn, "scans", "content", "zeroblob(%d)", id, func(b []byte) { copy(b, g.bytes(len(b))) })
		if err != nil {
			return err
		}
		err = fillValue(conn, "books", "body", "CAST(zeroblob(%d) AS TEXT)", id, func(b []byte) {
			for n := 0; n < len(b); {
				n += copy(b[n:], asciiWords[random.IntN(len(asciiWords))]+" ")
			}
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// fillValue writes a row with one large value, in pieces that a multiple of characters fits.
func fillValue(conn *sqlite.Conn, table, column, empty string, id int, fill func([]byte)) (err error) {
	insert := fmt.Sprintf("INSERT INTO %s VALUES (%d, 'number %d', "+empty+")", table, id, id, largeBytes)
	if err := sqlitex.ExecuteTransient(conn, insert, nil); err != nil {
		return err
	}
	blob, err := conn.OpenBlob("main", table, column, int64(id), true)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, blob.Close()) }()
	piece := make([]byte, 1<<20)
	for left := largeBytes; left > 0; left -= len(piece) {
		fill(piece)
		if _, err := blob.Write(piece); err != nil {
			return err
		}
	}
	return nil
}
