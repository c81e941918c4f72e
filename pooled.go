package lakeward

import (
	"context"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// native is a workspace for a role with a password of PostgreSQL's own, which stands in the place of a token.
type native struct {
	Workspace
	user     string
	password Secret
}

// nativeLife is how long the Rotator keeps the password until it asks for it again.
const nativeLife = 24 * time.Hour

func (n native) Credential(context.Context, Instance) (Credential, error) {
	return Credential{User: n.user, Token: n.password, Expires: wallClock().Add(nativeLife)}, nil
}

// host chooses among the addresses of an instance.
func (c *Connector) host(i Instance) (string, error) {
	if err := c.opt.check(); err != nil {
		return "", err
	}
	var host string
	switch {
	case c.opt.Pooled && c.opt.ReadOnly:
		host = i.ReadOnlyPooledHost
	case c.opt.Pooled:
		host = i.PooledHost
	case c.opt.ReadOnly:
		host = i.ReadOnlyHost
	default:
		return i.Host, nil
	}
	switch {
	case host != "":
		return host, nil
	case c.opt.ReadOnly:
		return "", Errorf(KindInvalid, "give it two nodes or more, or connect to the primary", "instance %s has no readable secondaries", c.name)
	}
	return "", Errorf(KindInvalid, "connect without Pooled, or pool with: lakeward proxy "+c.name+" --mode transaction",
		"instance %s has no pooled host", c.name)
}

// check refuses options that contradict each other.
func (o ConnectOptions) check() error {
	switch {
	case (o.User == "") != (o.Password == ""):
		return Errorf(KindInvalid, "set both, or none to log in with tokens", "User and Password belong together")
	case o.Pooled && o.Password == "":
		return Errorf(KindUnsupported, "set User and Password of a role that has a password of PostgreSQL's own, or pool with: lakeward proxy --mode transaction",
			"the pooled hosts of Lakebase take no tokens")
	case o.Pooled && (o.Schema != "" || len(o.Settings) > 0):
		return Errorf(KindInvalid, "make them with ALTER ROLE … SET, or with SET LOCAL in each transaction",
			"settings do not stay with a connection to a pooled host")
	}
	return nil
}

// codeOf returns what a refusal is about, as PostgreSQL numbers it. PgBouncer has one number for all of its own, that of a
// violated protocol; its words tell them apart.
func codeOf(e *pgconn.PgError) string {
	if e.Code != "08P01" {
		return e.Code
	}
	for _, w := range []struct{ words, code string }{
		{"authentication failed", codeInvalidPassword},
		{"no such user", codeInvalidPassword},
		{"no such database", "3D000"},
		{"no more connections", "53300"},
		{"query_wait_timeout", "53300"},
		{"server login has been failing", "57P03"},
	} {
		if strings.Contains(e.Message, w.words) {
			return w.code
		}
	}
	return e.Code
}

// passwordHint says what a refused password needs.
func (c *Connector) passwordHint() string {
	if c.opt.Pooled {
		return "check User and Password: the pooler takes the password that the role has in PostgreSQL, and no tokens"
	}
	return "check User and Password, and that the instance lets roles log in with passwords of PostgreSQL's own"
}
