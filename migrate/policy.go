package migrate

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"zombiezen.com/go/sqlite"

	"github.com/lakeward/lakeward"
)

// Policy says what happens to a value that the type of its column cannot hold, or to a NULL where none may be. Whatever
// it is, no original value is lost: rows that are not stored as they were stand in lakeward_quarantine.
type Policy string

// The policies.
const (
	PolicyQuarantine Policy = "quarantine" // the row is not stored; the empty policy means the same
	PolicyWiden      Policy = "widen"      // the column becomes the narrowest type that holds every value: decided in the plan
	PolicyNull       Policy = "null"       // the value becomes NULL
	PolicyFail       Policy = "fail"       // the migration fails
	PolicyReplace    Policy = "replace"    // text loses what it cannot hold, anything else becomes the column's Replacement
)

var policies = []Policy{PolicyQuarantine, PolicyWiden, PolicyNull, PolicyFail, PolicyReplace}

// Action is what was done about a value that does not fit.
type Action string

// The actions.
const (
	ActionQuarantined Action = "quarantined" // the row is not in its table
	ActionNulled      Action = "nulled"      // the row is in its table, with NULL in the column
	ActionReplaced    Action = "replaced"    // the row is in its table, with another value in the column

	actionFailed Action = "failed"
)

// defaultReplacement stands for each character that text cannot hold.
const defaultReplacement = "\uFFFD"

// ParsePolicy reads a policy that a person typed.
func ParsePolicy(s string) (Policy, error) {
	if p := Policy(s); s == "" || slices.Contains(policies, p) {
		return p, nil
	}
	names := make([]string, len(policies))
	for i, p := range policies {
		names[i] = string(p)
	}
	return "", lakeward.Errorf(lakeward.KindInvalid, "use one of: "+strings.Join(names, ", "), "unknown policy %q", s)
}

// will words what will happen to values that do not fit.
func (p Policy) will() string {
	switch p {
	case PolicyNull:
		return "become NULL"
	case PolicyReplace:
		return "be replaced"
	case PolicyFail:
		return "make the migration fail"
	}
	return "be quarantined"
}

// replacement returns what stands in for a value of the column, if anything can.
func (c *Column) replacement() (string, bool) {
	switch {
	case c.Replacement != nil:
		return *c.Replacement, true
	case c.Convert == ConvertText:
		return defaultReplacement, true
	}
	return "", false
}

// amendFunc appends a field of binary COPY in place of a value that does not fit, and says what it did. It appends
// nothing for a row that is quarantined or ends the migration.
type amendFunc func(dst []byte, v value) ([]byte, Action)

// newAmend returns the function for the policy of c, whose values encode converts.
func newAmend(c Column, encode encodeFunc) amendFunc {
	switch c.OnMisfit {
	case PolicyNull:
		return func(dst []byte, _ value) ([]byte, Action) { return appendNull(dst), ActionNulled }
	case PolicyFail:
		return func(dst []byte, _ value) ([]byte, Action) { return dst, actionFailed }
	case PolicyReplace:
		return newReplace(c, encode)
	}
	return func(dst []byte, _ value) ([]byte, Action) { return dst, ActionQuarantined }
}

// newReplace mends text where that is possible, and otherwise takes the replacement as the whole value.
func newReplace(c Column, encode encodeFunc) amendFunc {
	return func(dst []byte, v value) ([]byte, Action) {
		out, reason := encode(dst, c.standIn(encode, v))
		if reason != "" { // the check of the plan lets no such replacement pass
			return dst, ActionQuarantined
		}
		return out, ActionReplaced
	}
}

// standIn returns the value that a misfit becomes by the column's policy.
func (c *Column) standIn(encode encodeFunc, v value) value {
	if c.OnMisfit == PolicyNull {
		return value{class: sqlite.TypeNull}
	}
	with, _ := c.replacement()
	if c.Convert == ConvertText && (v.class == sqlite.TypeText || v.class == sqlite.TypeBlob) {
		mended := value{class: sqlite.TypeText, b: appendMended(nil, v.b, with)}
		if _, reason := encode(nil, mended); reason == "" {
			return mended
		}
	}
	return value{class: sqlite.TypeText, b: []byte(with)}
}

// appendMended appends b with every NUL and every byte that is part of no character replaced.
func appendMended(dst, b []byte, with string) []byte {
	for len(b) > 0 {
		r, n := utf8.DecodeRune(b)
		if r == 0 || r == utf8.RuneError && n == 1 {
			dst = append(dst, with...)
		} else {
			dst = append(dst, b[:n]...)
		}
		b = b[n:]
	}
	return dst
}

// failedError is the end of a migration whose plan wants no row changed for a column.
func failedError(table, column, first string, values int64) error {
	return lakeward.Errorf(lakeward.KindConflict,
		"mend them in the source, or choose another policy (on_misfit) for the column in the plan",
		"%s.%s: %s not fit, and the plan says to fail; row %s", table, column, countOf(values, "value does", "values do"), first)
}

// unpolicy words why a column cannot have its policy, or returns "".
func (t *Table) unpolicy(c Column) string {
	switch c.OnMisfit {
	case "", PolicyQuarantine, PolicyWiden, PolicyFail:
		return ""
	case PolicyNull:
		if c.NotNull || t.inPrimaryKey(c.Target) {
			return "on_misfit: null cannot be: the column must not be NULL"
		}
		return t.uncomputed(c)
	case PolicyReplace:
		return t.unreplaceable(c)
	}
	return fmt.Sprintf("unknown policy %q", string(c.OnMisfit))
}

// unreplaceable words why values of a column cannot be replaced, or returns "".
func (t *Table) unreplaceable(c Column) string {
	with, ok := c.replacement()
	if !ok {
		return "on_misfit: replace wants a replacement"
	}
	encode, err := newEncoder(c)
	if err != nil {
		return "" // named as what it is
	}
	if _, reason := encode(nil, value{class: sqlite.TypeText, b: []byte(with)}); reason != "" {
		return "the replacement does not fit " + c.Type + ": " + reason
	}
	if c.Convert != ConvertText && t.inKey(c.Target) {
		return "on_misfit: replace cannot be: every row would get the same value in a key"
	}
	return t.uncomputed(c)
}

// uncomputed refuses to change values from which PostgreSQL would compute others than the source has.
func (t *Table) uncomputed(c Column) string {
	if user := t.computedFrom(c); user != "" {
		return "its values cannot be changed: " + user + " is computed from them"
	}
	return ""
}

// inKey reports whether a column is part of the primary key or of a unique constraint.
func (t *Table) inKey(target string) bool {
	return t.inPrimaryKey(target) ||
		slices.ContainsFunc(t.Uniques, func(k Key) bool { return slices.Contains(k.Columns, target) })
}
