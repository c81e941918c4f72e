package migrate

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"zombiezen.com/go/sqlite"

	"github.com/lakeward/lakeward"
)

// checkSQLite looks at a SQLite source, every page of it, and its target before anything starts.
func checkSQLite(ctx context.Context, source string, target Target, o Options) (*Preflight, error) {
	p := &Preflight{}
	schema := cmp.Or(o.Schema, "public")
	if !p.checkSourceFile(source) {
		return p, nil
	}
	p.checkSpace(cmp.Or(o.WorkDir, os.TempDir()), source)
	before := len(p.Checks)
	var names []string
	err := withSource(ctx, source, func(conn *sqlite.Conn) (err error) {
		p.Checks = p.Checks[:before] // it runs again when somebody writes meanwhile
		names, err = p.checkContent(ctx, conn, source)
		return err
	})
	switch {
	case ctx.Err() != nil:
		return p, context.Cause(ctx)
	case err != nil:
		p.fail("integrity", err)
		return p, nil
	}
	if _, ok := p.checkTarget(ctx, target, []string{schema}); !ok {
		return p, nil
	}
	conn, err := session(ctx, target)
	if err != nil {
		return p, err
	}
	defer closeSession(ctx, conn)
	if err := p.checkConnections(ctx, conn, cmp.Or(o.Jobs, defaultJobs())); err != nil {
		return p, err
	}
	objects, err := standing(ctx, conn, schema, names)
	switch {
	case err != nil:
		return p, err
	case len(objects) == 0:
		p.pass("names", "nothing in schema %s has a name of the source's", schema)
	case o.Replace != "" || o.Strategy.existing():
		p.warn("names", "back them up if they matter", nil, "schema %s already has %s", schema, listObjects(objects))
	default:
		p.fail("names", standingError(schema, cmp.Or(o.TargetName, conn.Config().Database), objects))
	}
	return p, nil
}

// recentWrite is how young a write is that an application may follow up.
const recentWrite = time.Minute

// checkSourceFile looks at the file, and returns false when nothing can be read.
func (p *Preflight) checkSourceFile(path string) bool {
	if err := checkFile(path); err != nil {
		p.fail("source", err)
		return false
	}
	seen, err := lookAt(path)
	if err != nil {
		p.fail("source", err)
		return false
	}
	p.pass("source", "%s, a SQLite database of %s", path, byteCount(seen.size))
	p.checkSize(seen.size)
	p.checkWriters(path, seen)
	return true
}

// checkWriters tells whether the application is at work.
func (p *Preflight) checkWriters(path string, seen look) {
	modified, mode := seen.modified, map[bool]string{true: "WAL", false: "rollback journal"}[seen.wal]
	if beside, err := os.Stat(path + "-wal"); err == nil && beside.ModTime().After(modified) {
		modified = beside.ModTime()
	}
	if age := time.Since(modified); age < recentWrite || !seen.quiet {
		p.warn("writers", "stop the application before the migration that counts: what it writes later stays behind", nil,
			"written to %s ago (%s): its application may be at work", age.Round(time.Second), mode)
		return
	}
	p.pass("writers", "not written to since %s (%s)", modified.UTC().Format(time.DateTime+" MST"), mode)
}

// checkSpace makes sure that the snapshot fits into the folder for it.
func (p *Preflight) checkSpace(folder, source string) {
	info, err := os.Stat(source)
	if err != nil { // seen a moment ago
		p.fail("disk-space", explainOpen(source, err))
		return
	}
	size := info.Size()
	for { // it may not have been made yet
		if _, err := os.Stat(folder); err == nil || filepath.Dir(folder) == folder {
			break
		}
		folder = filepath.Dir(folder)
	}
	free, err := freeSpace(folder)
	switch {
	case err != nil:
		p.warn("disk-space", "make sure that the snapshot of the source fits there", nil, "unknown for %s: %v", folder, err)
	case free < size:
		p.fail("disk-space", diskFull(folder, fmt.Errorf("the snapshot needs %s, %s are free", byteCount(size), byteCount(free))))
	case free < 2*size:
		p.warn("disk-space", "keep no backup of the source, or free some space", nil,
			"%s free in %s: enough for a snapshot of %s, not for a backup too", byteCount(free), folder, byteCount(size))
	default:
		p.pass("disk-space", "%s free in %s", byteCount(free), folder)
	}
}

