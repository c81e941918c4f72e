package migrate

import (
	"sync"
	"time"

	"github.com/lakeward/lakeward"
)

// progressEvery is how often a table reports progress at most.
const progressEvery = 250 * time.Millisecond

// journal sends events in order, from any goroutine, and times the phases.
type journal struct {
	mu      sync.Mutex
	send    lakeward.Progress
	phase   string
	started time.Time
	phases  []Phase
}

// begin ends the phase before and begins another.
func (j *journal) begin(phase, message string) {
	j.end()
	j.mu.Lock()
	j.phase, j.started = phase, time.Now()
	j.mu.Unlock()
	j.event(lakeward.Event{Type: lakeward.EventPhase, Message: message})
}

// end ends the current phase, if there is one.
func (j *journal) end() {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.phase != "" {
		j.phases = append(j.phases, Phase{Name: j.phase, Seconds: time.Since(j.started).Seconds()})
		j.phase = ""
	}
}

// event sends e as part of the current phase.
func (j *journal) event(e lakeward.Event) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if e.Phase == "" {
		e.Phase = j.phase
	}
	j.send.Send(e)
}

// warn sends a warning about a table, or about no table in particular.
func (j *journal) warn(table, message string) {
	j.event(lakeward.Event{Type: lakeward.EventWarning, Table: table, Message: message})
}

// info sends a fact worth a line.
func (j *journal) info(message string) {
	j.event(lakeward.Event{Type: lakeward.EventInfo, Message: message})
}

// meter reports the progress of one table in one phase. It belongs to one goroutine.
type meter struct {
	journal *journal
	table   string
	total   int64
	rows    int64
	bytes   int64
	last    time.Time

	rejected  int64
	differing int64
}

// meter starts reporting on a table.
func (j *journal) meter(table string, total int64) *meter {
	return &meter{journal: j, table: table, total: total, last: time.Now()}
}

// tick sends the progress when enough time has passed. It is cheap enough for once in some hundred rows.
func (m *meter) tick() {
	if now := time.Now(); now.Sub(m.last) >= progressEvery {
		m.last = now
		m.sendAs(lakeward.EventProgress)
	}
}

// done reports the table as finished.
func (m *meter) done() {
	m.total = max(m.total, m.rows)
	m.sendAs(lakeward.EventDone)
}

func (m *meter) sendAs(t lakeward.EventType) {
	m.journal.event(lakeward.Event{
		Type: t, Table: m.table, Done: m.rows, Total: m.total, Bytes: m.bytes,
		Rejected: m.rejected, Differing: m.differing,
	})
}
