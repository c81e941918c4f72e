package task

import (
	"cmp"
	"context"

	"github.com/lakeward/lakeward"
	"github.com/lakeward/lakeward/databricks"
	"github.com/lakeward/lakeward/internal/backup"
	"github.com/lakeward/lakeward/migrate"
)

// Backup keeps the state of an instance in a volume. The fields are the flags of lakeward backup create.
type Backup struct {
	Instance  string        `json:"instance"`
	Volume    string        `json:"volume,omitempty"` // catalog.schema.volume; empty means backup.DefaultVolume
	Format    backup.Format `json:"format,omitempty"`
	Schema    string        `json:"schema,omitempty"`
	Migration string        `json:"migration,omitempty"`
	Jobs      int           `json:"jobs,omitempty"`
}

// Kept is the result of a [Backup].
type Kept struct {
	backup.Backup
	Volume string          `json:"volume"`
	Path   string          `json:"path"`             // of the file
	URL    string          `json:"url"`              // of the page on which a person sees the volume
	Report *migrate.Report `json:"report,omitempty"` // of the format sqlite
}

// Kind implements [Input].
func (*Backup) Kind() string        { return "backup" }
func (in *Backup) instance() string { return works(in.Instance) }
func (in *Backup) reaches() string  { return in.Instance }
func (in *Backup) shown() any       { return in }

func (in *Backup) check() error {
	return firstOf(checkInstance(in.Instance), checkVolume(in.Volume), in.Format.Check(), checkJobs(in.Jobs))
}

// do begins anew after an attempt that was interrupted. What that may have left in the volume has no manifest.
func (in *Backup) do(ctx context.Context, r *run) (any, error) {
	place, err := r.place(in.Volume)
	if err != nil {
		return nil, err
	}
	b, report, err := place.Create(ctx, r.backupOf(in.Instance), backup.CreateOptions{
		Format: in.Format, Schema: in.Schema, Migration: in.Migration, Jobs: in.Jobs, Dir: r.workDir(), Progress: r.progress,
	})
	if err != nil {
		return reported(report, err)
	}
	return Kept{b, place.Volume.String(), place.Volume.Path(b.Name), r.Workspace.VolumeURL(place.Volume), report}, nil
}

// Restore brings a backup into an instance. The fields are the flags of lakeward backup restore.
type Restore struct {
	Name    string `json:"name"`
	To      string `json:"to"`
	Volume  string `json:"volume,omitempty"` // as in Backup
	Schema  string `json:"schema,omitempty"`
	Replace string `json:"replace,omitempty"`
	Jobs    int    `json:"jobs,omitempty"`
}

// Restored is the result of a [Restore].
type Restored struct {
	backup.Restored
	Volume string `json:"volume"`
	Path   string `json:"path"` // of the file
}

// Kind implements [Input].
func (*Restore) Kind() string        { return "restore" }
func (in *Restore) instance() string { return works(in.To) }
func (in *Restore) reaches() string  { return in.To }
func (in *Restore) shown() any       { return in }

func (in *Restore) check() error {
	return firstOf(backup.CheckName(in.Name), checkInstance(in.To), checkVolume(in.Volume), checkJobs(in.Jobs))
}

// do restores in one transaction: an attempt that was interrupted has brought nothing, or all of it, and noted that.
func (in *Restore) do(ctx context.Context, r *run) (any, error) {
	var done *Restored
	if err := r.load(ctx, &done); err != nil {
		return nil, err
	}
	if done != nil {
		return done, nil
	}
	place, err := r.place(in.Volume)
	if err != nil {
		return nil, err
	}
	got, err := place.Restore(ctx, in.Name, r.backupOf(in.To), backup.RestoreOptions{
		Schema: in.Schema, Replace: in.Replace, Jobs: in.Jobs, Dir: r.workDir(), Progress: r.progress,
	})
	if err != nil {
		return reported(got.Report, in.doubt(r.o.Attempt, err))
	}
	result := Restored{got, place.Volume.String(), place.Volume.Path(in.Name)}
	return result, r.save(ctx, result)
}

// doubt says of tables that are there already that they may be the backup's: a server can end between the restore's one
// transaction and the note of it.
func (in *Restore) doubt(attempt int, err error) error {
	if attempt == 1 || in.Replace != "" || lakeward.KindOf(err) != lakeward.KindConflict {
		return err
	}
	return lakeward.Errorf(lakeward.KindConflict, "look what is in instance "+in.To+": when it is the backup's, all of it is; "+lakeward.HintOf(err),
		"%w; an earlier attempt, whose server has ended, may have brought them", err)
}

func (r *run) backupOf(instance string) backup.Instance {
	return backup.Instance{Name: instance, Connector: r.Connector(instance)}
}

func (r *run) place(volume string) (backup.Place, error) {
	if r.Workspace == nil {
		return backup.Place{}, lakeward.Errorf(lakeward.KindUnavailable, "start the server with DATABRICKS_HOST, or with a profile",
			"no workspace is configured")
	}
	return Place(r.Workspace, volume)
}

// Place finds the volume that a name means.
func Place(w *databricks.Workspace, volume string) (backup.Place, error) {
	v, err := databricks.ParseVolume(cmp.Or(volume, backup.DefaultVolume))
	return backup.Place{Workspace: w, Volume: v}, err
}

func checkVolume(name string) error {
	_, err := Place(nil, name)
	return err
}
