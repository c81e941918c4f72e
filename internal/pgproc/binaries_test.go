package pgproc_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lakeward/lakeward"
	"github.com/lakeward/lakeward/internal/pgproc"
)

// fake makes a folder with an initdb and a postgres that claims a version.
func fake(t *testing.T, version string) string {
	t.Helper()
	dir := t.TempDir()
	script := "#!/bin/sh\necho 'postgres (PostgreSQL) " + version + "'\n"
	for _, name := range []string{"postgres", "initdb"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(script), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestFind(t *testing.T) {
	t.Run("prefers LAKEWARD_PG_BIN and reads versions", func(t *testing.T) {
		for version, want := range map[string]pgproc.Binaries{
			"15.14 (Debian 15.14-0+deb12u1)": {Major: 15, Version: "15.14"},
			"19beta2":                        {Major: 19, Version: "19beta2"},
			"20devel":                        {Major: 20, Version: "20devel"},
		} {
			want.Dir = fake(t, version)
			t.Setenv("LAKEWARD_PG_BIN", want.Dir)
			if got, err := pgproc.Find(); err != nil || got != want {
				t.Errorf("%s: got %+v, %v", version, got, err)
			}
		}
	})
	t.Run("follows a link in PATH to the folder with all tools", func(t *testing.T) {
		real, shims := fake(t, "99.1"), t.TempDir()
		if err := os.Symlink(filepath.Join(real, "postgres"), filepath.Join(shims, "postgres")); err != nil {
			t.Fatal(err)
		}
		t.Setenv("PATH", shims+":"+os.Getenv("PATH"))
		if got, err := pgproc.Find(); err != nil || got.Dir != real {
			t.Errorf("got %+v, %v", got, err)
		}
	})
	t.Run("passes over an old one in PATH", func(t *testing.T) {
		old := fake(t, "14.2")
		t.Setenv("PATH", old+":"+os.Getenv("PATH"))
		if got, err := pgproc.Find(); err != nil || got.Dir == old {
			t.Errorf("got %+v, %v", got, err)
		}
	})
	t.Run("refuses an old one that was asked for", func(t *testing.T) {
		t.Setenv("LAKEWARD_PG_BIN", fake(t, "14.2"))
		_, err := pgproc.Find()
		want := "unsupported version: PostgreSQL 14.2"
		if lakeward.KindOf(err) != lakeward.KindUnsupported || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v", err)
		}
	})
	t.Run("refuses a folder without PostgreSQL that was asked for", func(t *testing.T) {
		t.Setenv("LAKEWARD_PG_BIN", t.TempDir())
		if _, err := pgproc.Find(); err == nil || lakeward.HintOf(err) == "" {
			t.Errorf("error %v, hint %q", err, lakeward.HintOf(err))
		}
	})
}
