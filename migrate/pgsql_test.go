package migrate

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestScriptsAreTakenApart(t *testing.T) {
	t.Parallel()
	for script, want := range map[string][]string{
		"":                                  nil,
		" ; ;\n-- only; a comment\n;":       nil,
		"SELECT 1; SELECT 2":                {"SELECT 1", "SELECT 2"},
		"\\restrict a;b\nSELECT 1;\n\\un x": {"SELECT 1"},
		"-- head\n\n\\restrict x\n\n-- more\nSET a = 1;": {"SET a = 1"},
		`SELECT ';''', E'\';', ";""", $$;$$, $a$;$$;$a$, U&';', $1;`: {
			`SELECT ';''', E'\';', ";""", $$;$$, $a$;$$;$a$, U&';', $1`,
		},
		`SELECT '\'; SELECT 2`:                 {`SELECT '\'`, "SELECT 2"},
		"SELECT a$b; SELECT c$$d":              {"SELECT a$b", "SELECT c$$d"},
		"SELECT 1 /* ; /* ; */ ; */; SELECT 2": {"SELECT 1 /* ; /* ; */ ; */", "SELECT 2"},
		"CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT CASE WHEN a THEN 1 END; SELECT 2; END; SELECT 3": {
			"CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT CASE WHEN a THEN 1 END; SELECT 2; END", "SELECT 3",
		},
		"COMMENT ON TABLE \"a;\nb\" IS '\n\\x\n'; SELECT 1": {"COMMENT ON TABLE \"a;\nb\" IS '\n\\x\n'", "SELECT 1"},
	} {
		var got []string
		for _, s := range pgSplit(script) {
			got = append(got, s.text)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", script, diff)
		}
	}
}

func TestStatementsThatBuildAreKnown(t *testing.T) {
	t.Parallel()
	for sql, want := range map[string]pgBuilt{
		`CREATE INDEX "on" ON public.t USING btree (a)`:                    {kind: "index", schema: "public", name: "on"},
		`CREATE UNIQUE INDEX i ON ONLY "A.b".t USING btree (lower(a))`:     {kind: "index", schema: "A.b", name: "i"},
		`ALTER TABLE ONLY s.t ADD CONSTRAINT "K" PRIMARY KEY (a)`:          {kind: "constraint", schema: "s", table: "t", name: "K"},
		`ALTER TABLE s.t ADD CONSTRAINT k FOREIGN KEY (a) REFERENCES s.u`:  {kind: "constraint", schema: "s", table: "t", name: "k"},
		`ALTER INDEX s.parent ATTACH PARTITION s.child`:                    {kind: "attach", schema: "s", name: "child"},
		`ALTER INDEX s.i ALTER COLUMN 1 SET STATISTICS 5`:                  {},
		`ALTER TABLE s.t CLUSTER ON i`:                                     {},
		`CREATE TRIGGER t BEFORE INSERT ON s.t EXECUTE FUNCTION s.index()`: {},
	} {
		if got, _ := pgSplit(sql)[0].built(); got != want {
			t.Errorf("%s: %+v", sql, got)
		}
	}
}

func TestBinaryCopyIsForTypesThatEveryDatabaseHas(t *testing.T) {
	t.Parallel()
	for types, want := range map[string]bool{
		"b:integer": true, "d: b:text": true, "e:": true, "ba:integer[] b:integer": true, "r:int4range": true,
		"ba: e:": false, "b:": false, "c:": false, "r:": false, "b:regclass": false, "d: ba:text[] b:text": true, "b:aclitem": false,
	} {
		if got := pgBinary([]string{"b:text", types}); got != want {
			t.Errorf("%s: %t", types, got)
		}
	}
}
