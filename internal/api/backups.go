package api

import (
	"cmp"
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/lakeward/lakeward"
	"github.com/lakeward/lakeward/databricks"
	"github.com/lakeward/lakeward/internal/backup"
	"github.com/lakeward/lakeward/internal/store"
	"github.com/lakeward/lakeward/internal/task"
)

// BackupRequest asks for a backup.
type BackupRequest struct {
	Instance string `json:"instance" minLength:"1" maxLength:"253" example:"shop"`
	Volume   string `json:"volume,omitempty" maxLength:"800" example:"main.default.lakeward_backups" doc:"As catalog.schema.volume; made when it is missing"`
	Format   string `json:"format,omitempty" enum:"sqlite,sql" doc:"sqlite: the database of before the migration with the rows of today; sql: an archive of pg_dump. Without it sqlite"`
	Schema   string `json:"schema,omitempty" maxLength:"63" example:"public" doc:"Of the migrated tables, where there are several; for sqlite"`
	Jobs     int    `json:"jobs,omitempty" minimum:"0" maximum:"64" doc:"Tables to compare at a time; 0 means one a processor, up to 4"`

	Migration string `json:"migration,omitempty" maxLength:"253" doc:"The name of the migration to go back from, where there are several; for sqlite"`
}

// RestoreRequest asks for the return of a backup.
type RestoreRequest struct {
	Name    string `json:"name" minLength:"1" maxLength:"255" example:"shop-20261127T084607Z.db" doc:"Of the backup's file"`
	To      string `json:"to" minLength:"1" maxLength:"253" example:"shop" doc:"The instance"`
	Volume  string `json:"volume,omitempty" maxLength:"800" example:"main.default.lakeward_backups" doc:"As catalog.schema.volume"`
	Schema  string `json:"schema,omitempty" maxLength:"63" example:"public" doc:"To restore into; without it the one that was backed up; for sqlite"`
	Replace string `json:"replace,omitempty" maxLength:"253" doc:"The instance's name, typed again: tables of the same names are replaced"`
	Jobs    int    `json:"jobs,omitempty" minimum:"0" maximum:"64" doc:"Tables to load at a time; 0 means one a processor, up to 4"`
}

type inVolume struct {
	Volume string `query:"volume" maxLength:"800" doc:"As catalog.schema.volume; without it main.default.lakeward_backups"`
}

// Backups are the backups in a volume.
type Backups struct {
	Volume  string          `json:"volume" example:"main.default.lakeward_backups"`
	URL     string          `json:"url" example:"https://adb-1.azuredatabricks.net/explore/data/volumes/main/default/lakeward_backups" doc:"The page of the workspace on which a person sees the volume"`
	Backups []backup.Backup `json:"backups" nullable:"false" doc:"The newest first"`
}

// backups registers what keeps instances in volumes, in the words of the command line and of the guide's console.
func (s *server) backups(a huma.API) {
	submits(s, a, submitRoute("backup", http.MethodPost, "/api/backups", "Keep an instance in a volume", tagMigrations),
		func(r BackupRequest) task.Input {
			return &task.Backup{
				Instance: r.Instance, Volume: r.Volume, Format: backup.Format(r.Format), Schema: r.Schema, Migration: r.Migration, Jobs: r.Jobs,
			}
		})
	answer(s, a, route("list-backups", http.MethodGet, "/api/backups", "List the backups in a volume", tagMigrations),
		func(ctx context.Context, in *inVolume) (out Backups, err error) {
			w, err := s.reach()
			if err != nil {
				return out, err
			}
			place, err := task.Place(w, in.Volume)
			if err != nil {
				return out, err
			}
			out.Volume, out.URL = place.Volume.String(), w.VolumeURL(place.Volume)
			out.Backups, err = place.List(ctx)
			return out, err
		})
	submits(s, a, submitRoute("restore", http.MethodPost, "/api/backups/restore", "Bring a backup into an instance", tagMigrations),
		func(r RestoreRequest) task.Input {
			return &task.Restore{Name: r.Name, To: r.To, Volume: r.Volume, Schema: r.Schema, Replace: r.Replace, Jobs: r.Jobs}
		})
	handle(s, a, submitRoute("guide-export", http.MethodPost, management+"/export",
		"Keep the application's instance in a volume; waits for the end unless Prefer says otherwise", tagGuide), s.guideExport)
	handle(s, a, submitRoute("guide-import", http.MethodPost, management+"/import",
		"Bring a backup into the application's instance; waits for the end unless Prefer says otherwise", tagGuide), s.guideImport)
	answer(s, a, route("guide-backups", http.MethodPost, management+"/list-backups", "List the backups in a volume", tagGuide),
		s.guideBackups)
}

// GuideVolume names a volume.
type GuideVolume struct {
	Catalog    string `json:"catalog,omitempty" maxLength:"255" default:"users" example:"users"`
	Schema     string `json:"schema,omitempty" maxLength:"255" default:"default" example:"default"`
	VolumeName string `json:"volume_name,omitempty" maxLength:"255" default:"kasal_backups" example:"kasal_backups"`

	_ struct{} `json:"-" additionalProperties:"true"`
}

