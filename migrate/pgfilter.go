package migrate

import (
	"fmt"
	"slices"
	"strings"
)

// pgScript is the source's schema in statements that a role of the target may run.
type pgScript struct {
	extensions []pgExtension
	before     []pgStatement // must stand before rows are loaded
	after      []pgStatement // comes after; the keys and indexes among it are built apart
	left       []Left
}

// pgFilter decides what becomes of each statement of a dump.
type pgFilter struct {
	roles     []string // of the target, which grants may name
	everyRole bool     // the target is not known yet
	owner     []string // roles of the source in whose place the target's role steps
	schemas   []string // that stand on the target and keep their rights
	script    pgScript
}

// pgVerdict is what becomes of a statement.
type pgVerdict uint8

const (
	pgKeep    pgVerdict = iota
	pgLater             // keep it, and run it when the rows are there
	pgDiscard           // it means nothing on the target
)

// filterDump sorts the statements of a dump.
func (f *pgFilter) filter(before, after string) pgScript {
	for _, s := range pgSplit(before) {
		switch s, verdict := f.judge(s); verdict {
		case pgKeep:
			f.script.before = append(f.script.before, s)
		case pgLater:
			f.script.after = append(f.script.after, s)
		}
	}
	for _, s := range pgSplit(after) {
		if s, verdict := f.judge(s); verdict != pgDiscard {
			f.script.after = append(f.script.after, s)
		}
	}
	return f.script
}

func (f *pgFilter) judge(s pgStatement) (pgStatement, pgVerdict) {
	switch {
	case s.starts("SET"), s.starts("SELECT"), s.starts("RESET"):
		return s, f.setting(s)
	case s.starts("CREATE", "SCHEMA"):
		return s, pgDiscard // the staging makes them
	case s.starts("CREATE", "EXTENSION"):
		f.extension(s)
		return s, pgDiscard
	case s.starts("GRANT"), s.starts("REVOKE"):
		return s, f.grant(s)
	case s.starts("ALTER", "DEFAULT", "PRIVILEGES"):
		return f.defaultPrivileges(s)
	case s.starts("COMMENT", "ON"):
		return s, f.comment(s)
	}
	return s, f.object(s)
}

// setting keeps what changes how tables are made. The rest are settings of a session.
func (f *pgFilter) setting(s pgStatement) pgVerdict {
	if s.starts("SET", "DEFAULT_TABLE_ACCESS_METHOD") && len(s.tokens) > 3 {
		if method := s.tokens[3].name(); method != "heap" {
			f.leave("access method", "", method, "tables are stored in PostgreSQL's own way, as the target knows no other", s)
		}
	}
	return pgDiscard
}

// extension remembers CREATE EXTENSION IF NOT EXISTS name WITH SCHEMA schema.
func (f *pgFilter) extension(s pgStatement) {
	var e pgExtension
	for i, t := range s.tokens {
		switch {
		case t.is("EXISTS") && i+1 < len(s.tokens):
			e.Name = s.tokens[i+1].name()
		case t.is("SCHEMA") && i+1 < len(s.tokens):
			e.Schema = s.tokens[i+1].name()
		}
	}
	if !slices.Contains(pgIgnoredExtensions, e.Name) {
		f.script.extensions = append(f.script.extensions, e)
	}
}

// grant keeps the rights of roles that the target has.
func (f *pgFilter) grant(s pgStatement) pgVerdict {
	to := s.find("TO", "FROM")
	if to < 0 || to+1 >= len(s.tokens) {
		return pgDiscard
	}
	role := s.tokens[to+1].name()
	everybody := s.tokens[to+1].is("PUBLIC")
	on := s.find("ON")
	if on > 0 && on+2 < len(s.tokens) && s.tokens[on+1].is("SCHEMA") {
		if schema := s.tokens[on+2].name(); slices.Contains(f.schemas, schema) && (everybody || f.owns(role) || slices.Contains(pgPlatformRoles, role)) {
			return pgDiscard // the schema is the target's own
		}
	}
	switch {
	case f.owns(role):
		return pgDiscard // everything is the migrating role's now
	case everybody, f.known(role):
		return pgLater
	}
	object := ""
	if on > 0 {
		object = pgText(s.tokens[on+1 : to])
	}
	f.leave("grant", "", object+" to "+role, "the target has no role "+role, s)
	return pgDiscard
}

// pgPlatformRoles have their rights from the platform.
var pgPlatformRoles = []string{"databricks_superuser", "pg_database_owner"}

func (f *pgFilter) known(role string) bool { return f.everyRole || slices.Contains(f.roles, role) }

func (f *pgFilter) owns(role string) bool { return slices.Contains(f.owner, role) }

// defaultPrivileges keeps what the source's owner gives to new objects, as the target's role.
func (f *pgFilter) defaultPrivileges(s pgStatement) (pgStatement, pgVerdict) {
	to := s.find("TO", "FROM")
	if to < 0 || to+1 >= len(s.tokens) || len(s.tokens) < 6 || !s.tokens[3].is("FOR") {
		return s, pgDiscard
	}
	giver, taker := s.tokens[5].name(), s.tokens[to+1]
	if !f.owns(giver) {
		f.leave("default privileges", "", "of "+giver, "only that role can set them", s)
		return s, pgDiscard
	}
	if !taker.is("PUBLIC") && !f.owns(taker.name()) && !f.known(taker.name()) {
		f.leave("default privileges", "", "to "+taker.name(), "the target has no role "+taker.name(), s)
		return s, pgDiscard
	}
	if f.owns(taker.name()) {
		return s, pgDiscard
	}
	_, rest, _ := strings.Cut(s.text, " IN ")
	if rest == "" || !s.tokens[6].is("IN") {
		f.leave("default privileges", "", "of "+giver, "they concern schemas that the migration does not touch", s)
		return s, pgDiscard
	}
	s.text = "ALTER DEFAULT PRIVILEGES IN " + rest
	return s, pgKeep
}

