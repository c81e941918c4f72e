package migrate

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/lakeward/lakeward"
	"github.com/lakeward/lakeward/internal/pgtool"
)

// longTransaction is how long a transaction of the source may be open before it is worth a word.
const longTransaction = "5 minutes"

// checkPostgres looks at a PostgreSQL source and its target before anything starts.
func checkPostgres(ctx context.Context, source, target Target, o Options) (*Preflight, error) {
	p := &Preflight{}
	snapshot, err := takePgSnapshot(ctx, source)
	if err != nil {
		if ctx.Err() == nil {
			p.fail("source", err)
			return p, nil
		}
		return p, err
	}
	defer snapshot.close(ctx)
	p.pass("source", "PostgreSQL %s, database %s as role %s", firstWord(snapshot.info.Server), snapshot.database, snapshot.user)
	c := &pgChecker{Preflight: p, source: snapshot, conn: snapshot.conn, long: longTransaction}
	if err := c.checkSource(ctx); err != nil {
		return p, err
	}
	schemas := c.schemas
	if len(schemas) == 0 {
		schemas = []string{"public"}
	}
	if _, ok := p.checkTarget(ctx, target, schemas); !ok {
		return p, nil
	}
	conn, err := session(ctx, target)
	if err != nil {
		return p, err
	}
	defer closeSession(ctx, conn)
	return p, c.checkBoth(ctx, conn, o)
}

// pgChecker checks a PostgreSQL source.
type pgChecker struct {
	*Preflight
	source  *pgSnapshot
	conn    *pgx.Conn
	schemas []string // that are migrated
	long    string
}

// checkSource asks everything that the source alone can answer.
func (c *pgChecker) checkSource(ctx context.Context) error {
	rows, err := c.conn.Query(ctx, `SELECT nspname::text FROM (`+pgSchemasSQL+`) s ORDER BY nspname`, pgtool.ProviderSchemas)
	if err != nil {
		return fmt.Errorf("list the schemas of the source: %w", err)
	}
	if c.schemas, err = pgx.CollectRows(rows, pgx.RowTo[string]); err != nil {
		return fmt.Errorf("list the schemas of the source: %w", err)
	}
	if tools, err := pgtool.Find(ctx, c.source.major); err != nil {
		c.fail("pg-dump", err)
	} else {
		c.pass("pg-dump", "pg_dump %d reads PostgreSQL %d", tools.Major, c.source.major)
	}
	args := pgx.NamedArgs{"schemas": c.schemas, "long": c.long}
	for _, q := range pgQuestions {
		if err := c.ask(ctx, c.conn, q, args); err != nil {
			return err
		}
	}
	c.checkSize(c.source.info.Bytes)
	return c.checkProvider(ctx)
}

// checkBoth asks what takes both sides.
func (c *pgChecker) checkBoth(ctx context.Context, target *pgx.Conn, o Options) error {
	var major int
	if err := target.QueryRow(ctx, `SELECT current_setting('server_version_num')::int / 10000`).Scan(&major); err != nil {
		return fmt.Errorf("ask the target's version: %w", err)
	}
	if major < c.source.major {
		c.warn("versions", fmt.Sprintf("prefer a target of PostgreSQL %d or newer: what is new in %[1]d cannot be made on %d",
			c.source.major, major), nil, "the source runs PostgreSQL %d, the target %d", c.source.major, major)
	} else {
		c.pass("versions", "from PostgreSQL %d to %d", c.source.major, major)
	}
	c.checkEncoding()
	for _, check := range []func(context.Context, *pgx.Conn) error{c.checkExtensions, c.checkCollations, c.checkMoney} {
		if err := check(ctx, target); err != nil {
			return err
		}
	}
	return c.checkConnections(ctx, target, cmp.Or(o.Jobs, defaultJobs()), 2)
}

func (c *pgChecker) checkEncoding() {
	const name = "encoding"
	switch encoding := c.source.info.Encoding; encoding {
	case "UTF8":
		c.pass(name, "UTF8 on both sides")
	case sqlASCII:
		c.warn(name, "rows with such texts go to "+quarantineTable+"; mend them in the source to keep them in place", nil,
			"the source is SQL_ASCII: it takes any bytes for text, the target only valid UTF8")
	default:
		c.pass(name, "texts are converted from %s to UTF8", encoding)
	}
}

