package backup

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/lakeward/lakeward"
	"github.com/lakeward/lakeward/migrate"
)

// CreateOptions are the choices of a backup. The zero value is useful.
type CreateOptions struct {
	Format    Format            // empty means SQLite
	Schema    string            // of SQLite: which migrated schema; empty means the only one
	Migration string            // of SQLite: which migration; empty means the only one
	Jobs      int               // of SQLite: tables compared at a time
	Dir       string            // where the file is made; empty means os.TempDir
	Progress  lakeward.Progress // receives the events
}

// Create makes a backup of an instance's state of now. The report is that of the export to SQLite, and nil for SQL.
func (p Place) Create(ctx context.Context, in Instance, o CreateOptions) (_ Backup, report *migrate.Report, err error) {
	b := Backup{Version: 1, Format: o.Format, Instance: in.Name, Schema: o.Schema, Created: time.Now().UTC().Truncate(time.Second)}
	if b.Format == "" {
		b.Format = SQLite
	}
	if err := b.Format.Check(); err != nil {
		return b, nil, err
	}
	if b.Format == SQL && o.Schema+o.Migration != "" {
		return b, nil, lakeward.Errorf(lakeward.KindInvalid, "leave schema and migration out",
			"a backup in the format sql has all schemas of the instance")
	}
	if err := p.Workspace.MakeVolume(ctx, p.Volume); err != nil {
		return b, nil, err
	}
	work, err := workFolder(o.Dir)
	if err != nil {
		return b, nil, err
	}
	defer os.RemoveAll(work)
	file := filepath.Join(work, "backup")
	if b.Format == SQLite {
		b.Name = newName(in.Name, b.Created, ".db")
		if report, err = export(ctx, in, file, o); err != nil {
			return b, report, err
		}
		b.Schema, b.Server, b.Tables = report.Target.Schema, report.Target.Server, len(report.Tables)
	} else {
		b.Name = newName(in.Name, b.Created, ".dump")
		if err := p.dump(ctx, in, file, &b, o.Progress); err != nil {
			return b, nil, err
		}
	}
	return b, report, p.keep(ctx, file, &b, o.Progress)
}

// export writes the instance into a SQLite file. A file that differs from the instance is none.
func export(ctx context.Context, in Instance, file string, o CreateOptions) (*migrate.Report, error) {
	report, err := migrate.Export(ctx, in.Connector, file, migrate.ExportOptions{
		Schema: o.Schema, Migration: o.Migration, Jobs: o.Jobs, SourceName: in.Name, Progress: o.Progress,
	})
	if lakeward.KindOf(err) == lakeward.KindNotFound && lakeward.HintOf(err) != "" && o.Schema+o.Migration == "" {
		err = lakeward.Errorf(lakeward.KindNotFound, "a database that did not come from SQLite is backed up with --format sql", "%w", err)
	}
	return report, err
}

// keep uploads a file, reads it back, and writes its manifest.
func (p Place) keep(ctx context.Context, file string, b *Backup, progress lakeward.Progress) error {
	f, err := os.Open(file)
	if err != nil {
		return fmt.Errorf("read backup: %w", err)
	}
	defer f.Close()
	if b.SHA256, b.Size, err = digest(f); err != nil {
		return fmt.Errorf("read backup: %w", err)
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return fmt.Errorf("read backup: %w", err)
	}
	phase(progress, "upload", "write %s (%d bytes) into volume %s", b.Name, b.Size, p.Volume)
	if err := p.Workspace.WriteFile(ctx, p.Volume, b.Name, f, false); err != nil {
		return err
	}
	phase(progress, "check", "read %s back from the volume", b.Name)
	if err := p.compare(ctx, b); err != nil {
		// What did not arrive whole must not be taken for a backup.
		clean, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanUpTime)
		defer cancel()
		if gone := p.Workspace.DeleteFile(clean, p.Volume, b.Name); gone != nil {
			return fmt.Errorf("%w; %w", err, gone)
		}
		return err
	}
	b.Complete = true
	text, err := json.MarshalIndent(b, "", "  ")
	if err != nil {
		return err
	}
	return p.Workspace.WriteFile(ctx, p.Volume, b.Name+manifestSuffix, bytes.NewReader(append(text, '\n')), false)
}

const cleanUpTime = 30 * time.Second

// compare reads a file of the volume and compares it with what is known of it.
func (p Place) compare(ctx context.Context, b *Backup) error {
	r, _, err := p.Workspace.ReadFile(ctx, p.Volume, b.Name)
	if err != nil {
		return err
	}
	defer r.Close()
	sum, size, err := digest(r)
	if err != nil {
		return fmt.Errorf("read %s back from the volume: %w", b.Name, err)
	}
	return b.match(sum, size)
}

// match reports a file that is not what the manifest says.
func (b *Backup) match(sum string, size int64) error {
	if sum == b.SHA256 && size == b.Size {
		return nil
	}
	return lakeward.Errorf(lakeward.KindInternal, "do not use it; make another backup, or choose an older one",
		"backup %s is damaged: it has %d bytes with the SHA-256 %.12s, and should have %d with %.12s", b.Name, size, sum, b.Size, b.SHA256)
}

// digest reads to the end.
func digest(r io.Reader) (sum string, size int64, err error) {
	h := sha256.New()
	size, err = io.Copy(h, r)
	return hex.EncodeToString(h.Sum(nil)), size, err
}
