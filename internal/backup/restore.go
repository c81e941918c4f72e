package backup

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/lakeward/lakeward"
	"github.com/lakeward/lakeward/migrate"
)

// RestoreOptions are the choices of a restore. The zero value is useful.
type RestoreOptions struct {
	Schema   string            // of a backup in SQLite; empty means the one that it was made of, or public
	Replace  string            // the instance's name, typed by the user: tables of the same names are replaced
	Jobs     int               // of SQLite: tables loaded at a time
	Dir      string            // where the file is kept meanwhile; empty means os.TempDir
	Progress lakeward.Progress // receives the events
}

// Restored is what a restore has brought.
type Restored struct {
	Backup Backup          `json:"backup"`
	Tables int             `json:"tables"`
	Report *migrate.Report `json:"report,omitempty"` // of a backup in SQLite
}

// Restore brings a backup into an instance: all of it, or nothing. A backup with a manifest must be what that says.
func (p Place) Restore(ctx context.Context, name string, in Instance, o RestoreOptions) (Restored, error) {
	r := Restored{Backup: Backup{Version: 1, Name: name, Format: formatOf(name)}}
	if err := CheckName(name); err != nil {
		return r, err
	}
	if o.Replace != "" && o.Replace != in.Name {
		return r, lakeward.Errorf(lakeward.KindInvalid, "type "+in.Name,
			"%q is not the name of the instance whose tables would be replaced", o.Replace)
	}
	if r.Backup.Format == SQL && o.Schema != "" {
		return r, lakeward.Errorf(lakeward.KindInvalid, "leave the schema out", "a backup in the format sql has the names of its schemas in it")
	}
	work, err := workFolder(o.Dir)
	if err != nil {
		return r, err
	}
	defer os.RemoveAll(work)
	file := filepath.Join(work, name)
	if err := p.fetch(ctx, file, &r.Backup, o.Progress); err != nil {
		return r, err
	}
	switch {
	case r.Backup.Format == SQLite:
		err = migrateBack(ctx, file, in, o, &r)
	case strings.HasSuffix(strings.ToLower(name), ".sql"):
		r.Tables, err = p.runScript(ctx, in, file, o)
	default:
		r.Tables, err = p.undump(ctx, in, file, o)
	}
	return r, err
}

// fetch reads a backup from the volume into a file, and checks that it is whole.
func (p Place) fetch(ctx context.Context, file string, b *Backup, progress lakeward.Progress) error {
	known, err := p.manifest(ctx, b.Name)
	if err != nil {
		return err
	}
	phase(progress, "download", "read %s from volume %s", b.Name, p.Volume)
	content, _, err := p.Workspace.ReadFile(ctx, p.Volume, b.Name)
	if err != nil {
		return err
	}
	defer content.Close()
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("keep backup %s: %w", b.Name, err)
	}
	h := sha256.New()
	size, err := io.Copy(io.MultiWriter(f, h), content)
	if closing := f.Close(); err == nil {
		err = closing
	}
	if err != nil {
		return fmt.Errorf("read backup %s: %w", b.Name, err)
	}
	sum := hex.EncodeToString(h.Sum(nil))
	if known == nil {
		progress.Send(lakeward.Event{
			Type: lakeward.EventWarning, Phase: "download",
			Message: "there is no manifest for " + b.Name + ": whether it is whole is not known",
		})
		b.Size, b.SHA256 = size, sum
		return nil
	}
	known.Name = b.Name // it may have been renamed together with its manifest
	*b = *known
	return b.match(sum, size)
}

// migrateBack brings a SQLite backup into the instance as any other SQLite database.
func migrateBack(ctx context.Context, file string, in Instance, o RestoreOptions, r *Restored) (err error) {
	schema := o.Schema
	if schema == "" {
		schema = r.Backup.Schema
	}
	r.Report, err = migrate.Run(ctx, file, in.Connector, migrate.Options{
		Schema: schema, Replace: o.Replace, TargetName: in.Name, Jobs: o.Jobs, WorkDir: filepath.Dir(file), Progress: o.Progress,
	})
	if err == nil && r.Report.Outcome() == migrate.VerdictDifferent {
		err = lakeward.Errorf(lakeward.KindConflict, "the report names the rows that differ",
			"backup %s and instance %s differ", r.Backup.Name, in.Name)
	}
	r.Tables = len(r.Report.Tables)
	return err
}