func (v GuideVolume) volume() databricks.Volume {
	return databricks.Volume{
		Catalog: cmp.Or(v.Catalog, "users"), Schema: cmp.Or(v.Schema, "default"), Name: cmp.Or(v.VolumeName, "kasal_backups"),
	}
}

// GuideExport asks for a backup.
type GuideExport struct {
	GuideVolume
	ExportFormat string `json:"export_format,omitempty" enum:"sqlite,sql" default:"sqlite" example:"sqlite"`

	_ struct{} `json:"-" additionalProperties:"true"`
}

// GuideImport asks for the return of a backup.
type GuideImport struct {
	GuideVolume
	BackupFilename string `json:"backup_filename" minLength:"1" maxLength:"255" example:"shop-20261127T084607Z.db"`
	Replace        string `json:"replace,omitempty" maxLength:"253" doc:"The instance's name: tables of the same names are replaced. Without it an instance that has them is left as it is"`

	_ struct{} `json:"-" additionalProperties:"true"`
}

// GuideBackup is a backup in a list.
type GuideBackup struct {
	Filename      string    `json:"filename" example:"shop-20261127T084607Z.db"`
	SizeMB        float64   `json:"size_mb" example:"1.5"`
	CreatedAt     time.Time `json:"created_at"`
	DatabricksURL string    `json:"databricks_url" example:"https://adb-1.azuredatabricks.net/explore/data/volumes/users/default/kasal_backups" doc:"The page of the workspace on which a person sees the volume"`
	BackupType    string    `json:"backup_type" enum:"sqlite,sql" example:"sqlite"`
}

// GuideBackups are the backups in a volume.
type GuideBackups struct {
	Success      bool          `json:"success"`
	Backups      []GuideBackup `json:"backups" nullable:"false" doc:"The newest first"`
	VolumePath   string        `json:"volume_path" example:"/Volumes/users/default/kasal_backups"`
	TotalBackups int           `json:"total_backups" example:"1"`
}

// GuideBegun is what an answer in the guide's words says of the operation behind it.
type GuideBegun struct {
	Success        bool        `json:"success" doc:"Whether it has succeeded or, when it still runs, whether it has begun"`
	Message        string      `json:"message" example:"backup of shop has succeeded"`
	OperationID    string      `json:"operation_id" example:"0193f0a4-7c1e-7b7a-9d1f-3c5e8a6b2d40"`
	OperationState store.State `json:"operation_state" enum:"queued,running,succeeded,failed,cancelled" example:"succeeded"`
	VolumePath     string      `json:"volume_path" example:"/Volumes/users/default/kasal_backups"`
	DatabaseType   string      `json:"database_type" example:"lakebase"`
}

// GuideExported is the answer to a request for a backup. What only the end tells is empty until then.
type GuideExported struct {
	GuideBegun
	BackupPath      string        `json:"backup_path" example:"/Volumes/users/default/kasal_backups/shop-20261127T084607Z.db"`
	BackupFilename  string        `json:"backup_filename" example:"shop-20261127T084607Z.db"`
	VolumeBrowseURL string        `json:"volume_browse_url" example:"https://adb-1.azuredatabricks.net/explore/data/volumes/users/default/kasal_backups"`
	DatabricksURL   string        `json:"databricks_url" example:"https://adb-1.azuredatabricks.net/explore/data/volumes/users/default/kasal_backups"`
	ExportFiles     []GuideBackup `json:"export_files" nullable:"false" doc:"What is in the volume, the newest first"`
	SizeMB          float64       `json:"size_mb" example:"1.5"`
	OriginalSizeMB  float64       `json:"original_size_mb" example:"8" doc:"Of the instance's database"`
	Timestamp       string        `json:"timestamp" example:"2026-11-27T08:46:07Z"`
	Catalog         string        `json:"catalog" example:"users"`
	Schema          string        `json:"schema" example:"default"`
	Volume          string        `json:"volume" example:"kasal_backups"`
}

// GuideImported is the answer to a request for the return of a backup.
type GuideImported struct {
	GuideBegun
	ImportedFrom   string  `json:"imported_from" example:"/Volumes/users/default/kasal_backups/shop-20261127T084607Z.db"`
	BackupFilename string  `json:"backup_filename" example:"shop-20261127T084607Z.db"`
	SizeMB         float64 `json:"size_mb" example:"1.5"`
	Timestamp      string  `json:"timestamp" example:"2026-11-27T08:46:07Z"`
	RestoredTables int     `json:"restored_tables" example:"12"`
}

