package migrate

import (
	"strconv"
	"strings"
	"testing"

	"github.com/lakeward/lakeward"
)

// virtualScript has full-text tables with and without their own texts, an R*Tree, and modules that are not there, among
// them FTS4 and SpatiaLite, whose tables stand as those modules leave them.
const virtualScript = `
	CREATE VIRTUAL TABLE notes USING fts5(title, "body text", day UNINDEXED, tokenize = 'porter unicode61');
	INSERT INTO notes VALUES ('Boats', 'sailing on lakes', '2024-01-31'), ('Trains', NULL, 5);
	DELETE FROM notes WHERE rowid = 1; INSERT INTO notes(rowid, title, "body text") VALUES (9, 'Ships', 'we sail');
	CREATE TABLE page (id INTEGER PRIMARY KEY, text TEXT); INSERT INTO page VALUES (3, 'running water');
	CREATE VIRTUAL TABLE page_index USING fts5(text, content='page', content_rowid='id');
	CREATE VIRTUAL TABLE index_only USING fts5(text, content='');
	CREATE VIRTUAL TABLE places USING rtree(id, xmin, xmax, miny, maxy, +name TEXT);
	INSERT INTO places VALUES (7, 1, 2, 3, 4, 'here'), (8, 10, 12, 10, 12, 'there');
	CREATE VIRTUAL TABLE boxes USING rtree_i32(id, x1, x2, y1, y2, z1, z2); INSERT INTO boxes VALUES (1, 1, 2, 1, 2, 1, 2);
	CREATE VIEW titles AS SELECT title FROM notes;
	CREATE TABLE mail_content (docid INTEGER PRIMARY KEY, c0subject, c1text); INSERT INTO mail_content VALUES (4, 'Hi', 'there');
	CREATE TABLE mail_segments (blockid INTEGER PRIMARY KEY, block BLOB);
	CREATE TABLE mail_segdir (level INTEGER, idx INTEGER, root BLOB, PRIMARY KEY (level, idx));
	CREATE TABLE spatial_ref_sys (srid INTEGER PRIMARY KEY, srtext TEXT);
	CREATE TABLE geometry_columns (f_table_name TEXT, f_geometry_column TEXT, srid INTEGER, spatial_index_enabled INTEGER);
	INSERT INTO geometry_columns VALUES ('town', 'geom', 4326, 1);
	CREATE TABLE town (id INTEGER PRIMARY KEY, geom POINT); INSERT INTO town VALUES (1, x'0001e6100000fe');
	CREATE VIRTUAL TABLE idx_town_geom USING rtree(pkid, xmin, xmax, ymin, ymax); INSERT INTO idx_town_geom VALUES (1, 0, 0, 0, 0);
	CREATE VIEW geom_cols_ref_sys AS SELECT * FROM geometry_columns;
	PRAGMA writable_schema = ON;
	INSERT INTO sqlite_schema VALUES ('table', 'mail', 'mail', 0, 'CREATE VIRTUAL TABLE mail USING fts4(subject, text, tokenize=porter)'),
		('table', 'SpatialIndex', 'SpatialIndex', 0, 'CREATE VIRTUAL TABLE SpatialIndex USING VirtualSpatialIndex()'),
		('table', 'vectors', 'vectors', 0, 'CREATE VIRTUAL TABLE vectors USING vec0(embedding float[768])');
	CREATE TABLE vectors_chunks (chunk_id INTEGER PRIMARY KEY, size INTEGER); INSERT INTO vectors_chunks VALUES (1, 2)`

