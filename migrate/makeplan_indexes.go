package migrate

import (
	"errors"
	"fmt"
	"strings"

	"github.com/lakeward/lakeward/internal/dialect"
)

// planIndexes takes over the indexes that are not a constraint's.
func (p *planner) planIndexes(t *tablePlanner) {
	for _, source := range t.source.indexes {
		if source.constraint() {
			continue
		}
		index, err := p.planIndex(t, source)
		if err != nil {
			p.leave(Left{Kind: "index", Table: t.Name, Name: source.name, Reason: err.Error(), Source: source.sql})
			continue
		}
		if source.broken > 0 {
			index.Name = p.reserved[source.name]
			p.leaveBroken("index", t, source, source.name, createIndex(p.schema, t.Table, index))
			continue
		}
		if size := t.entrySize(source.columns()); size > mostIndexBytes {
			p.leave(Left{
				Kind: "index", Table: t.Name, Name: source.name, Source: source.sql,
				Reason: fmt.Sprintf("its values have up to %s bytes, an index entry in PostgreSQL 2,704", grouped(size)),
				Draft:  createIndex(p.schema, t.Table, hashed(index, p.reserved[source.name])),
			})
			continue
		}
		index.Name = p.reserved[source.name]
		t.Indexes = append(t.Indexes, index)
	}
}

// mostIndexBytes is how large the values of an index entry may be for sure: a third of a page, less what goes with them.
const mostIndexBytes = 2600

// entrySize returns how many bytes the texts and blobs of columns may have together.
func (t *tablePlanner) entrySize(columns []int) (size int64) {
	for _, i := range columns {
		if i >= 0 && (typeClass(t.Columns[i].Type) == "text" || t.Columns[i].Type == "bytea") {
			size += t.Columns[i].Found.MaxBytes
		}
	}
	return size
}

// hashed returns the same index over the digests of its columns, which finds equal values and keeps unique ones apart.
func hashed(ix Index, name string) Index {
	keys := make([]string, len(ix.Keys))
	for i, key := range ix.Keys {
		keys[i] = "md5((" + strings.TrimSuffix(key, " DESC") + ")::text)"
	}
	ix.Keys, ix.Name = keys, name
	return ix
}

func (p *planner) planIndex(t *tablePlanner, source sourceIndex) (Index, error) {
	index := Index{Unique: source.unique, Source: source.sql}
	parsed, err := dialect.ParseCreateIndex(source.sql)
	if err != nil {
		return index, err
	}
	if len(parsed.Columns) != len(source.parts) {
		return index, errors.New("its statement does not agree with its content")
	}
	for i, part := range source.parts {
		element, err := p.indexElement(t, part, parsed.Columns[i])
		if err == nil && source.unique && part.column < rowidPlace {
			err = t.readsAnother(parsed.Columns[i].Expr)
		}
		if err != nil {
			return index, err
		}
		index.Keys = append(index.Keys, element)
	}
	if parsed.Where != nil {
		if index.Where, err = dialect.TranslateCondition(parsed.Where, p, t.Name); err == nil && source.unique {
			err = t.readsAnother(parsed.Where)
		}
		if err != nil {
			return index, fmt.Errorf("its WHERE: %w", err)
		}
	}
	return index, nil
}

func (p *planner) indexElement(t *tablePlanner, part sourceIndexPart, parsed dialect.IndexedColumn) (string, error) {
	if part.column == rowidPlace && t.source.rowidAlias >= 0 {
		part.column = t.source.rowidAlias
	}
	switch {
	case part.column >= 0:
		return t.element(part), nil
	case part.column == rowidPlace:
		return "", errors.New("it is over the rowid, which has no column on the target")
	case part.column == unreadablePlace:
		return "", errors.New("it is over a generated column that stays behind")
	}
	sql, err := dialect.TranslateExpr(parsed.Expr, p, t.Name)
	if err != nil {
		return "", err
	}
	sql = "(" + sql + ")"
	if sameName(parsed.Collate, "NOCASE") {
		sql = "lower(" + sql + `::text COLLATE "C")`
	}
	if part.desc {
		sql += " DESC"
	}
	return sql, nil
}

// planChecks takes over CHECK constraints.
func (p *planner) planChecks(t *tablePlanner) {
	if t.parsed == nil {
		return
	}
	for _, c := range t.parsed.Columns {
		for _, check := range c.Checks {
			p.planCheck(t, check, []string{c.Name})
		}
	}
	for _, c := range t.parsed.Constraints {
		if c.Check == nil {
			continue
		}
		check := *c.Check
		if check.Name == "" {
			check.Name = c.Name
		}
		p.planCheck(t, check, nil)
	}
}

func (p *planner) planCheck(t *tablePlanner, check dialect.Check, columns []string) {
	if name := jsonCheck(check.Expr); name != "" {
		if c := t.column(name); c != nil && c.Type == "jsonb" {
			t.note("CHECK (%s) is what jsonb itself makes sure of", check.Text)
			return
		}
	}
	sql, err := dialect.TranslateCheck(check.Expr, p, t.Name)
	if err != nil {
		name := check.Name
		if name == "" {
			name = strings.Join(columns, ", ")
		}
		l := Left{Kind: "check", Table: t.Name, Name: name, Reason: err.Error(), Source: check.Text}
		if sql := dialect.DraftCheck(check.Expr, p, t.Name); sql != "" {
			l.Draft = "ALTER TABLE " + qualified(p.schema, t.Target) + " ADD CHECK (" + sql + ");"
		}
		p.leave(l)
		return
	}
	t.Checks = append(t.Checks, Check{
		Name:   t.names.pick(constraintName(check.Name, t.Target, columns, "check")),
		Source: check.Text, SQL: sql,
	})
}

// jsonCheck returns the column that an expression of the form json_valid(column) [OR column IS NULL] is about, or "".
func jsonCheck(e dialect.Expr) string {
	if row, ok := e.(*dialect.Row); ok && len(row.Items) == 1 {
		return jsonCheck(row.Items[0])
	}
	if or, ok := e.(*dialect.Binary); ok && or.Op == "OR" {
		name := jsonCheck(or.L)
		is, ok := or.R.(*dialect.Binary)
		if ok && is.Op == "IS" && dialect.FormatExpr(is.R) == "NULL" && columnName(is.L) == name {
			return name
		}
		return ""
	}
	call, ok := e.(*dialect.Call)
	if !ok || !strings.EqualFold(call.Name, "json_valid") || len(call.Args) != 1 {
		return ""
	}
	return columnName(call.Args[0])
}

// columnName returns the column that an expression is, or "".
func columnName(e dialect.Expr) string {
	if column, ok := e.(*dialect.ColumnRef); ok {
		return column.Column
	}
	return ""
}
