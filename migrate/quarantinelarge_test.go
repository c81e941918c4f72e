package migrate

import (
	"strings"
	"testing"

	"github.com/lakeward/lakeward/internal/pgtest"
)

// hugeMisfits are values over 8 MB that PostgreSQL cannot hold, and good ones beside them.
const hugeMisfits = `
	CREATE TABLE letters (id INTEGER PRIMARY KEY, body TEXT, scan BLOB, n INTEGER);
	WITH RECURSIVE c (i) AS (SELECT 10 UNION ALL SELECT i + 1 FROM c WHERE i < 30)
		INSERT INTO letters SELECT i, 'good', x'00', i FROM c;
	INSERT INTO letters VALUES
		(4, replace(hex(zeroblob(4500000)), '00', 'ab') || CAST(x'ff' AS TEXT) || 'end', randomblob(9000000), 4),
		(5, replace(hex(zeroblob(4500000)), '00', 'cd') || CAST(x'00' AS TEXT), NULL, 5);
	CREATE TABLE cards (k TEXT PRIMARY KEY, body TEXT) WITHOUT ROWID;
	INSERT INTO cards VALUES ('a', 'good'), ('b', 'good'), ('c', 'good'),
		('d', replace(hex(zeroblob(4500000)), '00', 'ef') || CAST(x'ff' AS TEXT));`

func TestQuarantineKeepsLargeValues(t *testing.T) {
	t.Parallel()
	for policy, values := range map[Policy]int64{PolicyQuarantine: 4, PolicyNull: 4, PolicyReplace: 4} { // the scan beside a text too
		source, target := newSource(t, hugeMisfits), DSN(pgtest.DB(t))
		report, err := Run(t.Context(), source, target, Options{OnMisfit: policy, WorkDir: t.TempDir()})
		if err != nil {
			t.Fatalf("%s: %v\n%s", policy, err, asJSON(t, report))
		}
		conn := connect(t, target)
		var got string
		err = conn.QueryRow(t.Context(), `
			SELECT string_agg(DISTINCT action, ' ') || ' ' || sum(octet_length(whole)) FROM lakeward_quarantine,
				jsonb_each("row") AS field (name, v),
				LATERAL (SELECT string_agg(data, '' ORDER BY place) FROM lakeward_quarantine_values WHERE value = (v ->> 'value')::uuid) AS k (whole)
			WHERE v ? 'value' AND octet_length(whole) = (v ->> 'bytes')::int`).Scan(&got)
		if err != nil || !strings.HasSuffix(got, " 36000006") {
			t.Errorf("%s: of large values the quarantine has %q, %v", policy, got, err)
		}
		if n := countRowsOf(t, conn, "SELECT DISTINCT value FROM lakeward_quarantine_values"); n != values {
			t.Errorf("%s: %d values, want %d", policy, n, values)
		}
		back, report := export(t, target, ExportOptions{})
		requireSameFile(t, source, back)
		if report.Verdict != VerdictExcept {
			t.Errorf("%s: the export is %s", policy, report.Verdict)
		}
	}
}

func TestExportNamesValuesThatAreNotWhole(t *testing.T) {
	t.Parallel()
	source, target := newSource(t, hugeMisfits), DSN(pgtest.DB(t))
	if _, err := Run(t.Context(), source, target, Options{OnMisfit: PolicyNull, WorkDir: t.TempDir()}); err != nil {
		t.Fatal(err)
	}
	// Earlier versions kept the beginning only.
	_, err := connect(t, target).Exec(t.Context(), `UPDATE lakeward_quarantine SET "row" = "row" #- '{body,value}' WHERE key = '{"id": 5}'`)
	if err != nil {
		t.Fatal(err)
	}
	_, report := export(t, target, ExportOptions{})
	if notes := strings.Join(report.Notes, "\n"); !strings.Contains(notes, `letters.body of row {"id": 5} stays nulled`) {
		t.Errorf("the notes are\n%s", notes)
	}
}
