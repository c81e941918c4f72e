package migrate

import (
	"bytes"
	"context"

	"github.com/lakeward/lakeward/internal/pgtool"
)

// dumpSchema returns the source's schema as two scripts: what must stand before rows are loaded, and what comes after.
func dumpSchema(ctx context.Context, t pgtool.Tools, s *pgSnapshot) (before, after string, err error) {
	config := s.conn.Config()
	args := []string{
		"--format=custom", "--schema-only", "--no-owner", "--no-tablespaces", "--encoding=UTF8", "--no-password",
		"--snapshot=" + s.id, "--dbname=" + pgtool.Address(config),
	}
	args = append(args, pgtool.ExcludeSchemas()...)
	archive, err := t.Output(ctx, pgtool.Command{Program: "pg_dump", Args: args, Password: config.Password})
	if err != nil {
		return "", "", err
	}
	restore := func(section string) (string, error) {
		script, err := t.Output(ctx, pgtool.Command{
			Program: "pg_restore", Args: []string{"--no-owner", "--no-tablespaces", "--file=-", "--section=" + section},
			Stdin: bytes.NewReader(archive),
		})
		return string(script), err
	}
	if before, err = restore("pre-data"); err != nil {
		return "", "", err
	}
	after, err = restore("post-data")
	return before, after, err
}