func TestVirtualTablesKeepTheirRows(t *testing.T) {
	t.Parallel()
	report, conn := migrated(t, virtualScript)
	if !report.Complete() {
		t.Errorf("not complete: %s", asJSON(t, report))
	}
	requireCells(t, conn, map[string]string{
		`SELECT string_agg(rowid || ' ' || title || ' ' || coalesce("body text", '-') || ' ' || coalesce(day::text, '-'), '; ' ORDER BY rowid) FROM notes`: "2 Trains - 5; 9 Ships we sail -",
		`SELECT string_agg(title, ' ' ORDER BY title) FROM titles`:                                       "Ships Trains",
		`SELECT docid || ' ' || subject || ' ' || text FROM mail`:                                        "4 Hi there",
		`SELECT string_agg(id || name || xmin_2 || xmax_2 || miny || maxy, ' ' ORDER BY id) FROM places`: "7here1234 8there10121012",

		`SELECT x1 + z2 FROM boxes`:       "3",
		`SELECT geom FROM town`:           `\x0001e6100000fe`,
		`SELECT size FROM vectors_chunks`: "2",

		`SELECT to_regclass('geometry_columns') IS NULL AND to_regclass('idx_town_geom') IS NULL AND to_regclass('mail_segdir') IS NULL`: "true",
		`SELECT nextval(pg_get_serial_sequence('notes', 'rowid'))`:                                                                       "10",
	})
	drafts := map[string]string{}
	for _, l := range report.Left {
		drafts[l.Kind+" "+l.Name] = l.Draft
	}
	for _, name := range []string{"virtual table notes", "virtual table page_index", "virtual table mail", "virtual table places"} {
		if _, err := conn.Exec(t.Context(), drafts[name]); err != nil || drafts[name] == "" {
			t.Errorf("draft for %s: %v\n%s", name, err, drafts[name])
		}
	}
	requireCells(t, conn, map[string]string{
		`SELECT rowid FROM notes WHERE search @@ websearch_to_tsquery('english', 'sailed')`:                                  "9",
		`SELECT id FROM page WHERE search @@ websearch_to_tsquery('simple', 'water')`:                                        "3",
		`SELECT id FROM places WHERE box(point(xmin_2, miny), point(xmax_2, maxy)) && box(point(1.5, 3.5), point(1.6, 3.6))`: "7",
	})
	for _, name := range []string{
		"virtual table index_only", "virtual table SpatialIndex", "virtual table vectors", "shadow table notes_data",
		"shadow table mail_segdir", "metadata spatial_ref_sys", "metadata geom_cols_ref_sys", "virtual table idx_town_geom", "geometry geom",
	} {
		if _, ok := drafts[name]; !ok {
			t.Errorf("%s is not listed among what stays behind", name)
		}
	}
	if !strings.Contains(drafts["geometry geom"], "4326") || !strings.Contains(drafts["virtual table boxes"], "cube(") {
		t.Errorf("drafts %q, %q", drafts["geometry geom"], drafts["virtual table boxes"])
	}
}

// foreignScript needs collations and functions that only an application has.
const foreignScript = `
	CREATE TABLE book (id INTEGER PRIMARY KEY, title TEXT COLLATE NOCASE UNIQUE); INSERT INTO book VALUES (1, 'b'), (2, 'a');
	CREATE TABLE word (k TEXT, v TEXT, PRIMARY KEY (k)) WITHOUT ROWID; INSERT INTO word VALUES ('a', 'b'), ('B', 'c');
	CREATE TABLE person (name TEXT, sort TEXT AS (upper(name)), initial TEXT AS (substr(name, 1, 1)) UNIQUE);
	INSERT INTO person VALUES ('x'); CREATE INDEX by_name ON person (lower(name)); CREATE INDEX by_sort ON person (sort, initial);
	CREATE VIEW shout AS SELECT hex(title) FROM book;
	PRAGMA writable_schema = ON;
	UPDATE sqlite_schema SET sql = replace(replace(replace(replace(replace(sql, 'COLLATE NOCASE', 'COLLATE icu'),
	'k TEXT', 'k TEXT COLLATE unicase'), 'upper', 'title_sort'), 'lower', 'author'), 'hex', 'loud');`

// TestWhatOnlyTheApplicationKnowsDoesNotStopTheRun has collations and functions that applications add to SQLite.
func TestWhatOnlyTheApplicationKnowsDoesNotStopTheRun(t *testing.T) {
	t.Parallel()
	report, conn := migrated(t, foreignScript)
	if report.Verdict != VerdictExcept { // for the view
		t.Errorf("verdict %q\n%s", report.Verdict, asJSON(t, report))
	}
	requireCells(t, conn, map[string]string{
		"SELECT string_agg(k || v, '' ORDER BY k) FROM word":                                          "Bcab",
		"SELECT initial FROM person":                                                                  "x",
		"SELECT count(*) FROM pg_indexes WHERE indexname IN ('book_title_key', 'person_initial_key')": "2",
	})
	var left []string
	for _, l := range report.Left {
		left = append(left, l.Kind+" "+l.Name)
	}
	if got := strings.Join(left, ", "); got != "index by_name, index by_sort, view shout, generated column sort" {
		t.Errorf("left behind: %s", got)
	}
}

func TestTableTooWideForPostgreSQLIsRefused(t *testing.T) {
	t.Parallel()
	columns := func(n int) string {
		names := make([]string, n)
		for i := range names {
			names[i] = "c" + strconv.Itoa(i) + " INT"
		}
		return strings.Join(names, ", ")
	}
	report, conn := migrated(t, "CREATE TABLE wide ("+columns(mostColumns)+"); INSERT INTO wide (c0, c1599) VALUES (1, 2)")
	requireIdentical(t, report)
	requireCells(t, conn, map[string]string{"SELECT c0 + c1599 FROM wide": "3"})
	_, err := MakePlan(t.Context(), newSource(t, "CREATE TABLE wide ("+columns(mostColumns+1)+")"), PlanOptions{})
	if lakeward.HintOf(err) == "" || !strings.Contains(err.Error(), "wide has 1,601 columns") {
		t.Errorf("got %v, want a refusal with a hint", err)
	}
}
