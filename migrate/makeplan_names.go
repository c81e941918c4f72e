package migrate

import (
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"strings"
	"unicode/utf8"
)

// mostNameBytes is how long a name in PostgreSQL may be; longer ones are silently cut.
const mostNameBytes = 63

// targetNames hands out names that are different from each other.
type targetNames map[string]bool

// pickRelation is pick for what shares a schema with PostgreSQL's catalog, which unqualified names find first, and with
// Lakeward's own tables.
func (s targetNames) pickRelation(want string) string {
	if strings.HasPrefix(want, "pg_") || strings.HasPrefix(want, "lakeward_") {
		s[want] = true
	}
	return s.pick(want)
}

// pick returns want, or the nearest name that PostgreSQL can hold and that is not taken yet.
func (s targetNames) pick(want string) string {
	want = strings.ToValidUTF8(strings.ReplaceAll(want, "\x00", ""), "_")
	if want == "" {
		want = "unnamed"
	}
	name := shortName(want, "")
	for n := 2; s[name]; n++ {
		name = shortName(want, "_"+strconv.Itoa(n))
	}
	s[name] = true
	return name
}

// shortName returns name and suffix; when they are too long together, the end of name gives way to a hash of it.
func shortName(name, suffix string) string {
	if len(name)+len(suffix) <= mostNameBytes {
		return name + suffix
	}
	sum := sha256.Sum256([]byte(name))
	tail := "_" + hex.EncodeToString(sum[:4]) + suffix
	head := name[:mostNameBytes-len(tail)]
	for !utf8.ValidString(head) {
		head = head[:len(head)-1]
	}
	return head + tail
}

// systemColumns returns the names that no column in PostgreSQL may have.
func systemColumns() targetNames {
	return targetNames{"tableoid": true, "xmin": true, "cmin": true, "xmax": true, "cmax": true, "ctid": true}
}

// constraintName returns the name that a constraint was given, or the one that PostgreSQL would give it.
func constraintName(given, table string, columns []string, kind string) string {
	if given != "" {
		return given
	}
	return strings.Join(append(append([]string{table}, columns...), kind), "_")
}

// whyRenamed says why PostgreSQL cannot have a name, or should not.
func whyRenamed(name string) string {
	switch {
	case name == "":
		return "PostgreSQL has no empty names"
	case len(name) > mostNameBytes:
		return "PostgreSQL holds names of up to 63 bytes"
	case strings.HasPrefix(name, "lakeward_"):
		return "Lakeward keeps its own tables under such names"
	case systemColumns()[name]:
		return "PostgreSQL has a system column of that name"
	case strings.HasPrefix(name, "pg_"):
		return "PostgreSQL looks for such names in its catalog first"
	}
	return "PostgreSQL cannot hold the name, or another object has it"
}
