package backup_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lakeward/lakeward"
	"github.com/lakeward/lakeward/internal/backup"
	"github.com/lakeward/lakeward/internal/pgtool"
)

func TestTheWayBackAsABackup(t *testing.T) {
	t.Parallel()
	h := open(t)
	_, _, err := h.place.Create(t.Context(), h.shop, backup.CreateOptions{})
	expectKind(t, err, lakeward.KindNotFound) // nothing was migrated
	source := h.migrated(t)
	b := h.make(t, "")
	if b.Format != backup.SQLite || b.Tables != 2 || b.Schema != "public" || b.Instance != "shop" || !b.Complete ||
		!strings.HasPrefix(b.Name, "shop-20") || !strings.HasSuffix(b.Name, "Z.db") || time.Since(b.Created) > time.Minute {
		t.Errorf("made %+v", b)
	}
	h.sql(t, "UPDATE orders SET note = 'changed' WHERE id = 1")
	_, err = h.restore(t, b.Name, backup.RestoreOptions{})
	expectKind(t, err, lakeward.KindConflict)
	_, err = h.restore(t, b.Name, backup.RestoreOptions{Replace: "shoppe"})
	expectKind(t, err, lakeward.KindInvalid)
	if got := h.ask(t, "SELECT note FROM orders WHERE id = 1"); got != "changed" {
		t.Errorf("refused restores have changed the instance: %q", got)
	}
	if _, err := h.restore(t, b.Name, backup.RestoreOptions{Replace: "shop"}); err != nil {
		t.Error(failure(err))
	}
	h.equal(t, source)
	h.wipe(t)
	r, err := h.restore(t, b.Name, backup.RestoreOptions{})
	if err != nil || r.Tables != 2 || r.Report == nil || r.Backup.SHA256 != b.SHA256 {
		t.Errorf("restored %+v: %v", r, err)
	}
	h.equal(t, source)
}

func TestAnArchiveAsABackup(t *testing.T) {
	t.Parallel()
	h := open(t)
	source := h.migrated(t)
	h.sql(t,
		`CREATE SCHEMA "My Shop"`, `CREATE TYPE "My Shop".size AS ENUM ('s', 'l')`,
		`CREATE FUNCTION "My Shop".twice(n integer) RETURNS integer IMMUTABLE LANGUAGE sql AS 'SELECT 2 * n'`,
		`CREATE TABLE "My Shop"."Big Things" (id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY, size "My Shop".size,
			doubled integer GENERATED ALWAYS AS ("My Shop".twice(3)) STORED, note text CHECK (note <> ''))`,
		`COMMENT ON TABLE "My Shop"."Big Things" IS 'it''s big'`,
		`INSERT INTO "My Shop"."Big Things" (size, note) SELECT 'l', E'tab\tand \\ and ü' FROM generate_series(1, 500)`,
		`CREATE VIEW "My Shop".v AS SELECT count(*) AS n FROM "My Shop"."Big Things"`,
		`CREATE MATERIALIZED VIEW "My Shop".m AS SELECT sum(id) AS n FROM "My Shop"."Big Things"`,
		`CREATE SCHEMA IF NOT EXISTS lakeward`, `CREATE TABLE lakeward.settings (name text)`,
	)
	const state = `SELECT concat_ws(' ', (SELECT n FROM "My Shop".v), (SELECT n FROM "My Shop".m), count(DISTINCT note), max(doubled),
		obj_description('"My Shop"."Big Things"'::regclass)) FROM "My Shop"."Big Things"`
	want := h.ask(t, state)
	b := h.make(t, backup.SQL)
	if b.Format != backup.SQL || b.Tables != 3 || !b.Complete || !strings.HasSuffix(b.Name, "Z.dump") {
		t.Errorf("made %+v", b)
	}

	h.sql(t, `DELETE FROM "My Shop"."Big Things" WHERE id > 10`, `INSERT INTO lakeward.settings VALUES ('since')`)
	_, err := h.restore(t, b.Name, backup.RestoreOptions{})
	expectKind(t, err, lakeward.KindConflict)
	if !strings.Contains(err.Error(), "already has") || !strings.Contains(err.Error(), `My Shop.Big Things`) {
		t.Errorf("it does not say what is in the way: %v", err)
	}
	for _, wrong := range []backup.RestoreOptions{{Schema: "x"}, {Replace: "shoppe"}} {
		_, err = h.restore(t, b.Name, wrong)
		expectKind(t, err, lakeward.KindInvalid)
	}
	if r, err := h.restore(t, b.Name, backup.RestoreOptions{Replace: "shop"}); err != nil || r.Tables != 3 {
		t.Errorf("restored %+v: %v", r, err)
	}
	if got := h.ask(t, state); got != want {
		t.Errorf("after a replacing restore %q, want %q", got, want)
	}
	if got := h.ask(t, "SELECT string_agg(name, ' ') FROM lakeward.settings"); got != "since" {
		t.Error("the restore has touched the settings of a server")
	}

	h.wipe(t)
	if r, err := h.restore(t, b.Name, backup.RestoreOptions{}); err != nil || r.Tables != 3 {
		t.Fatalf("restored %+v: %v", r, failure(err))
	}
	if got := h.ask(t, state); got != want {
		t.Errorf("after a restore %q, want %q", got, want)
	}
	if got := h.ask(t, `INSERT INTO "My Shop"."Big Things" (note) VALUES ('next') RETURNING id::text`); got != "501" {
		t.Errorf("the identity goes on with %s", got)
	}
	h.equal(t, source)
	h.make(t, backup.SQLite) // the records of the migration have come back too

	// What is in the way of nothing but records: those of the instance stay.
	h.sql(t, `DROP SCHEMA "My Shop" CASCADE`, `DROP TABLE orders, customers`)
	if _, err := h.restore(t, b.Name, backup.RestoreOptions{}); err != nil {
		t.Error(failure(err))
	}
	h.equal(t, source)
}

