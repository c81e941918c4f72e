package pgproc_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

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
	if points[0].lsn <= info.End || info.Bytes == 0 || info.Taken.After(points[0].time) {
		t.Errorf("the copy is %+v, the first moment %+v", info, points[0])
	}
	if _, err := s.Mark(t.Context()); err != nil {
		t.Fatal(err)
	}
	for n, p := range points[:2] {
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
