package standin

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/lakeward/lakeward/internal/endpoint"
)

// admit finishes a fresh branch and logs in as its owner, through the gate and with a token, as a client would.
func (l *Lakebase) admit(ctx context.Context, p *project, b *branch, c *compute, e *endpoint.Endpoint) error {
	if !c.ReadOnly && !b.Ready {
		err := e.CreateRole(ctx, endpoint.Role{
			Name: p.Owner, Identity: p.OwnerType,
			Superuser: true, BypassRLS: true, CreateDB: true, CreateRole: true,
		})
		if err != nil && !errors.Is(err, endpoint.ErrExists) { // a copy has the owner of what it is a copy of
			return fmt.Errorf("create owner: %w", err)
		}
	}
	if err := l.login(ctx, p, c, e); err != nil {
		return fmt.Errorf("log in as %s: %w", p.Owner, err)
	}
	if c.ReadOnly || b.Ready {
		return nil
	}
	fork, err := endpoint.Origin(e.Dir())
	if err != nil {
		return err
	}
	return l.store.update(func(s *state) error {
		if _, b := s.branchByName(p.branchName(b)); b != nil {
			b.Ready, b.Changed, b.Fork = true, now(), fork
		}
		return nil
	})
}

func (l *Lakebase) login(ctx context.Context, p *project, c *compute, e *endpoint.Endpoint) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	token, _, err := l.mint(p.Owner, []string{c.UID}, time.Minute)
	if err != nil {
		return err
	}
	config, err := pgx.ParseConfig("sslmode=disable dbname=" + loginDatabase) // everything else is set below
	if err != nil {
		return err
	}
	config.Host, config.Port = c.Host.String(), e.Addr().Port()
	config.User, config.Password = p.Owner, token
	config.TLSConfig = &tls.Config{RootCAs: l.roots, ServerName: c.Host.String(), MinVersion: tls.VersionTLS12}
	config.Fallbacks, config.ValidateConnect, config.RuntimeParams = nil, nil, nil // of the environment
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return err
	}
	return conn.Close(ctx)
}

// loginDatabase always exists: users can drop any other.
const loginDatabase = "postgres"
