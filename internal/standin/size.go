package standin

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/lakeward/lakeward/internal/endpoint"
)

// What a size means to PostgreSQL. A unit is Lakebase's: two gigabytes of memory. How many sessions there can be, and what
// is set aside for pages, follows the most units that an endpoint may get, because both take a restart; what a session may
// use, and what the planner counts on, follows the units that it has.

const (
	megabytesPerUnit = 2048

	leastBuffers, mostBuffers         = 64, 128 // in megabytes, of the laptop's own memory, whose page cache does the rest
	leastMaintenance, mostMaintenance = 64, 1024
	leastWork, mostWork               = 4, 64
	mostParallel                      = 8
)

// startSettings are those for the most units.
func startSettings(units float64) map[string]string {
	workers := 8 + int(math.Ceil(units))
	return map[string]string{
		"shared_buffers":       megabytes(clamp(int(units*16), leastBuffers, mostBuffers)),
		"max_worker_processes": fmt.Sprint(min(workers, 24)),
	}
}

// sizeSettings are those for the units that an endpoint has now.
func sizeSettings(units float64) map[string]string {
	parallel := fmt.Sprint(clamp(int(units), 2, mostParallel))
	return map[string]string{
		"effective_cache_size":             megabytes(int(units * megabytesPerUnit * 3 / 4)),
		"maintenance_work_mem":             megabytes(clamp(int(units*64), leastMaintenance, mostMaintenance)),
		"work_mem":                         megabytes(clamp(int(units), leastWork, mostWork)),
		"max_parallel_workers":             parallel,
		"max_parallel_maintenance_workers": parallel,
		"max_parallel_workers_per_gather":  fmt.Sprint(clamp(int(units/4), 2, mostParallel)),
	}
}

func megabytes(n int) string { return fmt.Sprintf("%dMB", n) }

func clamp(n, least, most int) int { return max(least, min(n, most)) }

// fit gives a running endpoint as many units.
func (l *Lakebase) fit(c *compute, e *endpoint.Endpoint, units float64) error {
	settings := sizeSettings(units)
	if l.runner(c.UID).full != "" {
		settings["default_transaction_read_only"] = "on"
	}
	if err := e.Resize(settings); err != nil {
		return err
	}
	l.setRunner(c.UID, func(r *runner) { r.units, r.calm = units, time.Time{} })
	return nil
}

// calmBefore is for how long an endpoint must need less before it gets less.
func (l *Lakebase) calmBefore() time.Duration { return 12 * l.beat() }

// fitToLoad gives an endpoint that scales a unit for each session that is doing something: more at once, less after a
// while.
func (l *Lakebase) fitToLoad(ctx context.Context, c *compute, r runner) {
	if c.Settings.MinCU == c.Settings.MaxCU {
		return
	}
	busy := 0
	if l.recentTraffic(c.UID) || r.units > c.Settings.MinCU {
		var err error
		if busy, err = r.endpoint.Busy(ctx); err != nil {
			return // it is on its way down, or up; the next look sees
		}
	}
	want := max(c.Settings.MinCU, min(float64(busy), c.Settings.MaxCU))
	switch {
	case want == r.units:
		l.setRunner(c.UID, func(r *runner) { r.calm = time.Time{} })
		return
	case want < r.units && r.calm.IsZero():
		l.setRunner(c.UID, func(r *runner) { r.calm = time.Now() })
		return
	case want < r.units && time.Since(r.calm) < l.calmBefore():
		return
	}
	if err := l.fit(c, r.endpoint, want); err != nil {
		l.log.Warn("endpoint is not fitted to its load", "endpoint", c.UID, "err", err)
		return
	}
	l.log.Info("endpoint is fitted to its load", "endpoint", c.UID, "units", want, "busy", busy)
}

// recentTraffic reports whether something went through an endpoint's door since the caretaker's last look, more or less.
func (l *Lakebase) recentTraffic(uid string) bool {
	l.runMu.Lock()
	defer l.runMu.Unlock()
	d := l.doors[uid]
	return d != nil && d.quiet() < 2*l.beat()
}
