package pgproc

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

// appliedSettings is a file that postgresql.conf includes at its end: ALTER SYSTEM, the live settings and the command line
// win over it.
const appliedSettings = "lakeward.conf"

const includeApplied = "include_if_exists '" + appliedSettings + "'"

// Apply replaces the settings that follow the size of what the server runs on. Its processes take them over a moment later.
func (s *Server) Apply(settings map[string]string) error {
	as, err := serverAccount(s.config.Dir)
	if err != nil {
		return err
	}
	changed, err := writeApplied(as, s.config.Dir, settings)
	if err != nil || !changed {
		return err
	}
	if err := s.cmd.Process.Signal(syscall.SIGHUP); err != nil {
		return fmt.Errorf("reload the settings of PostgreSQL in %s: %w", s.config.Dir, err)
	}
	return nil
}

func writeApplied(as *account, dir string, settings map[string]string) (changed bool, err error) {
	conf := filepath.Join(dir, "postgresql.conf")
	main, err := os.ReadFile(conf)
	if err != nil {
		return false, explain(err, "", dir)
	}
	if !strings.Contains(string(main), includeApplied) {
		if err := replaceFile(as, conf, string(main)+"\n"+includeApplied+"\n"); err != nil {
			return false, err
		}
	}
	var text strings.Builder
	for _, name := range slices.Sorted(maps.Keys(settings)) {
		fmt.Fprintf(&text, "%s = '%s'\n", name, strings.ReplaceAll(settings[name], "'", "''"))
	}
	path := filepath.Join(dir, appliedSettings)
	if old, err := os.ReadFile(path); err == nil && string(old) == text.String() {
		return false, nil
	}
	return true, replaceFile(as, path, text.String())
}

// replaceFile writes a file of the data folder; a crash leaves the old one or the new one.
func replaceFile(as *account, path, text string) error {
	if err := as.writeFile(path+".new", text); err != nil {
		return err
	}
	return explained(os.Rename(path+".new", path), filepath.Dir(path))
}
