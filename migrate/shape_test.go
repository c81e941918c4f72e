package migrate

import "testing"

func TestSameShape(t *testing.T) {
	for _, c := range []struct {
		a, b string
		same bool
	}{
		{"", "", true},
		{"2024-01-31", "1999-12-01", true},
		{"2024-01-31 10:20:30", "1999-12-01 01:02:03", true},
		{"2024-01-31 10:20:30", "1999-12-01T01:02:03", false},
		{"2024-01-31", "2024-01-3", false},
		{"2024-01-31T10:20:30", "2024-01-31T10:20:3:", false}, // ':' follows '9'
		{"2024-01-31T10:20:30", "2024-01-31T10:20:3/", false}, // '/' precedes '0'
		{"2024:01", "2024501", false},
		{"\xb024-0131", "2024-0131", false}, // '0' with its highest bit set
	} {
		if got := sameShape([]byte(c.a), []byte(c.b)); got != c.same {
			t.Errorf("sameShape(%q, %q) = %v", c.a, c.b, got)
		}
	}
}

// TestSameShapeOfEveryByte compares each byte with each other one in each place of a word and behind it.
func TestSameShapeOfEveryByte(t *testing.T) {
	a, b := []byte("2024-01-31T"), []byte("1999-12-01T")
	for at := range a {
		x, y := a[at], b[at]
		for v := range 1 << 16 {
			a[at], b[at] = byte(v>>8), byte(v)
			want := a[at] == b[at] || isDigit(a[at]) && isDigit(b[at])
			if got := sameShape(a, b); got != want {
				t.Fatalf("sameShape(%q, %q) = %v", a, b, got)
			}
		}
		a[at], b[at] = x, y
	}
}
