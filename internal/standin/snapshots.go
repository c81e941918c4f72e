package standin

import (
	"cmp"
	"context"
	"errors"
	"path/filepath"
	"time"

	sdktime "github.com/databricks/databricks-sdk-go/common/types/time"
	"github.com/databricks/databricks-sdk-go/service/postgres"

	"github.com/lakeward/lakeward/internal/endpoint"
)

const (
	maxSnapshots   = 10 // of a project
	snapshotSuffix = ".snapshot"
)

// snapshot is a moment of a branch that is kept, also when the branch's history does not reach back to it any more, or the
// branch is gone: a history of its own (see endpoint.History.Pin).
type snapshot struct {
	ID        string    `json:"id"`
	UID       string    `json:"uid"`
	Source    string    `json:"source"`           // the branch
	Asked     *moment   `json:"asked,omitempty"`  // nil is when it was made
	Moment    *moment   `json:"moment,omitempty"` // known when it is ready
	Expires   time.Time `json:"expires,omitzero"`
	Bytes     int64     `json:"bytes,omitempty"` // of the databases; not known of the past
	Ready     bool      `json:"ready,omitempty"`
	Deleting  bool      `json:"deleting,omitempty"`
	Created   time.Time `json:"created"`
	Roles     []*role   `json:"roles"` // what a branch of it begins with, see branch.inherit
	Databases []*pgdb   `json:"databases"`
}

func (p *project) snapshot(id string) *snapshot {
	return find(p.Snapshots, func(n *snapshot) bool { return n.ID == id })
}

func (p *project) snapshotName(n *snapshot) string { return p.name() + "/snapshots/" + n.ID }

func (p *project) snapshotNamed(name string) *snapshot {
	return find(p.Snapshots, func(n *snapshot) bool { return p.snapshotName(n) == name })
}

func (r *request) snapshot(s *state) (*project, *snapshot, error) {
	p, err := r.project(s)
	if err != nil {
		return nil, nil, err
	}
	if n := p.snapshot(r.PathValue("snapshot")); n != nil {
		return p, n, nil
	}
	return nil, nil, notFound("snapshot id not found")
}

func (l *Lakebase) createSnapshot(r *request) (any, error) {
	var in postgres.Snapshot
	if err := r.decode(&in); err != nil {
		return nil, err
	}
	id := r.URL.Query().Get("snapshot_id")
	if err := checkID("snapshot_id", id); err != nil {
		return nil, err
	}
	spec := cmp.Or(in.Spec, &postgres.SnapshotSpec{})
	switch {
	case l.noPast:
		return nil, invalidState("This local Lakebase keeps no history, of which a snapshot is made.")
	case spec.SourceBranch == "":
		return nil, required("snapshot.spec.source_branch")
	case spec.SourceBranchLsn != "" && spec.SourceBranchTime != nil:
		return nil, invalid("Only one of 'spec.source_branch_lsn' and 'spec.source_branch_time' may be set.")
	}
	asked, err := momentOf(spec.SourceBranchLsn, spec.SourceBranchTime)
	if err != nil {
		return nil, err
	}
	expires, err := snapshotExpiry(spec)
	if err != nil {
		return nil, err
	}
	p, err := r.project(l.store.view())
	if err != nil {
		return nil, err
	}
	source, err := p.sourceOfSnapshot(spec.SourceBranch)
	if err == nil {
		err = l.checkMoment(r.Context(), p, source, asked, branchFields)
	}
	if err != nil {
		return nil, err
	}
	return answer(l.submit(func(s *state) (*operation, error) {
		p, err := r.project(s)
		if err != nil {
			return nil, err
		}
		source, err := p.sourceOfSnapshot(spec.SourceBranch)
		switch {
		case p.Deleting:
			return nil, notFound("project id not found")
		case err != nil:
			return nil, err
		case p.snapshot(id) != nil:
			return nil, alreadyExists("snapshot with such id already exists")
		case len(p.Snapshots) >= maxSnapshots:
			return nil, overLimit("The project has %d snapshots already, which is the limit.", maxSnapshots)
		}
		n := &snapshot{
			ID: id, UID: "snap-" + randomHex(8), Source: spec.SourceBranch, Asked: asked, Expires: expires, Created: now(),
			Roles: source.Roles, Databases: source.Databases,
		}
		p.Snapshots = append(p.Snapshots, n)
		return newOperation(createSnapshot, p.snapshotName(n)).of(p, nil, n.ID), nil
	}))
}

// sourceOfSnapshot returns the branch with a name unless no snapshot can be taken of it. Lakebase has them of root branches
// only: those that are not made from another branch.
func (p *project) sourceOfSnapshot(name string) (*branch, error) {
	b := find(p.Branches, func(b *branch) bool { return p.branchName(b) == name })
	switch {
	case b == nil || b.Deleting:
		return nil, notFound("source branch not found; source_branch:%q", name)
	case b.Deleted != nil:
		return nil, notFound("source branch not found: %s", b.Deleted.about(name))
	case b.Source != "" && b.ID != rootBranch: // the root of a child instance has one, too
		return nil, badRequest("Cannot take a snapshot of branch '%s': only of root branches, and it was made from '%s'.", name, b.Source)
	case !b.Ready:
		return nil, invalidState("Branch '%s' is not ready.", name)
	}
	return b, nil
}

// snapshotExpiry returns when a snapshot shall be deleted; never is the zero time, also when nothing is said.
func snapshotExpiry(spec *postgres.SnapshotSpec) (time.Time, error) {
	if spec.Ttl == nil && spec.ExpireTime == nil {
		return time.Time{}, nil
	}
	return expiry(&postgres.BranchSpec{Ttl: spec.Ttl, ExpireTime: spec.ExpireTime, NoExpiry: spec.NoExpiry})
}

