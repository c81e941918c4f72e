package pgproc_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/lakeward/lakeward/internal/pgproc"
)

// archived returns a server that keeps its log.
func archived(t *testing.T) (pgproc.Config, *pgproc.Server) {
	t.Helper()
	c := config(t)
	c.Temporary = true
	c = initialize(t, c)
	c.Archive = filepath.Join(filepath.Dir(c.Dir), "it's 100% kept")
	return c, start(t, c)
}

func TestRecoveryToAMoment(t *testing.T) {
	t.Parallel()
	c, s := archived(t)
	exec(t, s, "CREATE TABLE t (n int)")
	base := filepath.Join(filepath.Dir(c.Dir), "base")
	info, err := s.LiveCopy(t.Context(), base, nil)
	if err != nil {
		t.Fatal(err)
	}
	type point struct {
		time time.Time
		lsn  pgproc.LSN
	}
	var points []point
	for n := range 4 {
		exec(t, s, fmt.Sprintf("INSERT INTO t VALUES (%d)", n))
		var p point
		if err := connect(t, s).QueryRow(t.Context(), "SELECT clock_timestamp(), pg_current_wal_insert_lsn()::text").Scan(
			&p.time, &p.lsn); err != nil {
			t.Fatal(err)
		}
		points = append(points, p)
	}
	// A position in front of a COMMIT is one at which the transaction is not there.
	tx, err := connect(t, s).Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var undecided pgproc.LSN
	if err := tx.QueryRow(t.Context(), "INSERT INTO t VALUES (9) RETURNING pg_current_wal_insert_lsn()::text").Scan(&undecided); err != nil {
		t.Fatal(err)
	}
	if err := tx.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	quiet := time.Now() // nothing is committed from here on
	if points[0].lsn <= info.End || info.Bytes == 0 || info.Taken.After(points[0].time) {
		t.Errorf("the copy is %+v, the first moment %+v", info, points[0])
	}
	if _, err := s.Mark(t.Context()); err != nil {
		t.Fatal(err)
	}
	for n, p := range points[1:2] {
		n++
		for _, target := range []pgproc.Target{{Time: p.time}, {LSN: p.lsn}} {
			past := c
			past.Dir = filepath.Join(filepath.Dir(c.Dir), "past "+target.String()[:3], fmt.Sprint(n))
			past.Archive = filepath.Join(past.Dir + " log")
			if err := pgproc.UseCopy(t.Context(), base, past, nil); err != nil {
				t.Fatal(err)
			}
			end, err := pgproc.Recover(t.Context(), past, c.Archive, target)
			if err != nil {
				t.Fatal(err)
			}
			if end < p.lsn || n+1 < len(points) && end > points[n+1].lsn {
				t.Errorf("%s is at %s, not between %s and the next", target, end, p.lsn)
			}
			branch := start(t, past)
			if got := query(t, branch, "SELECT count(*)::text FROM t"); got != fmt.Sprint(n+1) {
				t.Errorf("%s: %s rows, want %d", target, got, n+1)
			}
			exec(t, branch, "INSERT INTO t VALUES (0)")
			if _, err := branch.Mark(t.Context()); err != nil {
				t.Error(err)
			}
		}
	}
	for want, target := range map[string]pgproc.Target{"4": {LSN: undecided}, "5": {Time: quiet}} {
		if got := query(t, past(t, c, base, "past "+want, target), "SELECT count(*)::text FROM t"); got != want {
			t.Errorf("%s: %s rows, want %s", target, got, want)
		}
	}
	late := c
	late.Dir = filepath.Join(filepath.Dir(c.Dir), "late")
	if err := pgproc.UseCopy(t.Context(), base, late, nil); err != nil {
		t.Fatal(err)
	}
	_, err = pgproc.Recover(t.Context(), late, c.Archive, pgproc.Target{Time: time.Now().Add(time.Hour)})
	if !errors.Is(err, pgproc.ErrBeyond) {
		t.Errorf("the future: %v", err)
	}
	if _, err := os.Stat(filepath.Join(base, "backup_label")); err != nil {
		t.Errorf("the copy was used up: %v", err)
	}
}

