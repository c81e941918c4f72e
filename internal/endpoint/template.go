package endpoint

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"github.com/lakeward/lakeward"
	"github.com/lakeward/lakeward/internal/pgproc"
)

// An endpoint that is made from nothing is a copy of a template, in which everything is prepared but the owner's name. The
// copy bears a mark until it is the owner's and on the disk. One that still bears it when it is started has been given to
// nobody: it is made anew.

// heir is the owner in a template. Nobody is called that: names of identities have no spaces.
const heir = "owner to be"

// fresh is the mark, a file in the data folder.
const fresh = "lakeward.fresh"

// prepared reports whether dir is a data folder that may have been in use.
func prepared(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, fresh))
	return pgproc.Initialized(dir) && errors.Is(err, fs.ErrNotExist)
}

// fromTemplate makes the data folder of c.
func (e *Endpoint) fromTemplate(ctx context.Context, c pgproc.Config) error {
	t := pgproc.Template{Cache: e.options.Templates, Key: "lakebase-" + templateSum(), Make: makeTemplate}
	if err := t.Fill(ctx, c); err != nil {
		return err
	}
	return pgproc.WriteFile(c, fresh, "")
}

// templateSum stands for everything that shapes a template in this file's program.
func templateSum() string {
	const version = "1" // of makeTemplate
	return fmt.Sprintf("%.6x", sha256.Sum256([]byte(version+clusterSQL+templateSQL)))
}

// makeTemplate makes an empty PostgreSQL a Lakebase: system roles and functions, an owner, the owner's database. Its
// settings are its own: what an endpoint was given must not shape the template of all.
func makeTemplate(ctx context.Context, c pgproc.Config) error {
	c.Temporary = true // what is kept, or used, is brought to the disk as a whole
	if err := pgproc.Init(ctx, c); err != nil {
		return err
	}
	c.Temporary = false // to be shut down in good order
	c.Settings = map[string]string{"fsync": "off", "shared_buffers": "16MB", "max_connections": "20", "autovacuum": "off"}
	s, err := pgproc.Start(ctx, c)
	if err != nil {
		return err
	}
	return errors.Join(furnish(ctx, s), s.Stop(ctx))
}

func furnish(ctx context.Context, s *pgproc.Server) error {
	return on(ctx, s, "template1", func(conn *pgx.Conn) error {
		if err := bootstrap(ctx, conn); err != nil {
			return err
		}
		owner := Role{Name: heir, AuthMethod: AuthNone}
		if err := createRole(ctx, conn, owner); err != nil {
			return fmt.Errorf("create owner: %w", err)
		}
		return createDatabase(ctx, conn, Database{Name: lakeward.DefaultDatabase, Owner: owner.Name})
	})
}

// openFresh starts PostgreSQL in a copy of the template and makes it the owner's. Nobody gets it before what it consists of
// is safe on the disk, which goes on meanwhile.
func (e *Endpoint) openFresh(ctx context.Context) error {
	var syncing errgroup.Group
	if e.config.Settings["fsync"] != "off" {
		syncing.Go(func() error { return pgproc.Sync(e.config.Dir) })
	}
	if err := e.startPrimary(ctx); err != nil {
		return errors.Join(err, syncing.Wait())
	}
	err := e.admin(ctx, adminDatabase, e.inherit(ctx))
	if err = errors.Join(err, syncing.Wait()); err == nil {
		err = e.unmark()
	}
	if err != nil {
		return errors.Join(err, e.current().Stop(context.WithoutCancel(ctx)))
	}
	return nil
}

func (e *Endpoint) unmark() error {
	if err := os.Remove(filepath.Join(e.config.Dir, fresh)); err != nil {
		return err
	}
	return syncFolder(e.config.Dir)
}

// inherit gives the heir the name and the identity of the owner.
func (e *Endpoint) inherit(ctx context.Context) func(*pgx.Conn) error {
	return func(conn *pgx.Conn) error {
		owner := e.options.Owner
		owner.Superuser, owner.BypassRLS, owner.CreateDB, owner.CreateRole = true, true, true, true
		if err := checkName(owner.Name); err != nil {
			return err
		}
		err := executeOn(ctx, conn, fmt.Sprintf("role %q", owner.Name), "ALTER ROLE "+quote(heir)+" RENAME TO "+quote(owner.Name))
		if err != nil {
			return fmt.Errorf("create owner: %w", err)
		}
		return writeRole(ctx, conn, "ALTER", owner)
	}
}
