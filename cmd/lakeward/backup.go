package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"time"

	"github.com/lakeward/lakeward"
	"github.com/lakeward/lakeward/databricks"
	"github.com/lakeward/lakeward/internal/backup"
	"github.com/lakeward/lakeward/migrate"
)

type backupCmd struct {
	Create  backupCreateCmd  `cmd:"" help:"Write the current state of an instance into a volume."`
	List    backupListCmd    `cmd:"" help:"List the backups in a volume."`
	Restore backupRestoreCmd `cmd:"" help:"Bring a backup into an instance: all of it, or nothing."`
}

// inVolume is where backups are.
type inVolume struct {
	Volume string `help:"Volume of the backups (default: $$LAKEWARD_VOLUME, else main.default.lakeward_backups)." placeholder:"CATALOG.SCHEMA.VOLUME"`
}

// place opens the workspace and finds the volume.
func (v inVolume) place(ctx context.Context, a *app) (backup.Place, func(string) backup.Instance, error) {
	volume, err := databricks.ParseVolume(cmp.Or(v.Volume, a.getenv("LAKEWARD_VOLUME"), backup.DefaultVolume))
	if err != nil {
		return backup.Place{}, nil, err
	}
	c, ws, err := a.open(ctx)
	if err != nil {
		return backup.Place{}, nil, err
	}
	instance := func(name string) backup.Instance {
		return backup.Instance{Name: name, Connector: c.Connector(ws, name)}
	}
	return backup.Place{Workspace: ws, Volume: volume}, instance, nil
}

type backupCreateCmd struct {
	Instance  string        `arg:"" help:"Name of the instance."`
	Format    backup.Format `help:"sqlite (default): the database of before the migration, with the rows of today, proven; sql: an archive of pg_dump, of any database." placeholder:"FORMAT"`
	Schema    string        `help:"Schema of the migrated tables, where there are several; for sqlite." placeholder:"S"`
	Migration string        `help:"Name of the migration to go back from, where there are several; for sqlite." placeholder:"ID"`
	Jobs      int           `help:"Tables to compare at a time (default: one a processor, up to 4)." placeholder:"N"`
	inVolume
}

// keptBackup is a backup as it is shown.
type keptBackup struct {
	backup.Backup
	Path   string          `json:"path"`
	URL    string          `json:"url"`
	Report *migrate.Report `json:"report,omitempty"`
}

// Run makes the backup and shows where it is.
func (c backupCreateCmd) Run(ctx context.Context, a *app) error {
	if err := c.Format.Check(); err != nil {
		return usagef(lakeward.HintOf(err), "--format: %w", err)
	}
	place, instance, err := c.place(ctx, a)
	if err != nil {
		return err
	}
	o := backup.CreateOptions{Format: c.Format, Schema: c.Schema, Migration: c.Migration, Jobs: c.Jobs}
	if o.Dir, err = workDir(a, ""); err != nil {
		return err
	}
	progress, done := a.watch()
	o.Progress = progress
	b, report, err := place.Create(ctx, instance(c.Instance), o)
	done()
	if err != nil {
		return err
	}
	kept := keptBackup{b, place.Volume.Path(b.Name), place.Workspace.VolumeURL(place.Volume), report}
	err = a.print(kept, func(w io.Writer) error {
		return fields(w,
			"backup", b.Name, "path", kept.Path, "format", string(b.Format), "size", plural(b.Size, "byte"),
			"sha-256", b.SHA256, "tables", number(b.Tables), "see", kept.URL)
	})
	if err == nil && report != nil && !report.Complete() {
		return errDifferent
	}
	return err
}

type backupListCmd struct{ inVolume }

// Run shows the backups, the newest first.
func (c backupListCmd) Run(ctx context.Context, a *app) error {
	place, _, err := c.place(ctx, a)
	if err != nil {
		return err
	}
	list, err := place.List(ctx)
	if err != nil {
		return err
	}
	return a.print(map[string]any{"volume": place.Volume.String(), "backups": list}, func(w io.Writer) error {
		if len(list) == 0 {
			_, err := fmt.Fprintf(w, "No backups in %s. Make one with: lakeward backup create INSTANCE\n", place.Volume)
			return err
		}
		rows := [][]string{{"NAME", "FORMAT", "INSTANCE", "CREATED", "BYTES", "COMPLETE"}}
		for _, b := range list {
			complete := "yes"
			if !b.Complete {
				complete = "not known"
			}
			rows = append(rows, []string{
				b.Name, string(b.Format), cmp.Or(b.Instance, "-"), b.Created.UTC().Format(time.DateTime), count(b.Size), complete,
			})
		}
		return table(w, rows)
	})
}

type backupRestoreCmd struct {
	Name    string `arg:"" help:"Name of the backup, as lakeward backup list shows it."`
	To      string `required:"" help:"Name of the instance." placeholder:"INSTANCE"`
	Schema  string `help:"Schema to restore into (default: the one that was backed up); for sqlite." placeholder:"S"`
	Replace string `help:"Replace tables of the same names; takes the instance's name as proof that it is meant." placeholder:"NAME"`
	Jobs    int    `help:"Tables to load at a time (default: one a processor, up to 4)." placeholder:"N"`
	inVolume
}

// Run restores the backup and shows what it has brought.
func (c backupRestoreCmd) Run(ctx context.Context, a *app) error {
	place, instance, err := c.place(ctx, a)
	if err != nil {
		return err
	}
	o := backup.RestoreOptions{Schema: c.Schema, Replace: c.Replace, Jobs: c.Jobs}
	if o.Dir, err = workDir(a, ""); err != nil {
		return err
	}
	progress, done := a.watch()
	o.Progress = progress
	r, err := place.Restore(ctx, c.Name, instance(c.To), o)
	done()
	if err != nil {
		return err
	}
	err = a.print(r, func(w io.Writer) error {
		if r.Report != nil {
			if err := r.Report.WriteText(w); err != nil {
				return err
			}
		}
		_, err := fmt.Fprintf(w, "restored %s of %s into %s\n", plural(int64(r.Tables), "table"), r.Backup.Name, c.To)
		return err
	})
	if err == nil && r.Report != nil && !r.Report.Complete() {
		return errDifferent
	}
	return err
}