// TestARestoreThatFailsChangesNothing: something of the instance depends on what would be replaced.
func TestARestoreThatFailsChangesNothing(t *testing.T) {
	t.Parallel()
	h := open(t)
	h.sql(t, "CREATE TABLE a (id integer PRIMARY KEY)", "INSERT INTO a VALUES (1)", "CREATE TABLE b (id integer PRIMARY KEY)")
	b := h.make(t, backup.SQL)
	h.sql(t, "INSERT INTO a VALUES (2)", "INSERT INTO b VALUES (1)", "CREATE TABLE c (a integer REFERENCES a)")
	_, err := h.restore(t, b.Name, backup.RestoreOptions{Replace: "shop"})
	expectKind(t, err, lakeward.KindConflict)
	if got := h.ask(t, "SELECT concat(count(*), (SELECT count(*) FROM b)) FROM a"); got != "21" {
		t.Errorf("a and b have %s rows, want 2 and 1", got)
	}
}

func TestTheListOfBackups(t *testing.T) {
	t.Parallel()
	h := open(t)
	_, err := h.place.List(t.Context())
	expectKind(t, err, lakeward.KindNotFound)
	h.sql(t, "CREATE TABLE a (id integer)")
	made := h.make(t, backup.SQL)
	for _, name := range []string{"kasal.db", "notes.txt", "older-20200102T030405Z.sql"} {
		if err := h.lake.Workspace.WriteFile(t.Context(), h.place.Volume, name, strings.NewReader("x"), false); err != nil {
			t.Fatal(err)
		}
	}
	list, err := h.place.List(t.Context())
	if err != nil || len(list) != 3 {
		t.Fatalf("listed %+v: %v", list, err)
	}
	oldest := list[2]
	if oldest.Name != "older-20200102T030405Z.sql" || oldest.Instance != "older" || oldest.Format != backup.SQL || oldest.Complete ||
		!oldest.Created.Equal(time.Date(2020, 1, 2, 3, 4, 5, 0, time.UTC)) || oldest.Size != 1 {
		t.Errorf("the oldest is %+v", oldest)
	}
	i := slices.IndexFunc(list, func(b backup.Backup) bool { return b.Name == made.Name })
	if i < 0 || !list[i].Complete || list[i].Size != made.Size || !list[i].Created.Equal(made.Created) || list[i].Instance != "shop" {
		t.Errorf("listed %+v, want %+v among them", list, made)
	}
}

