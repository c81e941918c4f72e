package migrate

import (
	"fmt"
	"slices"
	"time"

	"github.com/lakeward/lakeward"
)

// Verdict is the result of comparing the source with the target.
type Verdict string

// The verdicts.
const (
	VerdictIdentical Verdict = "identical"                      // every row of every table, and every view
	VerdictExcept    Verdict = "identical except what is named" // see Report
	VerdictDifferent Verdict = "different"
	VerdictSchema    Verdict = "schema only" // no row was brought, because none was asked for
)

// Report is what a migration or a verification found: enough to say what was moved, what was proven, and what was not.
type Report struct {
	Version   int        `json:"version"`             // of this structure: 1
	Lakeward  string     `json:"lakeward,omitempty"`  // the version that wrote it
	Operation string     `json:"operation"`           // "migrate", "verify" or "export"
	Migration string     `json:"migration,omitempty"` // the name of the migration that this is about
	Plan      string     `json:"plan,omitempty"`      // which plan was followed: given, made from the source, recorded by a migration
	Source    SourceInfo `json:"source"`
	Target    TargetInfo `json:"target"`
	Started   time.Time  `json:"started"`
	Seconds   float64    `json:"seconds"`
	Phases    []Phase    `json:"phases"`

	Preflight *Preflight `json:"preflight,omitempty"` // of a migration

	Tables    []TableReport   `json:"tables"`
	Views     []ViewReport    `json:"views,omitempty"`     // those that the target has
	Orphans   []OrphanReport  `json:"orphans,omitempty"`   // foreign keys with rows that have no parent
	Checks    []CheckReport   `json:"checks,omitempty"`    // CHECK constraints with rows that break them
	Sequences []SequenceState `json:"sequences,omitempty"` // identities and where they go on
	Left      []Left          `json:"left,omitempty"`      // what stays behind, and why
	Notes     []string        `json:"notes,omitempty"`     // decisions that a person should know of

	Backup   string   `json:"backup,omitempty"`   // the file with the copy of the source that was kept
	Strategy Strategy `json:"strategy,omitempty"` // of a migration

	Swapped bool    `json:"swapped"` // the target has the migrated tables; never true for a verification
	Verdict Verdict `json:"verdict"` // empty when the operation ended before it compared anything
}

// TargetInfo says where a migration went.
type TargetInfo struct {
	Name     string `json:"name"` // of the instance, or of the database where there is none
	Database string `json:"database"`
	Schema   string `json:"schema"`
	User     string `json:"user"`
	Server   string `json:"server"` // version of PostgreSQL
}

// Phase is one step of an operation and how long it took.
type Phase struct {
	Name    string  `json:"name"`
	Seconds float64 `json:"seconds"`
}

// TableReport accounts for every row of one table: Read = Loaded + Quarantined, and each of them was compared. Nulled and
// Replaced count values of loaded rows, whose originals stand in lakeward_quarantine.
type TableReport struct {
	Name        string `json:"name"`
	Target      string `json:"target"`
	Read        int64  `json:"read"`     // rows of the source
	Loaded      int64  `json:"loaded"`   // rows of the target
	Verified    int64  `json:"verified"` // rows whose content was compared and is the same
	Quarantined int64  `json:"quarantined"`
	Nulled      int64  `json:"nulled,omitempty"`   // values that are NULL on the target because it cannot hold them
	Replaced    int64  `json:"replaced,omitempty"` // values that are others on the target because it cannot hold them
	Bytes       int64  `json:"bytes,omitempty"`    // sent to the target

	Differing   int64            `json:"differing"`             // rows that differ; at least that many when Truncated
	Truncated   bool             `json:"truncated,omitempty"`   // more rows differ than were looked at one by one
	Differences []Difference     `json:"differences,omitempty"` // the first of them
	Quarantine  []QuarantinedRow `json:"quarantine,omitempty"`  // the first rows of lakeward_quarantine
	Error       string           `json:"error,omitempty"`       // why the table could not be compared
}

// Difference is one difference between source and target, down to the value.
type Difference struct {
	Table  string         `json:"table"`
	Kind   DifferenceKind `json:"kind"`
	Key    string         `json:"key,omitempty"`    // as column=value, …; empty for a table without a key
	Column string         `json:"column,omitempty"` // of a changed row
	Source string         `json:"source,omitempty"` // the value, or the whole row of a table without a key
	Target string         `json:"target,omitempty"`
}

// DifferenceKind says in what way a row differs.
type DifferenceKind string

// The kinds of differences.
const (
	Changed DifferenceKind = "changed" // the same key, another value
	Missing DifferenceKind = "missing" // the target does not have the row
	Extra   DifferenceKind = "extra"   // the source does not have the row
)

// QuarantinedRow is a row with a value that PostgreSQL cannot hold. The whole row, as it was, stands in
// lakeward_quarantine on the target.
type QuarantinedRow struct {
	Table  string `json:"table"`
	Key    string `json:"key"` // JSON, {} for a table without a key
	Column string `json:"column"`
	Reason string `json:"reason"`
	Action Action `json:"action"`
}