// checkExtensions makes sure that the target offers what the source uses, in a way that the role may take.
func (c *pgChecker) checkExtensions(ctx context.Context, target *pgx.Conn) error {
	const name = "extensions"
	used, err := pgCollect[pgExtension](ctx, c.conn, pgExtensionsSQL, pgIgnoredExtensions)
	if err != nil {
		return fmt.Errorf("list the extensions of the source: %w", err)
	}
	var missing, closed, older, all []string
	for _, e := range used {
		var offered, installed, open, unmanaged bool
		var version string
		err := target.QueryRow(ctx, `
			SELECT a.name IS NOT NULL, x.extname IS NOT NULL, coalesce(v.trusted OR NOT v.superuser, false) OR r.rolsuper,
				coalesce(x.extversion, a.default_version, ''),
				NOT EXISTS (SELECT FROM pg_roles g WHERE g.rolname = ANY ($2) AND pg_has_role(g.oid, 'MEMBER'))
			FROM pg_roles r
			LEFT JOIN pg_available_extensions a ON a.name = $1
			LEFT JOIN pg_available_extension_versions v ON v.name = a.name AND v.version = a.default_version
			LEFT JOIN pg_extension x ON x.extname = $1
			WHERE r.rolname = current_user`, e.Name, pgPlatformAdmins).Scan(&offered, &installed, &open, &version, &unmanaged)
		if err != nil {
			return fmt.Errorf("look for extension %s on the target: %w", e.Name, err)
		}
		all = append(all, e.Name)
		switch {
		case installed || offered && open:
			if pgOlder(version, e.Version) {
				older = append(older, fmt.Sprintf("%s %s (the source has %s)", e.Name, version, e.Version))
			}
		case !offered:
			missing = append(missing, e.Name)
		default:
			closed = append(closed, e.Name)
		}
	}
	switch {
	case len(missing) > 0:
		c.fail(name, lakeward.Errorf(lakeward.KindUnsupported, "drop what uses them in the source, or choose a target that offers them",
			"the target does not offer %s", listFirst(missing)), missing...)
	case len(closed) > 0:
		c.warn(name, "a platform may let its administrators create them; else ask one for: CREATE EXTENSION "+quoteName(closed[0]),
			closed, "PostgreSQL lets only a superuser create %s", listFirst(closed))
	case len(older) > 0:
		c.warn(name, "check that what is new in the source's version is not used", older, "older on the target: %s", listFirst(older))
	case len(all) == 0:
		c.pass(name, "the source uses none")
	default:
		c.pass(name, "the target offers %s", strings.Join(all, ", "))
	}
	return nil
}

// pgPlatformAdmins are roles whose members may do on a platform what else takes a superuser.
var pgPlatformAdmins = []string{"databricks_superuser", "neon_superuser", "rds_superuser", "cloudsqlsuperuser", "azure_pg_admin"}

// pgOlder compares two versions of an extension by their numbers.
func pgOlder(a, b string) bool {
	numbers := func(v string) (n []int) {
		for part := range strings.FieldsFuncSeq(v, func(r rune) bool { return r < '0' || r > '9' }) {
			var i int
			_, _ = fmt.Sscan(part, &i) // digits only
			n = append(n, i)
		}
		return n
	}
	return slices.Compare(numbers(a), numbers(b)) < 0
}

