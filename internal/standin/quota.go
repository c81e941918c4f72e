package standin

import (
	"context"
	"fmt"
)

// An endpoint whose databases have outgrown their logical size is read-only until they have shrunk: its sessions begin
// their transactions so, and one that wants to delete says SET default_transaction_read_only = off. The custom tag
// lakeward:problem tells why.

const (
	sizeOfInstance int64 = 2 << 40 // of one made through the Database instance API
	sizeOfBranch   int64 = 8 << 40
)

// sizeLimit is the most that the databases of a project's branch may hold.
func (l *Lakebase) sizeLimit(p *project) int64 {
	switch {
	case l.limits.LogicalSize > 0:
		return l.limits.LogicalSize
	case p.Instance != nil:
		return sizeOfInstance
	}
	return sizeOfBranch
}

// checkSize makes an endpoint read-only, or writable again.
func (l *Lakebase) checkSize(ctx context.Context, p *project, c *compute, r runner) error {
	size, err := r.endpoint.LogicalSize(ctx)
	if err != nil {
		return err
	}
	full := ""
	switch limit := l.sizeLimit(p); {
	case l.faults.fullAt(c.UID):
		full = "the logical size limit is reached, as was asked for; the instance is read-only"
	case size > limit:
		full = fmt.Sprintf("the logical size limit of %d bytes is exceeded by %d; the instance is read-only", limit, size-limit)
	}
	if (full == "") == (r.full == "") {
		return nil
	}
	l.setRunner(c.UID, func(r *runner) { r.full = full })
	l.log.Warn("logical size", "endpoint", c.UID, "bytes", size, "full", full)
	return l.fit(c, r.endpoint, r.units)
}

// fill makes an instance a full one, or lets it be what it is.
func (l *Lakebase) fill(ctx context.Context, f Fault) error {
	p, c, err := f.target(l.store.view())
	if err != nil {
		return err
	}
	if c.ReadOnly {
		return invalid("A read-only endpoint cannot be filled.")
	}
	if _, err := l.live(c.UID); err != nil {
		return err
	}
	l.faults.set(func(all *faults) {
		if all.full == nil {
			all.full = map[string]bool{}
		}
		all.full[c.UID] = f.Kind == FaultFill
	})
	return l.checkSize(ctx, p, c, l.runner(c.UID))
}

func (f *faults) fullAt(uid string) (full bool) {
	f.set(func(all *faults) { full = all.full[uid] })
	return full
}
