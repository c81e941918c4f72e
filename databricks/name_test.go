package databricks

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lakeward/lakeward"
)

func TestParseName(t *testing.T) {
	t.Parallel()
	tests := map[string]reference{
		"shop":                       {name: "shop", project: "shop"},
		"Old-Shop-2":                 {name: "Old-Shop-2", project: "Old-Shop-2"},
		"projects/shop":              {name: "shop", project: "shop"},
		"projects/shop/branches/dev": {name: "projects/shop/branches/dev", project: "shop", branch: "dev"},
		"projects/a/branches/b/endpoints/c": {
			name: "projects/a/branches/b/endpoints/c", project: "a", branch: "b", endpoint: "c",
		},
	}
	for name, want := range tests {
		got, err := parseName(name)
		if err != nil {
			t.Errorf("parseName(%q): %v", name, err)
		}
		if diff := cmp.Diff(want, got, cmp.AllowUnexported(reference{})); diff != "" {
			t.Errorf("parseName(%q): (-want +got)\n%s", name, diff)
		}
	}
}

func TestParseNameRefusesWhatWouldBreakAnAddress(t *testing.T) {
	t.Parallel()
	for _, name := range []string{
		"", "my shop", "shop?", "a/b", "shop_1", "Läden", strings.Repeat("x", 64), "/", "projects/", "projects/shop/",
		"projects/Shop", "projects/shop/branches", "projects/shop/branches/", "branches/dev", "projects/../branches/b",
		"projects/a/branches/b/endpoints/c/d", "projects/a/branches/b/endpoints/c/roles/d", "projects/a/endpoints/c",
	} {
		_, err := parseName(name)
		if lakeward.KindOf(err) != lakeward.KindInvalid || lakeward.HintOf(err) == "" {
			t.Errorf("parseName(%q): %v", name, err)
		}
	}
}

func TestSpecNamesAllThatIsWrong(t *testing.T) {
	t.Parallel()
	_, err := Spec{Name: "shop", Capacity: "CU_3", RetentionDays: 1, Nodes: 4}.check()
	if lakeward.KindOf(err) != lakeward.KindInvalid {
		t.Fatalf("error %v", err)
	}
	for _, problem := range []string{`got "CU_3"`, "2 to 35 days (got 1)", "1 to 3 (got 4)"} {
		if !strings.Contains(lakeward.HintOf(err), problem) {
			t.Errorf("hint %q, want %q in it", lakeward.HintOf(err), problem)
		}
	}
	for _, s := range []Spec{
		{Name: "shop"},
		{Name: "shop", Capacity: "CU_1", RetentionDays: 2, Nodes: 1},
		{Name: "Shop", Capacity: "CU_8", RetentionDays: 35, Nodes: 3},
	} {
		if _, err := s.check(); err != nil {
			t.Errorf("%+v: %v", s, err)
		}
	}
}

func TestCapacityIsTheSameInBothAPIs(t *testing.T) {
	t.Parallel()
	for _, c := range capacities {
		units, ok := unitsOf(c.name)
		if !ok || capacityOf(units, units) != c.name {
			t.Errorf("%s: %v units, which are %q", c.name, units, capacityOf(units, units))
		}
	}
	if got := capacityOf(0.5, 8); got != "" {
		t.Errorf("an endpoint that scales has capacity %q", got)
	}
}
