// Package helpdesk makes the example database that Lakeward migrates: the SQLite file of a help desk that has been in
// use for some years. It has what such files have, the convenient and the inconvenient: timestamps in four spellings,
// booleans of 0 and 1, JSON, pictures, keys of several columns, views, rows whose parents are gone, and one text in a
// column of integers.
//
// The same options make the same file, byte for byte.
package helpdesk

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"
)

// Rows without a parent. They are the same at every scale and seed.
const (
	OrphanMessages = 12 // messages whose ticket was deleted (messages.ticket_id)
	OrphanTags     = 5  // ticket_tags whose ticket was deleted (ticket_tags.ticket_id)
)

// The one value that does not fit its column: somebody once wrote a unit where a number belongs.
const (
	MisfitTable  = "messages"
	MisfitKey    = 101 // messages.id
	MisfitColumn = "minutes_spent"
	MisfitValue  = "25 min"
)

// DeletedMessages is how many messages were deleted from the end of the table: sqlite_sequence is ahead of the largest
// key by that much.
const DeletedMessages = 25

//go:embed schema.sql
var schema string

//go:embed indexes.sql
var indexes string

// Options are the choices of Create. The zero value makes about 60,000 rows.
type Options struct {
	Scale float64 // of the number of tickets; 0 means 1
	Seed  uint64  // of all that is left to chance
}

// Create writes the database to a new file at path. A run that fails or is killed leaves no such file; one that exists
// is an error that wraps [fs.ErrExist].
func Create(ctx context.Context, path string, o Options) error {
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		if err == nil {
			err = fs.ErrExist
		}
		return fmt.Errorf("create example database %s: %w", path, err)
	}
	draft := path + ".new"
	if err := remove(draft); err != nil {
		return fmt.Errorf("remove what an earlier run left: %w", err)
	}
	if err := write(ctx, draft, o); err != nil {
		return errors.Join(fmt.Errorf("create example database %s: %w", path, err), remove(draft))
	}
	if err := os.Rename(draft, path); err != nil {
		return fmt.Errorf("create example database: %w", err)
	}
	return nil
}

// remove removes a file that need not be there.
func remove(path string) error {
	if err := os.Remove(path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

func write(ctx context.Context, path string, o Options) (err error) {
	conn, err := sqlite.OpenConn(path, sqlite.OpenReadWrite|sqlite.OpenCreate)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	conn.SetInterrupt(ctx.Done())
	// Nobody reads the file before it is complete, so it need not survive a crash.
	for _, pragma := range []string{"PRAGMA journal_mode = MEMORY", "PRAGMA synchronous = OFF"} {
		if err := sqlitex.ExecuteTransient(conn, pragma, nil); err != nil {
			return fmt.Errorf("prepare file: %w", err)
		}
	}
	if err := sqlitex.ExecuteScript(conn, schema, nil); err != nil {
		return fmt.Errorf("create tables: %w", err)
	}
	if err := fill(conn, o); err != nil {
		return err
	}
	if err := sqlitex.ExecuteScript(conn, indexes, nil); err != nil {
		return fmt.Errorf("create indexes, views and triggers: %w", err)
	}
	return nil
}

// fill writes all rows in one transaction.
func fill(conn *sqlite.Conn, o Options) (err error) {
	defer sqlitex.Transaction(conn)(&err)
	if o.Scale == 0 {
		o.Scale = 1
	}
	// Below some size there is no room for what every example must show.
	tickets := max(120, int(6000*o.Scale))
	g := &generator{
		conn:          conn,
		rng:           rand.New(rand.NewPCG(o.Seed, 0x6c616b65)),
		organizations: max(10, tickets/50),
		customers:     max(40, tickets*2/5),
		agents:        max(8, tickets/150),
		tickets:       tickets,
	}
	g.writeOrganizations()
	g.writeUsers()
	g.writeTeams()
	g.writeCatalog()
	g.writeTickets()
	g.writeArticles()
	g.writeSettings()
	return g.err
}
