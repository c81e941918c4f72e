package standin

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/netip"
	"path/filepath"
	"time"

	"github.com/lakeward/lakeward/internal/endpoint"
)

// phase is what an endpoint does now.
type phase string

const (
	phaseStarting phase = "starting" // until its PostgreSQL has accepted a token
	phaseUpdating phase = "updating" // starting again with other settings
	phaseActive   phase = "active"
	phaseIdle     phase = "idle"         // asleep until somebody knocks
	phaseFailover phase = "failing over" // its primary is lost, and another node takes its place
	phaseWeak     phase = "weak"         // active, with fewer nodes than it should have
	phaseStopped  phase = "stopped"
	phaseFailed   phase = "failed" // could not start, or gave up
	phaseDeleting phase = "deleting"
)

// runner is the running side of a compute. Values are copied out of Lakebase.runners; they are never shared.
type runner struct {
	phase     phase
	problem   error // why it failed
	active    time.Time
	endpoint  *endpoint.Endpoint // nil when it does not run
	with      runSpec            // what it was started with
	units     float64            // its size now
	full      string             // why it is read-only
	calm      time.Time          // since when it needs less
	waking    bool               // somebody has knocked
	behind    error              // why its history is not kept
	copying   copying            // how far the copy is that its data are made from
	resting   bool               // it is about to sleep
	saving    bool               // its data are being copied into its history
	formation formation          // what its nodes are
}

// runSpec is what an endpoint must be restarted for.
type runSpec struct {
	maxConnections int
	settings       map[string]string
}

func (r runSpec) equal(other runSpec) bool {
	return r.maxConnections == other.maxConnections && maps.Equal(r.settings, other.settings)
}

func runSpecOf(c *compute) runSpec {
	settings := startSettings(c.Settings.MaxCU)
	maps.Copy(settings, c.Settings.PgSettings)
	most := connections(c.Settings.MaxCU)
	if c.MaxConnections > 0 {
		most = min(most, c.MaxConnections)
	}
	return runSpec{maxConnections: most, settings: settings}
}

// runner returns how the endpoint with the uid is doing.
func (l *Lakebase) runner(uid string) runner {
	l.runMu.Lock()
	defer l.runMu.Unlock()
	if r, ok := l.runners[uid]; ok {
		return *r
	}
	return runner{phase: phaseStarting}
}

// setRunner changes how the endpoint with the uid is doing.
func (l *Lakebase) setRunner(uid string, change func(*runner)) {
	l.runMu.Lock()
	defer l.runMu.Unlock()
	r, ok := l.runners[uid]
	if !ok {
		r = &runner{}
		l.runners[uid] = r
	}
	change(r)
}

func (l *Lakebase) setPhase(uid string, p phase, problem error) {
	l.setRunner(uid, func(r *runner) { r.phase, r.problem = p, problem })
}

// phaseOf returns the phase of an endpoint as a client should see it: a change that was accepted shows at once, though
// the work on it may not have begun.
func (l *Lakebase) phaseOf(p *project, b *branch, c *compute) phase {
	r := l.runner(c.UID)
	switch {
	case p.Deleting || b.Deleting || c.Deleting:
		return phaseDeleting
	case r.endpoint != nil && (c.Disabled || !r.with.equal(runSpecOf(c))):
		return phaseUpdating
	case r.condition().Down:
		return phaseFailed
	case r.condition().FailingOver:
		return phaseFailover
	case r.endpoint != nil && r.formation != formationOf(c):
		return phaseUpdating
	case r.condition().Problem != nil:
		return phaseWeak
	case r.endpoint == nil && !c.Disabled && l.store.view().pending(p, b) && r.phase != phaseUpdating:
		return phaseStarting
	}
	return r.phase
}

// pending reports whether there is an operation that makes a branch's endpoints what they should be, or removes them all.
func (s *state) pending(p *project, b *branch) bool {
	return find(s.Operations, func(o *operation) bool {
		return !o.Done && o.Project == p.ID && (o.Branch == b.ID || o.Kind == undeleteProject) && o.Role == nil && o.Database == nil && o.Kind != deleteEndpoint
	}) != nil
}

// live returns the running endpoint with the uid. It is an error of the client's when there is none.
func (l *Lakebase) live(uid string) (*endpoint.Endpoint, error) {
	r := l.runner(uid)
	if r.endpoint == nil {
		return nil, invalidState("the compute endpoint is not running (%s); start it first", r.phase)
	}
	return r.endpoint, nil
}

// Problems returns why endpoints do not run though they should, by the endpoints' resource names.
func (l *Lakebase) Problems() map[string]error {
	problems := map[string]error{}
	l.store.view().computes(func(p *project, b *branch, c *compute) bool {
		if err := l.runner(c.UID).worry(); err != nil {
			problems[p.under(b, "endpoints", c.ID)] = err
		}
		return true
	})
	return problems
}

