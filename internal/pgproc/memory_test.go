package pgproc_test

import (
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/lakeward/lakeward/internal/pgproc"
)

// TestKilledServersLeaveNoSharedMemory kills servers that hold some in each of the ways that there are.
func TestKilledServersLeaveNoSharedMemory(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(*pgproc.Server) error{
		"killed": func(s *pgproc.Server) error { return s.Kill(t.Context()) },
		"killed without its folder": func(s *pgproc.Server) error {
			if err := os.RemoveAll(s.Dir()); err != nil {
				return err
			}
			return s.Kill(t.Context())
		},
		"killed by somebody, and its folder removed": func(s *pgproc.Server) error {
			if err := syscall.Kill(s.PID(), syscall.SIGKILL); err != nil {
				return err
			}
			<-s.Done()
			return pgproc.Remove(t.Context(), s.Dir())
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := start(t, initialize(t, config(t)))
			query(t, s, "SELECT 'statistics are in shared memory'")
			files, ids := mappedSegments(t, s.Dir()), segmentsOf(t, s.PID())
			if len(files) < 2 || len(ids) != 1 {
				t.Fatalf("the server holds %v, and of System V %v", files, ids)
			}
			if err := end(s); err != nil {
				t.Fatal(err)
			}
			files = slices.DeleteFunc(files, func(path string) bool { _, err := os.Stat(path); return os.IsNotExist(err) })
			if left := segments(t); len(files) > 0 || left[ids[0]] != nil {
				t.Errorf("left are %v, and of System V %v", files, left[ids[0]])
			}
		})
	}
}

// mappedSegments are the files of shared memory that the processes of a folder use.
func mappedSegments(t *testing.T, dir string) (files []string) {
	t.Helper()
	for _, pid := range running(t, dir) {
		maps, _ := os.ReadFile("/proc/" + pid + "/maps") // it may have ended
		files = append(files, regexp.MustCompile(`/dev/shm/PostgreSQL\.\d+`).FindAllString(string(maps), -1)...)
	}
	slices.Sort(files)
	return slices.Compact(files)
}

// segmentsOf are the ids of the System V segments that a running server has made.
func segmentsOf(t *testing.T, pid int) (ids []string) {
	t.Helper()
	for id, about := range segments(t) {
		if about["cpid"] == strconv.Itoa(pid) && about["nattch"] != "0" { // another one of that number may have left some
			ids = append(ids, id)
		}
	}
	return ids
}

// segments are the System V segments of the machine by their ids, as the kernel describes them.
func segments(t *testing.T) map[string]map[string]string {
	t.Helper()
	text, err := os.ReadFile("/proc/sysvipc/shm")
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	names, all := strings.Fields(lines[0]), map[string]map[string]string{}
	for _, line := range lines[1:] {
		about := map[string]string{}
		for i, value := range strings.Fields(line) {
			about[names[i]] = value
		}
		all[about["shmid"]] = about
	}
	return all
}
