package pgproc

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Target is the moment that a recovery ends at.
//
// By time, everything is there that was committed by then: whoever had the answer to a COMMIT by then finds it, and whoever
// sent the COMMIT later does not. Of transactions that were about to commit in that very microsecond, those are there that
// stand in the log before the first one with a later time. By position, everything is there of which the log's first LSN
// bytes tell; Time does not matter then. The zero Target is the end of what is in the archive.
type Target struct {
	Time time.Time
	LSN  LSN
}

func (t Target) String() string {
	switch {
	case t == Target{}:
		return "the end of the log"
	case t.LSN != 0:
		return "log position " + t.LSN.String()
	}
	return t.Time.UTC().Format(time.RFC3339Nano)
}

// settings say how far to go. PostgreSQL stops in front of the first record that begins at the position, or that tells of
// an end of a transaction later than the time.
func (t Target) settings() map[string]string {
	switch {
	case t == Target{}:
		return nil
	case t.LSN != 0:
		return map[string]string{"recovery_target_lsn": t.LSN.String(), "recovery_target_inclusive": "off"}
	}
	// PostgreSQL counts microseconds, and rounds: a later one must not slip in.
	at := t.Time.UTC().Truncate(time.Microsecond).Format("2006-01-02 15:04:05.000000+00")
	return map[string]string{"recovery_target_time": at, "recovery_target_inclusive": "on"}
}

// ErrBeyond means that the archive ends before the target of a recovery.
var ErrBeyond = errors.New("the archive of the log ends before that moment")

// Recover replays the log from an archive on the base copy in the folder of c until it has the data of the target, and
// leaves it stopped: a server of its own, on a timeline of its own. The log must have a record behind the target; see
// [Server.Mark]. Recover returns where in the original's log the data stand.
func Recover(ctx context.Context, c Config, archive string, t Target) (LSN, error) {
	as, err := c.prepare()
	if err != nil {
		return 0, err
	}
	if err := as.writeFile(filepath.Join(c.Dir, "recovery.signal"), ""); err != nil {
		return 0, err
	}
	r := c
	r.Archive, r.Primary = "", ""
	r.Settings = maps.Clone(c.Settings)
	if r.Settings == nil {
		r.Settings = map[string]string{}
	}
	maps.Copy(r.Settings, t.settings())
	maps.Copy(r.Settings, map[string]string{
		"restore_command": restoring(archive), "recovery_target_action": "promote",
		"hot_standby": "off", // a login is proof that the end was reached
		"fsync":       "off", // all is brought to the disk at once in the end
	})
	s, err := Start(ctx, r)
	if err != nil {
		if strings.Contains(err.Error(), "recovery ended before configured recovery target was reached") {
			err = ErrBeyond
		}
		return 0, fmt.Errorf("recover %s: %w", t, err)
	}
	end, err := forkOf(c.Dir)
	if err = errors.Join(err, s.Stop(ctx)); err != nil {
		return 0, fmt.Errorf("recover %s: %w", t, err)
	}
	_ = os.Remove(filepath.Join(c.Dir, "backup_label.old"))
	if c.Temporary || c.Settings["fsync"] == "off" {
		return end, nil
	}
	return end, Sync(c.Dir)
}

// forkOf returns where a promoted server left the log that it had replayed: the last line of its history says it.
func forkOf(dir string) (LSN, error) {
	histories, err := filepath.Glob(filepath.Join(dir, "pg_wal", "*.history"))
	if err != nil || len(histories) == 0 {
		return 0, errors.Join(err, errors.New("the server has no history of its timeline"))
	}
	text, err := os.ReadFile(slices.Max(histories))
	if err != nil {
		return 0, err
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	fields := strings.Fields(lines[len(lines)-1])
	if len(fields) < 2 {
		return 0, fmt.Errorf("the history of the timeline ends with %q", lines[len(lines)-1])
	}
	return ParseLSN(fields[1])
}
