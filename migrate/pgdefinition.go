package migrate

import (
	"context"
	"fmt"
	"regexp"
	"strings"

	"github.com/jackc/pgx/v5"
)

// pgDefinition is everything that a catalog says about one thing, as text that two databases can be compared by.
type pgDefinition struct {
	Kind string
	Name string
	Text string
}

// pgDefinitionsSQL lists the definitions of everything in the schemas of $1 that belongs to no extension. Owners and
// grants are not part of it, nor is what depends on the order in which things were made.
var pgDefinitionsSQL = `
	WITH space AS (SELECT oid, nspname FROM pg_namespace WHERE nspname = ANY ($1)),
	relation AS (
		SELECT c.*, format('%I.%I', n.nspname, c.relname) AS name FROM pg_class c JOIN space n ON n.oid = c.relnamespace
		WHERE ` + pgNoMember("pg_class", "c.oid") + `
	),
	routine AS (
		SELECT p.*, p.oid::regprocedure::text AS name FROM pg_proc p JOIN space n ON n.oid = p.pronamespace
		WHERE ` + pgNoMember("pg_proc", "p.oid") + `
	),
	type AS (
		SELECT t.*, t.oid::regtype::text AS name FROM pg_type t JOIN space n ON n.oid = t.typnamespace
		WHERE ` + pgNoMember("pg_type", "t.oid") + `
	)
	SELECT kind, name, coalesce(text, '') AS text FROM (
	SELECT 'relation' AS kind, r.name, concat_ws(' | ', r.relkind, r.relpersistence, r.reloptions, r.relrowsecurity,
		r.relforcerowsecurity, r.relreplident, r.reloftype::regtype, pg_get_expr(r.relpartbound, r.oid),
		CASE r.relkind WHEN 'p' THEN pg_get_partkeydef(r.oid) END,
		CASE WHEN r.relkind IN ('v', 'm') THEN pg_get_viewdef(r.oid) END,
		(SELECT string_agg(i.inhparent::regclass::text, ', ' ORDER BY i.inhseqno) FROM pg_inherits i WHERE i.inhrelid = r.oid)) AS text
	FROM relation r WHERE r.relkind NOT IN ('i', 'I')
	UNION ALL
	SELECT 'column', r.name || '.' || quote_ident(a.attname), concat_ws(' | ',
		(SELECT count(*) FROM pg_attribute b WHERE b.attrelid = r.oid AND b.attnum > 0 AND b.attnum <= a.attnum AND NOT b.attisdropped),
		format_type(a.atttypid, a.atttypmod), a.attnotnull, pg_get_expr(d.adbin, d.adrelid), a.attidentity, a.attgenerated,
		CASE WHEN a.attcollation <> t.typcollation THEN a.attcollation::regcollation END, a.attstorage,
		coalesce(to_jsonb(a) ->> 'attcompression', ''), nullif(a.attstattarget, -1), a.attoptions)
	FROM relation r JOIN pg_attribute a ON a.attrelid = r.oid AND a.attnum > 0 AND NOT a.attisdropped
	JOIN pg_type t ON t.oid = a.atttypid
	LEFT JOIN pg_attrdef d ON d.adrelid = r.oid AND d.adnum = a.attnum
	UNION ALL
	SELECT 'sequence', r.name, concat_ws(' | ', s.seqtypid::regtype, s.seqstart, s.seqincrement, s.seqmin, s.seqmax, s.seqcache,
		s.seqcycle, (SELECT format('%s.%I', d.refobjid::regclass, a.attname) FROM pg_depend d
			JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
			WHERE d.classid = 'pg_class'::regclass AND d.objid = r.oid AND d.refclassid = 'pg_class'::regclass AND d.deptype IN ('a', 'i')))
	FROM relation r JOIN pg_sequence s ON s.seqrelid = r.oid
	UNION ALL
	SELECT 'index', r.name, concat_ws(' | ', pg_get_indexdef(i.indexrelid), i.indisvalid, i.indisclustered, i.indisreplident,
		i.indimmediate, r.reloptions,
		(SELECT string_agg(a.attnum || '=' || a.attstattarget, ',' ORDER BY a.attnum) FROM pg_attribute a
			WHERE a.attrelid = r.oid AND a.attstattarget > 0),
		(SELECT p.inhparent::regclass FROM pg_inherits p WHERE p.inhrelid = r.oid))
	FROM relation r JOIN pg_index i ON i.indexrelid = r.oid WHERE i.indisvalid OR r.relkind = 'I'
	UNION ALL
	SELECT 'constraint', coalesce(r.name, t.name) || ' ' || quote_ident(c.conname), concat_ws(' | ', c.contype,
		pg_get_constraintdef(c.oid), c.conindid::regclass)
	FROM pg_constraint c LEFT JOIN relation r ON r.oid = c.conrelid LEFT JOIN type t ON t.oid = c.contypid AND c.contypid <> 0
	WHERE coalesce(r.oid, t.oid) IS NOT NULL AND c.contype <> 't'
		AND NOT (c.contype = 'f' AND c.conparentid <> 0)
	UNION ALL
	SELECT 'trigger', r.name || ' ' || quote_ident(t.tgname), concat_ws(' | ', pg_get_triggerdef(t.oid), t.tgenabled)
	FROM relation r JOIN pg_trigger t ON t.tgrelid = r.oid WHERE NOT t.tgisinternal
	UNION ALL
	SELECT 'rule', r.name || ' ' || quote_ident(w.rulename), concat_ws(' | ', pg_get_ruledef(w.oid), w.ev_enabled)
	FROM relation r JOIN pg_rewrite w ON w.ev_class = r.oid WHERE w.rulename <> '_RETURN'
	UNION ALL
	SELECT 'policy', r.name || ' ' || quote_ident(p.polname), concat_ws(' | ', p.polcmd, p.polpermissive,
		pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid))
	FROM relation r JOIN pg_policy p ON p.polrelid = r.oid
	UNION ALL
	SELECT 'routine', p.name, CASE WHEN p.prokind = 'a' THEN (SELECT concat_ws(' | ', g.aggkind, g.aggtransfn, g.aggfinalfn,
			g.aggcombinefn, g.aggmtransfn, g.agginitval, g.aggsortop::regoperator, g.aggtranstype::regtype, p.proparallel)
			FROM pg_aggregate g WHERE g.aggfnoid = p.oid)
		ELSE pg_get_functiondef(p.oid) END
	FROM routine p
	UNION ALL
	SELECT 'type', t.name, concat_ws(' | ', t.typtype, t.typnotnull, t.typdefault, format_type(nullif(t.typbasetype, 0), t.typtypmod),
		(SELECT string_agg(quote_literal(e.enumlabel), ', ' ORDER BY e.enumsortorder) FROM pg_enum e WHERE e.enumtypid = t.oid),
		(SELECT concat_ws(' ', g.rngsubtype::regtype, g.rngcollation::regcollation, g.rngcanonical, g.rngsubdiff)
			FROM pg_range g WHERE g.rngtypid = t.oid))
	FROM type t WHERE t.typrelid = 0 AND NOT EXISTS (SELECT FROM pg_type e WHERE e.typarray = t.oid)
	UNION ALL
	SELECT 'statistics', format('%I.%I', n.nspname, s.stxname), concat_ws(' | ', pg_get_statisticsobjdef(s.oid), nullif(s.stxstattarget, -1))
	FROM pg_statistic_ext s JOIN space n ON n.oid = s.stxnamespace
	UNION ALL
	SELECT 'operator', o.oid::regoperator::text, concat_ws(' | ', o.oprcode, o.oprcom::regoperator, o.oprnegate::regoperator,
		o.oprrest, o.oprjoin, o.oprcanhash, o.oprcanmerge)
	FROM pg_operator o JOIN space n ON n.oid = o.oprnamespace WHERE ` + pgNoMember("pg_operator", "o.oid") + `
	UNION ALL
	SELECT 'collation', c.oid::regcollation::text, concat_ws(' | ', c.collprovider, c.collisdeterministic, c.collcollate, c.collctype)
	FROM pg_collation c JOIN space n ON n.oid = c.collnamespace WHERE ` + pgNoMember("pg_collation", "c.oid") + `
	UNION ALL
	SELECT 'configuration', c.oid::regconfig::text, (SELECT string_agg(concat_ws(' ', m.maptokentype, m.mapseqno, m.mapdict::regdictionary), ', '
		ORDER BY m.maptokentype, m.mapseqno) FROM pg_ts_config_map m WHERE m.mapcfg = c.oid)
	FROM pg_ts_config c JOIN space n ON n.oid = c.cfgnamespace WHERE ` + pgNoMember("pg_ts_config", "c.oid") + `
	UNION ALL
	SELECT 'dictionary', d.oid::regdictionary::text, d.dictinitoption
	FROM pg_ts_dict d JOIN space n ON n.oid = d.dictnamespace WHERE ` + pgNoMember("pg_ts_dict", "d.oid") + `
	UNION ALL
	SELECT 'comment', i.type || ' ' || i.identity, d.description
	FROM pg_description d CROSS JOIN LATERAL pg_identify_object(d.classoid, d.objoid, d.objsubid) i
	WHERE NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = d.classoid AND e.objid = d.objoid AND e.deptype = 'e')
		AND (i.schema = ANY ($1) OR d.classoid IN ('pg_constraint'::regclass, 'pg_trigger'::regclass, 'pg_policy'::regclass, 'pg_rewrite'::regclass)
		AND pg_identify_object_as_address(d.classoid, d.objoid, d.objsubid) IS NOT NULL
		AND EXISTS (SELECT FROM relation r WHERE r.oid IN (
			(SELECT conrelid FROM pg_constraint WHERE d.classoid = 'pg_constraint'::regclass AND oid = d.objoid),
			(SELECT tgrelid FROM pg_trigger WHERE d.classoid = 'pg_trigger'::regclass AND oid = d.objoid),
			(SELECT polrelid FROM pg_policy WHERE d.classoid = 'pg_policy'::regclass AND oid = d.objoid),
			(SELECT ev_class FROM pg_rewrite WHERE d.classoid = 'pg_rewrite'::regclass AND oid = d.objoid))))
	) d`

