package migrate

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	osexec "os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/lakeward/lakeward"
)

// pgTools is a folder with pg_dump and pg_restore.
type pgTools struct {
	dir   string
	major int
}

// findPgTools returns the newest pg_dump of the machine that can read a server of a major version.
func findPgTools(ctx context.Context, major int) (pgTools, error) {
	dirs := pgToolFolders()
	best := pgTools{}
	for _, dir := range dirs {
		version, err := pgToolVersion(ctx, filepath.Join(dir, "pg_dump"))
		if err != nil {
			continue
		}
		if best.dir == "" || best.major < major && version > best.major {
			best = pgTools{dir, version}
		}
	}
	install := fmt.Sprintf("install PostgreSQL's client programs of version %d (Debian, Ubuntu: sudo apt-get install "+
		"postgresql-client-%[1]d), or set LAKEWARD_PG_BIN to their folder", major)
	switch {
	case best.dir == "":
		return best, lakeward.Errorf(lakeward.KindNotFound, install, "pg_dump is not installed")
	case best.major < major:
		return best, lakeward.Errorf(lakeward.KindUnsupported, install,
			"pg_dump %d in %s cannot read PostgreSQL %d", best.major, best.dir, major)
	}
	return best, nil
}

// pgToolFolders lists where pg_dump may be, best first. Debian's pg_dump in PATH is a script that chooses a version by
// its own rules, so that a folder with the programs themselves comes before it.
func pgToolFolders() []string {
	if dir := os.Getenv("LAKEWARD_PG_BIN"); dir != "" {
		return []string{dir}
	}
	folders, _ := filepath.Glob("/usr/lib/postgresql/*/bin") // the pattern is well-formed, there is no other error
	version := func(dir string) int {
		n, _ := strconv.Atoi(filepath.Base(filepath.Dir(dir))) // a folder that is not a number sorts last
		return n
	}
	slices.SortFunc(folders, func(a, b string) int { return cmp.Compare(version(b), version(a)) })
	if path, err := osexec.LookPath("pg_dump"); err == nil {
		folders = append(folders, filepath.Dir(path))
	}
	return folders
}

var pgToolVersionPattern = regexp.MustCompile(`\(PostgreSQL\) (\d+)`)

func pgToolVersion(ctx context.Context, path string) (int, error) {
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return 0, err
	}
	out, err := osexec.CommandContext(ctx, path, "--version").Output()
	if err != nil {
		return 0, err
	}
	m := pgToolVersionPattern.FindSubmatch(out)
	if m == nil {
		return 0, fmt.Errorf("read the version of %s: %q", path, out)
	}
	return strconv.Atoi(string(m[1]))
}

// dumpSchema returns the source's schema as two scripts: what must stand before rows are loaded, and what comes after.
func (t pgTools) dumpSchema(ctx context.Context, s *pgSnapshot) (before, after string, err error) {
	config := s.conn.Config()
	args := []string{
		"--format=custom", "--schema-only", "--no-owner", "--no-tablespaces", "--encoding=UTF8", "--no-password",
		"--snapshot=" + s.id, "--dbname=" + pgToolAddress(config), "--exclude-schema=" + stagePrefix + "*",
	}
	for _, schema := range pgProviderSchemas {
		args = append(args, "--exclude-schema="+quoteName(schema))
	}
	archive, err := t.run(ctx, "pg_dump", nil, config.Password, args...)
	if err != nil {
		return "", "", err
	}
	restore := func(section string) (string, error) {
		script, err := t.run(ctx, "pg_restore", archive, "", "--no-owner", "--no-tablespaces", "--file=-", "--section="+section)
		return string(script), err
	}
	if before, err = restore("pre-data"); err != nil {
		return "", "", err
	}
	after, err = restore("post-data")
	return before, after, err
}

// pgToolAddress is the address of a session for libpq. The password is not part of it: arguments are for all to read.
func pgToolAddress(config *pgx.ConnConfig) string {
	query := url.Values{}
	given, err := url.Parse(config.ConnString())
	if err == nil {
		query = given.Query()
	}
	query.Del("password")
	query.Set("host", config.Host)
	query.Set("port", strconv.Itoa(int(config.Port)))
	query.Set("user", config.User)
	query.Set("application_name", "lakeward")
	for name := range query {
		if strings.HasPrefix(name, "pool_") || name == "default_query_exec_mode" || name == "statement_cache_capacity" ||
			name == "description_cache_capacity" {
			query.Del(name)
		}
	}
	u := url.URL{Scheme: "postgresql", Path: "/" + config.Database, RawQuery: query.Encode()}
	u.RawQuery = strings.ReplaceAll(u.RawQuery, "+", "%20") // libpq reads a plus as one
	return u.String()
}

// run runs a program to its end and returns what it wrote.
func (t pgTools) run(ctx context.Context, program string, stdin []byte, password string, args ...string) ([]byte, error) {
	cmd := osexec.CommandContext(ctx, filepath.Join(t.dir, program), args...)
	cmd.Env = pgToolEnvironment(password)
	cmd.Stdin = bytes.NewReader(stdin)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = closeTimeout
	var out, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &stderr
	started := time.Now()
	err := cmd.Run()
	if cause := context.Cause(ctx); cause != nil {
		return nil, cause
	}
	if err != nil {
		message := strings.TrimSpace(stderr.String())
		return nil, fmt.Errorf("run %s for %s: %w: %s", program, time.Since(started).Round(time.Second), err, lastLine(message))
	}
	return out.Bytes(), nil
}

// lastLine returns the line of a program's errors that says most.
func lastLine(s string) string {
	for line := range strings.SplitSeq(s, "\n") {
		if strings.Contains(line, "error:") {
			return line
		}
	}
	return s[strings.LastIndexByte(s, '\n')+1:]
}

// pgToolEnvironment is the environment of a program, with the messages in English and the password where only its user
// can read it. Variables such as PGSSLROOTCERT stay.
func pgToolEnvironment(password string) []string {
	env := slices.DeleteFunc(os.Environ(), func(v string) bool {
		return strings.HasPrefix(v, "PGPASSWORD=") || strings.HasPrefix(v, "LC_ALL=") || strings.HasPrefix(v, "PGOPTIONS=")
	})
	env = append(env, "LC_ALL=C")
	if password != "" {
		env = append(env, "PGPASSWORD="+password)
	}
	return env
}

// pgProviderSchemas belong to the platform that a database lives on, and mean nothing on another.
var pgProviderSchemas = []string{
	"__db_system", "neon", "neon_control_plane", "rdsadmin", "google_vacuum_mgmt", "aiven_extras", "azure_maintenance",
}