// ViewReport accounts for one view.
type ViewReport struct {
	Name      string `json:"name"`
	Target    string `json:"target"`
	Rows      int64  `json:"rows"` // of the source's view
	Loaded    int64  `json:"loaded"`
	Identical bool   `json:"identical"`
	Explained string `json:"explained,omitempty"` // why rows may differ: quarantined rows of tables that it reads
	Source    string `json:"source,omitempty"`    // the first row that only the source's view has
	Extra     string `json:"extra,omitempty"`     // the first row that only the target's view has
	Error     string `json:"error,omitempty"`     // why it could not be compared
}

// OrphanReport names rows whose parent does not exist. The foreign key stands NOT VALID: it holds for new rows.
type OrphanReport struct {
	Table      string `json:"table"`
	ForeignKey string `json:"foreign_key"`
	Parent     string `json:"parent"`
	Rows       int64  `json:"rows"`
	Query      string `json:"query"` // finds them on the target
}

// CheckReport names rows that break a CHECK constraint. The constraint stands NOT VALID: it holds for new rows.
type CheckReport struct {
	Table string `json:"table"`
	Check string `json:"check"`
	Rows  int64  `json:"rows"`
	Query string `json:"query"` // finds them on the target
}

// SequenceState is the next value of an identity column.
type SequenceState struct {
	Table  string `json:"table"`
	Column string `json:"column"`
	Next   int64  `json:"next"`
}

// Outcome returns the verdict. It is VerdictDifferent when nothing was compared.
func (r *Report) Outcome() Verdict {
	if r.Verdict == "" {
		return VerdictDifferent
	}
	return r.Verdict
}

// Complete reports whether the target holds every row of the source as it was, and every view whose translation was
// tried.
func (r *Report) Complete() bool {
	whole := !slices.ContainsFunc(r.Tables, func(t TableReport) bool { return !t.whole() })
	return r.Outcome() != VerdictDifferent && whole && !r.lostView()
}

// lostView reports whether a view stayed behind.
func (r *Report) lostView() bool {
	return slices.ContainsFunc(r.Left, func(l Left) bool { return l.Kind == "view" })
}

// judge sets the verdict from what was found.
func (r *Report) judge() {
	r.Verdict = VerdictIdentical
	explained := slices.ContainsFunc(r.Views, func(v ViewReport) bool { return v.Explained != "" })
	if explained || len(r.Orphans)+len(r.Checks)+len(r.Left) > 0 {
		r.Verdict = VerdictExcept
	}
	for _, t := range r.Tables {
		if !t.whole() && r.Verdict == VerdictIdentical {
			r.Verdict = VerdictExcept
		}
		if !t.same() {
			r.Verdict = VerdictDifferent
		}
	}
	for _, v := range r.Views {
		if !v.Identical && v.Explained == "" {
			r.Verdict = VerdictDifferent
		}
	}
}

// accept judges what has been loaded, and refuses it where it differs from the source without an explanation.
func (r *Report) accept() error {
	r.judge()
	if r.Verdict == VerdictDifferent {
		return lakeward.Errorf(lakeward.KindInternal,
			"the target was left as it was; please report this with the report file",
			"the loaded rows are not those of the source: %s", r.firstDifference())
	}
	return nil
}

// same reports whether every row of the source is accounted for and equal.
func (t *TableReport) same() bool {
	return t.Error == "" && t.Differing == 0 && t.Read == t.Loaded+t.Quarantined && t.Verified == t.Loaded
}

// whole reports whether no value was kept out of the table.
func (t *TableReport) whole() bool { return t.Quarantined+t.Nulled+t.Replaced == 0 }

// table returns the report of the table with that target name, which it adds when there is none.
func (r *Report) table(t Table) *TableReport {
	for i := range r.Tables {
		if r.Tables[i].Target == t.Target {
			return &r.Tables[i]
		}
	}
	r.Tables = append(r.Tables, TableReport{Name: t.Name, Target: t.Target})
	return &r.Tables[len(r.Tables)-1]
}

// differing returns the number of rows that differ in all tables.
func (r *Report) differing() (n int64) {
	for _, t := range r.Tables {
		n += t.Differing
	}
	return n
}

// difference words why a view is not the same.
func (v *ViewReport) difference() string {
	switch {
	case v.Error != "":
		return v.Error
	case v.Rows != v.Loaded:
		return fmt.Sprintf("%d rows in the source, %d on the target", v.Rows, v.Loaded)
	}
	return fmt.Sprintf("the source has (%s), the target has (%s)", v.Source, v.Extra)
}

// firstDifference words the first difference that was found.
func (r *Report) firstDifference() string {
	for _, t := range r.Tables {
		switch {
		case t.same():
		case t.Error != "":
			return "table " + t.Name + ": " + t.Error
		case len(t.Differences) > 0:
			return "table " + t.Name + ": " + t.Differences[0].String()
		default:
			return fmt.Sprintf("table %s: %d rows read, %d loaded, %d quarantined, %d proven equal",
				t.Name, t.Read, t.Loaded, t.Quarantined, t.Verified)
		}
	}
	return "no table"
}

// String words a difference on one line.
func (d Difference) String() string {
	where := "row " + d.Key
	if d.Key == "" {
		where = "a row"
	}
	switch d.Kind {
	case Missing:
		return where + " is missing on the target: " + d.Source
	case Extra:
		return where + " is only on the target: " + d.Target
	}
	return fmt.Sprintf("%s, column %s: source %s, target %s", where, d.Column, d.Source, d.Target)
}