func TestADamagedBackupIsNotRestored(t *testing.T) {
	t.Parallel()
	h := open(t)
	h.sql(t, "CREATE TABLE a (id integer)")
	b := h.make(t, backup.SQL)
	h.sql(t, "DROP TABLE a")
	content, _, err := h.lake.Workspace.ReadFile(t.Context(), h.place.Volume, b.Name)
	if err != nil {
		t.Fatal(err)
	}
	defer content.Close()
	text, err := io.ReadAll(content)
	if err != nil {
		t.Fatal(err)
	}
	text[len(text)/2] ^= 1
	if err := h.lake.Workspace.WriteFile(t.Context(), h.place.Volume, b.Name, bytes.NewReader(text), true); err != nil {
		t.Fatal(err)
	}
	_, err = h.restore(t, b.Name, backup.RestoreOptions{})
	if err == nil || !strings.Contains(err.Error(), "is damaged") || lakeward.HintOf(err) == "" {
		t.Errorf("a changed bit: %v", err)
	}
	if n := h.ask(t, "SELECT count(*)::text FROM pg_tables WHERE schemaname = 'public'"); n != "0" {
		t.Errorf("%s tables were restored", n)
	}
	for _, name := range []string{"", "../x.db", "a/b.db", "x.txt", "..", b.Name + ".manifest.json"} {
		_, err := h.restore(t, name, backup.RestoreOptions{})
		expectKind(t, err, lakeward.KindInvalid)
	}
	_, err = h.restore(t, "none.db", backup.RestoreOptions{})
	expectKind(t, err, lakeward.KindNotFound)
}

func TestAScript(t *testing.T) {
	t.Parallel()
	h := open(t)
	put := func(name, text string) {
		t.Helper()
		if err := h.place.Workspace.MakeVolume(t.Context(), h.place.Volume); err != nil {
			t.Fatal(err)
		}
		if err := h.place.Workspace.WriteFile(t.Context(), h.place.Volume, name, strings.NewReader(text), true); err != nil {
			t.Fatal(err)
		}
	}
	put("a.sql", "--\n-- a dump\n--\n\n\\restrict abc123\n\nSET client_encoding = 'UTF8';\nCREATE TABLE a (note text);\n"+
		"COPY a (note) FROM stdin;\n\\restrict looksLikeIt\n\\\\restrict abc\n"+strings.Repeat("long", 50_000)+"\n\\.\n\n\\unrestrict abc123\n\n")
	var warned []string
	r, err := h.restore(t, "a.sql", backup.RestoreOptions{Progress: func(e lakeward.Event) {
		if e.Type == lakeward.EventWarning {
			warned = append(warned, e.Message)
		}
	}})
	if err != nil || r.Tables != 1 || len(warned) != 1 || !strings.Contains(warned[0], "no manifest") {
		t.Fatalf("restored %+v, warnings %v: %v", r, warned, err)
	}
	got := h.ask(t, `SELECT string_agg(left(note, 20), '|' ORDER BY note COLLATE "C") FROM a`)
	if got != "\restrict looksLikeIt|\\restrict abc|longlonglonglonglong" {
		t.Errorf("its rows are %q", got)
	}
	_, err = h.restore(t, "a.sql", backup.RestoreOptions{})
	expectKind(t, err, lakeward.KindConflict)
	_, err = h.restore(t, "a.sql", backup.RestoreOptions{Replace: "shop"})
	expectKind(t, err, lakeward.KindUnsupported)

	// Programs of this machine are not the script's to run.
	trap := filepath.Join(t.TempDir(), "trap")
	for i, line := range []string{
		"\\! touch " + trap, "SELECT 1 \\g |touch " + trap, "\\restrict a\n\\unrestrict a\n\\! touch " + trap,
		"\\unrestrict a\n\\! touch " + trap, "\\o |touch " + trap, "SELECT 1;\n\\restrict a\n\\! touch " + trap,
	} {
		name := fmt.Sprintf("evil%d.sql", i)
		put(name, "CREATE TABLE evil (id integer);\n"+line+"\nSELECT 1;\n")
		_, err := h.restore(t, name, backup.RestoreOptions{})
		expectKind(t, err, lakeward.KindDenied)
		put(name, line+"\nCREATE TABLE evil (id integer);\n")
		_, err = h.restore(t, name, backup.RestoreOptions{})
		expectKind(t, err, lakeward.KindDenied)
	}
	if _, err := os.Stat(trap); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a script has run a program: %v", err)
	}
	if n := h.ask(t, "SELECT count(*)::text FROM pg_tables WHERE tablename = 'evil'"); n != "0" {
		t.Error("a script that was refused has left something")
	}
}

