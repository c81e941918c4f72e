package pgproc

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/lakeward/lakeward"
)

// Superuser is the name of every server's superuser. It is Lakebase's own, so that schema tools which look past
// Lakebase's objects look past these too.
const Superuser = "cloud_admin"

// Init makes a data folder: UTF-8, C.UTF-8, data checksums, one superuser who may log in only over the socket inside
// the folder. c.Dir must be missing or empty. A failed Init leaves no half-made folder behind.
func Init(ctx context.Context, c Config) error {
	as, err := c.prepare()
	if err != nil {
		return err
	}
	args := append([]string{"--pgdata", c.Dir}, initArgs...)
	if c.Temporary {
		args = append(args, "--no-sync")
	}
	if err := (tool{binaries: c.Binaries, as: as, program: "initdb", args: args, dir: c.Dir}).run(ctx); err != nil {
		return err
	}
	return as.writeFile(filepath.Join(c.Dir, "pg_hba.conf"), accessRules)
}

var initArgs = []string{
	"--username", Superuser, "--encoding", "UTF8", "--locale", "C.UTF-8",
	"--auth-local", "trust", "--auth-host", "reject", "--data-checksums", "--no-instructions",
}

// accessRules trust everybody who may enter the folder, but leave copies of the whole server, password hashes included,
// to the superuser: a role with REPLICATION is for logical replication.
const accessRules = `local all all trust
local replication ` + Superuser + ` trust
`

// WriteFile writes a file in the data folder of c, for the user that PostgreSQL runs as.
func WriteFile(c Config, name, text string) error {
	as, err := c.prepare()
	if err != nil {
		return err
	}
	return as.writeFile(filepath.Join(c.Dir, name), text)
}

// Initialized reports whether dir is a PostgreSQL data folder.
func Initialized(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, "PG_VERSION"))
	return err == nil
}

// prepare completes the configuration and makes its folder usable for the account that it returns.
func (c *Config) prepare() (*account, error) {
	dir, err := filepath.Abs(c.Dir)
	if err != nil {
		return nil, fmt.Errorf("find folder: %w", err)
	}
	c.Dir = dir
	if c.Archive != "" {
		if c.Archive, err = filepath.Abs(c.Archive); err != nil {
			return nil, fmt.Errorf("find folder: %w", err)
		}
	}
	if c.Binaries.Dir == "" {
		if c.Binaries, err = Find(); err != nil {
			return nil, err
		}
	}
	as, err := serverAccount(dir)
	if err != nil {
		return nil, err
	}
	return as, as.makeFolder(dir)
}

// unsynced reports whether the data may be lost with the machine.
func (c *Config) unsynced() bool { return c.Temporary || c.Settings["fsync"] == "off" }

// checkVersion refuses a data folder of another major version, which PostgreSQL does not convert by itself.
func (c *Config) checkVersion() error {
	text, err := os.ReadFile(filepath.Join(c.Dir, "PG_VERSION"))
	if os.IsNotExist(err) {
		return lakeward.Errorf(lakeward.KindNotFound, "", "folder %s holds no PostgreSQL data", c.Dir)
	}
	if err != nil {
		return explain(err, "", c.Dir)
	}
	if v := strings.TrimSpace(string(text)); v != fmt.Sprint(c.Binaries.Major) {
		return lakeward.Errorf(lakeward.KindUnsupported,
			fmt.Sprintf("install PostgreSQL %s, or set LAKEWARD_PG_BIN to its bin folder", v),
			"unsupported version: the data in %s is PostgreSQL %s's, the installed one is %s", c.Dir, v, c.Binaries.Version)
	}
	return nil
}
