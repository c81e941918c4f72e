package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"time"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"
)

// generation is part of the cached file's name: change it with anything that changes the data.
const generation = 2

// The rows of a database of wholeMegabytes, twelve million in all.
const (
	wholeMegabytes = 1200

	accounts  = 540_000
	products  = 60_000
	orders    = 2_640_000
	lines     = 6_720_000 // four to an order that has any
	events    = 1_680_000
	documents = 240_000
	files     = 120_000
)

const schema = `
CREATE TABLE accounts (
    id INTEGER PRIMARY KEY, email TEXT NOT NULL UNIQUE, name TEXT NOT NULL, active BOOLEAN NOT NULL DEFAULT 1,
    credit DECIMAL(12,2), created_at TIMESTAMP NOT NULL);
CREATE TABLE products (
    id INTEGER PRIMARY KEY, sku VARCHAR(20) NOT NULL, title TEXT NOT NULL, price DECIMAL(10,2) NOT NULL, weight REAL,
    attributes TEXT);
CREATE TABLE orders (
    id INTEGER PRIMARY KEY, account_id INTEGER NOT NULL REFERENCES accounts (id), status TEXT NOT NULL DEFAULT 'open',
    paid BOOLEAN NOT NULL DEFAULT 0, placed_at TIMESTAMP NOT NULL, ship_on DATE);
CREATE TABLE order_lines (
    order_id INTEGER NOT NULL REFERENCES orders (id) ON DELETE CASCADE, line INTEGER NOT NULL,
    product_id INTEGER NOT NULL REFERENCES products (id), quantity INTEGER NOT NULL, PRIMARY KEY (order_id, line));
CREATE TABLE events (
    id INTEGER PRIMARY KEY, account_id INTEGER REFERENCES accounts (id), kind TEXT NOT NULL, payload TEXT,
    happened_at TIMESTAMP NOT NULL);
CREATE TABLE documents (
    id INTEGER PRIMARY KEY, account_id INTEGER NOT NULL REFERENCES accounts (id), title TEXT NOT NULL, body TEXT NOT NULL,
    updated_at TIMESTAMP);
CREATE TABLE files (
    id INTEGER PRIMARY KEY, document_id INTEGER NOT NULL REFERENCES documents (id) ON DELETE CASCADE, name TEXT NOT NULL,
    content BLOB NOT NULL);
`

const indexes = `
CREATE INDEX orders_account ON orders (account_id);
CREATE INDEX orders_waiting ON orders (placed_at) WHERE status = 'open';
CREATE INDEX events_account ON events (account_id, happened_at);
CREATE INDEX files_document ON files (document_id);
` + expressionIndex

// expressionIndex is left out of the copy that pgloader gets: pgloader 3.6.7 crashes on it.
const (
	expressionIndex     = "CREATE INDEX accounts_email_folded ON accounts (lower(email));"
	dropExpressionIndex = "DROP INDEX accounts_email_folded;"
)

// cached returns the generated database of that size from the folder, and makes it when it is not there.
func cached(ctx context.Context, folder string, megabytes int, seed uint64) (string, error) {
	path := filepath.Join(folder, fmt.Sprintf("bench-%dmb-seed%d-v%d.db", megabytes, seed, generation))
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
	if err := generate(ctx, draft, float64(megabytes)/wholeMegabytes, seed); err != nil {
		return "", errors.Join(fmt.Errorf("generate %s: %w", path, err), os.RemoveAll(draft))
	}
	return path, os.Rename(draft, path)
}

// plainer makes a copy of the database at path without its expression index, in the folder.
func plainer(ctx context.Context, path, folder string) (copied string, err error) {
	copied = filepath.Join(folder, "plainer.db")
	conn, err := sqlite.OpenConn(path, sqlite.OpenReadOnly)
	if err != nil {
		return "", err
	}
	conn.SetInterrupt(ctx.Done())
	err = sqlitex.ExecuteTransient(conn, "VACUUM INTO ?", &sqlitex.ExecOptions{Args: []any{copied}})
	if err = errors.Join(err, conn.Close()); err != nil {
		return "", fmt.Errorf("copy %s: %w", path, err)
	}
	if conn, err = sqlite.OpenConn(copied, sqlite.OpenReadWrite); err != nil {
		return "", err
	}
	return copied, errors.Join(sqlitex.ExecuteScript(conn, dropExpressionIndex, nil), conn.Close())
}

func generate(ctx context.Context, path string, scale float64, seed uint64) (err error) {
	conn, err := sqlite.OpenConn(path, sqlite.OpenReadWrite|sqlite.OpenCreate)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	conn.SetInterrupt(ctx.Done())
	for _, pragma := range []string{"page_size = 8192", "journal_mode = OFF", "synchronous = OFF", "cache_size = -200000"} {
		if err := sqlitex.ExecuteTransient(conn, "PRAGMA "+pragma, nil); err != nil {
			return err
		}
	}
	if err := sqlitex.ExecuteScript(conn, schema, nil); err != nil {
		return err
	}
	g := &generator{conn: conn, rng: rand.New(rand.NewPCG(seed, 1)), scale: scale}
	if err := g.fill(); err != nil {
		return err
	}
	return sqlitex.ExecuteScript(conn, indexes, nil)
}

