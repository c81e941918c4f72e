package standin

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/lakeward/lakeward/internal/endpoint"
)

func TestMasks(t *testing.T) {
	t.Parallel()
	known := []string{"spec.a", "spec.b.c", "spec.b.d", "spec.no_suspension", "spec.suspend_timeout_duration"}
	for _, c := range []struct {
		mask, body string
		want       string // the fields that change
	}{
		{"spec.a", `{}`, "spec.a"},
		{"spec.a,spec.b.c", `{"spec":{"a":1}}`, "spec.a spec.b.c"},
		{"*", `{"spec":{"b":{"d":false}}}`, "spec.b.d"},
		{"spec", `{"spec":{"a":0}}`, "spec.a"},
		{"spec.b", `{"spec":{"a":1,"b":{"c":1}}}`, "spec.b.c"},
		{"spec.b.c.e", `{}`, "spec.b.c"},
		{"spec.suspension", `{"spec":{"no_suspension":true}}`, "spec.no_suspension"},
		{"spec.suspension", `{}`, "spec.no_suspension spec.suspend_timeout_duration"},
		{" spec.a , ", `{}`, "spec.a"},
		{"", `{"spec":{"a":1}}`, "error"},
		{"spec.x", `{}`, "error"},
		{"spe", `{}`, "error"},
	} {
		r := &request{
			Request: httptest.NewRequest(http.MethodPatch, "/?update_mask="+url.QueryEscape(c.mask), nil),
			body:    []byte(c.body),
		}
		m, err := r.mask(true, known...)
		got := "error"
		if err == nil {
			got = strings.Join(slices.DeleteFunc(slices.Clone(known), func(p string) bool { return !m.has(p) }), " ")
		}
		if got != c.want {
			t.Errorf("mask %q, body %s: %s change, want %s", c.mask, c.body, got, c.want)
		}
	}
}

func TestConnectionsFollowTheSize(t *testing.T) {
	t.Parallel()
	// As published for the Autoscaling API.
	for units, want := range map[float64]int{
		0.5: 104, 1: 209, 2: 419, 3: 629, 4: 839, 8: 1678, 16: 3357, 32: 4000, 64: 4000,
	} {
		if got := connections(units); got != want {
			t.Errorf("%v units: %d connections, want %d", units, got, want)
		}
	}
}

func TestCapacities(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]float64{"CU_1": 8, "CU_2": 16, "CU_4": 32, "CU_8": 64} {
		units, err := unitsOf(name)
		if err != nil || units != want || capacityOf(computeSettings{MinCU: units, MaxCU: units}) != name {
			t.Errorf("%s: %v units, %v", name, units, err)
		}
	}
	for _, scales := range []computeSettings{{MinCU: 1, MaxCU: 8}, {MinCU: 8, MaxCU: 16}} {
		if got := capacityOf(scales); got != "" {
			t.Errorf("an endpoint from %v to %v units is %s", scales.MinCU, scales.MaxCU, got)
		}
	}
}

func TestDerivedIDs(t *testing.T) {
	t.Parallel()
	free := func(string) bool { return false }
	for name, want := range map[string]string{
		"jane.doe@example.com":                 "jane-doe",
		"Made by SQL":                          "made-by-sql",
		"7f0c1e52-9a54-4a8e-8a53-1d4a0d9d0a11": "sp-7f0c1e52-9a54-4a8e-8a53-1d4a0d9d0a11",
		"Ünïcode":                              "n-code",
		"日本":                                   "role",
	} {
		if got := deriveID(name, free); got != want || !resourceID.MatchString(got) {
			t.Errorf("%s becomes %q, want %q", name, got, want)
		}
	}
	for _, id := range []string{"7f0c1e52-9a54-4a8e-8a53-1d4a0d9d0a11", "c0e947af-81f9-4b82-9eb4-f30b51860b70"} {
		if got := new(branch).addRole(endpoint.Role{Name: id, Identity: typeServicePrincipal}, "").ID; got != "sp-"+id {
			t.Errorf("the role of service principal %s is %s", id, got)
		}
	}
	first := true
	got := deriveID("app", func(string) bool { defer func() { first = false }(); return first })
	if got == "app" || !strings.HasPrefix(got, "app-") || !resourceID.MatchString(got) {
		t.Errorf("a taken id becomes %q", got)
	}
}

func TestPages(t *testing.T) {
	t.Parallel()
	items := []string{"d", "a", "c", "b", "a-1"}
	var seen []string
	for query := (url.Values{"page_size": {"2"}}); ; {
		part, next, err := page(items, strings.Clone, query)
		if err != nil {
			t.Fatal(err)
		}
		seen = append(seen, part...)
		if next == "" {
			break
		}
		query.Set("page_token", next)
	}
	if got := strings.Join(seen, " "); got != "a a-1 b c d" {
		t.Errorf("pages of two hold %s", got)
	}
	many := make([]string, 150)
	for n := range many {
		many[n] = strconv.Itoa(1000 + n)
	}
	for size, want := range map[string]int{"": 50, "0": 50, "7": 7, "100": 100, "1000": 100} {
		if part, next, err := page(many, strings.Clone, url.Values{"page_size": {size}}); err != nil || len(part) != want || next == "" {
			t.Errorf("a page of %q has %d items, want %d (%v)", size, len(part), want, err)
		}
	}
	for _, query := range []url.Values{{"page_size": {"x"}}, {"page_size": {"-1"}}, {"page_token": {"YQ"}}} {
		if _, _, err := page(items, strings.Clone, query); err == nil {
			t.Errorf("%v was accepted", query)
		}
	}
}
