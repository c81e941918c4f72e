package migrate

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
)

// A migration from PostgreSQL leaves no record: dumps of source and target are the same afterwards. Whether it was done
// already, by a run that was killed before it could say so, shows in what stands on the target.

// doneBefore reports whether everything of the source stands on the target already, row by row, and fills the report
// with that. A migration that may replace does so.
func (m *pgMigration) doneBefore(ctx context.Context) (bool, error) {
	if m.stage.Key != "" || m.Replace != "" || len(m.definitions) == 0 {
		return false, nil
	}
	if stands, err := m.definitionsStand(ctx); !stands || err != nil {
		return false, err
	}
	if filled, err := m.tablesFilled(ctx); !filled || err != nil {
		return false, err
	}
	m.journal.info("the target has everything that the source defines: comparing the rows")
	planned, staged := slices.Clone(m.report.Tables), m.stage
	m.report.Left = slices.Clone(m.script.left)
	err := m.runVerify(ctx)
	m.stage = staged
	if err != nil {
		return false, err
	}
	if m.report.Verdict == VerdictDifferent {
		m.journal.warn("", "the rows of the target are others: "+m.report.firstDifference())
		m.report.Tables, m.report.Views, m.report.Sequences, m.report.Left, m.report.Verdict = planned, nil, nil, nil, ""
		return false, nil
	}
	found := "this migration was done already: the target has everything of the source, and nothing was loaded again"
	m.report.Migration, m.report.Swapped, m.report.Notes = "", true, append(m.report.Notes, found)
	m.journal.info(found)
	return true, nil
}

// definitionsStand reports whether the target defines what the source defines, whatever else it has. Expressions that
// became others on their way count as other definitions: such a target is refused, as one that has other things. Where the
// target is of another version, which words the same definition in another way, only what there is counts.
func (m *pgMigration) definitionsStand(ctx context.Context) (bool, error) {
	standing, err := pgDefinitions(ctx, m.stage.conn, m.catalog.schemas)
	if err != nil {
		return false, err
	}
	own := map[[2]string]bool{}
	for _, d := range m.definitions {
		own[[2]string{d.Kind, d.Name}] = true
	}
	standing = slices.DeleteFunc(standing, func(d pgDefinition) bool { return !own[[2]string{d.Kind, d.Name}] })
	sameText := sameAcrossBuild
	if m.snapshot.major != pgMajor(m.stage.conn) {
		sameText = sameAcrossDump
	}
	return len(standing) > 0 && len(pgDiffer(m.definitions, standing, sameText, m.script.staysBehind)) == 0, nil
}

// staysBehind reports whether a definition is of a foreign table or an unfinished index, the only things with definitions
// that stay behind.
func (s *pgScript) staysBehind(d pgDefinition) bool {
	name := strings.ReplaceAll(d.Name, `"`, "") + " "
	return slices.ContainsFunc(s.left, func(l Left) bool {
		if l.Kind != "foreign table" && l.Kind != "index" {
			return false
		}
		table := l.Name
		if !strings.Contains(table, ".") {
			table = "public." + table // see pgLabel
		}
		at := strings.Index(name, table)
		begins := at == 0 || at > 0 && d.Kind == "comment" && name[at-1] == ' '
		return begins && strings.ContainsAny(name[at+len(table):at+len(table)+1], ". ")
	})
}

// tablesFilled reports whether each table has rows where the source has some: tables that an application has just
// created are told from migrated ones without reading either.
func (m *pgMigration) tablesFilled(ctx context.Context) (bool, error) {
	for _, t := range m.catalog.tables {
		var filled [2]bool
		for side, conn := range []*pgx.Conn{m.snapshot.conn, m.stage.conn} {
			err := conn.QueryRow(ctx, "SELECT EXISTS (SELECT FROM ONLY "+qualified(t.Schema, t.Name)+")").Scan(&filled[side])
			if err != nil {
				return false, fmt.Errorf("look into %s: %w", t.label(), err)
			}
		}
		if filled[onSource] != filled[onTarget] {
			return false, nil
		}
	}
	return true, nil
}
