package main

import (
	"testing"

	"github.com/lakeward/lakeward"
)

func TestCount(t *testing.T) {
	t.Parallel()
	for n, want := range map[int64]string{0: "0", 12: "12", 999: "999", 1000: "1,000", 52310: "52,310", -1234567: "-1,234,567"} {
		if got := count(n); got != want {
			t.Errorf("count(%d) = %s, want %s", n, got, want)
		}
	}
}

func TestQuote(t *testing.T) {
	t.Parallel()
	for s, want := range map[string]string{
		"http://127.0.0.1:1": "http://127.0.0.1:1", "": "''", "a b": "'a b'", "it's": `'it'\''s'`, "$(x)": "'$(x)'",
	} {
		if got := quote(s); got != want {
			t.Errorf("quote(%q) = %s, want %s", s, got, want)
		}
	}
}

func TestCapacity(t *testing.T) {
	t.Parallel()
	for want, i := range map[string]lakeward.Instance{
		"":                       {},
		"CU_2":                   {Capacity: "CU_2", MinCU: 2, MaxCU: 2},
		"1 compute unit":         {MinCU: 1, MaxCU: 1},
		"0.5 compute units":      {MinCU: 0.5, MaxCU: 0.5},
		"0.5 to 4 compute units": {MinCU: 0.5, MaxCU: 4},
	} {
		if got := capacity(i); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
