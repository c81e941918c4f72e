package pgtest_test

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/lakeward/lakeward/internal/pgtest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

func query(t *testing.T, dsn, sql string) string {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	var out string
	if err := conn.QueryRow(t.Context(), sql).Scan(&out); err != nil {
		t.Fatal(err)
	}
	return out
}

func TestDatabase(t *testing.T) {
	t.Parallel()
	first, second := pgtest.DB(t), pgtest.DB(t)
	const who = "SELECT current_user || ' ' || rolsuper FROM pg_roles WHERE rolname = current_user"

	t.Run("logs in its owner, who is no superuser", func(t *testing.T) {
		if got, want := query(t, first, who), "owner@example.com false"; got != want {
			t.Errorf("logged in as %q, want %q", got, want)
		}
	})
	t.Run("opens to the superuser on request", func(t *testing.T) {
		if got, want := query(t, pgtest.Admin(t, first), who), "cloud_admin true"; got != want {
			t.Errorf("logged in as %q, want %q", got, want)
		}
		const name = "SELECT current_database()::text"
		if got, want := query(t, pgtest.Admin(t, first), name), query(t, first, name); got != want {
			t.Errorf("Admin opened %q, want %q", got, want)
		}
	})
	t.Run("is a test's own", func(t *testing.T) {
		const create = "CREATE TABLE public.t (); SELECT 1"
		for _, dsn := range []string{first, second} {
			out, err := exec.Command("psql", dsn, "--no-psqlrc", "-v", "ON_ERROR_STOP=1", "-Atc", create).CombinedOutput()
			if err != nil || !strings.Contains(string(out), "1") {
				t.Errorf("psql: %v: %s", err, out)
			}
		}
	})
}
