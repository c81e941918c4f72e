// Package pgtool finds and runs PostgreSQL's client programs: pg_dump, pg_restore, psql. What they are given as arguments
// is for everybody on the machine to read, so that passwords go through their environment.
package pgtool

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/lakeward/lakeward"
)

// Tools is a folder with the programs of one version.
type Tools struct {
	Dir   string
	Major int
}

// Find returns the newest programs of the machine, which must be able to read a server of a major version.
func Find(ctx context.Context, major int) (Tools, error) {
	best := Tools{}
	for _, dir := range folders() {
		version, err := version(ctx, filepath.Join(dir, "pg_dump"))
		if err != nil {
			continue
		}
		if best.Dir == "" || best.Major < major && version > best.Major {
			best = Tools{dir, version}
		}
	}
	install := fmt.Sprintf("install PostgreSQL's client programs of version %d (Debian, Ubuntu: sudo apt-get install "+
		"postgresql-client-%[1]d), or set LAKEWARD_PG_BIN to their folder", major)
	switch {
	case best.Dir == "":
		return best, lakeward.Errorf(lakeward.KindNotFound, install, "pg_dump is not installed")
	case best.Major < major:
		return best, lakeward.Errorf(lakeward.KindUnsupported, install,
			"pg_dump %d in %s cannot read PostgreSQL %d", best.Major, best.Dir, major)
	}
	return best, nil
}

// folders lists where pg_dump may be, best first. Debian's pg_dump in PATH is a script that chooses a version by its own
// rules, so that a folder with the programs themselves comes before it.
func folders() []string {
	if dir := os.Getenv("LAKEWARD_PG_BIN"); dir != "" {
		return []string{dir}
	}
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin") // the pattern is well-formed, there is no other error
	version := func(dir string) int {
		n, _ := strconv.Atoi(filepath.Base(filepath.Dir(dir))) // a folder that is not a number sorts last
		return n
	}
	slices.SortFunc(found, func(a, b string) int { return cmp.Compare(version(b), version(a)) })
	if path, err := exec.LookPath("pg_dump"); err == nil {
		found = append(found, filepath.Dir(path))
	}
	return found
}

var versionPattern = regexp.MustCompile(`\(PostgreSQL\) (\d+)`)

func version(ctx context.Context, path string) (int, error) {
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return 0, err
	}
	out, err := exec.CommandContext(ctx, path, "--version").Output()
	if err != nil {
		return 0, err
	}
	m := versionPattern.FindSubmatch(out)
	if m == nil {
		return 0, fmt.Errorf("read the version of %s: %q", path, out)
	}
	return strconv.Atoi(string(m[1]))
}

// Address is the address of a session for libpq, without the password.
func Address(config *pgx.ConnConfig) string {
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
	if query.Get("sslrootcert") == "system" {
		query.Set("sslrootcert", systemRoots())
	}
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

// systemRoots is where distributions keep the certificate authorities. libpq knows the word "system" from version 16 on
// only.
func systemRoots() string {
	for _, file := range []string{"/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem"} {
		if _, err := os.Stat(file); err == nil {
			return file
		}
	}
	return "system"
}

// Command is a run of a program.
type Command struct {
	Program  string
	Args     []string
	Password string    // for the server
	Stdin    io.Reader // nil is empty
	Stdout   io.Writer // nil discards
}

// stopPatience bounds how long a program may take to end that was interrupted.
const stopPatience = 10 * time.Second

// Run runs a program to its end. Its error has the line of what the program complains about that says most; when ctx is
// done the program is interrupted, and the error is the cause.
func (t Tools) Run(ctx context.Context, c Command) error {
	cmd := exec.CommandContext(ctx, filepath.Join(t.Dir, c.Program), c.Args...)
	cmd.Env = environment(c.Password)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = stopPatience
	defer endWithUs(cmd)()
	var stderr bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = c.Stdin, c.Stdout, &stderr
	started := time.Now()
	err := cmd.Run()
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	if err != nil {
		message := strings.TrimSpace(stderr.String())
		return fmt.Errorf("run %s for %s: %w: %s", c.Program, time.Since(started).Round(time.Second), err, decisive(message))
	}
	return nil
}

// Output is [Tools.Run] for a program whose output is wanted.
func (t Tools) Output(ctx context.Context, c Command) ([]byte, error) {
	var out bytes.Buffer
	c.Stdout = &out
	err := t.Run(ctx, c)
	return out.Bytes(), err
}

// decisive returns the line of a program's errors that says most.
func decisive(s string) string {
	for line := range strings.SplitSeq(s, "\n") {
		if strings.Contains(line, "error:") || strings.Contains(line, "ERROR:") {
			return line
		}
	}
	return s[strings.LastIndexByte(s, '\n')+1:]
}

// environment is the environment of a program, with the messages in English and the password where only its user can
// read it. Variables such as PGSSLROOTCERT stay.
func environment(password string) []string {
	env := slices.DeleteFunc(os.Environ(), func(v string) bool {
		return strings.HasPrefix(v, "PGPASSWORD=") || strings.HasPrefix(v, "LC_ALL=") || strings.HasPrefix(v, "PGOPTIONS=")
	})
	env = append(env, "LC_ALL=C")
	if password != "" {
		env = append(env, "PGPASSWORD="+password)
	}
	return env
}

// ProviderSchemas belong to the platform that a database lives on, and mean nothing on another.
var ProviderSchemas = []string{
	"__db_system", "neon", "neon_control_plane", "rdsadmin", "google_vacuum_mgmt", "aiven_extras", "azure_maintenance",
}

// StagePrefix begins the name of every schema in which a migration makes tables that are not yet proven.
const StagePrefix = "lakeward_stage_"

// ExcludeSchemas are the arguments with which pg_dump leaves out what is not the application's.
func ExcludeSchemas() []string {
	args := []string{"--exclude-schema=" + StagePrefix + "*"}
	for _, schema := range ProviderSchemas {
		args = append(args, "--exclude-schema="+pgx.Identifier{schema}.Sanitize())
	}
	return args
}
