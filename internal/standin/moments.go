package standin

import (
	"context"
	"errors"
	"time"

	sdktime "github.com/databricks/databricks-sdk-go/common/types/time"
	"github.com/databricks/databricks-sdk-go/service/database"

	"github.com/lakeward/lakeward/internal/endpoint"
	"github.com/lakeward/lakeward/internal/pgproc"
)

// moment is a point in the past of a branch. A position in the log wins over a time.
type moment struct {
	Time time.Time  `json:"time,omitzero"`
	LSN  pgproc.LSN `json:"lsn,omitzero"`
}

// target is where a recovery ends that shall have the data of the moment.
func (m *moment) target() pgproc.Target { return pgproc.Target{Time: m.Time, LSN: m.LSN} }

// momentFields are the names that an API gives the two.
type momentFields struct{ time, lsn string }

var (
	branchFields   = momentFields{"spec.source_branch_time", "spec.source_branch_lsn"}
	instanceFields = momentFields{"parent_instance_ref.branch_time", "parent_instance_ref.lsn"}
)

// momentOf reads which moment of its source a branch or snapshot shall have; nil means now.
func momentOf(lsn string, at *sdktime.Time) (*moment, error) {
	switch {
	case lsn != "":
		return momentAt(lsn, branchFields)
	case at != nil:
		return &moment{Time: at.AsTime().UTC()}, nil
	}
	return nil, nil
}

// parentMoment reads from which moment of its parent an instance shall be; nil means now.
func parentMoment(ref *database.DatabaseInstanceRef) (*moment, error) {
	switch {
	case ref == nil:
		return nil, nil
	case ref.Lsn != "":
		return momentAt(ref.Lsn, instanceFields)
	case ref.BranchTime != "":
		t, err := time.Parse(time.RFC3339Nano, ref.BranchTime)
		if err != nil {
			return nil, invalid("Field '%s' must be a time such as 2026-01-31T12:30:00Z, got '%s'.",
				instanceFields.time, ref.BranchTime)
		}
		return &moment{Time: t.UTC()}, nil
	}
	return nil, nil
}

func momentAt(text string, fields momentFields) (*moment, error) {
	at, err := pgproc.ParseLSN(text)
	if err != nil || at == 0 {
		return nil, invalid("Field '%s' must be a position in the write-ahead log such as 0/16B3748, got '%s'.",
			fields.lsn, text)
	}
	return &moment{LSN: at}, nil
}

// checkMoment refuses a moment that the history of a branch does not reach, and tells which ones it does.
func (l *Lakebase) checkMoment(ctx context.Context, p *project, b *branch, m *moment, fields momentFields) error {
	if m == nil {
		return nil
	}
	copies, err := l.history(p, b).Copies()
	if err != nil {
		return err
	}
	at, first := now(), later(b.Created, now().Add(-p.Retention))
	if len(copies) > 0 {
		first = later(first, copies[0].Taken)
	}
	switch {
	case m.LSN == 0 && (m.Time.Before(first) || m.Time.After(at)):
		return invalid("Field '%s' must be between %s and %s, where the history of branch '%s' reaches, got %s.",
			fields.time, wireMoment(ceil(first)), wireMoment(at), p.branchName(b), wireMoment(m.Time))
	case len(copies) == 0:
		return invalidState(
			"The history of branch '%s' does not reach back yet: it begins with the first base copy, which is being made.",
			p.branchName(b),
		)
	case m.LSN != 0:
		return l.checkPosition(ctx, p, b, m.LSN, copies[0].End, fields)
	}
	return nil
}

func (l *Lakebase) checkPosition(
	ctx context.Context, p *project, b *branch, at, first pgproc.LSN, fields momentFields,
) error {
	last, err := l.position(ctx, p, b)
	if err != nil {
		return err
	}
	if at < first || at > last {
		return invalid("Field '%s' must be between %s and %s, where the history of branch '%s' reaches, got %s.",
			fields.lsn, first, last, p.branchName(b), at)
	}
	return nil
}

// position returns how far the log of a branch goes.
func (l *Lakebase) position(ctx context.Context, p *project, b *branch) (pgproc.LSN, error) {
	c := b.primary()
	if e := l.runner(c.UID).endpoint; e != nil {
		return e.Position(ctx)
	}
	return endpoint.EndOfLog(ctx, l.binaries, l.dataFolder(p, b, c))
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// ceil rounds a time up to the microsecond, which is all that PostgreSQL counts.
func ceil(t time.Time) time.Time {
	if short := t.Truncate(time.Microsecond); short.Before(t) {
		return short.Add(time.Microsecond)
	}
	return t
}

// wireMoment writes a time so that it can be given back as the same moment.
func wireMoment(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }

// past returns how to make the data of the moment that a branch is a copy of. Its source writes all that has happened to
// the archive first. A source that does not start any more is not needed for what is there already.
func (l *Lakebase) past(ctx context.Context, p *project, b *branch) (*endpoint.Past, error) {
	if b.Snapshot != "" {
		n := p.snapshotNamed(b.Snapshot)
		if n == nil || !n.Ready {
			return nil, notFound("snapshot not found; source_snapshot:%q", b.Snapshot)
		}
		return &endpoint.Past{History: l.snapshotHistory(p, n), Target: n.Moment.target()}, nil
	}
	p, from := l.store.view().branchByName(b.Source)
	if from == nil {
		return nil, notFound("source branch not found")
	}
	source, done, err := l.source(ctx, b)
	if err == nil {
		_, err = source.Mark(ctx)
		done()
		if err != nil {
			return nil, err
		}
	} else if ctx.Err() != nil {
		return nil, err
	} else {
		l.log.Warn("source of a branch of the past does not run", "branch", b.Source, "err", err)
	}
	return &endpoint.Past{History: l.history(p, from), Target: b.Moment.target()}, nil
}

// unreachable gives a recovery that has missed its target words.
func unreachable(err error) error {
	switch {
	case errors.Is(err, endpoint.ErrNoCopy):
		return invalid("The history of the source does not reach back to that moment any more.")
	case errors.Is(err, pgproc.ErrBeyond):
		return invalid("The history of the source ends before that moment.")
	}
	return err
}

// source returns the running primary of the branch that b is a copy of.
func (l *Lakebase) source(ctx context.Context, b *branch) (*endpoint.Endpoint, func(), error) {
	p, from := l.store.view().branchByName(b.Source)
	if from == nil {
		return nil, nil, notFound("source branch not found")
	}
	return l.runningPrimary(ctx, p, from)
}

// runningPrimary returns the running primary of a branch until done is called. One that is stopped is started for the while: nobody
// can log in to it, because its endpoint stays disabled in the state.
func (l *Lakebase) runningPrimary(ctx context.Context, p *project, b *branch) (e *endpoint.Endpoint, done func(), err error) {
	c := b.primary()
	if e, err := l.awake(ctx, p, b, c); err == nil {
		return e, func() {}, nil
	}
	if away := b.away(p); away != "" {
		return nil, nil, notFound("source branch not found: %s", away)
	}
	e, err = l.start(ctx, p, b, c)
	if err != nil {
		return nil, nil, err
	}
	return e, func() {
		if err := halt(ctx, e); err != nil {
			l.log.Warn("source of a copy did not stop cleanly", "endpoint", c.UID, "err", err)
		}
	}, nil
}
