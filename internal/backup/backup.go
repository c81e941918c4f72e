// Package backup keeps the state of an instance in a volume of Unity Catalog, and brings it back.
//
// A backup is one file with a name that tells instance and time, and beside it a manifest with its size and SHA-256. It
// counts when the manifest is there, which is written last, after the file has been read back from the volume. Nothing is
// ever replaced or deleted but an upload that did not arrive whole.
//
// There are two formats. [SQLite] is the way back: the database that the application had before, with the rows of today,
// compared with the instance row by row. [SQL] is an archive of pg_dump, for whatever is in the instance.
package backup

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/lakeward/lakeward"
	"github.com/lakeward/lakeward/databricks"
)

// Format is the form of a backup.
type Format string

// The formats.
const (
	SQLite Format = "sqlite" // NAME.db; restored by a migration
	SQL    Format = "sql"    // NAME.dump, as pg_restore reads it, or a script NAME.sql, as psql does
)

// Check refuses a format that there is not. The empty one stands for [SQLite].
func (f Format) Check() error {
	if f == "" || f == SQLite || f == SQL {
		return nil
	}
	return lakeward.Errorf(lakeward.KindInvalid, "choose sqlite or sql", "there is no format %q", f)
}

// formats tells the format by the end of a name. Only the first two are written here.
var formats = []struct {
	suffix string
	format Format
}{{".db", SQLite}, {".dump", SQL}, {".sql", SQL}, {".sqlite", SQLite}, {".sqlite3", SQLite}}

// formatOf returns the format of a file, and "" for one that is no backup.
func formatOf(name string) Format {
	for _, f := range formats {
		if strings.HasSuffix(strings.ToLower(name), f.suffix) {
			return f.format
		}
	}
	return ""
}

// Backup is one backup, as its manifest describes it.
type Backup struct {
	Version  int       `json:"version"` // of this structure: 1
	Name     string    `json:"name"`    // of the file in the volume
	Format   Format    `json:"format"`
	Instance string    `json:"instance,omitempty"`
	Schema   string    `json:"schema,omitempty"` // of a backup in SQLite; that of SQL has the names of all schemas in it
	Created  time.Time `json:"created"`
	Size     int64     `json:"size"`
	SHA256   string    `json:"sha256,omitempty"`
	Tables   int       `json:"tables,omitempty"`
	Server   string    `json:"server,omitempty"` // version of PostgreSQL
	Complete bool      `json:"complete"`         // it has a manifest: it arrived whole
}

// Place is a volume with backups.
type Place struct {
	Workspace *databricks.Workspace
	Volume    databricks.Volume
}

// Instance is what is backed up or restored.
type Instance struct {
	Name      string
	Connector *lakeward.Connector
}

// DefaultVolume is where backups are kept when no other place is named.
const DefaultVolume = "main.default.lakeward_backups"

const manifestSuffix = ".manifest.json"

// stamp is the time in a backup's name, in UTC.
const stamp = "20060102T150405Z"

var (
	notInNames = regexp.MustCompile(`[^A-Za-z0-9-]+`)
	stamped    = regexp.MustCompile(`^(.+)-(\d{8}T\d{6}Z)\.[a-z]+$`)
)

// newName makes the name of a backup.
func newName(instance string, at time.Time, suffix string) string {
	name := strings.Trim(notInNames.ReplaceAllString(instance, "-"), "-")
	return cmp.Or(name, "instance") + "-" + at.UTC().Format(stamp) + suffix
}

// List returns the backups in the volume, the newest first. It reads no manifests: what only they know is left out.
func (p Place) List(ctx context.Context) ([]Backup, error) {
	files, err := p.Workspace.Files(ctx, p.Volume)
	if err != nil {
		return nil, err
	}
	has := map[string]bool{}
	for _, f := range files {
		has[f.Name] = true
	}
	found := []Backup{}
	for _, f := range files {
		format := formatOf(f.Name)
		if format == "" {
			continue
		}
		b := Backup{
			Version: 1, Name: f.Name, Format: format, Created: f.Modified, Size: f.Size, Complete: has[f.Name+manifestSuffix],
		}
		if m := stamped.FindStringSubmatch(f.Name); m != nil {
			if at, err := time.Parse(stamp, m[2]); err == nil {
				b.Instance, b.Created = m[1], at
			}
		}
		found = append(found, b)
	}
	slices.SortStableFunc(found, func(a, b Backup) int { return b.Created.Compare(a.Created) })
	return found, nil
}

// manifest reads what is known of a backup. One that was brought by somebody else has none, and is nil.
func (p Place) manifest(ctx context.Context, name string) (*Backup, error) {
	r, _, err := p.Workspace.ReadFile(ctx, p.Volume, name+manifestSuffix)
	if lakeward.KindOf(err) == lakeward.KindNotFound {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer r.Close()
	b := new(Backup)
	if err := json.NewDecoder(io.LimitReader(r, 1<<20)).Decode(b); err != nil || b.Version != 1 || b.SHA256 == "" {
		return nil, lakeward.Errorf(lakeward.KindInvalid,
			"if the backup is trusted all the same, remove its manifest", "the manifest of %s cannot be read: %w", name, err)
	}
	return b, nil
}

// CheckName refuses what is not the name of a backup in the volume itself.
func CheckName(name string) error {
	if name == "" || path.Base(name) != name || formatOf(name) == "" {
		return lakeward.Errorf(lakeward.KindInvalid, "lakeward backup list shows what there is",
			"%q is not the name of a backup: it must be a .db, .dump or .sql file of the volume", name)
	}
	return nil
}

// workFolder makes a folder for one backup's file.
func workFolder(dir string) (string, error) {
	if dir != "" {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return "", lakeward.Errorf(lakeward.KindUnavailable, "see that the folder can be written", "make a folder for the backup: %w", err)
		}
	}
	work, err := os.MkdirTemp(dir, "backup-")
	if err != nil {
		return "", lakeward.Errorf(lakeward.KindUnavailable, "see that the folder can be written", "make a folder for the backup: %w", err)
	}
	return work, nil
}

// phase tells that a part begins.
func phase(p lakeward.Progress, name, format string, args ...any) {
	p.Send(lakeward.Event{Type: lakeward.EventPhase, Phase: name, Message: fmt.Sprintf(format, args...)})
}
