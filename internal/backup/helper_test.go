package backup_test

import (
	"path/filepath"
	"testing"

	"github.com/jackc/pgx/v5"
	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"github.com/lakeward/lakeward"
	"github.com/lakeward/lakeward/databricks"
	"github.com/lakeward/lakeward/internal/backup"
	"github.com/lakeward/lakeward/lakewardtest"
	"github.com/lakeward/lakeward/migrate"
)

// house is a local Lakebase with an instance and a volume.
type house struct {
	lake  *lakewardtest.Lakebase
	shop  backup.Instance
	place backup.Place
}

func open(t *testing.T) house {
	t.Helper()
	lake := lakewardtest.Start(t)
	return house{
		lake: lake, shop: backup.Instance{Name: "shop", Connector: lake.Instance(t, "shop")},
		place: backup.Place{
			Workspace: lake.Workspace, Volume: databricks.Volume{Catalog: "main", Schema: "default", Name: "backups"},
		},
	}
}

// sql runs statements on the instance.
func (h house) sql(t *testing.T, statements ...string) {
	t.Helper()
	conn := h.connect(t)
	for _, s := range statements {
		if _, err := conn.Exec(t.Context(), s); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
}

// ask asks the instance for a text.
func (h house) ask(t *testing.T, query string) (text string) {
	t.Helper()
	if err := h.connect(t).QueryRow(t.Context(), query).Scan(&text); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return text
}

func (h house) connect(t *testing.T) *pgx.Conn {
	t.Helper()
	conn, err := h.shop.Connector.Connect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(t.Context()) })
	return conn
}

// wipe takes everything out of the instance.
func (h house) wipe(t *testing.T) {
	t.Helper()
	h.sql(t, `DO $$ DECLARE x record; BEGIN
		FOR x IN SELECT nspname FROM pg_namespace WHERE nspname !~ '^pg_|^information_schema$|^public$' LOOP
			EXECUTE format('DROP SCHEMA %I CASCADE', x.nspname);
		END LOOP;
		FOR x IN SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'v' LOOP
			EXECUTE format('DROP VIEW %I CASCADE', x.relname);
		END LOOP;
		FOR x IN SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' LOOP
			EXECUTE format('DROP TABLE %I CASCADE', x.relname);
		END LOOP;
	END $$`)
	if n := h.ask(t, "SELECT count(*)::text FROM pg_class WHERE oid >= 16384 AND relkind IN ('r', 'v')"); n != "0" {
		t.Fatalf("%s tables and views are left", n)
	}
}

// migrated fills the instance from a SQLite database, and returns its path.
func (h house) migrated(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "shop.db")
	conn, err := sqlite.OpenConn(path)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	err = sqlitex.ExecuteScript(conn, `
		CREATE TABLE customers (id INTEGER PRIMARY KEY, name TEXT NOT NULL, since DATETIME);
		CREATE TABLE orders (id INTEGER PRIMARY KEY AUTOINCREMENT, customer INTEGER REFERENCES customers, note TEXT, price REAL, pic BLOB);
		CREATE INDEX orders_customer ON orders (customer);
		INSERT INTO customers VALUES (1, 'Ann', '2024-01-01 10:00:00'), (2, 'Bob', NULL);
		INSERT INTO orders VALUES (1, 1, 'first', 1.5, x'00ff'), (2, 2, 'ü', 0.1, NULL), (9, 1, NULL, NULL, x'');`, nil)
	if err != nil {
		t.Fatal(err)
	}
	h.run(t, path, migrate.Options{})
	return path
}

func (h house) run(t *testing.T, path string, o migrate.Options) {
	t.Helper()
	o.WorkDir = t.TempDir()
	if _, err := migrate.Run(t.Context(), path, h.shop.Connector, o); err != nil {
		t.Fatal(err)
	}
}

// equal checks that the instance has what a SQLite database has.
func (h house) equal(t *testing.T, path string) {
	t.Helper()
	r, err := migrate.Verify(t.Context(), path, h.shop.Connector, migrate.Options{WorkDir: t.TempDir()})
	if err != nil || r.Outcome() != migrate.VerdictIdentical {
		t.Errorf("the instance is %s: %v", r.Outcome(), err)
	}
}

// make makes a backup.
func (h house) make(t *testing.T, format backup.Format) backup.Backup {
	t.Helper()
	b, _, err := h.place.Create(t.Context(), h.shop, backup.CreateOptions{Format: format, Dir: t.TempDir()})
	if err != nil {
		t.Fatal(failure(err))
	}
	return b
}

func (h house) restore(t *testing.T, name string, o backup.RestoreOptions) (backup.Restored, error) {
	t.Helper()
	o.Dir = t.TempDir()
	return h.place.Restore(t.Context(), name, h.shop, o)
}

func failure(err error) string { return err.Error() + "\n  → " + lakeward.HintOf(err) }

func expectKind(t *testing.T, err error, want lakeward.Kind) {
	t.Helper()
	if lakeward.KindOf(err) != want || lakeward.HintOf(err) == "" {
		t.Errorf("error %v of kind %s with hint %q, want kind %s", err, lakeward.KindOf(err), lakeward.HintOf(err), want)
	}
}