// pgDefinitions reads the definitions of some schemas.
func pgDefinitions(ctx context.Context, conn pgQuerier, schemas []string) ([]pgDefinition, error) {
	rows, err := conn.Query(ctx, pgDefinitionsSQL, schemas)
	if err != nil {
		return nil, fmt.Errorf("read the definitions of %s: %w", strings.Join(schemas, ", "), err)
	}
	all, err := pgx.CollectRows(rows, pgx.RowToStructByName[pgDefinition])
	if err != nil {
		return nil, fmt.Errorf("read the definitions of %s: %w", strings.Join(schemas, ", "), err)
	}
	return all, nil
}

// pgDiffer returns what differs between two lists of definitions. sameText says whether a text means the same as a
// definition, and allowed which differences are known of.
func pgDiffer(want, got []pgDefinition, sameText func(pgDefinition, string) bool, allowed func(pgDefinition) bool) (differences []string) {
	type thing struct{ kind, name string }
	texts := map[thing]string{}
	for _, d := range got {
		texts[thing{d.Kind, d.Name}] = d.Text
	}
	for _, d := range want {
		text, there := texts[thing{d.Kind, d.Name}]
		delete(texts, thing{d.Kind, d.Name})
		switch {
		case there && sameText(d, text), allowed(d):
		case !there:
			differences = append(differences, fmt.Sprintf("%s %s is missing", d.Kind, d.Name))
		default:
			differences = append(differences, fmt.Sprintf("%s %s is (%s) and not (%s)", d.Kind, d.Name, text, d.Text))
		}
	}
	for _, d := range got {
		if _, extra := texts[thing{d.Kind, d.Name}]; extra && !allowed(d) {
			differences = append(differences, fmt.Sprintf("%s %s is only there", d.Kind, d.Name))
		}
	}
	return differences
}