// performCreateSnapshot pins the moment. Doing it again makes it anew.
func (l *Lakebase) performCreateSnapshot(ctx context.Context, op *operation) (settlement, error) {
	p := l.store.view().project(op.Project)
	if p == nil || p.snapshot(op.ID) == nil {
		return nil, nil
	}
	n := p.snapshot(op.ID)
	at, bytes, err := l.pin(ctx, p, n)
	if err != nil {
		err = errors.Join(unreachable(err), l.forgetHistory(n.UID, l.snapshotHistory(p, n)))
	}
	return func(s *state, err error) any {
		p := s.project(op.Project)
		if p == nil || p.snapshot(op.ID) == nil {
			return nil
		}
		n := p.snapshot(op.ID)
		if err != nil {
			p.Snapshots = without(p.Snapshots, n)
			return nil
		}
		n.Ready, n.Moment, n.Bytes = true, at, bytes
		return snapshotAnswer(p, n)
	}, err
}

// pin makes the history of a snapshot. It returns the moment that it has, and how large the databases are then if that is
// known.
func (l *Lakebase) pin(ctx context.Context, p *project, n *snapshot) (at *moment, bytes int64, err error) {
	_, source := l.store.view().branchByName(n.Source) // its deletion may wait already
	if source == nil {
		return nil, 0, notFound("source branch not found; source_branch:%q", n.Source)
	}
	e, done, err := l.runningPrimary(ctx, p, source)
	if err != nil {
		return nil, 0, err
	}
	defer done()
	h := l.history(p, source)
	if copies, err := h.Copies(); err != nil {
		return nil, 0, err
	} else if len(copies) == 0 {
		if _, err := h.Add(ctx, e); err != nil {
			return nil, 0, err
		}
	}
	if at = n.Asked; at == nil {
		at = new(moment)
		if at.LSN, err = e.Position(ctx); err != nil {
			return nil, 0, err
		}
		if bytes, err = e.LogicalSize(ctx); err != nil {
			return nil, 0, err
		}
	}
	behind, err := e.Mark(ctx)
	if err != nil {
		return nil, 0, err
	}
	return at, bytes, h.Pin(ctx, l.snapshotFolder(p, n), at.target(), behind)
}

func (l *Lakebase) snapshotFolder(p *project, n *snapshot) string {
	return filepath.Join(l.projectFolder(p), n.ID+snapshotSuffix)
}

func (l *Lakebase) snapshotHistory(p *project, n *snapshot) *endpoint.History {
	return l.historyIn(n.UID, l.snapshotFolder(p, n))
}

func (l *Lakebase) getSnapshot(r *request) (any, error) {
	p, n, err := r.snapshot(l.store.view())
	if err != nil {
		return nil, err
	}
	return snapshotAnswer(p, n), nil
}

func (l *Lakebase) listSnapshots(r *request) (any, error) {
	p, err := r.project(l.store.view())
	if err != nil {
		return nil, err
	}
	var all []postgres.Snapshot
	for _, n := range p.Snapshots {
		all = append(all, *snapshotAnswer(p, n))
	}
	return list(r, all, func(n postgres.Snapshot) string { return n.SnapshotId },
		func(items []postgres.Snapshot, next string) postgres.ListSnapshotsResponse {
			return postgres.ListSnapshotsResponse{Snapshots: items, NextPageToken: next}
		})
}

func (l *Lakebase) deleteSnapshot(r *request) (any, error) {
	return answer(l.submit(func(s *state) (*operation, error) {
		p, n, err := r.snapshot(s)
		if err != nil {
			return nil, err
		}
		return planSnapshotDeletion(p, n)
	}))
}

func planSnapshotDeletion(p *project, n *snapshot) (*operation, error) {
	if p.Deleting || n.Deleting {
		return nil, notFound("snapshot id not found")
	}
	n.Deleting = true
	return newOperation(deleteSnapshot, p.snapshotName(n)).of(p, nil, n.ID), nil
}

func (l *Lakebase) performDeleteSnapshot(op *operation) (settlement, error) {
	p := l.store.view().project(op.Project)
	if p == nil || p.snapshot(op.ID) == nil {
		return nil, nil
	}
	n := p.snapshot(op.ID)
	err := l.forgetHistory(n.UID, l.snapshotHistory(p, n))
	return func(s *state, err error) any {
		p := s.project(op.Project)
		if p == nil || p.snapshot(op.ID) == nil {
			return nil
		}
		if n := p.snapshot(op.ID); err != nil {
			n.Deleting = false
		} else {
			p.Snapshots = without(p.Snapshots, n)
		}
		return nil
	}, err
}

// snapshotAnswer is how GET shows a snapshot: as it was asked for, and what has come of it.
func snapshotAnswer(p *project, n *snapshot) *postgres.Snapshot {
	forever := n.Expires.IsZero()
	answer := &postgres.Snapshot{
		Name: p.snapshotName(n), SnapshotId: n.ID, Uid: n.UID, CreateTime: sdktime.New(n.Created),
		Spec: &postgres.SnapshotSpec{SourceBranch: n.Source, ExpireTime: wireTime(n.Expires), NoExpiry: forever},
		Status: &postgres.SnapshotStatus{
			SourceBranch: n.Source, ExpireTime: wireTime(n.Expires), NoExpiry: forever, FullSizeBytes: n.Bytes,
		},
	}
	if m := n.Asked; m != nil && m.LSN != 0 {
		answer.Spec.SourceBranchLsn = m.LSN.String()
	} else if m != nil {
		answer.Spec.SourceBranchTime = sdktime.New(m.Time)
	}
	return answer
}
