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

// benchValues migrates a database of large values: memory must not depend on their size.
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
	ours := &lakewardTool{binary: o.binary, source: source, place: p}
	r, err := compete(ctx, p, ours)
	if err != nil {
		return err
	}
	info, err := os.Stat(source)
	if err != nil {
		return fmt.Errorf("measure source: %w", err)
	}
	fmt.Printf("%d MB of SQLite with %d blobs and %d texts of %d MB each: lakeward, every row verified, %.1f s and %d MB at its peak\n",
		info.Size()>>20, largeValues, largeValues, largeBytes>>20, r.wall.Seconds(), r.peak>>20)
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
