package task

import (
	"context"
	"sync"
	"time"

	"github.com/lakeward/lakeward"
	"github.com/lakeward/lakeward/internal/store"
)

// Inputs is for tests.
var Inputs = inputs

// MostAttempts is for tests.
const MostAttempts = mostAttempts

// Looks says how often readers for watchers have asked the store.
func (s *Service) Looks() int64 { return s.hub.looks.Load() }

// SetPatience changes how long events wait for a store that cannot be reached when their operation ends.
func (s *Service) SetPatience(d time.Duration) { s.patience = d }

// Probe is an operation that does what a test says. It is known by its note: an input goes through the store.
type Probe struct {
	On   string `json:"on"`
	Note string `json:"note"`
}

// ProbeDo is what an operation does.
type ProbeDo func(ctx context.Context, o store.Operation, p lakeward.Progress) (any, error)

var probes sync.Map

// NewProbe returns a probe.
func NewProbe(on, note string, do ProbeDo) *Probe {
	probes.Store(note, do)
	return &Probe{On: on, Note: note}
}

// AddProbes makes probes a kind of operation.
func AddProbes() { inputs["probe"] = func() Input { return new(Probe) } }

// Kind implements [Input].
func (*Probe) Kind() string       { return "probe" }
func (p *Probe) instance() string { return p.On }
func (p *Probe) check() error     { return nil }
func (p *Probe) shown() any       { return p }

func (p *Probe) do(ctx context.Context, r *run) (any, error) {
	do, _ := probes.Load(p.Note)
	return do.(ProbeDo)(ctx, r.o, r.progress)
}
