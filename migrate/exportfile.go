package migrate

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"zombiezen.com/go/sqlite"

	"github.com/lakeward/lakeward"
)

// exportPrefix begins the name of the folder in which the file is made, beside the place where it will stand.
const exportPrefix = ".lakeward-export-"

// exportFile is a SQLite database in the making.
type exportFile struct {
	original   *original
	folder     string
	lock       *os.File // tells later runs that the folder is in use
	virtual    []exportVirtual
	foreign    []string        // collations that SQLite does not have
	stubs      map[string]bool // functions that it does not have, by their names
	path       string          // of the file in the folder
	goal       string          // where it goes
	conn       *sqlite.Conn
	quarantine string // the table for rows that it cannot hold, once it has one
}

// checkAbsent refuses to write over a file.
func checkAbsent(path string) error {
	if info, err := os.Stat(filepath.Dir(path)); err != nil || !info.IsDir() {
		return lakeward.Errorf(lakeward.KindNotFound, "make the folder first", "there is no folder %s", filepath.Dir(path))
	}
	for _, suffix := range []string{"", "-wal", "-journal"} {
		if _, err := os.Lstat(path + suffix); err == nil {
			return errPresent(path + suffix)
		}
	}
	return nil
}

func errPresent(path string) error {
	return lakeward.Errorf(lakeward.KindConflict, "name a file that does not exist, or move this one away", "%s exists already", path)
}

// createExportFile makes an empty database with the settings of the original that must be set before its first table.
func createExportFile(ctx context.Context, path string, o *original) (_ *exportFile, err error) {
	removeAbandonedExports(filepath.Dir(path))
	folder, err := os.MkdirTemp(filepath.Dir(path), exportPrefix)
	if err != nil {
		return nil, lakeward.Errorf(lakeward.KindDenied, "name a folder that can be written to", "make a file beside %s: %w", path, err)
	}
	f := &exportFile{original: o, folder: folder, path: filepath.Join(folder, "export.sqlite"), goal: path}
	defer func() {
		if err != nil {
			err = also(err, f.remove())
		}
	}()
	if f.lock, err = os.Open(folder); err != nil {
		return nil, fmt.Errorf("lock %s: %w", folder, err)
	}
	if err := tryLock(f.lock); err != nil {
		return nil, fmt.Errorf("lock %s: %w", folder, err)
	}
	if f.conn, err = sqlite.OpenConn(f.path, sqlite.OpenReadWrite, sqlite.OpenCreate); err != nil {
		return nil, fmt.Errorf("make a SQLite file: %w", err)
	}
	f.conn.SetInterrupt(ctx.Done())
	f.learn()
	if err := f.teach(f.conn); err != nil {
		return nil, err
	}
	return f, f.set(
		"encoding = '"+sqliteEncoding(o.Encoding)+"'",
		fmt.Sprintf("page_size = %d", o.PageSize),
		fmt.Sprintf("auto_vacuum = %d", o.AutoVacuum),
		// A file that fails is thrown away, so nothing about it has to be safe yet.
		"journal_mode = OFF", "synchronous = OFF", "cache_size = -16000", "temp_store = FILE",
		"foreign_keys = OFF", "ignore_check_constraints = ON",
	)
}

// sqliteEncoding returns the name of an encoding that SQLite has.
func sqliteEncoding(name string) string {
	for _, known := range []string{"UTF-16le", "UTF-16be"} {
		if strings.EqualFold(name, known) {
			return known
		}
	}
	return "UTF-8"
}

// removeAbandonedExports deletes what exports that were killed have left in a folder: nobody holds their locks.
func removeAbandonedExports(dir string) {
	folders, _ := filepath.Glob(filepath.Join(dir, exportPrefix+"*")) // the pattern is well formed, or finds nothing
	for _, folder := range folders {
		lock, err := os.Open(folder)
		if err != nil { // of another user
			continue
		}
		if tryLock(lock) == nil {
			_ = os.RemoveAll(folder) // a courtesy; what cannot be deleted stays
		}
		_ = lock.Close()
	}
}