// performCompute makes a branch's endpoints what the state says, and reports on the one that the operation is about.
func (l *Lakebase) performCompute(ctx context.Context, op *operation) (settlement, error) {
	err := l.reconcile(ctx, op.Project, op.Branch)
	respond := func(s *state, _ error) any {
		p := s.project(op.Project)
		switch op.Kind {
		case createProject:
			return l.projectAnswer(p)
		case createBranch:
			return l.branchAnswer(p, p.branch(op.Branch), 0)
		}
		b := p.branch(op.Branch)
		return l.endpointAnswer(p, b, b.compute(op.ID))
	}
	if _, b := l.store.view().branchByName("projects/" + op.Project + "/branches/" + op.Branch); b != nil {
		id := op.ID
		if op.Kind != createEndpoint && op.Kind != updateEndpoint {
			id = b.primary().ID
		}
		if c := b.compute(id); c != nil {
			r := l.runner(c.UID)
			if r.endpoint != nil && op.Kind == createEndpoint {
				_ = r.endpoint.Await(ctx) // a new one has all its nodes, or a trouble
			}
			return respond, r.trouble()
		}
	}
	return respond, err
}

// reconcile starts, stops and restarts the endpoints of a branch until they are as the state says. Replicas stream from
// the primary: they rest while it rests, and are restarted with it.
func (l *Lakebase) reconcile(ctx context.Context, projectID, branchID string) error {
	s := l.store.view()
	p, b := s.branchByName("projects/" + projectID + "/branches/" + branchID)
	if b == nil || p.Deleting || b.Deleting {
		return nil
	}
	if b.away(p) != "" {
		l.putAway(ctx, p, b)
		return nil
	}
	for _, c := range b.Computes {
		l.closeNotice(c.UID)
	}
	primary := b.primary()
	restart := l.mustStop(primary)
	for _, c := range b.Computes {
		if c.ReadOnly && (restart || l.mustStop(c)) {
			l.stop(ctx, c)
		}
		if c.ReadOnly && c.Disabled {
			l.closeDoor(c.UID)
		}
	}
	if restart {
		l.stop(ctx, primary)
	}
	if primary.Disabled {
		for _, c := range b.Computes {
			l.setPhase(c.UID, phaseStopped, nil)
			l.closeDoor(c.UID) // of one that slept it is open still
		}
		return nil
	}
	var errs []error
	errs = append(errs, l.ensure(ctx, p, b, primary), l.reshape(ctx, p, primary))
	for _, c := range b.Computes {
		if c.ReadOnly && !c.Disabled && !c.Deleting && l.runner(c.UID).phase != phaseIdle {
			errs = append(errs, l.ensure(ctx, p, b, c), l.reshape(ctx, p, c))
		}
	}
	return errors.Join(errs...)
}

// mustStop reports whether an endpoint runs that should not, or should run differently.
func (l *Lakebase) mustStop(c *compute) bool {
	r := l.runner(c.UID)
	return r.endpoint != nil && (c.Disabled || c.Deleting || !r.with.equal(runSpecOf(c)))
}

// stop stops an endpoint if it runs.
func (l *Lakebase) stop(ctx context.Context, c *compute) {
	e := l.runner(c.UID).endpoint
	if e != nil {
		// Without its endpoint, the end is a wanted one (see watch). It is not active while it takes.
		l.setRunner(c.UID, func(r *runner) { r.phase, r.active, r.endpoint = phaseUpdating, now(), nil })
		if err := halt(ctx, e); err != nil {
			l.log.Warn("endpoint did not stop cleanly", "endpoint", c.UID, "err", err)
		}
	}
	next := phaseUpdating
	if c.Disabled {
		next = phaseStopped
	}
	l.setPhase(c.UID, next, nil)
	if c.Disabled || c.Deleting {
		l.closeDoor(c.UID)
	}
}

// halt stops an endpoint in good order, also when ctx is done: a PostgreSQL that was cut off repairs itself first when it
// is started again.
func halt(ctx context.Context, e *endpoint.Endpoint) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopPatience)
	defer cancel()
	return e.Stop(ctx)
}

const stopPatience = 30 * time.Second

