package pgproc

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/lakeward/lakeward"
)

// explain turns an error of the operating system or the decisive line of PostgreSQL's output into an error that says
// what to do. PostgreSQL prints the system's error texts, so that both arrive here with the same words.
func explain(err error, line, dir string) error {
	if line != "" {
		err = errors.New(line)
	}
	switch text := err.Error(); {
	case errors.Is(err, syscall.ENOSPC), strings.Contains(text, "No space left on device"),
		errors.Is(err, syscall.EDQUOT), strings.Contains(text, "Disk quota exceeded"):
		return lakeward.Errorf(lakeward.KindUnavailable, "free space on the disk that holds "+dir+" and try again",
			"the disk is full: %w", err)
	case errors.Is(err, syscall.ENOTDIR):
		return lakeward.Errorf(lakeward.KindInvalid, "choose another folder with --dir or LAKEWARD_DIR",
			"folder %s cannot be made below a file: %w", dir, err)
	case errors.Is(err, syscall.EROFS), strings.Contains(text, "Read-only file system"):
		return lakeward.Errorf(lakeward.KindDenied, "choose a folder on another disk with --dir or LAKEWARD_DIR",
			"folder %s cannot be written: %w", dir, err)
	case errors.Is(err, fs.ErrPermission), strings.Contains(text, "Permission denied"),
		strings.Contains(text, "wrong ownership"):
		return lakeward.Errorf(lakeward.KindDenied,
			"run lakeward as the user who owns "+filepath.Dir(dir)+", or choose another folder with --dir or LAKEWARD_DIR",
			"folder %s cannot be used: %w", dir, err)
	}
	return fmt.Errorf("PostgreSQL in %s: %w", dir, err)
}

// Room returns an error when the disk has no room for the next piece of the write-ahead log, without which no server goes on.
func (s *Server) Room() error {
	var disk unix.Statfs_t
	if unix.Statfs(s.config.Dir, &disk) == nil && disk.Bavail*uint64(disk.Bsize) < SegmentSize {
		return explain(syscall.ENOSPC, "", s.config.Dir)
	}
	return nil
}

// Explain says why the server answers that it cannot serve, and what to do. PostgreSQL does not always tell of a full disk.
func (s *Server) Explain(err error) error {
	return errors.Join(s.Room(), explain(err, "", s.config.Dir))
}

// decisive picks from PostgreSQL's output the line that says why it gave up: a full disk, else the last FATAL or
// PANIC, else the last error, else the last line. The time stamp and process id in front are cut off.
func decisive(lines []string) string {
	for _, line := range lines {
		// PostgreSQL goes on to panic over its own attempt to clean up: the first trouble is the one to mend.
		if strings.Contains(line, "No space left on device") {
			_, text, _ := strings.Cut(line, ":  ")
			return strings.TrimSpace(cmp.Or(text, line))
		}
	}
	for _, mark := range []string{"PANIC:  ", "FATAL:  ", "error: ", "ERROR:  "} {
		for i := len(lines) - 1; i >= 0; i-- {
			// A login that was refused meanwhile is no reason.
			if _, text, ok := strings.Cut(lines[i], mark); ok && !strings.HasPrefix(text, "the database system is ") {
				return strings.TrimSpace(text)
			}
		}
	}
	if len(lines) == 0 {
		return ""
	}
	return strings.TrimSpace(lines[len(lines)-1])
}
