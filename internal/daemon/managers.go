package daemon

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"

	"github.com/lakeward/lakeward"
)

const (
	managerTime = time.Minute     // for which an answer is taken to hold
	managerWait = 5 * time.Second // for an answer, with the wait for one's turn
)

// managers remembers for a while who manages the app. It asks for one person at a time: what a viewer sends must not become
// a flood of requests to the workspace.
type managers struct {
	app string
	ask func(ctx context.Context, app, name string) (bool, error)

	turn chan struct{} // holds one token, of who asks

	mu    sync.Mutex
	known map[string]manager
}

type manager struct {
	manages bool
	until   time.Time
}

func newManagers(app string, ask func(ctx context.Context, app, name string) (bool, error)) *managers {
	return &managers{app: app, ask: ask, turn: make(chan struct{}, 1), known: map[string]manager{}}
}

// Manages says whether somebody manages the app. An error is not remembered.
func (m *managers) Manages(ctx context.Context, name string) (bool, error) {
	if manages, ok := m.remembered(name); ok {
		return manages, nil
	}
	ctx, cancel := context.WithTimeout(ctx, managerWait)
	defer cancel()
	select {
	case m.turn <- struct{}{}:
		defer func() { <-m.turn }()
	case <-ctx.Done():
		return false, m.late(ctx.Err())
	}
	if manages, ok := m.remembered(name); ok { // who was before us has asked the same
		return manages, nil
	}
	manages, err := m.ask(ctx, m.app, name)
	if err != nil {
		if ctx.Err() != nil {
			err = m.late(err)
		}
		return false, err
	}
	m.remember(name, manages)
	return manages, nil
}

func (m *managers) late(err error) error {
	if errors.Is(err, context.Canceled) {
		return err // the client is gone
	}
	return lakeward.Errorf(lakeward.KindUnavailable, "try again in a minute",
		"the workspace did not say within %s who manages app %s", managerWait, m.app)
}

func (m *managers) remembered(name string) (manages, ok bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	k, ok := m.known[strings.ToLower(name)]
	return k.manages, ok && time.Now().Before(k.until)
}

// remember also forgets what no longer holds, so that the memory does not grow with everybody who ever came.
func (m *managers) remember(name string, manages bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := time.Now()
	for other, k := range m.known {
		if !now.Before(k.until) {
			delete(m.known, other)
		}
	}
	m.known[strings.ToLower(name)] = manager{manages, now.Add(managerTime)}
}
