package migrate

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/lakeward/lakeward"
)

// Preflight is what was found before a migration began. Nothing has been written for it, on either side.
type Preflight struct {
	Checks []PreflightCheck `json:"checks"`
}

// PreflightCheck is one thing that was looked at.
type PreflightCheck struct {
	Name   string          `json:"name"` // stable, for programs
	Result PreflightResult `json:"result"`
	Found  string          `json:"found"`
	Items  []string        `json:"items,omitempty"` // all things that it is about
	Do     string          `json:"do,omitempty"`    // for everything but a pass

	err error // of a failed check, as a migration returns it
}

// PreflightResult says how a check ended.
type PreflightResult string

// The results.
const (
	CheckPass PreflightResult = "pass"
	CheckWarn PreflightResult = "warn" // a migration works; somebody may want to know
	CheckFail PreflightResult = "fail" // a migration would fail
)

// Err returns the error of the first check that failed, or nil.
func (p *Preflight) Err() error {
	for _, c := range p.Checks {
		if c.Result == CheckFail {
			return c.err
		}
	}
	return nil
}

// Worst returns the worst of the results.
func (p *Preflight) Worst() PreflightResult {
	worst := CheckPass
	for _, c := range p.Checks {
		if c.Result == CheckFail || c.Result == CheckWarn && worst == CheckPass {
			worst = c.Result
		}
	}
	return worst
}

// failed reports whether the check of a name has failed.
func (p *Preflight) failed(name string) bool {
	return slices.ContainsFunc(p.Checks, func(c PreflightCheck) bool { return c.Name == name && c.Result == CheckFail })
}

func (p *Preflight) add(c PreflightCheck) { p.Checks = append(p.Checks, c) }

// pass adds a check that found nothing wrong.
func (p *Preflight) pass(name, format string, args ...any) {
	p.add(PreflightCheck{Name: name, Result: CheckPass, Found: fmt.Sprintf(format, args...)})
}

// warn adds a check with something to know.
func (p *Preflight) warn(name, do string, items []string, format string, args ...any) {
	p.add(PreflightCheck{Name: name, Result: CheckWarn, Found: fmt.Sprintf(format, args...), Do: do, Items: items})
}

// fail adds a check that failed with an error, whose hint says what to do.
func (p *Preflight) fail(name string, err error, items ...string) {
	p.add(PreflightCheck{
		Name: name, Result: CheckFail, Found: err.Error(), Do: lakeward.HintOf(err), Items: items, err: err,
	})
}

// MakePreflight looks at source and target as a migration would, and says what stands in its way and what to know before. It
// writes nothing. The error is about the looking itself: a source or target that cannot even be reached is a check that
// failed.
func MakePreflight(ctx context.Context, source string, target Target, o Options) (*Preflight, error) {
	if o.Jobs <= 0 {
		o.Jobs = defaultJobs()
	}
	if isPostgres(source) {
		p, err := checkPostgres(ctx, DSN(source), target, o)
		if err == nil {
			err = p.checkPgNames(ctx, DSN(source), target, o)
		}
		return p, interrupted(ctx, err)
	}
	p, err := checkSQLite(ctx, source, target, o)
	return p, interrupted(ctx, err)
}

// The limits of an instance: of what stands in it, as the guide and as newer documentation have it.
const (
	sizeLimit      = 2 << 40
	sizeLimitNewer = 8 << 40
)

// checkSize holds the size of a source against the limits of an instance.
func (p *Preflight) checkSize(size int64) {
	const name = "size"
	switch {
	case size > sizeLimitNewer:
		p.fail(name, lakeward.Errorf(lakeward.KindConflict, "move a part of it, or archive what is old first",
			"the source has %s; an instance holds 8 TB", byteCount(size)))
	case size > sizeLimit:
		p.warn(name, "ask whether yours holds that much, or archive what is old first", nil,
			"the source has %s; older instances hold 2 TB", byteCount(size))
	default:
		p.pass(name, "%s; an instance holds 2 TB or more", byteCount(size))
	}
}

