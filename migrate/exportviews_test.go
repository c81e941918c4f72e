package migrate

import (
	"strings"
	"testing"
)

func TestExportComparesViews(t *testing.T) {
	t.Parallel()
	source := newSource(t, `
		CREATE TABLE orders (id INTEGER PRIMARY KEY, total REAL, name TEXT);
		WITH RECURSIVE c (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < 40) INSERT INTO orders SELECT i, i * 1.5, 'n' || i FROM c;
		CREATE TABLE other (id INTEGER PRIMARY KEY, n INTEGER); INSERT INTO other SELECT id, id FROM orders;
		CREATE VIEW totals AS SELECT name, total FROM orders WHERE total > 3;
		CREATE VIEW numbers AS SELECT n FROM other;`)
	views := func(report *Report) map[string]ViewReport {
		t.Helper()
		found := map[string]ViewReport{}
		for _, v := range report.Views {
			found[v.Name] = v
		}
		if len(found) != 2 {
			t.Errorf("the report has %d views", len(found))
		}
		return found
	}
	_, report := thereAndBack(t, source)
	requireIdentical(t, report)
	if v := views(report)["totals"]; !v.Identical || v.Rows != 38 || v.Loaded != 38 {
		t.Errorf("a view that is the same: %+v", v)
	}
	_, report = thereAndBack(t, source, "CREATE OR REPLACE VIEW totals AS SELECT name, total FROM orders WHERE total > 5")
	v := views(report)["totals"]
	if v.Identical || v.Rows != 37 || v.Loaded != 38 || !strings.Contains(v.Explained, "changed since") || report.Verdict != VerdictExcept {
		t.Errorf("a view that was changed: %+v", v)
	}
	_, report = thereAndBack(t, source, "UPDATE orders SET total = 'NaN' WHERE id = 7")
	found := views(report)
	if v := found["totals"]; v.Identical || !strings.Contains(v.Explained, "it reads orders") {
		t.Errorf("a view over a row that was set aside: %+v", v)
	}
	if v := found["numbers"]; !v.Identical {
		t.Errorf("a view over another table: %+v", v)
	}
	_, report = thereAndBack(t, source, "DROP VIEW totals")
	if v := views(report)["totals"]; !strings.Contains(v.Explained, "not have it any more") {
		t.Errorf("a view that is gone: %+v", v)
	}
}
