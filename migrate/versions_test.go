//go:build versions

package migrate

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lakeward/lakeward"
	"github.com/lakeward/lakeward/internal/pgproc"
	"github.com/lakeward/lakeward/internal/pgtest"
)

// newerServer starts the PostgreSQL that `make test-versions` has installed. PostgreSQL's own user may not enter the
// folder where it stands.
func newerServer(t *testing.T) DSN {
	t.Helper()
	dir := pgtest.Dir(t)
	if err := os.CopyFS(filepath.Join(dir, "native"), os.DirFS(os.Getenv("LAKEWARD_TEST_PG_NEWER"))); err != nil {
		t.Fatal(err)
	}
	config := pgproc.Config{
		Binaries: pgproc.Binaries{Dir: filepath.Join(dir, "native", "bin"), Major: 18, Version: "18"},
		Dir:      filepath.Join(dir, "pg"), Temporary: true,
	}
	if err := pgproc.Init(t.Context(), config); err != nil {
		t.Fatal(err)
	}
	server, err := pgproc.Start(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Stop(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	})
	return DSN("postgres:///postgres?user=" + pgproc.Superuser + "&sslmode=disable&host=" + server.SocketDir())
}

// TestVersions migrates to a newer PostgreSQL, and is refused on the way back: no pg_dump here can read that one.
func TestVersions(t *testing.T) {
	t.Parallel()
	newer := newerServer(t)
	source := DSN(pgtest.DB(t))
	script := killedPostgres
	if folder := os.Getenv("LAKEWARD_TEST_DATA"); folder != "" {
		pagila, err := os.ReadFile(filepath.Join(folder, "pagila.sql"))
		if err != nil {
			t.Fatal(err)
		}
		script += string(pagila)
	}
	loadScript(t, source, script)
	report, err := Run(t.Context(), string(source), newer, Options{})
	if err != nil {
		t.Fatalf("%v\n%s", err, asJSON(t, report))
	}
	requireIdentical(t, report)
	requireCheck(t, report.Preflight, "versions", CheckPass, "to 18")
	again, err := Run(t.Context(), string(source), newer, Options{})
	requireDone(t, again, err, VerdictIdentical)

	back, target := newer, DSN(pgtest.DB(t))
	p := preflight(t, string(back), target, Options{})
	requireCheck(t, p, "versions", CheckWarn, "the source runs PostgreSQL 18, the target ")
	requireCheck(t, p, "pg-dump", CheckFail, "cannot read PostgreSQL 18")
	report, err = Run(t.Context(), string(back), target, Options{})
	if lakeward.KindOf(err) != lakeward.KindUnsupported || !strings.Contains(err.Error(), "cannot read PostgreSQL 18") ||
		!strings.Contains(lakeward.HintOf(err), "client programs of version 18") {
		t.Errorf("%v, hint %q", err, lakeward.HintOf(err))
	}
	requireEmpty(t, target)
}
