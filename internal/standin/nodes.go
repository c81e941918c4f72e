package standin

import (
	"context"
	"net/netip"
	"slices"

	"github.com/databricks/databricks-sdk-go/service/database"
	"github.com/databricks/databricks-sdk-go/service/postgres"

	"github.com/lakeward/lakeward/internal/endpoint"
)

// Nodes. A read-write endpoint may be a primary with secondaries: node_count of an instance, the group of an endpoint. A
// read-only endpoint may be a group, too: of nodes that all follow the primary. Both change while it runs.

const (
	maxInstanceNodes = 3
	maxGroupNodes    = 4
)

// nodes returns how many nodes an endpoint has, the primary included.
func (c *compute) nodes() int { return max(c.Nodes, 1) }

// readable reports whether clients may read from the secondaries. Without secondaries the wish has no effect.
func (c *compute) readable() bool { return c.Readers && c.nodes() > 1 && !c.ReadOnly }

// readHost returns the address of the secondaries, and "" when nobody reads from them.
func (c *compute) readHost() string {
	if !c.readable() {
		return ""
	}
	return c.ReadHost.String()
}

// applyNodes changes what the mask names of an instance's nodes.
func applyNodes(c *compute, in *database.DatabaseInstance, m mask) error {
	if m.has("node_count") {
		c.Nodes = 1
		if m.provided("node_count") {
			c.Nodes = in.NodeCount
		}
		if c.Nodes < 1 || c.Nodes > maxInstanceNodes {
			return invalid("Field 'node_count' must be between 1 and %d, got %d.", maxInstanceNodes, c.Nodes)
		}
		if c.Nodes > 1 { // this API has no word with which one could ask for it first
			c.Settings.NoSuspension, c.Settings.Suspend = true, 0
		}
	}
	if m.has("enable_readable_secondaries") {
		c.Readers = in.EnableReadableSecondaries
	}
	return c.checkNodes()
}

// wholeGroup is the mask of a group that replaces what there was.
var wholeGroup = mask{paths: []string{"spec.group"}}

// applyGroup changes what the mask names of an endpoint's group.
func applyGroup(c *compute, g *postgres.EndpointGroupSpec, m mask) error {
	if g == nil {
		g = &postgres.EndpointGroupSpec{Min: 1, Max: 1}
	}
	whole := slices.Contains(m.paths, "spec.group")
	if whole || m.has("spec.group.min") || m.has("spec.group.max") {
		if g.Min != g.Max || g.Min < 1 || g.Max > maxGroupNodes {
			return invalid("Field 'group' must have equal 'min' and 'max' between 1 and %d, got %d and %d.",
				maxGroupNodes, g.Min, g.Max)
		}
		c.Nodes = g.Max
	}
	if whole || m.has("spec.group.enable_readable_secondaries") {
		c.Readers = g.EnableReadableSecondaries
	}
	return c.checkNodes()
}

func (c *compute) checkNodes() error {
	if c.nodes() > 1 && !c.Settings.NoSuspension {
		return invalid("An endpoint with several computes cannot scale to zero; set 'no_suspension'.")
	}
	return nil
}

// addressReaders gives an address to secondaries that shall be read from and have none yet.
func (l *Lakebase) addressReaders(s *state) (err error) {
	s.computes(func(_ *project, _ *branch, c *compute) bool {
		if c.readable() && !c.ReadHost.IsValid() {
			c.ReadHost, err = l.allocate(s)
		}
		return err == nil
	})
	return err
}

// groupAnswer is how GET shows an endpoint's nodes; one of a single node has no group.
func groupAnswer(c *compute) *postgres.EndpointGroupStatus {
	if c.nodes() == 1 {
		return nil
	}
	return &postgres.EndpointGroupStatus{
		Min: c.nodes(), Max: c.nodes(), EnableReadableSecondaries: c.readable(),
		ForceSendFields: []string{"EnableReadableSecondaries"},
	}
}

// formation is what an endpoint's nodes shall be.
type formation struct {
	nodes    int
	readable bool
}

func formationOf(c *compute) formation { return formation{c.nodes(), c.readable()} }

// shape returns the formation in the words of package endpoint.
func (l *Lakebase) shape(p *project, c *compute) (endpoint.Shape, error) {
	shape := endpoint.Shape{Nodes: c.nodes()}
	if !c.readable() || c.Disabled {
		return shape, nil
	}
	config, err := l.certificate(p, c, readSuffix, c.ReadHost)
	if err != nil {
		return shape, err
	}
	shape.Readable = &endpoint.Readable{Listen: netip.AddrPortFrom(c.ReadHost, uint16(l.port)), TLS: config}
	return shape, nil
}

// reshape changes the nodes of a running endpoint when they are not what the state says. It serves all the while.
func (l *Lakebase) reshape(ctx context.Context, p *project, c *compute) error {
	r := l.runner(c.UID)
	if r.endpoint == nil || r.formation == formationOf(c) {
		return nil
	}
	shape, err := l.shape(p, c)
	if err == nil {
		err = r.endpoint.Reshape(ctx, shape)
	}
	if ctx.Err() != nil {
		return err
	}
	l.setRunner(c.UID, func(now *runner) {
		if now.endpoint == r.endpoint {
			now.formation = formationOf(c)
		}
	})
	return err
}

// condition returns how an endpoint's nodes are.
func (r runner) condition() endpoint.Condition {
	if r.endpoint == nil {
		return endpoint.Condition{}
	}
	return r.endpoint.Condition()
}

// trouble returns why an endpoint does not run though it should, or why it has fewer nodes than it should.
func (r runner) trouble() error {
	if r.problem != nil {
		return r.problem
	}
	return r.condition().Problem
}