// checkCollations makes sure that the target knows the collations, and tells where texts will sort in another way.
func (c *pgChecker) checkCollations(ctx context.Context, target *pgx.Conn) error {
	const name = "collations"
	rows, err := c.conn.Query(ctx, `
		SELECT DISTINCT format('%I', l.collname) FROM pg_collation l
		WHERE l.collnamespace = 'pg_catalog'::regnamespace AND l.collname NOT IN ('default', 'C', 'POSIX') AND (
			EXISTS (SELECT FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
				WHERE a.attcollation = l.oid AND NOT a.attisdropped AND n.nspname = ANY ($1))
			OR EXISTS (SELECT FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace
				WHERE t.typcollation = l.oid AND n.nspname = ANY ($1))) ORDER BY 1`, c.schemas)
	if err != nil {
		return fmt.Errorf("list the collations of the source: %w", err)
	}
	used, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return fmt.Errorf("list the collations of the source: %w", err)
	}
	var missing []string
	for _, collation := range used {
		var there bool
		if err := target.QueryRow(ctx, `SELECT to_regcollation('pg_catalog.' || $1) IS NOT NULL`, collation).Scan(&there); err != nil {
			return fmt.Errorf("look for collation %s on the target: %w", collation, err)
		}
		if !there {
			missing = append(missing, collation)
		}
	}
	var order [2]string
	for side, conn := range []*pgx.Conn{c.conn, target} {
		err := conn.QueryRow(ctx, `
			SELECT concat_ws(' ', coalesce(d->>'datlocale', d->>'daticulocale', d->>'datcollate'), d->>'datctype',
				CASE d->>'datlocprovider' WHEN 'i' THEN 'ICU' WHEN 'b' THEN 'builtin' ELSE 'libc' END)
			FROM (SELECT to_jsonb(d) AS d FROM pg_database d WHERE datname = current_database()) d`).Scan(&order[side])
		if err != nil {
			return fmt.Errorf("ask for a collation: %w", err)
		}
	}
	switch {
	case len(missing) > 0:
		c.fail(name, lakeward.Errorf(lakeward.KindUnsupported, "give these columns another collation in the source, or make them on the target",
			"the target does not know %s", listFirst(missing)), missing...)
	case order[onSource] != order[onTarget]:
		c.warn(name, "check what sorts texts; indexes are built anew in the target's order", nil,
			"texts sort by %s on the source, by %s on the target", order[onSource], order[onTarget])
	default:
		c.pass(name, "texts sort by %s on both sides", order[onSource])
	}
	return nil
}

// checkMoney tells of columns whose values would read as another currency.
func (c *pgChecker) checkMoney(ctx context.Context, target *pgx.Conn) error {
	const name = "money"
	var columns int64
	var locale, there string
	err := c.conn.QueryRow(ctx, `
		SELECT count(*), (SELECT reset_val FROM pg_settings WHERE name = 'lc_monetary')
		FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
		WHERE a.atttypid IN ('money'::regtype, 'money[]'::regtype) AND NOT a.attisdropped AND c.relkind IN ('r', 'm') AND n.nspname = ANY ($1)`,
		c.schemas).Scan(&columns, &locale)
	if err != nil {
		return fmt.Errorf("look for columns of type money: %w", err)
	}
	if err := target.QueryRow(ctx, `SELECT reset_val FROM pg_settings WHERE name = 'lc_monetary'`).Scan(&there); err != nil {
		return fmt.Errorf("ask for lc_monetary: %w", err)
	}
	switch {
	case columns == 0:
		c.pass(name, "no column of type money")
	case locale != there:
		c.warn(name, "on the target: ALTER DATABASE … SET lc_monetary = "+literal(locale), nil,
			"%s of type money: amounts are those of %s on the source, of %s on the target", countOf(columns, "column", "columns"), locale, there)
	default:
		c.pass(name, "%s of type money, of %s on both sides", countOf(columns, "column", "columns"), locale)
	}
	return nil
}

// pgProviders tell platforms by a role that only they have. The roles own what belongs to the platform. See the
// documentation of roles of Amazon RDS, Cloud SQL, AlloyDB, Azure Database for PostgreSQL, Supabase, Neon, Aiven and
// Lakebase.
var pgProviders = [][2]string{
	{"rdsadmin", "Amazon RDS"},
	{"cloudsqladmin", "Cloud SQL"},
	{"alloydbadmin", "AlloyDB"},
	{"azuresu", "Azure"},
	{"supabase_admin", "Supabase"},
	{"databricks_superuser", "Databricks"},
	{"neon_superuser", "Neon"},
	{"cloud_admin", "Neon"},
	{"avnadmin", "Aiven"},
	{"doadmin", "DigitalOcean"},
}

