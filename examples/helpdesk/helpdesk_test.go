package helpdesk_test

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"github.com/lakeward/lakeward/examples/helpdesk"
)

func create(t *testing.T, o helpdesk.Options) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "helpdesk.db")
	if err := helpdesk.Create(t.Context(), path, o); err != nil {
		t.Fatal(err)
	}
	return path
}

// rows returns what a query yields, every value as text.
func rows(t *testing.T, path, query string) [][]string {
	t.Helper()
	conn, err := sqlite.OpenConn(path, sqlite.OpenReadOnly)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	var all [][]string
	err = sqlitex.Execute(conn, query, &sqlitex.ExecOptions{ResultFunc: func(stmt *sqlite.Stmt) error {
		var row []string
		for i := range stmt.ColumnCount() {
			row = append(row, stmt.ColumnText(i))
		}
		all = append(all, row)
		return nil
	}})
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return all
}

func TestTheSameSeedMakesTheSameFile(t *testing.T) {
	t.Parallel()
	read := func(seed uint64) []byte {
		b, err := os.ReadFile(create(t, helpdesk.Options{Scale: 0.05, Seed: seed}))
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	first := read(1)
	if !bytes.Equal(first, read(1)) {
		t.Error("two files of one seed differ")
	}
	if bytes.Equal(first, read(2)) {
		t.Error("two seeds made the same file")
	}
}

// What the documentation promises must be in the file at every scale: the demo counts on it.
func TestItsTroublesAreKnown(t *testing.T) {
	t.Parallel()
	for name, o := range map[string]helpdesk.Options{
		"smallest": {Scale: 0.001}, "another seed": {Scale: 0.05, Seed: 99},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := create(t, o)
			for query, want := range map[string][][]string{
				`PRAGMA integrity_check`: {{"ok"}},
				`SELECT "table", parent, count(*) FROM pragma_foreign_key_check GROUP BY 1, 2 ORDER BY 1`: {
					{"messages", "tickets", "12"}, {"ticket_tags", "tickets", "5"},
				},
				`SELECT id, minutes_spent FROM messages WHERE typeof(minutes_spent) NOT IN ('integer', 'null')`:    {{"101", "25 min"}},
				`SELECT count(*) FROM attachments WHERE message_id = 101`:                                          nil,
				`SELECT seq - (SELECT max(id) FROM messages) FROM sqlite_sequence WHERE name = 'messages'`:         {{"25"}},
				`SELECT count(*) > 0 FROM open_tickets`:                                                            {{"1"}},
				`SELECT count(*) > 0, sum(tickets) > 0 FROM agent_load`:                                            {{"1", "1"}},
				`SELECT count(*) FROM tickets WHERE julianday(opened_at) IS NULL OR json_valid(custom_fields) = 0`: {{"0"}},
				`SELECT count(*) FROM organizations o JOIN users u ON u.id = o.primary_contact_id
				  WHERE u.organization_id <> o.id`: {{"0"}},
			} {
				if want == nil {
					want = [][]string{{"0"}}
				}
				if diff := cmp.Diff(want, rows(t, path, query)); diff != "" {
					t.Errorf("%s (-want +got):\n%s", query, diff)
				}
			}
		})
	}
	if helpdesk.OrphanMessages != 12 || helpdesk.OrphanTags != 5 || helpdesk.MisfitKey != 101 || helpdesk.DeletedMessages != 25 {
		t.Error("the constants do not say what the queries expect")
	}
}

func TestTheDefaultIsOfAnHonestSize(t *testing.T) {
	t.Parallel()
	path := create(t, helpdesk.Options{})
	total, tables := 0, rows(t, path, `SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'`)
	for _, table := range tables {
		n, err := strconv.Atoi(rows(t, path, `SELECT count(*) FROM `+table[0])[0][0])
		if err != nil || n == 0 {
			t.Errorf("%s has %d rows, %v", table[0], n, err)
		}
		total += n
	}
	if len(tables) < 14 || total < 40_000 || total > 80_000 {
		t.Errorf("%d rows in %d tables", total, len(tables))
	}
	spellings := rows(t, path, `SELECT count(DISTINCT length(opened_at) || (opened_at LIKE '%T%') || (opened_at LIKE '%Z')) FROM tickets`)
	if diff := cmp.Diff([][]string{{"4"}}, spellings); diff != "" {
		t.Errorf("spellings of a time in one column (-want +got):\n%s", diff)
	}
}

func TestAnExistingFileIsLeftAlone(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "mine.db")
	if err := os.WriteFile(path, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := helpdesk.Create(t.Context(), path, helpdesk.Options{}); !errors.Is(err, fs.ErrExist) {
		t.Errorf("Create returned %v", err)
	}
	if b, err := os.ReadFile(path); err != nil || string(b) != "precious" {
		t.Errorf("the file holds %q, %v", b, err)
	}
}

func TestAnInterruptedRunLeavesNothing(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	dir := t.TempDir()
	if err := helpdesk.Create(ctx, filepath.Join(dir, "helpdesk.db"), helpdesk.Options{}); err == nil {
		t.Error("Create did not notice")
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestAFolderThatIsMissingIsSaidOnce(t *testing.T) {
	t.Parallel()
	err := helpdesk.Create(t.Context(), filepath.Join(t.TempDir(), "nowhere", "helpdesk.db"), helpdesk.Options{})
	if err == nil || strings.Contains(err.Error(), "\n") {
		t.Errorf("error %q, want one line", err)
	}
}

func BenchmarkCreate(b *testing.B) {
	for b.Loop() {
		path := filepath.Join(b.TempDir(), "helpdesk.db")
		if err := helpdesk.Create(b.Context(), path, helpdesk.Options{}); err != nil {
			b.Fatal(err)
		}
	}
}