// TestNoTokenIsAnArgument is not parallel: it puts programs in the way.
func TestNoTokenIsAnArgument(t *testing.T) {
	h := open(t)
	h.sql(t, "CREATE TABLE a (id integer)")
	tools, err := pgtool.Find(t.Context(), 15)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	seen := filepath.Join(dir, "seen")
	for _, program := range []string{"pg_dump", "pg_restore"} {
		script := "#!/bin/sh\nprintf '%s\\n' \"$@\" >> " + seen + "\necho \"has:${PGPASSWORD:+password}\" >> " + seen +
			"\nexec " + filepath.Join(tools.Dir, program) + " \"$@\"\n"
		if err := os.WriteFile(filepath.Join(dir, program), []byte(script), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("LAKEWARD_PG_BIN", dir)
	b := h.make(t, backup.SQL)
	if _, err := h.restore(t, b.Name, backup.RestoreOptions{Replace: "shop"}); err != nil {
		t.Fatal(failure(err))
	}
	text, err := os.ReadFile(seen)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(text), "has:password") || !strings.Contains(string(text), "sslmode=verify-full") {
		t.Errorf("the programs were called so that they could not log in: %s", text)
	}
	if strings.Contains(string(text), "eyJ") || strings.Contains(string(text), h.lake.Token.Reveal()) {
		t.Errorf("a token was an argument: %s", text)
	}
}

// garbling changes a bit of what is read from a volume.
type garbling struct{ http.RoundTripper }

func (g garbling) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := g.RoundTripper.RoundTrip(r)
	if err != nil || r.Method != http.MethodGet || !strings.HasSuffix(r.URL.Path, ".dump") {
		return resp, err
	}
	text, err := io.ReadAll(resp.Body)
	if err != nil || len(text) == 0 {
		return resp, err
	}
	text[0] ^= 1
	resp.Body = io.NopCloser(bytes.NewReader(text))
	return resp, nil
}

// TestABackupThatDidNotArriveIsNone is not parallel: it changes the transport of the program.
func TestABackupThatDidNotArriveIsNone(t *testing.T) {
	usual := http.DefaultTransport
	http.DefaultTransport = garbling{usual}
	defer func() { http.DefaultTransport = usual }()
	h := open(t)
	h.sql(t, "CREATE TABLE a (id integer)")
	_, _, err := h.place.Create(t.Context(), h.shop, backup.CreateOptions{Format: backup.SQL, Dir: t.TempDir()})
	if err == nil || !strings.Contains(err.Error(), "is damaged") {
		t.Errorf("%v, want that it is damaged", err)
	}
	if list, err := h.place.List(t.Context()); err != nil || len(list) != 0 {
		t.Errorf("listed %+v: %v", list, err)
	}
}