// set runs pragmas.
func (f *exportFile) set(pragmas ...string) error {
	for _, pragma := range pragmas {
		if err := exec(f.conn, "PRAGMA "+pragma); err != nil {
			return err
		}
	}
	return nil
}

// open returns a connection that reads what has been committed.
func (f *exportFile) open() (*sqlite.Conn, error) {
	conn, err := sqlite.OpenConn(sourceURI(f.path, true), sqlite.OpenReadOnly, sqlite.OpenURI)
	if err == nil {
		err = f.teach(conn)
	}
	if err != nil {
		return nil, fmt.Errorf("open the new file: %w", err)
	}
	return conn, nil
}

// objects returns the objects of a kind that somebody has defined, in the original's order.
func (f *exportFile) objects(kind string) (found []originalObject) {
	for _, o := range f.original.Objects {
		if o.Kind == kind && o.SQL != "" && !strings.HasPrefix(o.Name, "sqlite_") {
			found = append(found, o)
		}
	}
	return found
}

// tables returns the ordinary tables: neither virtual nor the inside of a virtual one whose module makes them.
func (f *exportFile) tables() []originalObject {
	return slices.DeleteFunc(f.objects("table"), func(o originalObject) bool {
		return slices.ContainsFunc(f.virtual, func(v exportVirtual) bool { return v.name == o.Name || v.known && v.inside(o.Name) })
	})
}

// has reports whether the original has an object of that name.
func (f *exportFile) has(name string) bool {
	return slices.ContainsFunc(f.original.Objects, func(o originalObject) bool { return sameName(o.Name, name) })
}

// create runs the statement that made an object. It comes from the database, so it is run only if it is what it has to be.
func (f *exportFile) create(o originalObject) error {
	stmt, rest, err := f.conn.PrepareTransient(o.SQL)
	if err == nil && (rest != 0 || !strings.EqualFold(firstWord(o.SQL), "CREATE")) {
		err = errors.New("this is not one CREATE statement")
	}
	if err == nil {
		_, err = stmt.Step()
	}
	if stmt != nil {
		err = errors.Join(err, stmt.Finalize())
	}
	if err != nil {
		return lakeward.Errorf(lakeward.KindUnsupported, "it may need something of its application",
			"make %s %s: %w", o.Kind, o.Name, err)
	}
	return nil
}

// place gives the finished file its settings and its name. A file that came to stand there in the meantime stays.
func (f *exportFile) place() error {
	journal := "DELETE"
	if f.original.Journal == "wal" {
		journal = "WAL"
	}
	err := f.set(
		fmt.Sprintf("user_version = %d", f.original.UserVersion), fmt.Sprintf("application_id = %d", f.original.ApplicationID),
		"synchronous = FULL", "journal_mode = "+journal)
	conn := f.conn
	f.conn = nil
	if err = errors.Join(err, conn.Close(), syncFile(f.path)); err != nil {
		return fmt.Errorf("finish the file: %w", err)
	}
	switch err = os.Link(f.path, f.goal); {
	case errors.Is(err, fs.ErrExist):
		return errPresent(f.goal)
	case err != nil: // a file system without links
		if err := checkAbsent(f.goal); err != nil {
			return err
		}
		err = os.Rename(f.path, f.goal)
	}
	if err = errors.Join(err, syncFile(filepath.Dir(f.goal))); err != nil {
		return fmt.Errorf("put the file in place: %w", err)
	}
	return nil
}

// syncFile waits until a file, or the names in a folder, are on the disk.
func syncFile(path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(file.Sync(), file.Close())
}

// remove deletes the folder.
func (f *exportFile) remove() error {
	var err error
	if f.conn != nil {
		f.conn.SetInterrupt(nil)
		err = f.conn.Close()
	}
	err = errors.Join(err, os.RemoveAll(f.folder))
	if f.lock != nil {
		err = errors.Join(err, f.lock.Close())
	}
	if err != nil {
		return fmt.Errorf("remove %s: %w", f.folder, err)
	}
	return nil
}