// past makes a server with what the archive of c has of the target.
func past(t *testing.T, c pgproc.Config, base, name string, target pgproc.Target) *pgproc.Server {
	t.Helper()
	p := c
	p.Dir, p.Archive, p.Primary, p.Name = filepath.Join(filepath.Dir(c.Dir), name), "", "", ""
	if err := pgproc.UseCopy(t.Context(), base, p, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := pgproc.Recover(t.Context(), p, c.Archive, target); err != nil {
		t.Fatal(err)
	}
	return start(t, p)
}

// TestArchiveSurvivesKills kills the server again and again while it fills segments and archives them. What the archive
// has in the end is whole, and makes every row that was committed.
func TestArchiveSurvivesKills(t *testing.T) {
	t.Parallel()
	c := config(t)
	c.Temporary = true
	c = initialize(t, c)
	c.Archive = filepath.Join(filepath.Dir(c.Dir), "archive")
	base := filepath.Join(filepath.Dir(c.Dir), "base")
	c.Settings["synchronous_commit"] = "on"
	s := start(t, c)
	exec(t, s, "CREATE TABLE t (n int)")
	if _, err := s.LiveCopy(t.Context(), base, nil); err != nil {
		t.Fatal(err)
	}
	rows := 0
	for range 4 {
		conn := connect(t, s)
		for range 5 {
			if _, err := conn.Exec(t.Context(), "INSERT INTO t VALUES ($1)", rows); err != nil {
				t.Fatal(err)
			}
			rows++
			if _, err := conn.Exec(t.Context(), "SELECT pg_switch_wal()"); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.Kill(t.Context()); err != nil {
			t.Fatal(err)
		}
		s = start(t, c)
	}
	if _, err := s.Mark(t.Context()); err != nil {
		t.Fatal(err)
	}
	files, err := os.ReadDir(c.Archive)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		info, err := f.Info()
		if _, ok := pgproc.SegmentStart(f.Name()); err != nil || ok && info.Size() != pgproc.SegmentSize {
			t.Errorf("%s has %d bytes, %v", f.Name(), info.Size(), err)
		}
	}
	if got := query(t, past(t, c, base, "past", pgproc.Target{}), "SELECT count(*)::text FROM t"); got != fmt.Sprint(rows) {
		t.Errorf("%s rows in the archive, %d were committed", got, rows)
	}
}

// TestArchiveTakesAFileTwice: a segment that comes once more is no trouble when it is the same one, also when it has been
// compressed; another one of that name is refused and changes nothing.
func TestArchiveTakesAFileTwice(t *testing.T) {
	t.Parallel()
	c, s := archived(t)
	conn := connect(t, s)
	var name string
	if err := conn.QueryRow(t.Context(), "SELECT pg_walfile_name(pg_current_wal_insert_lsn())").Scan(&name); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Mark(t.Context()); err != nil {
		t.Fatal(err)
	}
	again := func() { // what PostgreSQL does not know to be archived, it archives
		t.Helper()
		status := filepath.Join(c.Dir, "pg_wal", "archive_status", name)
		until(t, s, "SELECT count(*)::text FROM pg_stat_archiver WHERE last_archived_wal >= '"+name+"'", "1")
		if err := os.Rename(status+".done", status+".ready"); err != nil {
			t.Fatal(err)
		}
		if _, err := conn.Exec(t.Context(), "SELECT pg_stat_reset_shared('archiver')"); err != nil {
			t.Fatal(err)
		}
		write(t, conn)
	}
	file := filepath.Join(c.Archive, name)
	before, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	again()
	until(t, s, "SELECT (archived_count > 1)::text || failed_count::text FROM pg_stat_archiver", "true0")
	if err := pgproc.Compress(file); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(file); !os.IsNotExist(err) {
		t.Errorf("beside its compressed form, the segment is still there: %v", err)
	}
	again()
	until(t, s, "SELECT (archived_count > 1)::text || failed_count::text FROM pg_stat_archiver", "true0")
	if _, err := os.Stat(file); !os.IsNotExist(err) {
		t.Errorf("the segment was archived again: %v", err)
	}
	if err := os.WriteFile(file, bytes.Repeat([]byte("x"), len(before)), 0o600); err != nil {
		t.Fatal(err)
	}
	again()
	until(t, s, "SELECT (failed_count > 0)::text FROM pg_stat_archiver", "true")
	if after, err := os.ReadFile(file); err != nil || after[0] != 'x' {
		t.Errorf("the other segment was overwritten: %v", err)
	}
	if _, err := s.Mark(t.Context()); err == nil {
		t.Error("a log that cannot be archived is taken for archived")
	}
}

// write fills a segment of the log.
func write(t *testing.T, conn *pgx.Conn) {
	t.Helper()
	for _, sql := range []string{"SELECT pg_logical_emit_message(false, '', '')", "SELECT pg_switch_wal()"} {
		if _, err := conn.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
}

// TestPastAcrossAFailOver: the archive leads to moments before and after the fork of a history, and not to what only the
// old primary wrote.
func TestPastAcrossAFailOver(t *testing.T) {
	t.Parallel()
	c := config(t)
	c.Temporary = true
	c = initialize(t, c)
	folder := filepath.Dir(c.Dir)
	c.Archive = filepath.Join(folder, "archive")
	link := filepath.Join(folder, "primary")
	if err := os.Symlink("data", link); err != nil {
		t.Fatal(err)
	}
	first := start(t, c)
	exec(t, first, "CREATE TABLE t (v text)")
	base := filepath.Join(folder, "base")
	if _, err := first.LiveCopy(t.Context(), base, nil); err != nil {
		t.Fatal(err)
	}
	follow := c
	follow.Dir, follow.Primary, follow.Name = filepath.Join(folder, "second"), link, "second"
	if err := first.BaseCopy(t.Context(), follow); err != nil {
		t.Fatal(err)
	}
	second := start(t, follow)
	exec(t, first, "INSERT INTO t VALUES ('early')")
	early := time.Now()
	until(t, second, "SELECT count(*)::text FROM t", "1")
	if err := second.Kill(t.Context()); err != nil {
		t.Fatal(err)
	}
	exec(t, first, "INSERT INTO t VALUES ('lost')")
	if _, err := first.Mark(t.Context()); err != nil { // it lives on for a while, and archives
		t.Fatal(err)
	}
	if err := first.Kill(t.Context()); err != nil {
		t.Fatal(err)
	}
	second = start(t, follow)
	if err := second.Promote(t.Context()); err != nil {
		t.Fatal(err)
	}
	exec(t, second, "INSERT INTO t VALUES ('late')")
	late := time.Now()
	exec(t, second, "INSERT INTO t VALUES ('last')")
	if _, err := second.Mark(t.Context()); err != nil {
		t.Fatal(err)
	}
	const all = "SELECT string_agg(v, ' ' ORDER BY v) FROM t"
	if got := query(t, past(t, c, base, "before", pgproc.Target{Time: early}), all); got != "early" {
		t.Errorf("before the fail-over: %q", got)
	}
	if got := query(t, past(t, c, base, "after", pgproc.Target{Time: late}), all); got != "early late" {
		t.Errorf("after the fail-over: %q", got)
	}
}
