package standin

import (
	"cmp"
	"context"

	sdktime "github.com/databricks/databricks-sdk-go/common/types/time"
	"github.com/databricks/databricks-sdk-go/service/postgres"

	"github.com/lakeward/lakeward/internal/endpoint"
)

const maxReplicas = 6 // read-only endpoints of a branch

// planEndpoint adds an endpoint to a branch and gives it an address.
func (l *Lakebase) planEndpoint(s *state, b *branch, c *compute) (*compute, error) {
	host, err := l.allocate(s)
	if err != nil {
		return nil, err
	}
	c.UID, c.Host, c.Created = "ep-"+randomHex(8), host, now()
	c.Updated = c.Created
	b.Computes = append(b.Computes, c)
	return c, nil
}

func (l *Lakebase) createEndpoint(r *request) (any, error) {
	var in postgres.Endpoint
	if err := r.decode(&in); err != nil {
		return nil, err
	}
	id, replace, err := r.creation("endpoint_id", chosenID)
	if err != nil {
		return nil, err
	}
	m, err := r.wholeBody()
	if err != nil {
		return nil, err
	}
	spec := cmp.Or(in.Spec, &postgres.EndpointSpec{})
	switch spec.EndpointType {
	case postgres.EndpointTypeEndpointTypeReadOnly, postgres.EndpointTypeEndpointTypeReadWrite:
	case "":
		return nil, required("endpoint.spec.endpoint_type")
	default:
		return nil, invalid("Field 'endpoint.spec.endpoint_type' has the unknown value '%s'.", spec.EndpointType)
	}
	return answer(l.submit(func(s *state) (*operation, error) {
		p, b, err := r.branchToChange(s)
		if err != nil {
			return nil, err
		}
		if c := b.compute(id); c != nil {
			switch {
			case c.Deleting:
				return nil, badRequest("endpoint reconciliation still in progress")
			case !replace:
				return nil, alreadyExists("endpoint with such id already exists")
			}
			return l.planEndpointUpdate(p, b, c, spec, m)
		}
		if spec.EndpointType == postgres.EndpointTypeEndpointTypeReadWrite {
			return nil, badRequest("The branch has a read-write endpoint already; a branch can only have one.")
		}
		if len(b.Computes)-1 >= maxReplicas {
			return nil, overLimit("The branch has %d read-only endpoints already, which is the limit.", maxReplicas)
		}
		c, err := l.planEndpoint(s, b, &compute{ID: id, ReadOnly: true, Settings: p.Defaults})
		if err != nil {
			return nil, err
		}
		if err := l.applyEndpoint(c, spec, m); err != nil {
			return nil, err
		}
		return newOperation(createEndpoint, p.under(b, "endpoints", id)).of(p, b, id), nil
	}))
}

// applyEndpoint changes what the mask names.
func (l *Lakebase) applyEndpoint(c *compute, spec *postgres.EndpointSpec, m mask) error {
	c.Settings.apply("spec.", settingsIn{
		min: spec.AutoscalingLimitMinCu, max: spec.AutoscalingLimitMaxCu,
		noSuspension: spec.NoSuspension, suspend: spec.SuspendTimeoutDuration,
	}, m)
	if m.has("spec.settings") {
		c.Settings.PgSettings = nil
		if spec.Settings != nil {
			c.Settings.PgSettings = spec.Settings.PgSettings
		}
	}
	if m.has("spec.disabled") {
		c.Disabled = spec.Disabled
	}
	if m.has("spec.group") {
		if err := applyGroup(c, spec.Group, m); err != nil {
			return err
		}
	}
	if err := c.checkNodes(); err != nil {
		return err
	}
	return c.Settings.check(l.limits)
}

func (l *Lakebase) updateEndpoint(r *request) (any, error) {
	var in postgres.Endpoint
	if err := r.decode(&in); err != nil {
		return nil, err
	}
	m, err := r.mask(true, "spec.autoscaling_limit_min_cu", "spec.autoscaling_limit_max_cu", "spec.no_suspension",
		"spec.suspend_timeout_duration", "spec.settings.pg_settings", "spec.disabled", "spec.group")
	if err != nil {
		return nil, err
	}
	return answer(l.submit(func(s *state) (*operation, error) {
		p, b, c, err := r.endpoint(s)
		if err != nil {
			return nil, err
		}
		if p.Deleting || b.Deleting || c.Deleting {
			return nil, notFound("endpoint id not found")
		}
		return l.planEndpointUpdate(p, b, c, cmp.Or(in.Spec, &postgres.EndpointSpec{}), m)
	}))
}

func (l *Lakebase) planEndpointUpdate(p *project, b *branch, c *compute, spec *postgres.EndpointSpec, m mask) (*operation, error) {
	if err := l.applyEndpoint(c, spec, m); err != nil {
		return nil, err
	}
	c.Updated = now()
	return newOperation(updateEndpoint, p.under(b, "endpoints", c.ID)).of(p, b, c.ID), nil
}

func (l *Lakebase) getEndpoint(r *request) (any, error) {
	p, b, c, err := r.endpoint(l.store.view())
	if err != nil {
		return nil, err
	}
	return l.endpointAnswer(p, b, c), nil
}

