package api

import (
	"context"
	"database/sql"
	"errors"
	"math"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/jackc/pgx/v5"

	"github.com/lakeward/lakeward"
	"github.com/lakeward/lakeward/migrate"
)

// DatabaseInfo tells of the database that the application uses at this moment.
type DatabaseInfo struct {
	Success          bool             `json:"success" doc:"Whether the database could be looked at"`
	DatabaseType     string           `json:"database_type" example:"lakebase"`
	DatabasePath     string           `json:"database_path" example:"shop/databricks_postgres" doc:"Instance and database, the file, or the address without a password"`
	SizeMB           float64          `json:"size_mb" example:"41.5"`
	CreatedAt        *time.Time       `json:"created_at,omitempty"`
	ModifiedAt       *time.Time       `json:"modified_at,omitempty" doc:"Of a file"`
	Tables           map[string]int64 `json:"tables" example:"{\"orders\":4800}" doc:"Rows by table; -1 where counting took too long"`
	TotalTables      int              `json:"total_tables" example:"1"`
	MemoryBackends   []string         `json:"memory_backends" nullable:"false" doc:"Always empty: Lakeward has none"`
	LakebaseEnabled  bool             `json:"lakebase_enabled"`
	LakebaseInstance string           `json:"lakebase_instance" example:"shop"`
	LakebaseEndpoint string           `json:"lakebase_endpoint" example:"ep-shop.database.us-east-1.cloud.databricks.com"`
	ConnectionError  string           `json:"connection_error,omitempty" doc:"Why it could not be looked at. Nothing else is looked at in its place"`
	Hint             string           `json:"hint,omitempty"`
}

// info registers the guide's look at the database.
func (s *server) info(a huma.API) {
	answer(s, a, route("guide-info", http.MethodGet, management+"/info", "Tell of the database that the application uses", tagGuide),
		func(ctx context.Context, _ *struct{}) (DatabaseInfo, error) {
			l, err := s.Settings.Load(ctx)
			out := DatabaseInfo{
				DatabaseType: l.DatabaseType.Text, LakebaseEnabled: l.On(), LakebaseInstance: l.Instance.Text,
				LakebaseEndpoint: l.Endpoint.Text, Tables: map[string]int64{}, MemoryBackends: []string{},
			}
			switch {
			case err != nil:
			case l.On():
				err = s.infoOfInstance(ctx, l.Instance.Text, &out)
			default:
				out.DatabasePath = l.Source.String()
				err = s.infoOfSource(ctx, &out)
			}
			out.TotalTables, out.SizeMB = len(out.Tables), math.Round(out.SizeMB*100)/100
			if out.Success = err == nil; err != nil {
				out.ConnectionError, out.Hint = err.Error(), lakeward.HintOf(err)
			}
			return out, nil
		})
}

const megabyte = 1 << 20

// infoOfInstance looks at an instance.
func (s *server) infoOfInstance(ctx context.Context, name string, out *DatabaseInfo) error {
	c, err := s.connect(name)
	if err != nil {
		return err
	}
	i, err := c.Instance(ctx)
	if err != nil {
		return err
	}
	out.LakebaseEndpoint, out.DatabasePath = i.Host, i.Name+"/"+i.Database
	if !i.Created.IsZero() {
		out.CreatedAt = &i.Created
	}
	return s.on(ctx, name, func(c *pgx.Conn) error { return infoOfPostgres(ctx, c, out) })
}

// infoOfSource looks at the database that the application has as long as Lakebase is switched off.
func (s *server) infoOfSource(ctx context.Context, out *DatabaseInfo) error {
	source, err := s.Settings.Source(ctx)
	switch {
	case err != nil:
		return err
	case source == "":
		return lakeward.Errorf(lakeward.KindInvalid, "save the configuration with a source, or switch Lakebase on",
			"nothing says which database the application uses")
	case !strings.Contains(source, "://"):
		return infoOfFile(ctx, source, out)
	}
	c, err := migrate.DSN(source).Connect(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = c.Close(ctx) }()
	return infoOfPostgres(ctx, c, out)
}

func infoOfPostgres(ctx context.Context, c *pgx.Conn, out *DatabaseInfo) error {
	var bytes int64
	if err := c.QueryRow(ctx, `select pg_catalog.pg_database_size(pg_catalog.current_database())`).Scan(&bytes); err != nil {
		return err
	}
	out.SizeMB = float64(bytes) / megabyte
	var t Tables
	if err := list(ctx, c, &t); err != nil {
		return err
	}
	if err := count(ctx, c, t.Tables); err != nil {
		return err
	}
	for _, table := range t.Tables {
		name := table.Table
		if table.Schema != "public" {
			name = table.Schema + "." + table.Table
		}
		out.Tables[name] = table.RowCount
	}
	return nil
}

// infoOfFile looks at a SQLite file, which is opened read-only.
func infoOfFile(ctx context.Context, path string, out *DatabaseInfo) (err error) {
	info, err := os.Stat(path)
	if err != nil {
		return lakeward.Errorf(lakeward.KindNotFound, "check the source in the configuration", "look at the database: %w", err)
	}
	out.SizeMB, out.ModifiedAt = float64(info.Size())/megabyte, new(info.ModTime().UTC())
	if err := migrate.CheckSource(ctx, path); err != nil {
		return err
	}
	file := url.URL{Scheme: "file", OmitHost: true, Path: path, RawQuery: "mode=ro"}
	db, err := sql.Open("sqlite", file.String())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	ctx, cancel := context.WithTimeout(ctx, countFor)
	defer cancel()
	return countFile(ctx, db, out.Tables)
}

// countFile counts rows as far as the time allows; -1 stands for a table that took too long.
func countFile(ctx context.Context, db *sql.DB, tables map[string]int64) error {
	rows, err := db.QueryContext(ctx, `SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite\_%' ESCAPE '\' ORDER BY name`)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			return err
		}
		tables[name] = -1
	}
	if err := rows.Err(); err != nil {
		return err
	}
	for name := range tables {
		var n int64
		err := db.QueryRowContext(ctx, `SELECT count(*) FROM "`+strings.ReplaceAll(name, `"`, `""`)+`"`).Scan(&n)
		switch {
		case err == nil:
			tables[name] = n
		case ctx.Err() != nil:
			return nil
		}
	}
	return nil
}
