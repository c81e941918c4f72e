package migrate

import "github.com/lakeward/lakeward"

// pgMigrated joins the relations c of the schemas n that are migrated, without those of extensions.
var pgMigrated = `pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname = ANY (@schemas::text[]) AND ` +
	pgNoMember("pg_class", "c.oid")

// pgQuestions are what a source is asked.
var pgQuestions = []pgQuestion{
	{
		name: "source-privileges", result: CheckFail, kind: lakeward.KindDenied,
		one: "object", many: "objects", more: " that the role may not read",
		do:   "migrate as the owner of the database, or as a role with GRANT pg_read_all_data",
		none: "the role may read everything",
		sql: `
			SELECT 'schema ' || quote_ident(nspname) FROM pg_namespace
			WHERE nspname = ANY (@schemas::text[]) AND NOT has_schema_privilege(oid, 'USAGE')
			UNION ALL
			SELECT format('%s %I.%I', CASE c.relkind WHEN 'S' THEN 'sequence' WHEN 'm' THEN 'materialized view' ELSE 'table' END, n.nspname, c.relname)
			FROM ` + pgMigrated + `
			WHERE c.relkind IN ('r', 'p', 'm') AND NOT has_table_privilege(c.oid, 'SELECT')
				OR c.relkind = 'S' AND NOT has_sequence_privilege(c.oid, 'SELECT')
			UNION ALL
			SELECT 'large object ' || l.oid FROM pg_largeobject_metadata l
			WHERE NOT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) AND NOT pg_has_role(l.lomowner, 'USAGE')
				AND NOT EXISTS (SELECT FROM aclexplode(l.lomacl) a WHERE a.privilege_type = 'SELECT'
					AND (a.grantee = 0 OR CASE WHEN a.grantee <> 0 THEN pg_has_role(a.grantee, 'USAGE') END))`,
	},
	{
		name: "row-security", result: CheckFail, kind: lakeward.KindDenied,
		one: "table", many: "tables", more: " of which policies hide rows from the role",
		do:   "migrate as the owner of these tables, or as a role with BYPASSRLS",
		none: "no policy hides rows from the role",
		sql: `SELECT format('%I.%I', n.nspname, c.relname) FROM ` + pgMigrated + `
			WHERE c.relkind IN ('r', 'p') AND c.relrowsecurity AND row_security_active(c.oid) ORDER BY 1`,
	},
	{
		name: "long-transactions", result: CheckWarn,
		one: "transaction", many: "transactions", more: " open for long on the source",
		do:   "end them: they keep what was deleted from being cleaned up, and may hold locks",
		none: "none on the source",
		sql: `SELECT format('process %s of %s, since %s', pid, usename, to_char(xact_start, 'YYYY-MM-DD HH24:MI:SS TZ'))
			FROM pg_stat_activity
			WHERE pid <> pg_backend_pid() AND backend_type = 'client backend' AND datname = current_database()
				AND xact_start < clock_timestamp() - @long::interval ORDER BY xact_start`,
	},
	{
		name: "prepared-transactions", result: CheckWarn,
		one: "prepared transaction", many: "prepared transactions", more: " waiting on the source",
		do:   "finish each with COMMIT PREPARED or ROLLBACK PREPARED: what it wrote is not migrated, and it holds locks",
		none: "none on the source",
		sql:  `SELECT gid FROM pg_prepared_xacts WHERE database = current_database() ORDER BY prepared`,
	},
	{
		name: "locks", result: CheckWarn,
		one: "table", many: "tables", more: " locked against readers",
		do:   "end what holds the lock: the migration waits for it",
		none: "nothing is locked against readers",
		sql: `SELECT format('%I.%I by process %s', n.nspname, c.relname, coalesce(l.pid::text, 'of a prepared transaction'))
			FROM pg_locks l JOIN ` + pgMigrated + ` ON c.oid = l.relation
			WHERE l.mode = 'AccessExclusiveLock' AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
				AND c.relkind IN ('r', 'p', 'm') ORDER BY 1`,
	},
	{
		name: "primary-keys", result: CheckWarn,
		one: "table", many: "tables", more: " without a primary key",
		do:   "nothing has to be done: their rows are compared as a whole, and a difference cannot be named by column",
		none: "every table has one",
		sql: `SELECT format('%I.%I', n.nspname, c.relname) FROM ` + pgMigrated + `
			WHERE c.relkind = 'r' AND NOT EXISTS (SELECT FROM pg_index i WHERE i.indrelid = c.oid AND i.indisprimary) ORDER BY 1`,
	},
	{
		name: "unlogged-tables", result: CheckWarn,
		one: "unlogged table", many: "unlogged tables",
		do:   "ALTER TABLE … SET LOGGED, unless their rows may vanish: an instance loses them whenever it restarts or sleeps",
		none: "none",
		sql: `SELECT format('%I.%I', n.nspname, c.relname) FROM ` + pgMigrated + `
			WHERE c.relkind = 'r' AND c.relpersistence = 'u' ORDER BY 1`,
	},
	{
		name: "foreign-tables", result: CheckWarn,
		one: "foreign table or server", many: "foreign tables and servers",
		do:   "their rows stay where they are; make servers and user mappings on the target, whose network may not reach them",
		none: "none",
		sql: `SELECT format('table %I.%I', n.nspname, c.relname) FROM ` + pgMigrated + ` WHERE c.relkind = 'f'
			UNION ALL SELECT format('server %I', srvname) FROM pg_foreign_server ORDER BY 1`,
	},
	{
		name: "replication", result: CheckWarn,
		one: "publication or subscription", many: "publications and subscriptions",
		do:   "set replication up again for the target; drop subscriptions of the source when it retires",
		none: "no publications or subscriptions",
		sql: `SELECT format('publication %I', pubname) FROM pg_publication
			UNION ALL SELECT format('subscription %I', s.subname) FROM pg_subscription s
				JOIN pg_database d ON d.oid = s.subdbid WHERE d.datname = current_database() ORDER BY 1`,
	},
	{
		name: "event-triggers", result: CheckWarn,
		one: "event trigger", many: "event triggers",
		do:   "they stay behind: only a superuser may make them",
		none: "none",
		sql: `SELECT quote_ident(t.evtname) FROM pg_event_trigger t
			WHERE ` + pgNoMember("pg_event_trigger", "t.oid") + ` ORDER BY 1`,
	},
	{
		name: "tablespaces", result: CheckWarn,
		one: "object", many: "objects", more: " in tablespaces of their own",
		do:   "nothing has to be done: on the target they stand in its one tablespace",
		none: "all in the database's own",
		sql: `SELECT format('%I.%I (%I)', n.nspname, c.relname, t.spcname) FROM ` + pgMigrated + `
			JOIN pg_tablespace t ON t.oid = c.reltablespace WHERE t.spcname <> 'pg_global' ORDER BY 1`,
	},
	{
		name: "sequences", result: CheckWarn,
		one: "sequence", many: "sequences", more: " with less than a tenth of its values left",
		do:   "widen the column to bigint and the sequence with it, before or after the migration",
		none: "none is near its end",
		sql: `SELECT format('%I.%I at %s of %s', s.schemaname, s.sequencename, s.last_value, s.max_value) FROM pg_sequences s
			WHERE s.schemaname = ANY (@schemas::text[]) AND NOT s.cycle AND s.increment_by > 0
				AND s.last_value > s.max_value - (s.max_value::numeric - s.min_value) / 10 ORDER BY 1`,
	},
	{
		name: "invalid-indexes", result: CheckWarn,
		one: "invalid index", many: "invalid indexes",
		do:   "REINDEX or drop them: PostgreSQL does not use them, and they are not migrated",
		none: "none",
		sql: `SELECT format('%I.%I', n.nspname, c.relname) FROM ` + pgMigrated + `
			JOIN pg_index i ON i.indexrelid = c.oid WHERE NOT i.indisvalid AND c.relkind = 'i' ORDER BY 1`,
	},
	{
		name: "invalid-constraints", result: CheckWarn,
		one: "constraint", many: "constraints", more: " that old rows may break (NOT VALID)",
		do:   "VALIDATE CONSTRAINT in the source, or keep them: they hold for new rows on the target too",
		none: "none",
		sql: `SELECT format('%I of %I.%I', k.conname, n.nspname, c.relname) FROM ` + pgMigrated + `
			JOIN pg_constraint k ON k.conrelid = c.oid WHERE NOT k.convalidated ORDER BY 1`,
	},
	{
		name: "collation-versions", result: CheckWarn,
		one: "collation", many: "collations", more: " whose order has changed since indexes were built",
		do:   "REINDEX in the source what uses them, then ALTER COLLATION … REFRESH VERSION; unique indexes may hold duplicates",
		none: "no order has changed since indexes were built",
		sql: `SELECT format('%I.%I from %s to %s', n.nspname, l.collname, l.collversion, pg_collation_actual_version(l.oid))
			FROM pg_collation l JOIN pg_namespace n ON n.oid = l.collnamespace
			WHERE l.collversion IS NOT NULL AND l.collversion <> pg_collation_actual_version(l.oid) ORDER BY 1`,
	},
	{
		name: "large-objects", result: CheckPass,
		one: "large object", many: "large objects", more: " to migrate",
		none: "none",
		sql:  `SELECT oid::text FROM pg_largeobject_metadata ORDER BY oid LIMIT 1000`,
	},
	{
		name: "wal-level", result: CheckPass,
		one: "setting", many: "settings", more: " (for information: a migration needs none of them)",
		none: "unknown",
		sql:  `SELECT 'wal_level = ' || current_setting('wal_level')`,
	},
}
