package lakeward

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// Explain turns pgx's error of a login into an [Error] that says what to do. The Connector's own methods return such
// errors; pgx's come from a pool that has to make another connection, and from programs that use [Connector.Config]. Other
// errors stay as they are.
func (c *Connector) Explain(err error) error {
	if _, ok := errors.AsType[*pgconn.ConnectError](err); !ok {
		return err
	}
	return c.explain(err)
}

// explain is about an attempt to connect, whatever it says. It leaves pgx's ConnectError out of the chain, which holds the
// configuration with the token in it.
func (c *Connector) explain(err error) error {
	used, last := new(pgconn.Config), err
	if connecting, ok := errors.AsType[*pgconn.ConnectError](err); ok {
		used, last = connecting.Config, lastOf(errors.Unwrap(connecting))
	}
	if refusal, ok := errors.AsType[*pgconn.PgError](last); ok {
		return c.explainRefusal(refusal, used.User, used.Database)
	}
	if own, ok := errors.AsType[*Error](err); ok { // of the first attempt, which has asked the workspace
		return own
	}
	if errors.Is(last, context.Canceled) {
		return fmt.Errorf("connect to %s: %w", c.name, last)
	}
	c.forget()
	return Errorf(KindUnavailable, "lakeward doctor "+c.name, "connect to %s: %w", c.name, last).because(ReasonUnreachable)
}

// lastOf returns the last of joined errors: the outcome of the last attempt.
func lastOf(err error) error {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		if errs := joined.Unwrap(); len(errs) > 0 {
			return errs[len(errs)-1]
		}
	}
	return err
}

// explainRefusal is about a server that answered, and refused.
func (c *Connector) explainRefusal(e *pgconn.PgError, user, database string) error {
	kind, hint, reason := KindInternal, "", Reason("")
	switch codeOf(e) {
	case codeInvalidPassword, codeInvalidAuthorization:
		kind, hint, reason = KindUnauthenticated, roleHint(user), ReasonRoleMissing
		if c.opt.Password != "" {
			hint, reason = c.passwordHint(), ReasonPassword
		}
		if strings.Contains(e.Message, "pg_hba.conf") {
			kind, hint, reason = KindDenied, "the instance takes no connections of this kind, such as those of physical replication", ""
		}
	case "42501":
		kind, reason = KindDenied, ReasonGrantMissing
		hint = fmt.Sprintf("the owner of the database runs: GRANT CONNECT, CREATE ON DATABASE %s TO %s",
			quote(database), quote(user))
	case "3D000":
		kind, hint = KindNotFound, "create the database first, or use "+DefaultDatabase
	case "53300":
		kind, hint, reason = KindUnavailable, "use fewer connections or a larger capacity", ReasonFull
	case "57P03":
		kind, hint, reason = KindUnavailable, "it is starting; try again in a few seconds", ReasonAsleep
	}
	return Errorf(kind, hint, "%s refuses the login of %s: %w", c.name, user, e).because(reason)
}

// roleHint says what a refused login needs: PostgreSQL says the same for a wrong token and a missing role, and the
// token was minted a moment ago.
func roleHint(user string) string {
	kind := "SERVICE_PRINCIPAL"
	if strings.Contains(user, "@") {
		kind = "USER"
	}
	return fmt.Sprintf("the identity needs a role on the instance; its owner runs there: "+
		"SELECT databricks_create_role('%s', '%s')", strings.ReplaceAll(user, "'", "''"), kind)
}

func quote(name string) string { return pgx.Identifier{name}.Sanitize() }

// explainTLS is about a server that answered, and could not be trusted.
func explainTLS(host string, err error) error {
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); !ok {
		return Errorf(KindUnavailable, "check that nothing between here and there speaks for the server",
			"negotiate TLS with %s: %w", host, err)
	}
	hint := "check the clock and the certificate authorities of this machine"
	if _, ok := errors.AsType[x509.UnknownAuthorityError](err); ok {
		hint = "name the certificate authority's file in PGSSLROOTCERT; a local Lakebase has it at ca.pem in its folder"
	}
	return Errorf(KindInvalid, hint, "verify certificate of %s: %w", host, err)
}

// explainDialling makes errors before the first byte say what is wrong with the instance, on every path: pgx keeps
// them in its error's chain.
func (c *Connector) explainDialling(cfg *pgx.ConnConfig) {
	lookup, dial := cfg.LookupFunc, cfg.DialFunc
	cfg.LookupFunc = func(ctx context.Context, host string) ([]string, error) {
		addresses, err := lookup(ctx, host)
		if err != nil {
			return nil, c.unreachable(ctx, err)
		}
		return addresses, nil
	}
	cfg.DialFunc = func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := dial(ctx, network, address)
		if err != nil {
			return nil, c.unreachable(ctx, err)
		}
		return conn, nil
	}
}

// unreachable asks the workspace why the instance does not answer, and makes the next attempt look it up again.
func (c *Connector) unreachable(ctx context.Context, err error) error {
	if errors.Is(ctx.Err(), context.Canceled) {
		return err
	}
	if c.forget() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		if _, err := c.Instance(ctx); err != nil && HintOf(err) != "" {
			return err
		}
	}
	return Errorf(KindUnavailable, "check the network, then: lakeward doctor "+c.name, "reach %s: %w", c.name, err).because(ReasonUnreachable)
}
