package main

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"

	"github.com/lakeward/lakeward"
	"github.com/lakeward/lakeward/migrate"
)

// reportFormats are the formats of report files, by their extension.
var reportFormats = map[string]func(w io.Writer, r *migrate.Report) error{
	".json": func(w io.Writer, r *migrate.Report) error {
		enc := json.NewEncoder(w)
		enc.SetEscapeHTML(false)
		enc.SetIndent("", "  ")
		return enc.Encode(r)
	},
	".txt":  func(w io.Writer, r *migrate.Report) error { return r.WriteText(w) },
	".html": func(w io.Writer, r *migrate.Report) error { return r.WriteHTML(w) },
}

// checkReports refuses report files that could not be written, before the work begins.
func checkReports(files []string) error {
	for _, file := range files {
		if reportFormats[filepath.Ext(file)] == nil {
			return usagef("use a name that ends in .html, .json or .txt", "--report %s: unknown format", file)
		}
		if info, err := os.Stat(filepath.Dir(file)); err != nil || !info.IsDir() {
			return usagef("make the folder first", "--report %s: there is no folder %s", file, filepath.Dir(file))
		}
	}
	return nil
}

// conclude ends a migration or a verification: it writes the report files, also of one that failed, shows the report of
// one that did not, and turns its outcome into the error that the exit code needs.
func (a *app) conclude(r *migrate.Report, err error, files []string) error {
	if r != nil {
		for _, file := range files {
			err = errors.Join(err, writeReport(file, r))
		}
	}
	if err != nil {
		return err
	}
	if err := a.print(r, r.WriteText); err != nil {
		return err
	}
	if r.Outcome() == migrate.VerdictDifferent || !r.Complete() {
		return errDifferent
	}
	return nil
}

func writeReport(file string, r *migrate.Report) error {
	out, err := os.Create(file)
	if err == nil {
		err = errors.Join(reportFormats[filepath.Ext(file)](out, r), out.Close())
	}
	if err != nil {
		return lakeward.Errorf(lakeward.KindInternal, "lakeward verify writes one again", "write report: %w", err)
	}
	return nil
}
