package backup

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/lakeward/lakeward"
	"github.com/lakeward/lakeward/internal/pgtool"
)

// login is what a program needs to reach an instance. The credential is new, and needed for as long as a login takes.
type login struct {
	tools    pgtool.Tools
	address  string
	password lakeward.Secret
	server   string // its version
}

// login finds the instance and programs that know its version. The session is for questions; the caller closes it.
func (p Place) login(ctx context.Context, in Instance) (_ login, conn *pgx.Conn, err error) {
	var l login
	if conn, err = in.Connector.Connect(ctx); err != nil {
		return l, nil, err
	}
	defer func() {
		if err != nil {
			conn.Close(context.WithoutCancel(ctx))
		}
	}()
	var number string
	err = conn.QueryRow(ctx, "SELECT current_setting('server_version_num'), current_setting('server_version')").Scan(&number, &l.server)
	if err != nil {
		return l, nil, fmt.Errorf("ask instance %s for its version: %w", in.Name, err)
	}
	n, err := strconv.Atoi(number)
	if err != nil {
		return l, nil, fmt.Errorf("read the version of instance %s: %w", in.Name, err)
	}
	if l.tools, err = pgtool.Find(ctx, n/10000); err != nil {
		return l, nil, err
	}
	instance, err := in.Connector.Instance(ctx)
	if err != nil {
		return l, nil, err
	}
	config, err := in.Connector.Config(ctx)
	if err != nil {
		return l, nil, err
	}
	credential, err := p.Workspace.Credential(ctx, instance)
	if err != nil {
		return l, nil, err
	}
	config.User = credential.User
	l.address, l.password = pgtool.Address(config), credential.Token
	return l, conn, nil
}

// ownSettings is what Lakeward keeps of a running server in the instance. It is not the application's.
const ownSettings = "lakeward.settings"

// dump writes an archive that a role without special rights can restore.
func (p Place) dump(ctx context.Context, in Instance, file string, b *Backup, progress lakeward.Progress) error {
	l, conn, err := p.login(ctx, in)
	if err != nil {
		return err
	}
	conn.Close(context.WithoutCancel(ctx))
	b.Server = l.server
	phase(progress, "dump", "write all schemas with pg_dump %d", l.tools.Major)
	args := []string{
		"--format=custom", "--no-owner", "--no-privileges", "--no-tablespaces", "--no-publications", "--no-subscriptions",
		"--encoding=UTF8", "--no-password", "--exclude-table=" + ownSettings, "--file=" + file, "--dbname=" + l.address,
	}
	err = l.tools.Run(ctx, pgtool.Command{
		Program: "pg_dump", Args: append(args, pgtool.ExcludeSchemas()...), Password: l.password.Reveal(),
	})
	if err != nil {
		return lakeward.Errorf(lakeward.KindInternal, "see what pg_dump says", "dump instance %s: %w", in.Name, err)
	}
	entries, err := contents(ctx, l.tools, file)
	if err != nil {
		return err
	}
	b.Tables = entries.tables()
	return nil
}

// entry is a line of an archive's table of contents.
type entry struct {
	line string
	what string // such as "TABLE public orders ann"
}

type toc []entry

var entryPattern = regexp.MustCompile(`^\d+; \d+ \d+ (.+)$`)

// contents reads what is in an archive, and so whether it is one.
func contents(ctx context.Context, tools pgtool.Tools, file string) (toc, error) {
	out, err := tools.Output(ctx, pgtool.Command{Program: "pg_restore", Args: []string{"--list", file}})
	if err != nil {
		return nil, lakeward.Errorf(lakeward.KindInvalid, "choose another backup", "read the archive: %w", err)
	}
	var all toc
	for line := range strings.SplitSeq(string(out), "\n") {
		if m := entryPattern.FindStringSubmatch(strings.TrimSpace(line)); m != nil {
			all = append(all, entry{line, m[1]})
		}
	}
	return all, nil
}

// has reports whether there is an entry of a kind for something in a schema.
func (t toc) has(kind, schema, name string) bool {
	flat := strings.NewReplacer("\n", " ", "\r", " ")
	prefix := kind + " " + flat.Replace(schema) + " " + flat.Replace(name) + " "
	return slices.ContainsFunc(t, func(e entry) bool { return strings.HasPrefix(e.what, prefix) })
}

// tables counts the tables that are not Lakeward's.
func (t toc) tables() (n int) {
	for _, e := range t {
		if strings.HasPrefix(e.what, "TABLE ") && !strings.HasPrefix(e.what, "TABLE DATA ") && !strings.HasPrefix(e.what, "TABLE lakeward ") {
			n++
		}
	}
	return n
}

// kinds are those of pg_class as pg_restore writes them.
var kinds = map[string]string{
	"r": "TABLE", "p": "TABLE", "v": "VIEW", "m": "MATERIALIZED VIEW", "S": "SEQUENCE", "f": "FOREIGN TABLE",
}