// pgPlatformOwners own the schemas of a platform's services, whose tables belong to those services.
var pgPlatformOwners = []string{
	"supabase_admin", "supabase_auth_admin", "supabase_storage_admin", "supabase_functions_admin", "supabase_realtime_admin",
	"pgbouncer", "rdsadmin", "cloudsqladmin", "alloydbadmin", "azuresu", "cloud_admin", "databricks_control_plane",
}

// checkProvider names the platform that the source runs on, and what of it stays behind.
func (c *pgChecker) checkProvider(ctx context.Context) error {
	const name = "provider"
	roles := make([]string, len(pgProviders))
	for i, p := range pgProviders {
		roles[i] = p[0]
	}
	var first int
	err := c.conn.QueryRow(ctx, `SELECT coalesce(min(array_position($1::text[], rolname::text)), 0) FROM pg_roles WHERE rolname = ANY ($1)`,
		roles).Scan(&first)
	if err != nil {
		return fmt.Errorf("look for the source's platform: %w", err)
	}
	if first == 0 {
		c.pass(name, "no platform's objects")
		return nil
	}
	ignored, err := c.names(ctx, `
		SELECT 'schema ' || quote_ident(nspname) FROM pg_namespace WHERE nspname = ANY ($1)
		UNION ALL SELECT 'extension ' || quote_ident(extname) FROM pg_extension WHERE extname = ANY ($2) AND extname <> 'plpgsql'
		ORDER BY 1`, pgtool.ProviderSchemas, pgIgnoredExtensions)
	if err != nil {
		return err
	}
	owned, err := c.names(ctx, `
		SELECT 'schema ' || quote_ident(nspname) FROM pg_namespace
		WHERE nspname = ANY ($1) AND nspname <> 'public' AND pg_get_userbyid(nspowner) = ANY ($2) ORDER BY 1`, c.schemas, pgPlatformOwners)
	if err != nil {
		return err
	}
	platform := pgProviders[first-1][1]
	if len(owned) > 0 {
		c.warn(name, "they are migrated as your own; their services run on the platform only", owned,
			"the source runs on %s, to which %s", platform, "belong "+listFirst(owned))
		return nil
	}
	if len(ignored) == 0 {
		c.pass(name, "the source runs on %s", platform)
		return nil
	}
	c.add(PreflightCheck{
		Name: name, Result: CheckPass, Items: ignored,
		Found: fmt.Sprintf("the source runs on %s; %s stay behind", platform, listFirst(ignored)),
	})
	return nil
}

func (c *pgChecker) names(ctx context.Context, sql string, args ...any) ([]string, error) {
	rows, err := c.conn.Query(ctx, sql, args...)
	if err != nil {
		return nil, fmt.Errorf("look for objects of the platform: %w", err)
	}
	return pgx.CollectRows(rows, pgx.RowTo[string])
}

// checkPgNames looks for objects of the target that stand under the names of the source's.
func (p *Preflight) checkPgNames(ctx context.Context, source, target Target, o Options) error {
	if p.Err() != nil {
		return nil
	}
	src, err := pgSession(ctx, source)
	if err != nil {
		return err
	}
	defer closeSession(ctx, src)
	dst, err := session(ctx, target)
	if err != nil {
		return err
	}
	defer closeSession(ctx, dst)
	c := &pgChecker{Preflight: p, conn: src}
	schemas, err := c.names(ctx, `SELECT nspname::text FROM (`+pgSchemasSQL+`) s`, pgtool.ProviderSchemas)
	if err != nil {
		return err
	}
	coming, err := pgObjects(ctx, src, schemas...)
	if err != nil {
		return err
	}
	standing, err := pgObjects(ctx, dst, schemas...)
	if err != nil {
		return err
	}
	found, err := pgInTheWay(standing, coming, o.Replace != "", cmp.Or(o.TargetName, dst.Config().Database))
	switch {
	case err != nil:
		p.fail("names", err)
	case len(found) > 0:
		p.warn("names", "back them up if they matter", nil, "%s of the target will be replaced", countOf(int64(len(found)), "object", "objects"))
	default:
		p.pass("names", "nothing on the target has a name of the source's")
	}
	return nil
}
