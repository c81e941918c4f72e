package task

import (
	"context"
	"os"
	"path/filepath"
	"regexp"

	"github.com/lakeward/lakeward"
	"github.com/lakeward/lakeward/internal/address"
	"github.com/lakeward/lakeward/migrate"
)

// Export writes a migrated database into a new SQLite file, in a folder of the operation's own.
type Export struct {
	Instance  string `json:"instance"`
	Schema    string `json:"schema,omitempty"`
	Migration string `json:"migration,omitempty"`
	Original  bool   `json:"original,omitempty"`
	Jobs      int    `json:"jobs,omitempty"`
}

// Exported is the result of an [Export].
type Exported struct {
	*migrate.Report
	File string `json:"file,omitempty"` // none when the export has failed
}

// Kind implements [Input].
func (*Export) Kind() string        { return "export" }
func (in *Export) instance() string { return works(in.Instance) }
func (in *Export) reaches() string  { return in.Instance }

func (in *Export) shown() any {
	shown := *in
	shown.Instance = address.Shown(in.Instance)
	return shown
}

func (in *Export) check() error { return firstOf(checkTarget(in.Instance), checkJobs(in.Jobs)) }

// do begins anew after an attempt that was interrupted: what that has written is of another moment.
func (in *Export) do(ctx context.Context, r *run) (any, error) {
	dir := filepath.Join(r.Dir, exportsDir, r.o.ID)
	err := os.RemoveAll(dir)
	if err == nil {
		err = os.MkdirAll(dir, 0o700)
	}
	if err != nil {
		return nil, lakeward.Errorf(lakeward.KindUnavailable, "see that the server's folder can be written", "make a folder for the export: %w", err)
	}
	file := filepath.Join(dir, notInNames.ReplaceAllString(orName(targetName(in.Instance)), "-")+".db")
	report, err := judged(migrate.Export(ctx, r.target(in.Instance), file, migrate.ExportOptions{
		Schema: in.Schema, Migration: in.Migration, Original: in.Original, Jobs: in.Jobs,
		SourceName: targetName(in.Instance), Progress: r.progress,
	}))
	if err != nil {
		os.RemoveAll(dir)
		return Exported{report, ""}, err
	}
	return Exported{report, file}, nil
}

var notInNames = regexp.MustCompile(`[^A-Za-z0-9-]+`)

func orName(name string) string {
	if name == "" {
		return "database"
	}
	return name
}
