package endpoint

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/lakeward/lakeward/internal/pgwire"
)

const codeCannotConnectNow = "57P03"

// authenticate lets a login pass when its password is a good token and its role is linked to an identity. A client
// cannot tell which of the two is wrong.
func (e *Endpoint) authenticate(ctx context.Context, l pgwire.Login) error {
	if err := e.options.Verify(ctx, l.User, l.Password); err != nil {
		if e.options.NativeLogin != nil && e.options.NativeLogin() {
			if fits, failure := e.passwordFits(ctx, l.User, l.Password); fits || failure != nil {
				return failure
			}
		}
		return fmt.Errorf("check token: %w", err)
	}
	identity, err := e.identity(ctx, l.User)
	switch {
	case err != nil:
		return &pgwire.Error{Code: codeCannotConnectNow, Message: "the database system is starting up", Err: err}
	case identity == "":
		return errors.New("role does not exist or is not linked to an identity")
	}
	return nil
}

// identity returns the kind of identity that a role is linked to, and "" for none.
func (e *Endpoint) identity(ctx context.Context, role string) (string, error) {
	const sql = `SELECT l.label FROM pg_catalog.pg_shseclabel l JOIN pg_catalog.pg_authid r ON r.oid = l.objoid
		WHERE l.classoid = 'pg_catalog.pg_authid'::regclass AND l.provider = 'databricks_auth' AND r.rolname = $1`
	var label string
	err := e.lookUp(ctx, func(conn *pgx.Conn) error {
		err := conn.QueryRow(ctx, sql, role).Scan(&label)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		return err
	})
	return identityIn(label, role), err
}
