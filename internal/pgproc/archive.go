package pgproc

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/lakeward/lakeward"
)

// An archive is a folder that keeps the write-ahead log: a file for each segment and for each fork in its history. All
// servers that follow one another as the primary, and their standbys, put their files into the same one. The names never
// clash, because a promoted server begins a new timeline, and a file that two servers bring is the same: so the second
// one only compares. A segment that compression has replaced bears its name with the suffix .gz.
//
// PostgreSQL runs these commands itself, as its own user and without Lakeward. A file is copied under another name,
// brought to the disk and renamed: one that bears its name is whole, whenever a process was killed. The other name is of
// one try alone, because a copy may go on when the server that began it was killed; what is left over has ".part-" in it. The tails of segments
// that were closed early are zeros, which become holes. What fails, as on a full disk, is left to PostgreSQL to try again;
// it keeps the segment meanwhile.

// archiving returns the settings of a server that keeps its log in the archive. PostgreSQL up to 15 cuts a command off at
// 1023 bytes, so that it says each path once.
func (c *Config) archiving() map[string]string {
	sync := ` && sync "$t"`
	then := ` && sync "$d"`
	if c.Temporary || c.Settings["fsync"] == "off" {
		sync, then = "", ""
	}
	return map[string]string{
		"archive_mode": "always", // a standby, too: it may be the only one left
		"archive_command": "d=" + inShell(c.Archive) + `; p='%p'; a="$d/%f"; t="$a.part-$$"; ` +
			`if test -e "$a"; then cmp -s "$p" "$a"; ` +
			`elif test -e "$a.gz"; then gzip -dc "$a.gz" | cmp -s - "$p"; ` +
			`else (cp --sparse=always "$p" "$t" 2>/dev/null || cp "$p" "$t")` + sync + ` && mv -f "$t" "$a"` + then + `; fi`,
	}
}

// restoring returns the command that fetches a file from an archive.
func restoring(archive string) string {
	return "a=" + inShell(archive) + `/%f; if test -e "$a"; then cp "$a" '%p'; ` +
		`elif test -e "$a.gz"; then gzip -dc "$a.gz" >'%p'; else false; fi`
}

const compressed = ".gz"

// inShell quotes a path for the shell in a command of PostgreSQL's, which has a meaning of its own for the percent sign.
func inShell(path string) string {
	return "'" + strings.NewReplacer("'", `'\''`, "%", "%%").Replace(path) + "'"
}

// SegmentSize is the size of a file of the log: what initdb makes it.
const SegmentSize = 16 << 20

// segment is the number of the segment that a position lies in. Names of segments end with it.
func (l LSN) segment() uint64 { return uint64(l) / SegmentSize }

// SegmentName returns the file that has the position on a timeline.
func SegmentName(timeline uint32, l LSN) string {
	const perID = 1 << 32 / SegmentSize
	return fmt.Sprintf("%08X%08X%08X", timeline, l.segment()/perID, l.segment()%perID)
}

// SegmentStart returns where in the log the segment begins that a file of an archive holds, and false when the file is
// something else. The file may be compressed, or a segment's beginning that a fork left behind.
func SegmentStart(name string) (LSN, bool) {
	const digits = 24
	if len(name) < digits {
		return 0, false
	}
	var timeline, id, number uint32
	if _, err := fmt.Sscanf(name[:digits], "%08X%08X%08X", &timeline, &id, &number); err != nil {
		return 0, false
	}
	switch name[digits:] {
	case "", compressed, ".partial":
		return LSN(uint64(id)<<32 | uint64(number)*SegmentSize), true
	}
	return 0, false
}

// Mark brings the log as far as it goes now into the archive, with the record of a commit at its end: a recovery finds its
// target in front of that, however quiet the database is. It returns where the log ended.
func (s *Server) Mark(ctx context.Context) (at LSN, err error) {
	return at, s.admin(ctx, func(conn *pgx.Conn) error {
		var file string
		var began time.Time
		// A transaction that has a number of its own is recorded when it commits, though it changed nothing.
		err := conn.QueryRow(ctx, "SELECT clock_timestamp() FROM pg_current_xact_id()").Scan(&began)
		if err == nil {
			err = conn.QueryRow(ctx, "SELECT l::text, pg_walfile_name(l) FROM pg_switch_wal() l").Scan(&at, &file)
		}
		if err != nil {
			return fmt.Errorf("close a segment of the log: %w", err)
		}
		return s.awaitArchived(ctx, conn, file, began)
	})
}

// awaitArchived returns when a segment is in the archive, and gives up when PostgreSQL has failed to bring it there.
func (s *Server) awaitArchived(ctx context.Context, conn *pgx.Conn, file string, since time.Time) error {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for tries := 1; ; tries++ {
		for _, suffix := range []string{"", compressed} {
			if _, err := os.Stat(filepath.Join(s.config.Archive, file+suffix)); err == nil {
				return nil
			}
		}
		if tries%50 == 0 {
			var failed bool
			err := conn.QueryRow(ctx, "SELECT coalesce(last_failed_time > $1, false) FROM pg_stat_archiver", since).Scan(&failed)
			if err != nil || failed {
				return errors.Join(err, lakeward.Errorf(lakeward.KindUnavailable,
					"free space on its disk, or see "+s.config.Dir+logSuffix,
					"the write-ahead log cannot be brought to its archive %s", s.config.Archive))
			}
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("wait for %s in the archive: %w", file, context.Cause(ctx))
		}
	}
}