func (s *server) guideExport(ctx context.Context, in *asking[GuideExport]) (*guideAnswer[GuideExported], error) {
	instance, err := s.applications(ctx)
	if err != nil {
		return nil, err
	}
	v := in.Body.volume()
	op, err := s.guideFinish(ctx, &task.Backup{
		Instance: instance, Volume: v.String(), Format: backup.Format(in.Body.ExportFormat),
	}, in.Waiting)
	if err != nil {
		return nil, err
	}
	url := s.Workspace.VolumeURL(v)
	out := GuideExported{
		GuideBegun: s.begun(op.Body, v), VolumeBrowseURL: url, DatabricksURL: url, ExportFiles: []GuideBackup{},
		Catalog: v.Catalog, Schema: v.Schema, Volume: v.Name,
	}
	var kept task.Kept
	if op.Body.State == store.Succeeded {
		if err := json.Unmarshal(op.Body.Result, &kept); err != nil {
			return nil, err
		}
		out.BackupPath, out.BackupFilename, out.SizeMB = kept.Path, kept.Name, float64(kept.Size)/megabyte
		out.Timestamp, out.OriginalSizeMB = kept.Created.Format(time.RFC3339), s.size(ctx, instance)
		if out.ExportFiles, err = s.guideList(ctx, v); err != nil {
			return nil, err
		}
	}
	return &guideAnswer[GuideExported]{op.Status, op.Location, op.Applied, out}, nil
}

func (s *server) guideImport(ctx context.Context, in *asking[GuideImport]) (*guideAnswer[GuideImported], error) {
	instance, err := s.applications(ctx)
	if err != nil {
		return nil, err
	}
	v := in.Body.volume()
	op, err := s.guideFinish(ctx, &task.Restore{
		Name: in.Body.BackupFilename, To: instance, Volume: v.String(), Replace: in.Body.Replace,
	}, in.Waiting)
	if err != nil {
		return nil, err
	}
	out := GuideImported{
		GuideBegun: s.begun(op.Body, v), ImportedFrom: v.Path(in.Body.BackupFilename), BackupFilename: in.Body.BackupFilename,
	}
	var got task.Restored
	if op.Body.State == store.Succeeded {
		if err := json.Unmarshal(op.Body.Result, &got); err != nil {
			return nil, err
		}
		out.SizeMB, out.RestoredTables = float64(got.Backup.Size)/megabyte, got.Tables
		out.Timestamp = time.Now().UTC().Format(time.RFC3339)
	}
	return &guideAnswer[GuideImported]{op.Status, op.Location, op.Applied, out}, nil
}

// guideBackups lists nothing where there is no volume yet, as consoles for the guide expect.
func (s *server) guideBackups(ctx context.Context, in *struct{ Body GuideVolume }) (GuideBackups, error) {
	v := in.Body.volume()
	list, err := s.guideList(ctx, v)
	if lakeward.KindOf(err) == lakeward.KindNotFound {
		list, err = []GuideBackup{}, nil
	}
	return GuideBackups{err == nil, list, v.Path(""), len(list)}, err
}

func (s *server) guideList(ctx context.Context, v databricks.Volume) ([]GuideBackup, error) {
	w, err := s.reach()
	if err != nil {
		return nil, err
	}
	list, err := backup.Place{Workspace: w, Volume: v}.List(ctx)
	out := []GuideBackup{}
	for _, b := range list {
		out = append(out, GuideBackup{b.Name, float64(b.Size) / megabyte, b.Created, w.VolumeURL(v), string(b.Format)})
	}
	return out, err
}

// applications is the instance that the application uses.
func (s *server) applications(ctx context.Context) (string, error) {
	if _, err := s.reach(); err != nil {
		return "", err
	}
	l, err := s.Settings.Load(ctx)
	if err != nil {
		return "", err
	}
	if l.Instance.Text == "" {
		return "", lakeward.Errorf(lakeward.KindInvalid, "enable an instance first, or use POST /api/backups, which names one",
			"the application uses no instance")
	}
	return place(l.Instance.Text, l.Endpoint.Text), nil
}

// guideFinish asks for an operation and waits for its end: a console for the guide knows no operations. A caller that
// does says in Prefer how long it would wait.
func (s *server) guideFinish(ctx context.Context, in task.Input, w Waiting) (*accepted, error) {
	w.Prefer = cmp.Or(w.Prefer, "wait=600")
	out, err := s.submit(ctx, in, w)
	if err != nil {
		return nil, err
	}
	return out, failure(out.Body)
}

func (s *server) begun(o store.Operation, v databricks.Volume) GuideBegun {
	return GuideBegun{true, doing(o), o.ID, o.State, v.Path(""), "lakebase"}
}

// size is that of an instance's database, and 0 when it cannot be known.
func (s *server) size(ctx context.Context, instance string) float64 {
	ctx, cancel := context.WithTimeout(ctx, answerFor)
	defer cancel()
	conn, err := s.Connector(instance).Connect(ctx)
	if err != nil {
		return 0
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	var bytes int64
	if err := conn.QueryRow(ctx, `select pg_catalog.pg_database_size(pg_catalog.current_database())`).Scan(&bytes); err != nil {
		return 0
	}
	return float64(bytes) / megabyte
}
