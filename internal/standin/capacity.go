package standin

import (
	"math"
	"time"
)

// Compute sizes. The Database instance API sells CU_1 to CU_8 with 16 GB of memory a unit; the Autoscaling API counts
// units of 2 GB. This file is the only place that knows both.

const (
	unitsPerCU = 8 // autoscaling units in one CU_1

	minUnits         = 0.5
	maxUnits         = 64  // of an endpoint that scales
	maxFixedUnits    = 112 // of an endpoint whose limits are equal
	maxUnitsDistance = 16

	connectionsPerUnit = 209.82 // fits the published 0.5→104, 1→209, 2→419, 3→629, 4→839, 8→1678, 16→3357
	maxConnections     = 4000

	maxSuspend = 7 * 24 * time.Hour

	day                      = 24 * time.Hour
	minRetention             = 2 * day
	maxRetention             = 35 * day
	defaultRetention         = 7 * day
	defaultSuspend           = day
	defaultUnits     float64 = 1
)

// capacities are the sizes that the Database instance API knows.
var capacities = []struct {
	name  string
	units float64
}{
	{"CU_1", 1 * unitsPerCU},
	{"CU_2", 2 * unitsPerCU},
	{"CU_4", 4 * unitsPerCU},
	{"CU_8", 8 * unitsPerCU},
}

const defaultCapacity = "CU_2"

// unitsOf returns the autoscaling units of a capacity.
func unitsOf(capacity string) (float64, error) {
	for _, c := range capacities {
		if c.name == capacity {
			return c.units, nil
		}
	}
	return 0, invalid("Field 'database_instance.capacity' must be one of CU_1, CU_2, CU_4, CU_8, got '%s'.", capacity)
}

// capacityOf returns the capacity that an endpoint with these limits has, and "" when the Database instance API has no
// word for it.
func capacityOf(s computeSettings) string {
	for _, c := range capacities {
		if s.MinCU == c.units && s.MaxCU == c.units {
			return c.name
		}
	}
	return ""
}

// connections is the max_connections of an endpoint that can grow to so many units.
func connections(units float64) int {
	return min(int(math.Floor(units*connectionsPerUnit)), maxConnections)
}

// checkUnits checks the limits of an endpoint.
func checkUnits(low, high float64) error {
	highest := float64(maxUnits)
	if low == high {
		highest = maxFixedUnits
	}
	switch {
	case low < minUnits:
		return invalid("autoscaling_limit_min_cu must be at least %v, got %v.", minUnits, low)
	case high > highest:
		return invalid("autoscaling_limit_max_cu must be at most %v, got %v.", highest, high)
	case low > high:
		return invalid("autoscaling_limit_min_cu (%v) must not exceed autoscaling_limit_max_cu (%v).", low, high)
	case high-low > maxUnitsDistance:
		return invalid("autoscaling_limit_max_cu (%v) must not exceed autoscaling_limit_min_cu (%v) by more than %v.",
			high, low, maxUnitsDistance)
	case !wholeUnits(low) || !wholeUnits(high):
		return invalid("compute units must be 0.5 or a whole number, got %v and %v.", low, high)
	}
	return nil
}

func wholeUnits(u float64) bool { return u == 0.5 || u == math.Trunc(u) }

// checkSuspend checks the inactivity after which an endpoint is suspended.
func (l Limits) checkSuspend(d time.Duration) error {
	if d < l.MinSuspend || d > maxSuspend {
		return invalid("suspend_timeout_duration must be between %vs and 604800s, got %vs.", l.MinSuspend.Seconds(), d.Seconds())
	}
	return nil
}

// checkRetention checks how long history is kept.
func checkRetention(d time.Duration) error {
	if d < minRetention || d > maxRetention {
		return invalid("history_retention_duration must be between 172800s and 3024000s, got %ds.", int64(d.Seconds()))
	}
	return nil
}