// checkContent looks into the database, and returns the names of its tables and views.
func (p *Preflight) checkContent(ctx context.Context, conn *sqlite.Conn, path string) (names []string, err error) {
	if err := checkIntegrity(ctx, conn, path); err != nil {
		return nil, err
	}
	p.pass("integrity", "SQLite finds no damage on any page")
	encoding := ""
	if err := readRows(ctx, conn, "PRAGMA encoding", func(row []value) error { encoding = string(row[0].b); return nil }); err != nil {
		return nil, err
	}
	p.pass("encoding", "%s", encoding)
	if err := p.checkForeignKeys(ctx, conn); err != nil {
		return nil, err
	}
	if err := p.checkModules(ctx, conn); err != nil {
		return nil, err
	}
	err = readRows(ctx, conn, "SELECT name FROM sqlite_schema WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'",
		func(row []value) error { names = append(names, string(row[0].b)); return nil })
	return names, err
}

// checkForeignKeys counts the rows whose parents do not exist.
func (p *Preflight) checkForeignKeys(ctx context.Context, conn *sqlite.Conn) error {
	var items []string
	err := readRows(ctx, conn, `SELECT "table", parent, count(*) FROM pragma_foreign_key_check GROUP BY 1, 2 ORDER BY 1, 2`,
		func(row []value) error {
			items = append(items, fmt.Sprintf("%s of %s without one in %s", plural(row[2].i, "row"), row[0].b, row[1].b))
			return nil
		})
	switch {
	case sqlite.ErrCode(err).ToPrimary() == sqlite.ResultError && ctx.Err() == nil: // a foreign key that cannot be one
		p.warn("foreign-keys", "look at its foreign keys; those that cannot be made are named in the plan", nil, "SQLite cannot check them: %v", err)
	case err != nil:
		return err
	default:
		p.foundOrphans(items)
	}
	return nil
}

// checkModules tries every virtual table and view: some need extensions that only the application loads.
func (p *Preflight) checkModules(ctx context.Context, conn *sqlite.Conn) error {
	var names, items []string
	err := readRows(ctx, conn, "SELECT name FROM sqlite_schema WHERE type = 'view' OR sql LIKE 'CREATE VIRTUAL%'", func(row []value) error {
		names = append(names, string(row[0].b))
		return nil
	})
	if err != nil {
		return err
	}
	for _, name := range names {
		stmt, _, err := conn.PrepareTransient("SELECT * FROM main." + sourceName(name) + " LIMIT 0")
		if err != nil {
			items = append(items, fmt.Sprintf("%s: %v", name, err))
			continue
		}
		_ = stmt.Finalize() // nothing was run
	}
	if len(items) > 0 {
		p.warn("extensions", "they stay behind, named in the plan, unless their content stands in tables too", items,
			"%s that only the application's SQLite can read: %s", countOf(int64(len(items)), "object", "objects"), listFirst(items))
		return nil
	}
	p.pass("extensions", "no view or table needs an extension of SQLite")
	return nil
}

// checkPlanned adds what only reading every row has shown.
func (p *Preflight) checkPlanned(plan *Plan) {
	var items []string
	for _, t := range plan.Tables {
		for _, fk := range t.ForeignKeys {
			if fk.Orphans > 0 {
				items = append(items, fmt.Sprintf("%s of %s without one in %s", plural(fk.Orphans, "row"), t.Name, fk.Table))
			}
		}
	}
	p.foundOrphans(items)
}

// foundOrphans adds the check of the foreign keys.
func (p *Preflight) foundOrphans(items []string) {
	if len(items) == 0 {
		p.pass("foreign-keys", "every row has its parents")
		return
	}
	p.warn("foreign-keys", "mend them, or let the policy for orphans decide: they are kept by default", items,
		"rows without a parent: %s", listFirst(items))
}

// standingError is the error of names that are taken.
func standingError(schema, target string, objects []object) error {
	return lakeward.Errorf(lakeward.KindConflict,
		"replace them with --replace "+target+", or migrate into another schema with --schema",
		"schema %s already has %s", schema, listObjects(objects))
}