// checkConnections makes sure that the target has room for the sessions of a migration, so many for each job.
func (p *Preflight) checkConnections(ctx context.Context, conn *pgx.Conn, jobs, each int) error {
	const name, extra = "target-connections", 4 // the stage, the quarantine and the like
	var limit, used int64
	err := conn.QueryRow(ctx, `
		SELECT least(current_setting('max_connections')::int
				- current_setting('superuser_reserved_connections')::int - (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'),
			CASE WHEN r.rolconnlimit < 0 THEN 1000000 ELSE r.rolconnlimit - (SELECT count(*) FROM pg_stat_activity WHERE usename = current_user) END,
			CASE WHEN d.datconnlimit < 0 THEN 1000000 ELSE d.datconnlimit - (SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()) END),
			(SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend')
		FROM pg_roles r, pg_database d WHERE r.rolname = current_user AND d.datname = current_database()`).Scan(&limit, &used)
	if err != nil {
		return fmt.Errorf("count the connections of the target: %w", err)
	}
	if need := int64(jobs*each) + extra; limit < need {
		p.warn(name, "load fewer tables at once (--jobs), or end other sessions", nil,
			"%d connections are free, %d are used; %d jobs take up to %d", limit, used, jobs, need)
		return nil
	}
	p.pass(name, "enough for %d jobs", jobs)
	return nil
}

// checkTarget runs the checks of the target itself, and returns what it is, or nothing when it cannot be used.
func (p *Preflight) checkTarget(ctx context.Context, target Target, schemas []string) (info TargetInfo, ok bool) {
	for _, schema := range schemas {
		var err error
		if info, err = inspectTarget(ctx, target, schema, true); err != nil {
			p.fail("target", err)
			return info, false
		}
	}
	p.pass("target", "PostgreSQL %s, database %s in UTF8; role %s may make what is needed",
		firstWord(info.Server), info.Database, info.User)
	return info, true
}

// pgQuestion is a check that lists what it finds: nothing is a pass.
type pgQuestion struct {
	name   string
	result PreflightResult // when there is anything
	kind   lakeward.Kind   // of a failure
	one    string          // what a thing is called
	many   string
	more   string // said after their number
	do     string
	none   string // said of nothing
	sql    string // lists them; @schemas are those that are migrated
}

// ask runs a question.
func (p *Preflight) ask(ctx context.Context, conn *pgx.Conn, q pgQuestion, args pgx.NamedArgs) error {
	rows, err := conn.Query(ctx, q.sql, args)
	if err != nil {
		return fmt.Errorf("check %s: %w", q.name, err)
	}
	items, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return fmt.Errorf("check %s: %w", q.name, err)
	}
	if len(items) == 0 {
		p.pass(q.name, "%s", q.none)
		return nil
	}
	found := fmt.Sprintf("%s%s: %s", countOf(int64(len(items)), q.one, q.many), q.more, listFirst(items))
	if q.result == CheckFail {
		p.fail(q.name, lakeward.Errorf(q.kind, q.do, "%s", found), items...)
		return nil
	}
	p.add(PreflightCheck{Name: q.name, Result: q.result, Found: found, Items: items, Do: q.do})
	return nil
}

// WriteText writes all checks for a person, those first that say more than pass.
func (p *Preflight) WriteText(w io.Writer) error {
	_, err := io.WriteString(w, strings.Join(p.lines(true), "\n")+"\n")
	return err
}

// lines words the checks for a report, those first that say more than pass.
func (p *Preflight) lines(all bool) (lines []string) {
	if p == nil {
		return nil
	}
	order := []PreflightResult{CheckFail, CheckWarn, CheckPass}
	checks := slices.SortedStableFunc(slices.Values(p.Checks), func(a, b PreflightCheck) int {
		return slices.Index(order, a.Result) - slices.Index(order, b.Result)
	})
	for _, c := range checks {
		if c.Result == CheckPass && !all {
			continue
		}
		lines = append(lines, fmt.Sprintf("%-5s %-22s %s", c.Result, c.Name, c.Found))
		if c.Do != "" {
			lines = append(lines, strings.Repeat(" ", 29)+"→ "+c.Do)
		}
	}
	return lines
}