// comment leaves out the comments on what is not made here.
func (f *pgFilter) comment(s pgStatement) pgVerdict {
	switch {
	case s.starts("COMMENT", "ON", "EXTENSION"), s.starts("COMMENT", "ON", "EVENT"), s.starts("COMMENT", "ON", "PUBLICATION"),
		s.starts("COMMENT", "ON", "SUBSCRIPTION"), s.starts("COMMENT", "ON", "SERVER"), s.starts("COMMENT", "ON", "FOREIGN"),
		s.starts("COMMENT", "ON", "LARGE"):
		return pgDiscard
	case s.starts("COMMENT", "ON", "SCHEMA"):
		if name := s.tokens[3].name(); slices.Contains(f.schemas, name) {
			f.leave("comment", "", "on schema "+name, "the schema stands on the target already and keeps its own", s)
			return pgDiscard
		}
		return pgLater
	}
	return pgKeep
}

// object leaves out the kinds that a role of Lakebase may not make, or that reach to other servers.
func (f *pgFilter) object(s pgStatement) pgVerdict {
	for _, k := range pgLeftKinds {
		for _, verb := range []string{"CREATE", "ALTER"} {
			if words := append([]string{verb}, strings.Fields(k.words)...); s.starts(words...) {
				i := len(words)
				if k.kind == "user mapping" {
					i = s.find("SERVER") + 1
				}
				schema, name, _ := s.nameAt(i)
				f.leave(k.kind, schema, name, k.reason, s)
				return pgDiscard
			}
		}
	}
	return pgKeep
}

var pgLeftKinds = []struct{ words, kind, reason string }{
	{"EVENT TRIGGER", "event trigger", "only a superuser may make one"},
	{"PUBLICATION", "publication", "replication is set up again for the new server, when and where it is wanted"},
	{"SUBSCRIPTION", "subscription", "replication is set up again for the new server, when and where it is wanted"},
	{"FOREIGN DATA WRAPPER", "foreign data wrapper", "only a superuser may make one"},
	{"SERVER", "server", "it names another server, which the target may not reach, and its secrets stay where they are"},
	{"USER MAPPING", "user mapping", "it names another server, which the target may not reach, and its secrets stay where they are"},
	{"FOREIGN TABLE", "foreign table", "its rows are on another server, which the target may not reach"},
	{"LABEL", "security label", "labels belong to the platform"},
}

// leave records what stays behind. Statements about the same thing are one draft.
func (f *pgFilter) leave(kind, schema, name, reason string, s pgStatement) {
	if schema != "" {
		name = pgLabel(schema, name)
	}
	for i := range f.script.left {
		if l := &f.script.left[i]; l.Kind == kind && l.Name == name {
			l.Draft += "\n" + s.text
			return
		}
	}
	f.script.left = append(f.script.left, Left{Kind: kind, Name: name, Reason: reason, Draft: s.text})
}

// pgText writes tokens for people.
func pgText(tokens []pgToken) string {
	var b strings.Builder
	for i, t := range tokens {
		if i > 0 && !t.is(".") && !tokens[i-1].is(".") && !t.is("(") && !t.is(")") && !t.is(",") && !tokens[i-1].is("(") {
			b.WriteByte(' ')
		}
		b.WriteString(t.name())
	}
	return b.String()
}

// pgBuilt is a key or index that is built when the rows are there.
type pgBuilt struct{ kind, schema, table, name string }

func (b pgBuilt) String() string {
	return fmt.Sprintf("%s %s of %s", b.kind, b.name, pgLabel(b.schema, b.table))
}

// built returns what a statement builds, if it is one that adds an index or a constraint, or attaches an index.
func (s pgStatement) built() (b pgBuilt, ok bool) {
	switch {
	case s.starts("CREATE", "INDEX"), s.starts("CREATE", "UNIQUE", "INDEX"):
		on := s.find("ON")
		if on < 1 {
			return b, false
		}
		b.kind, b.name = "index", s.tokens[on-1].name()
		if on++; s.tokens[on].is("ONLY") {
			on++
		}
		b.schema, _, _ = s.nameAt(on)
		return b, true
	case s.starts("ALTER", "TABLE"):
		i := 2
		if s.tokens[i].is("ONLY") {
			i++
		}
		schema, table, next := s.nameAt(i)
		if next+2 < len(s.tokens) && s.tokens[next].is("ADD") && s.tokens[next+1].is("CONSTRAINT") {
			return pgBuilt{kind: "constraint", schema: schema, table: table, name: s.tokens[next+2].name()}, true
		}
	case s.starts("ALTER", "INDEX"):
		if i := s.find("ATTACH"); i > 0 {
			schema, name, _ := s.nameAt(i + 2)
			return pgBuilt{kind: "attach", schema: schema, name: name}, true
		}
	}
	return b, false
}