// standing lists what the instance has of what the archive brings: relations as schema.name, and whether Lakeward's own
// records are among them.
func (t toc) standing(ctx context.Context, conn *pgx.Conn) (names []string, records bool, err error) {
	rows, err := conn.Query(ctx, `
		SELECT n.nspname::text, c.relname::text, c.relkind::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
		WHERE c.relkind IN ('r', 'p', 'v', 'm', 'S', 'f') AND n.nspname NOT LIKE 'pg\_%' AND n.nspname <> 'information_schema'
		ORDER BY 1, 2`)
	if err != nil {
		return nil, false, fmt.Errorf("look what is in the instance: %w", err)
	}
	var schema, name, kind string
	_, err = pgx.ForEachRow(rows, []any{&schema, &name, &kind}, func() error {
		if !t.has(kinds[kind], schema, name) {
			return nil
		}
		if schema == "lakeward" {
			records = true
		} else {
			names = append(names, schema+"."+name)
		}
		return nil
	})
	if err != nil {
		return nil, false, fmt.Errorf("look what is in the instance: %w", err)
	}
	return names, records, nil
}

// restored leaves out what the instance has and no archive may replace: its schemas and extensions, and what only a
// superuser may create. With keepRecords the records of migrations stay those of the instance.
func (t toc) restored(ctx context.Context, conn *pgx.Conn, keepRecords bool) (toc, error) {
	existing, err := names(ctx, conn, `
		SELECT 'SCHEMA - ' || nspname || ' ' FROM pg_namespace UNION ALL SELECT 'EXTENSION - ' || extname || ' ' FROM pg_extension`)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(slices.Clone(t), func(e entry) bool {
		switch {
		case strings.HasPrefix(e.what, "COMMENT - EXTENSION "), strings.HasPrefix(e.what, "COMMENT - SCHEMA "),
			strings.HasPrefix(e.what, "EVENT TRIGGER "):
			return true
		case keepRecords && ofRecords.MatchString(e.what):
			return true
		}
		return slices.ContainsFunc(existing, func(x string) bool { return strings.HasPrefix(e.what+" ", x) })
	}), nil
}

// ofRecords matches what is in Lakeward's own schema.
var ofRecords = regexp.MustCompile(`^(TABLE|TABLE DATA|SEQUENCE|SEQUENCE SET|SEQUENCE OWNED BY|DEFAULT|CONSTRAINT|FK CONSTRAINT|` +
	`CHECK CONSTRAINT|INDEX|TRIGGER|FUNCTION|TYPE|VIEW|COMMENT) lakeward `)

func names(ctx context.Context, conn *pgx.Conn, query string) ([]string, error) {
	rows, err := conn.Query(ctx, query)
	if err != nil {
		return nil, fmt.Errorf("look what is in the instance: %w", err)
	}
	found, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, fmt.Errorf("look what is in the instance: %w", err)
	}
	return found, nil
}

// undump restores an archive in one transaction: all of it, or nothing.
func (p Place) undump(ctx context.Context, in Instance, file string, o RestoreOptions) (tables int, err error) {
	l, conn, err := p.login(ctx, in)
	if err != nil {
		return 0, err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	all, err := contents(ctx, l.tools, file)
	if err != nil {
		return 0, err
	}
	there, records, err := all.standing(ctx, conn)
	if err != nil {
		return 0, err
	}
	if len(there) > 0 && o.Replace == "" {
		return 0, alreadyThere(in.Name, there)
	}
	wanted, err := all.restored(ctx, conn, records && o.Replace == "")
	if err != nil {
		return 0, err
	}
	list := filepath.Join(filepath.Dir(file), "list")
	var text bytes.Buffer
	for _, e := range wanted {
		text.WriteString(e.line + "\n")
	}
	if err := os.WriteFile(list, text.Bytes(), 0o600); err != nil {
		return 0, fmt.Errorf("write the list of what is restored: %w", err)
	}
	phase(o.Progress, "restore", "restore %d tables in one transaction", wanted.tables())
	args := []string{
		"--single-transaction", "--exit-on-error", "--no-owner", "--no-privileges", "--no-tablespaces", "--no-password",
		"--use-list=" + list, "--dbname=" + l.address,
	}
	if o.Replace != "" {
		args = append(args, "--clean", "--if-exists")
	}
	err = l.tools.Run(ctx, pgtool.Command{Program: "pg_restore", Args: append(args, file), Password: l.password.Reveal()})
	if err != nil {
		return 0, explainRestore(ctx, in.Name, err)
	}
	return wanted.tables(), nil
}

// alreadyThere refuses to write over tables.
func alreadyThere(instance string, tables []string) error {
	shown := strings.Join(tables[:min(3, len(tables))], ", ")
	if more := len(tables) - 3; more > 0 {
		shown += fmt.Sprintf(" and %d more", more)
	}
	return lakeward.Errorf(lakeward.KindConflict, "to replace them, type the instance's name: --replace "+instance,
		"instance %s already has %s", instance, shown)
}

// explainRestore says that nothing has changed.
func explainRestore(ctx context.Context, instance string, err error) error {
	if cause := context.Cause(ctx); cause != nil && errors.Is(err, cause) {
		return err
	}
	kind := lakeward.KindInternal
	if strings.Contains(err.Error(), "already exists") || strings.Contains(err.Error(), "cannot drop") {
		kind = lakeward.KindConflict
	}
	return lakeward.Errorf(kind, "the instance is as it was; see what the message names", "restore into instance %s: %w", instance, err)
}
