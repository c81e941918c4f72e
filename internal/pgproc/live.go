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

// liveSettings is where ALTER SYSTEM writes as well. Nobody but a real superuser may, and so the file is ours.
const liveSettings = "postgresql.auto.conf"

// writeLive writes the settings that can change while the server runs. A folder that was copied has the original's until
// then.
func (c *Config) writeLive(as *account) error {
	if c.Live == nil {
		return nil
	}
	var text strings.Builder
	for _, name := range slices.Sorted(maps.Keys(c.Live)) {
		fmt.Fprintf(&text, "%s = '%s'\n", name, strings.ReplaceAll(c.Live[name], "'", "''"))
	}
	path := filepath.Join(c.Dir, liveSettings)
	if old, err := os.ReadFile(path); err == nil && string(old) == text.String() {
		return nil
	}
	if err := as.writeFile(path+".new", text.String()); err != nil {
		return err
	}
	return explained(os.Rename(path+".new", path), c.Dir)
}

// Reload replaces the live settings. The server's processes take them over a moment later.
func (s *Server) Reload(live map[string]string) error {
	as, err := serverAccount(s.config.Dir)
	if err != nil {
		return err
	}
	c := s.config
	c.Live = live
	if err := c.writeLive(as); err != nil {
		return err
	}
	if err := s.cmd.Process.Signal(syscall.SIGHUP); err != nil {
		return fmt.Errorf("reload the settings of PostgreSQL in %s: %w", s.config.Dir, err)
	}
	return nil
}

// explained is explain for an error that may be nil.
func explained(err error, dir string) error {
	if err == nil {
		return nil
	}
	return explain(err, "", dir)
}
