package standin

import "time"

// Limits are those of the real service unless they say otherwise: zero means the real one's.
type Limits struct {
	MinSuspend time.Duration // the shortest inactivity after which an endpoint may sleep; a minute
}

func (l Limits) withDefaults() Limits {
	if l.MinSuspend == 0 {
		l.MinSuspend = time.Minute
	}
	return l
}
