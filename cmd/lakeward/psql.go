package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"
	"golang.org/x/sys/unix"

	"github.com/lakeward/lakeward"
	"github.com/lakeward/lakeward/internal/pgproc"
)

// psqlCmd takes everything after its name as it stands: the arguments are psql's.
type psqlCmd struct {
	Args []string `arg:"" name:"instance" help:"Name of the instance, then arguments for psql, such as -c 'SELECT 1'."`
}

// Run becomes psql: terminal, signals and exit code are its own.
func (c psqlCmd) Run(ctx context.Context, a *app, command *kong.Context) error {
	name, args := c.Args[0], c.Args[1:]
	switch {
	case name == "-h" || name == "--help":
		return command.PrintUsage(false)
	case strings.HasPrefix(name, "-"):
		return usagef("lakeward psql INSTANCE "+name+" …", "the instance comes before the arguments for psql")
	case len(args) > 0 && args[0] == "--":
		args = args[1:]
	}
	program, err := findPsql()
	if err != nil {
		return err
	}
	s, err := a.session(ctx, name)
	if err != nil {
		return err
	}
	if err := s.tryLogin(ctx); err != nil {
		return err
	}
	credential, err := s.workspace.Credential(ctx, s.instance)
	if err != nil {
		return err
	}
	passfile, err := openPassfile(credential)
	if err != nil {
		return err
	}
	env := s.environ(os.Environ(), credential.User, passfile)
	err = syscall.Exec(program, append([]string{"psql"}, args...), env)
	return fmt.Errorf("run %s: %w", program, err)
}

func findPsql() (string, error) {
	if path, err := exec.LookPath("psql"); err == nil {
		return path, nil
	}
	if b, err := pgproc.Find(); err == nil {
		if path, err := exec.LookPath(b.Path("psql")); err == nil {
			return path, nil
		}
	}
	return "", lakeward.Errorf(lakeward.KindNotFound, "install it (Debian, Ubuntu: sudo apt-get install postgresql-client)",
		"psql is not installed")
}

// tryLogin logs in once: what is wrong then is said better than psql can.
func (s session) tryLogin(ctx context.Context) error {
	conn, err := s.connector.Connect(ctx)
	if err != nil {
		return err
	}
	return conn.Close(ctx)
}

// environ is the environment that leads psql to the instance, without what might lead it elsewhere.
func (s session) environ(env []string, user, passfile string) []string {
	set := map[string]string{
		"PGHOST":     s.instance.Host,
		"PGPORT":     strconv.Itoa(s.config.PortNumber()),
		"PGUSER":     user,
		"PGDATABASE": cmp.Or(s.config.Database.Text, s.instance.Database, lakeward.DefaultDatabase),
		"PGPASSFILE": passfile,
	}
	set["PGSSLMODE"], set["PGSSLROOTCERT"] = libpqTLS(s.config.RootCAs.Text)
	drop := []string{"PGPASSWORD", "PGHOSTADDR", "PGSERVICE", "PGREQUIREAUTH", "PGCHANNELBINDING"}
	var out []string
	for _, kv := range env {
		name, _, _ := strings.Cut(kv, "=")
		if _, ours := set[name]; !ours && !slices.Contains(drop, name) {
			out = append(out, kv)
		}
	}
	for name, value := range set {
		if value != "" {
			out = append(out, name+"="+value)
		}
	}
	return out
}

// systemRoots are where distributions keep the certificate authorities. libpq knows the word "system" from version 16
// on only, and looks into ~/.postgresql otherwise.
var systemRoots = []string{"/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem"}

// libpqTLS returns the strictest sslmode that libpq can fulfil, and the file with the certificate authorities.
func libpqTLS(roots string) (mode, file string) {
	if roots != "" {
		return "verify-full", roots
	}
	for _, file := range systemRoots {
		if _, err := os.Stat(file); err == nil {
			return "verify-full", file
		}
	}
	return "require", ""
}

// openPassfile returns the path of a password file that only this process and what it becomes can open: the token
// stands in no argument, no environment and no file that has a name.
func openPassfile(c lakeward.Credential) (string, error) {
	file, err := os.CreateTemp("", "lakeward-*") // mode 0600, or libpq would not read it
	if err != nil {
		return "", fmt.Errorf("hand the token to psql: %w", err)
	}
	defer file.Close()
	if err := os.Remove(file.Name()); err != nil {
		return "", fmt.Errorf("hand the token to psql: %w", err)
	}
	escape := strings.NewReplacer(`\`, `\\`, `:`, `\:`)
	if _, err := fmt.Fprintf(file, "*:*:*:%s:%s\n", escape.Replace(c.User), escape.Replace(c.Token.Reveal())); err != nil {
		return "", fmt.Errorf("hand the token to psql: %w", err)
	}
	if _, err := file.Seek(0, io.SeekStart); err != nil { // the copy shares the offset
		return "", fmt.Errorf("hand the token to psql: %w", err)
	}
	fd, err := unix.Dup(int(file.Fd())) // unlike Go's own, it stays open across exec
	if err != nil {
		return "", fmt.Errorf("hand the token to psql: %w", err)
	}
	return fmt.Sprintf("/dev/fd/%d", fd), nil
}
