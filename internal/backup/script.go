package backup

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"

	"github.com/lakeward/lakeward"
	"github.com/lakeward/lakeward/internal/pgtool"
)

// runScript runs a script that pg_dump, or somebody else, has written, in one transaction.
//
// psql has commands that run programs on this machine, and whoever may write to the volume must not. The script runs in
// psql's restricted mode, under a key that the script cannot know; the lines with which newer versions of pg_dump ask for
// that mode themselves are taken out.
func (p Place) runScript(ctx context.Context, in Instance, file string, o RestoreOptions) (tables int, err error) {
	if o.Replace != "" {
		return 0, lakeward.Errorf(lakeward.KindUnsupported, "drop the tables first, or restore a .dump or .db file",
			"a script says itself what it replaces")
	}
	l, conn, err := p.login(ctx, in)
	if err != nil {
		return 0, err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	const count = "SELECT count(*) FROM pg_class WHERE relkind IN ('r', 'p') AND relpersistence = 'p' AND oid >= 16384"
	var before, after int
	if err := conn.QueryRow(ctx, count).Scan(&before); err != nil {
		return 0, fmt.Errorf("count the tables of the instance: %w", err)
	}
	script := file + ".restricted"
	if err := rewrite(file, script); err != nil {
		return 0, fmt.Errorf("read script: %w", err)
	}
	phase(o.Progress, "restore", "run the script in one transaction")
	err = l.tools.Run(ctx, pgtool.Command{
		Program: "psql", Password: l.password.Reveal(),
		Args: []string{
			"--no-psqlrc", "--quiet", "--no-password", "--single-transaction", "--set=ON_ERROR_STOP=1", "--dbname=" + l.address,
			`--command=\restrict ` + rand.Text(), "--file=" + script,
		},
	})
	switch {
	case err == nil:
	case strings.Contains(err.Error(), `invalid command \restrict`):
		return 0, lakeward.Errorf(lakeward.KindUnsupported, "update PostgreSQL's client programs, or restore a .dump or .db file",
			"psql %d of this machine cannot run a script without trusting it", l.tools.Major)
	case strings.Contains(err.Error(), "backslash commands are restricted"), strings.Contains(err.Error(), `\unrestrict: wrong key`):
		return 0, lakeward.Errorf(lakeward.KindDenied, "take it out, or run the script with psql yourself if you trust it",
			"the script has a command of psql in it: %w", err)
	default:
		return 0, explainRestore(ctx, in.Name, err)
	}
	if err := conn.QueryRow(ctx, count).Scan(&after); err != nil {
		return 0, fmt.Errorf("count the tables of the instance: %w", err)
	}
	return max(0, after-before), nil
}

var restriction = regexp.MustCompile(`^\\(un)?restrict [A-Za-z0-9]+$`)

func rewrite(from, to string) error {
	r, err := os.Open(from)
	if err != nil {
		return err
	}
	defer r.Close()
	w, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	return errors.Join(unrestrict(w, r), w.Close())
}

// unrestrict copies a script without the two lines with which one of pg_dump begins and ends its own restricted mode: the
// first before any statement, the other one at the very end.
func unrestrict(w io.Writer, r io.Reader) error {
	lines := bufio.NewReaderSize(r, 64<<10)
	begins, head := true, true // of a line; before any statement
	var held []byte            // may be the end
	for {
		part, err := lines.ReadSlice('\n') // of a line that is longer, what fits
		if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, bufio.ErrBufferFull) {
			return err
		}
		text := bytes.TrimSpace(part)
		if len(text) > 0 && held != nil {
			if _, err := w.Write(held); err != nil {
				return err
			}
			held = nil
		}
		switch {
		case begins && head && bytes.HasPrefix(text, []byte(`\restrict`)) && restriction.Match(text):
			head, part = false, nil
		case begins && bytes.HasPrefix(text, []byte(`\unrestrict`)) && restriction.Match(text):
			held, part = bytes.Clone(part), nil
		case len(text) > 0 && !bytes.HasPrefix(text, []byte("--")):
			head = false
		}
		if _, err := w.Write(part); err != nil {
			return err
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		begins = err == nil
	}
}