func (l *Lakebase) listEndpoints(r *request) (any, error) {
	p, b, err := r.branch(l.store.view())
	if err != nil {
		return nil, err
	}
	var all []postgres.Endpoint
	for _, c := range b.Computes {
		all = append(all, *l.endpointAnswer(p, b, c))
	}
	return list(r, all, func(e postgres.Endpoint) string { return e.EndpointId },
		func(items []postgres.Endpoint, next string) postgres.ListEndpointsResponse {
			return postgres.ListEndpointsResponse{Endpoints: items, NextPageToken: next}
		})
}

func (l *Lakebase) deleteEndpoint(r *request) (any, error) {
	return answer(l.submit(func(s *state) (*operation, error) {
		p, b, c, err := r.endpoint(s)
		switch {
		case err != nil:
			return nil, err
		case !c.ReadOnly:
			return nil, managedByParent("Cannot delete read-write endpoint '%s'. Read-write endpoints cannot be deleted.",
				p.under(b, "endpoints", c.ID))
		case b.Protected:
			return nil, badRequest("cannot delete an endpoint of a protected branch")
		case p.Deleting || b.Deleting || c.Deleting:
			return nil, notFound("endpoint id not found")
		}
		c.Deleting = true
		return newOperation(deleteEndpoint, p.under(b, "endpoints", c.ID)).of(p, b, c.ID), nil
	}))
}

func (l *Lakebase) performDeleteEndpoint(ctx context.Context, op *operation) (settlement, error) {
	p, b := l.store.view().branchByName("projects/" + op.Project + "/branches/" + op.Branch)
	if b == nil || b.compute(op.ID) == nil {
		return nil, nil
	}
	err := l.removeEndpoint(ctx, p, b, b.compute(op.ID))
	return func(s *state, err error) any {
		_, b := s.branchByName(p.branchName(b))
		switch c := b.compute(op.ID); {
		case c == nil:
		case err != nil:
			c.Deleting = false
		default:
			b.Computes = without(b.Computes, c)
		}
		return nil
	}, err
}

// removeEndpoint stops an endpoint and deletes its data.
func (l *Lakebase) removeEndpoint(ctx context.Context, p *project, b *branch, c *compute) error {
	l.stop(ctx, c)
	l.closeDoor(c.UID)
	l.closeNotice(c.UID)
	l.setPhase(c.UID, phaseDeleting, nil)
	if err := endpoint.Remove(ctx, l.dataFolder(p, b, c)); err != nil {
		return err
	}
	l.runMu.Lock()
	defer l.runMu.Unlock()
	delete(l.runners, c.UID)
	return nil
}

// endpointStates are the phases in the words of the Autoscaling API.
var endpointStates = map[phase]postgres.EndpointStatusState{
	phaseStarting: postgres.EndpointStatusStateInit,
	phaseUpdating: postgres.EndpointStatusStateInit,
	phaseFailover: postgres.EndpointStatusStateInit, // to be ACTIVE again, as pending_state says
	phaseWeak:     postgres.EndpointStatusStateDegraded,
	phaseActive:   postgres.EndpointStatusStateActive,
	phaseIdle:     postgres.EndpointStatusStateIdle,
	phaseStopped:  postgres.EndpointStatusStateIdle,
	phaseFailed:   postgres.EndpointStatusStateDegraded,
	phaseDeleting: postgres.EndpointStatusStateIdle,
}

func (l *Lakebase) endpointAnswer(p *project, b *branch, c *compute) *postgres.Endpoint {
	if c == nil {
		return nil
	}
	r, phase := l.runner(c.UID), l.phaseOf(p, b, c)
	status := &postgres.EndpointStatus{
		EndpointId:            c.ID,
		EndpointType:          postgres.EndpointTypeEndpointTypeReadWrite,
		AutoscalingLimitMinCu: c.Settings.MinCU, AutoscalingLimitMaxCu: c.Settings.MaxCU,
		SuspendTimeoutDuration: c.Settings.suspendWire(),
		CurrentState:           endpointStates[phase],
		Disabled:               c.Disabled,
		Hosts:                  &postgres.EndpointHosts{Host: c.Host.String(), ReadOnlyHost: c.readHost()},
		Group:                  groupAnswer(c),
		LastActiveTime:         wireTime(l.activeTime(r)),
		ForceSendFields:        []string{"Disabled"},
	}
	if phase == phaseFailover {
		status.PendingState = postgres.EndpointStatusStateActive
	}
	if c.ReadOnly {
		status.EndpointType = postgres.EndpointTypeEndpointTypeReadOnly
		status.Hosts = &postgres.EndpointHosts{Host: c.Host.String(), ReadOnlyHost: c.Host.String()}
	}
	if len(c.Settings.PgSettings) > 0 {
		status.Settings = &postgres.EndpointSettings{PgSettings: c.Settings.PgSettings}
	}
	return &postgres.Endpoint{
		Name: p.under(b, "endpoints", c.ID), EndpointId: c.ID, Parent: p.branchName(b), Uid: c.UID,
		CreateTime: sdktime.New(c.Created), UpdateTime: sdktime.New(c.Updated), Status: status,
	}
}