// generator writes rows. It keeps the first error and does nothing after it.
type generator struct {
	conn  *sqlite.Conn
	rng   *rand.Rand
	scale float64
	text  []byte
	err   error
}

func (g *generator) fill() (err error) {
	defer sqlitex.Transaction(g.conn)(&err)
	statuses, kinds := []string{"open", "paid", "sent", "sent", "sent"}, []string{"login", "search", "purchase", "logout"}
	g.write("accounts", accounts, 6, func(s *sqlite.Stmt, id int) {
		s.BindText(2, fmt.Sprintf("customer%d@shop%d.example", id, id%977))
		s.BindText(3, g.words(2))
		s.BindBool(4, id%9 != 0)
		s.BindFloat(5, float64(g.rng.IntN(1_000_000))/100)
		s.BindText(6, g.time())
	})
	g.write("products", products, 6, func(s *sqlite.Stmt, id int) {
		s.BindText(2, fmt.Sprintf("SKU-%08d", id))
		s.BindText(3, g.words(4))
		s.BindFloat(4, float64(g.rng.IntN(50_000))/100)
		s.BindFloat(5, g.rng.Float64()*20)
		s.BindText(6, fmt.Sprintf(`{"color": "%s", "size": %d, "tags": ["%s", "%s"]}`, g.word(), id%48, g.word(), g.word()))
	})
	g.write("orders", orders, 6, func(s *sqlite.Stmt, id int) {
		s.BindInt64(2, g.key(accounts))
		s.BindText(3, statuses[g.rng.IntN(len(statuses))])
		s.BindBool(4, g.rng.IntN(4) > 0)
		at := g.time()
		s.BindText(5, at)
		if id%5 > 0 {
			s.BindText(6, at[:len("2006-01-02")])
		}
	})
	g.write("order_lines", lines, 4, func(s *sqlite.Stmt, id int) {
		s.BindInt64(1, int64((id+3)/4))
		s.BindInt64(2, int64(id%4+1))
		s.BindInt64(3, g.key(products))
		s.BindInt64(4, 1+g.rng.Int64N(12))
	})
	g.write("events", events, 5, func(s *sqlite.Stmt, id int) {
		if id%7 > 0 {
			s.BindInt64(2, g.key(accounts))
		}
		s.BindText(3, kinds[g.rng.IntN(len(kinds))])
		if id%6 > 0 {
			s.BindText(4, fmt.Sprintf(`{"ip": "10.%d.%d.%d", "agent": "%s", "ms": %d, "ok": %t}`,
				g.rng.IntN(256), g.rng.IntN(256), g.rng.IntN(256), g.words(3), g.rng.IntN(9000), id%11 > 0))
		}
		s.BindText(5, g.time())
	})
	g.write("documents", documents, 5, func(s *sqlite.Stmt, id int) {
		s.BindInt64(2, g.key(accounts))
		s.BindText(3, g.words(6))
		s.BindText(4, g.words(40+g.rng.IntN(260)))
		if id%3 > 0 {
			s.BindText(5, g.time())
		}
	})
	g.write("files", files, 4, func(s *sqlite.Stmt, id int) {
		s.BindInt64(2, g.key(documents))
		s.BindText(3, fmt.Sprintf("%s-%d.bin", g.word(), id))
		s.BindBytes(4, g.bytes(g.rng.IntN(3000)))
	})
	return g.err
}

// write writes the rows 1 to n of a table, n scaled. The first column is the row's number unless bind says otherwise.
func (g *generator) write(table string, n, columns int, bind func(s *sqlite.Stmt, id int)) {
	query := "INSERT INTO " + table + " VALUES (?"
	for range columns - 1 {
		query += ",?"
	}
	stmt, err := g.conn.Prepare(query + ")")
	if err != nil {
		g.err = errors.Join(g.err, err)
		return
	}
	for id := 1; id <= int(float64(n)*g.scale) && g.err == nil; id++ {
		stmt.BindInt64(1, int64(id))
		bind(stmt, id)
		if _, g.err = stmt.Step(); g.err == nil {
			g.err = errors.Join(stmt.Reset(), stmt.ClearBindings())
		}
	}
}

// key is a key of a table of n rows, n scaled.
func (g *generator) key(n int) int64 { return 1 + g.rng.Int64N(max(1, int64(float64(n)*g.scale))) }

func (g *generator) time() string {
	at := time.Date(2016, 1, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(g.rng.Int64N(300_000_000)) * time.Second)
	return at.Format("2006-01-02 15:04:05")
}

func (g *generator) bytes(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(g.rng.Uint32())
	}
	return b
}

func (g *generator) word() string { return vocabulary[g.rng.IntN(len(vocabulary))] }

func (g *generator) words(n int) string {
	g.text = g.text[:0]
	for range n {
		g.text = append(append(g.text, g.word()...), ' ')
	}
	return string(g.text[:len(g.text)-1])
}

var vocabulary = [...]string{
	"amber", "anchor", "apple", "bicycle", "blue", "bottle", "café", "candle", "carpet", "cedar", "copper", "cotton", "desk",
	"engine", "fern", "glass", "green", "hammer", "harbour", "island", "jacket", "kettle", "ladder", "lantern", "leather",
	"maple", "marble", "mirror", "morning", "naïve", "orange", "paper", "pencil", "river", "saddle", "silver", "smörgås",
	"table", "velvet", "window", "winter", "yellow", "Zürich", "日本",
}