// ensure starts an endpoint unless it runs. Its state is AVAILABLE when its PostgreSQL has accepted a token.
func (l *Lakebase) ensure(ctx context.Context, p *project, b *branch, c *compute) error {
	r := l.runner(c.UID)
	if r.endpoint != nil {
		return l.fit(c, r.endpoint, max(c.Settings.MinCU, min(r.units, c.Settings.MaxCU)))
	}
	if r.phase != phaseUpdating {
		l.setPhase(c.UID, phaseStarting, nil)
	}
	l.noteSleep(c.UID, time.Time{}) // before it serves anybody
	e, err := l.start(ctx, p, b, c)
	if err == nil {
		if err = l.fit(c, e, c.Settings.MinCU); err == nil {
			err = l.admit(ctx, p, b, c, e)
		}
		if err == nil && !b.Ready && c.nodes() > 1 {
			err = e.Await(ctx) // a new one has all its nodes; one that starts again serves before they are there
		}
		if err != nil {
			err = errors.Join(err, halt(ctx, e))
		}
	}
	if err != nil {
		if ctx.Err() == nil {
			l.setPhase(c.UID, phaseFailed, err)
			l.closeDoor(c.UID)
			l.log.Warn("endpoint does not run", "endpoint", p.under(b, "endpoints", c.ID), "err", err)
		}
		return err
	}
	l.setRunner(c.UID, func(r *runner) {
		*r = runner{phase: phaseActive, active: now(), endpoint: e, with: runSpecOf(c), units: c.Settings.MinCU, formation: formationOf(c)}
	})
	l.watch(c.UID, e)
	l.wakeHistorian()
	l.log.Info("endpoint is active", "endpoint", p.under(b, "endpoints", c.ID), "address", e.Addr())
	return nil
}

// start starts the PostgreSQL of an endpoint. One whose data does not exist yet is made: from nothing, as a copy of the
// branch's source, or as a copy of its primary.
func (l *Lakebase) start(ctx context.Context, p *project, b *branch, c *compute) (*endpoint.Endpoint, error) {
	config, err := l.certificate(p, c, "", c.Host)
	if err != nil {
		return nil, err
	}
	shape, err := l.shape(p, c)
	if err != nil {
		return nil, err
	}
	spec := runSpecOf(c)
	var way net.Listener
	if !c.Disabled { // else it is started to be copied, and nobody may come in
		door, err := l.doorOf(ctx, c)
		if err != nil {
			return nil, err
		}
		way = door.lead()
	}
	o := endpoint.Options{
		Binaries: l.binaries, Dir: l.dataFolder(p, b, c), Listen: netip.AddrPortFrom(c.Host, uint16(l.port)), Listener: way, TLS: config,
		Owner: endpoint.Role{Name: p.Owner, Identity: p.OwnerType}, Templates: l.templates,
		MaxConnections: spec.maxConnections, Settings: maps.Clone(spec.settings),
		Shape:  shape,
		Verify: func(_ context.Context, user, password string) error { return l.verify(c.UID, user, password) },
		NativeLogin: func() bool {
			p := l.store.view().project(p.ID)
			return p != nil && p.NativeLogin
		},
		Log: l.log.With("endpoint", p.under(b, "endpoints", c.ID)),
	}
	if !l.noPast {
		o.History = l.history(p, b)
	}
	if l.fast {
		o.Settings = withFast(o.Settings)
	}
	if c.ReadOnly {
		if o.Follow, err = l.live(b.primary().UID); err != nil {
			return nil, err
		}
		return endpoint.Start(ctx, o)
	}
	if b.Ready || b.Source == "" && b.Snapshot == "" {
		return endpoint.Start(ctx, o)
	}
	o.Progress = l.progress(c.UID)
	if b.Moment != nil || b.Snapshot != "" {
		if o.Past, err = l.past(ctx, p, b); err != nil {
			return nil, fmt.Errorf("copy %s: %w", b.Source+b.Snapshot, err)
		}
		e, err := endpoint.Start(ctx, o)
		return e, unreachable(err)
	}
	source, done, err := l.source(ctx, b)
	if err != nil {
		return nil, fmt.Errorf("copy branch %s: %w", b.Source, err)
	}
	defer done()
	o.From = source
	return endpoint.Start(ctx, o)
}

// withFast adds the settings of a PostgreSQL whose data may be lost with the machine.
func withFast(settings map[string]string) map[string]string {
	fast := map[string]string{"fsync": "off", "full_page_writes": "off"}
	maps.Copy(fast, settings)
	return fast
}

// watch waits in the background for the end of an endpoint that nobody wanted to end.
func (l *Lakebase) watch(uid string, e *endpoint.Endpoint) {
	l.watchers.Go(func() {
		<-e.Done()
		failed := false
		l.setRunner(uid, func(r *runner) {
			if r.endpoint != e {
				return
			}
			err := e.Err()
			if err == nil {
				err = errors.New("PostgreSQL has ended")
			}
			r.phase, r.problem, r.endpoint = phaseFailed, err, nil
			failed = true
			l.log.Warn("endpoint has ended", slog.String("endpoint", uid), slog.Any("err", err))
		})
		if failed {
			l.closeDoor(uid)
		}
	})
}

// dataFolder is where the data of an endpoint lives. Ids hold no plus sign, so that no two share one.
func (l *Lakebase) dataFolder(p *project, b *branch, c *compute) string {
	name := b.ID
	if c.ReadOnly {
		name += "+" + c.ID
	}
	return filepath.Join(l.projectFolder(p), name)
}

func (l *Lakebase) projectFolder(p *project) string { return filepath.Join(l.dir, "pg", p.ID) }
