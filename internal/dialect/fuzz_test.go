package dialect

import (
	"errors"
	"strings"
	"testing"
)

// FuzzParse feeds arbitrary text to every parser. None may panic, and what one prints must parse again to what prints
// the same.
func FuzzParse(f *testing.F) {
	for _, sql := range tables {
		f.Add(sql)
	}
	for _, sql := range lines(f, "expressions.sql") {
		f.Add(sql)
	}
	for _, sql := range lines(f, "selects.sql") {
		f.Add("CREATE VIEW v AS " + sql)
	}
	f.Add("CREATE INDEX i ON t(a COLLATE nocase DESC, b + 1) WHERE a IS NOT NULL")
	f.Add("CREATE TRIGGER r AFTER INSERT ON t BEGIN SELECT 1; END")
	f.Add("CREATE VIRTUAL TABLE v USING fts5(a, b, tokenize='x')")
	f.Fuzz(func(t *testing.T, sql string) {
		if table, err := ParseCreateTable(sql); err == nil {
			printsStably(t, table.String(), ParseCreateTable)
		}
		if index, err := ParseCreateIndex(sql); err == nil {
			printsStably(t, index.String(), ParseCreateIndex)
		}
		if view, err := ParseCreateView(sql); err == nil {
			printsStably(t, view.String(), ParseCreateView)
		}
		if e, err := ParseExpr(sql); err == nil {
			printsStably(t, FormatExpr(e), func(sql string) (printedExpr, error) {
				e, err := ParseExpr(sql)
				return printedExpr{e}, err
			})
		}
		_, _ = ParseCreateTrigger(sql)
		_, _ = ParseCreateVirtualTable(sql)
	})
}

type printedExpr struct{ Expr }

func (e printedExpr) String() string { return FormatExpr(e.Expr) }

func printsStably[T interface{ String() string }](t *testing.T, printed string, parse func(string) (T, error)) {
	t.Helper()
	again, err := parse(printed)
	if err != nil {
		if strings.Contains(err.Error(), "nested too deeply") {
			return // the parentheses that the printer adds count as levels
		}
		t.Fatalf("%q does not parse: %v", printed, err)
	}
	if s := again.String(); s != printed {
		t.Fatalf("%q prints as %q", printed, s)
	}
}

// FuzzTranslate feeds whatever parses to the translator. It may refuse, with a reason, and must not panic.
func FuzzTranslate(f *testing.F) {
	for _, e := range lines(f, "values.sql") {
		f.Add("SELECT " + e + " FROM t")
	}
	for _, sql := range lines(f, "views.sql") {
		f.Add(sql)
	}
	f.Fuzz(func(t *testing.T, sql string) {
		if view, err := ParseCreateView("CREATE VIEW v AS " + sql); err == nil {
			sql, columns, err := TranslateView(view, sampleSchema())
			if err == nil && (sql == "" || len(columns) == 0) {
				t.Fatalf("no columns: %q", sql)
			}
			refusedWithReason(t, err)
			if draft := DraftView(view, sampleSchema()); !strings.Contains(draft, "CREATE VIEW") {
				t.Fatalf("%q", draft)
			}
			for _, c := range view.Select.Cores[0].Columns {
				if c.Expr != nil {
					_, err := TranslateCondition(c.Expr, sampleSchema(), "t")
					refusedWithReason(t, err)
					_, err = TranslateDefault(c.Expr, "timestamp without time zone", Milliseconds)
					refusedWithReason(t, err)
				}
			}
		}
	})
}

func refusedWithReason(t *testing.T, err error) {
	t.Helper()
	var u *Untranslatable
	if err != nil && (!errors.As(err, &u) || u.Reason == "") {
		t.Fatal(err)
	}
}

// FuzzTrigger feeds arbitrary text to the drafts of triggers, which must not panic and never be empty.
func FuzzTrigger(f *testing.F) {
	f.Add("SELECT CASE WHEN NEW.n < 0 THEN RAISE(ABORT, 'x') ELSE RAISE(IGNORE) END")
	f.Add("INSERT OR REPLACE INTO k (id, name) VALUES (NEW.id, OLD.s), (2, 'x') ON CONFLICT (id) DO UPDATE SET (name, qty) = (excluded.name, 1) WHERE k.id > 1")
	f.Add("UPDATE k SET qty = (SELECT max(n) FROM t) FROM t WHERE k.t_id = t.id AND t.id = NEW.rowid; DELETE FROM k AS x WHERE x.id = OLD.id")
	f.Add("WITH c AS (SELECT 1 AS n) INSERT INTO k DEFAULT VALUES; ; REPLACE INTO t SELECT * FROM t")
	f.Fuzz(func(t *testing.T, body string) {
		trigger, err := ParseCreateTrigger("CREATE TRIGGER r AFTER UPDATE ON t BEGIN " + body + "; END")
		if err != nil {
			return
		}
		if draft, _ := DraftTrigger(trigger, sampleSchema()); !strings.Contains(draft, "CREATE TRIGGER") {
			t.Fatalf("%q", draft)
		}
	})
}