// sameAcrossDump compares a definition of the source with what its dump has made. PostgreSQL writes an expression that it
// has read from its own text with other casts than before, so that only texts without expressions can be compared.
func sameAcrossDump(d pgDefinition, text string) bool {
	switch d.Kind {
	case "sequence", "comment", "collation", "configuration", "dictionary":
		return d.Text == text
	}
	return true
}

var pgCast = regexp.MustCompile(`::("[^"]*"|[a-z0-9_. ]+)+(\([0-9, ]+\))?(\[\])*|[() ]`)

// sameAcrossBuild compares a definition with that of what was built by its own text. Casts and parentheses around parts of
// an expression may be others.
func sameAcrossBuild(d pgDefinition, text string) bool {
	if d.Text == text {
		return true
	}
	return (d.Kind == "index" || d.Kind == "constraint") && pgCast.ReplaceAllString(d.Text, "") == pgCast.ReplaceAllString(text, "")
}

// pgUnknown returns the definitions of what is not among others.
func pgUnknown(all, known []pgDefinition) (rest []pgDefinition) {
	names := map[[2]string]bool{}
	for _, d := range known {
		names[[2]string{d.Kind, d.Name}] = true
	}
	for _, d := range all {
		if !names[[2]string{d.Kind, d.Name}] {
			rest = append(rest, d)
		}
	}
	return rest
}
