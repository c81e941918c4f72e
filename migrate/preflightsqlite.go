package migrate

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"zombiezen.com/go/sqlite"

	"github.com/lakeward/lakeward"
)

// The checks of a SQLite source come in three parts. `lakeward check` runs them one after another; a migration reads the
// source once for everything, and runs each part when it knows enough.
//
//	outside   what can be seen without reading the source: the file, the target, its sessions
//	disk      room for the copies
//	inside    what is in the source, and whether its names are free

// checkSQLite looks at a SQLite source, every page of it, and its target before anything starts.
func checkSQLite(ctx context.Context, source string, target Target, o Options) (*Preflight, error) {
	p, schema := &Preflight{}, cmp.Or(o.Schema, "public")
	if _, err := p.checkOutside(ctx, source, target, schema, o.Jobs); err != nil || checkFile(source) != nil {
		return p, err
	}
	p.checkSpace(source, o)
	before := len(p.Checks)
	var names []string
	err := withSource(ctx, source, func(conn *sqlite.Conn) (err error) {
		p.Checks = p.Checks[:before] // it runs again when somebody writes meanwhile
		if err = checkIntegrity(ctx, conn, source); err != nil {
			return err
		}
		p.foundIntegrity(nil)
		names, err = p.checkInside(ctx, conn, p.countOrphans)
		return err
	})
	switch {
	case ctx.Err() != nil:
		return p, context.Cause(ctx)
	case err != nil:
		p.foundIntegrity(err)
		return p, nil
	case p.failed("target"):
		return p, nil
	}
	conn, err := session(ctx, target)
	if err != nil {
		return p, err
	}
	defer closeSession(ctx, conn)
	objects, err := standing(ctx, conn, schema, names)
	if err != nil {
		return p, err
	}
	if len(objects) > 0 && o.Replace == "" && !o.Strategy.existing() {
		p.fail("names", standingError(schema, cmp.Or(o.TargetName, conn.Config().Database), objects))
		return p, nil
	}
	p.checkNames(schema, objects)
	return p, nil
}

// checkOutside looks at what can be seen without reading the source.
func (p *Preflight) checkOutside(ctx context.Context, source string, target Target, schema string, jobs int) (TargetInfo, error) {
	p.checkSourceFile(source)
	info, ok := p.checkTarget(ctx, target, []string{schema})
	if !ok {
		return info, nil
	}
	conn, err := session(ctx, target)
	if err != nil {
		return info, err
	}
	defer closeSession(ctx, conn)
	return info, p.checkConnections(ctx, conn, jobs, 1)
}

// checkNames tells of objects of the target that the migration will replace, or fill.
func (p *Preflight) checkNames(schema string, objects []object) {
	if len(objects) == 0 {
		p.pass("names", "nothing in schema %s has a name of the source's", schema)
		return
	}
	p.warn("names", "back them up if they matter", nil, "schema %s already has %s", schema, listObjects(objects))
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
	if log, err := os.Stat(beside(path, "-wal")); err == nil && log.ModTime().After(modified) {
		modified = log.ModTime()
	}
	if age := time.Since(modified); age < recentWrite || !seen.quiet {
		p.warn("writers", "stop the application before the migration that counts: what it writes later stays behind", nil,
			"written to %s ago (%s): its application may be at work", age.Round(time.Second), mode)
		return
	}
	p.pass("writers", "not written to since %s (%s)", modified.UTC().Format(time.DateTime+" MST"), mode)
}

// checkSpace makes sure that the copies of the source fit into the folders for them.
func (p *Preflight) checkSpace(source string, o Options) {
	const name = "disk-space"
	size := int64(0)
	for _, path := range []string{source, beside(source, "-wal")} {
		if info, err := os.Stat(path); err == nil { // what cannot be seen is told of where it is opened
			size += info.Size()
		}
	}
	work := cmp.Or(o.WorkDir, os.TempDir())
	free, err := freeSpace(standingFolder(work))
	switch {
	case err != nil:
		p.warn(name, "make sure that the snapshot of the source fits there", nil, "unknown for %s: %v", work, err)
		return
	case free < size:
		p.fail(name, diskFull(work, fmt.Errorf("the snapshot needs %s, %s are free", byteCount(size), byteCount(free))))
		return
	}
	if kept := standingFolder(o.BackupDir); o.BackupDir != "" && !sameDisk(kept, standingFolder(work)) {
		if free, err := freeSpace(kept); err == nil && free < size {
			p.warn(name, "free some space there, choose another folder (--backup-dir), or keep no backup (--no-backup)", nil,
				"no room for the backup in %s: it needs %s, %s are free", o.BackupDir, byteCount(size), byteCount(free))
			return
		}
	}
	p.pass(name, "%s free in %s for a snapshot of %s", byteCount(free), work, byteCount(size))
}

// standingFolder returns the folder, or the one above it in which it will be made.
func standingFolder(folder string) string {
	for {
		if _, err := os.Stat(folder); err == nil || filepath.Dir(folder) == folder {
			return folder
		}
		folder = filepath.Dir(folder)
	}
}

// foundIntegrity adds what SQLite has found on the pages of the source, before what was read from them.
func (p *Preflight) foundIntegrity(damage error) {
	var found Preflight
	if damage != nil {
		found.fail("integrity", damage)
	} else {
		found.pass("integrity", "SQLite finds no damage on any page")
	}
	at := slices.IndexFunc(p.Checks, func(c PreflightCheck) bool { return c.Name == "encoding" })
	if at < 0 {
		at = len(p.Checks)
	}
	p.Checks = slices.Insert(p.Checks, at, found.Checks...)
}

// checkInside looks into a database, and returns the names of its tables and views. orphans
// counts the rows without a parent.
func (p *Preflight) checkInside(ctx context.Context, conn *sqlite.Conn, orphans func(context.Context, *sqlite.Conn) error) (names []string, err error) {
	encoding := ""
	if err := readRows(ctx, conn, "PRAGMA encoding", func(row []value) error { encoding = string(row[0].b); return nil }); err != nil {
		return nil, err
	}
	p.pass("encoding", "%s", encoding)
	if err := orphans(ctx, conn); err != nil {
		return nil, err
	}
	if err := p.checkModules(ctx, conn); err != nil {
		return nil, err
	}
	err = readRows(ctx, conn, "SELECT name FROM sqlite_schema WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'",
		func(row []value) error { names = append(names, string(row[0].b)); return nil })
	return names, err
}

// countOrphans has SQLite count the rows whose parents do not exist.
func (p *Preflight) countOrphans(ctx context.Context, conn *sqlite.Conn) error {
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

// checkPlanned looks into the source whose plan has been made: that has read every row.
func (p *Preflight) checkPlanned(ctx context.Context, conn *sqlite.Conn, plan *Plan) error {
	_, err := p.checkInside(ctx, conn, func(context.Context, *sqlite.Conn) error {
		p.plannedOrphans(plan)
		return nil
	})
	return err
}

// plannedOrphans tells of the rows without a parent that the plan has counted.
func (p *Preflight) plannedOrphans(plan *Plan) {
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
		"replace them (--replace "+target+"), or migrate into another schema (--schema)",
		"schema %s already has %s", schema, listObjects(objects))
}
