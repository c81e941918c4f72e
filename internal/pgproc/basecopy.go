package pgproc

import (
	"context"
	"fmt"
	"os"

	"github.com/lakeward/lakeward"
)

// BaseCopy copies the running server into the data folder of c, which must be missing or empty. The copy is a server of
// its own with the data of this moment, or, when c.Primary is set, a standby that goes on to follow the original.
func (s *Server) BaseCopy(ctx context.Context, c Config) error {
	as, err := c.prepare()
	if err != nil {
		return err
	}
	if _, err := os.Stat(c.Binaries.Path("pg_basebackup")); err != nil {
		return lakeward.Errorf(lakeward.KindNotFound, hintInstall, "copying needs pg_basebackup: %w", err)
	}
	original, err := os.Open(s.config.Dir)
	if err != nil {
		return fmt.Errorf("open %s: %w", s.config.Dir, err)
	}
	defer original.Close()
	args := []string{
		"--pgdata", c.Dir, "--dbname", conninfo(0, ""), "--checkpoint", "fast", "--wal-method", "stream", "--no-password",
	}
	if c.unsynced() {
		args = append(args, "--no-sync")
	}
	t := tool{binaries: c.Binaries, as: as, program: "pg_basebackup", args: args, dir: c.Dir, files: []*os.File{original}}
	if err := t.run(ctx); err != nil {
		return fmt.Errorf("copy %s: %w", s.config.Dir, err)
	}
	if c.Primary == "" {
		return nil
	}
	return c.markStandby(as)
}
