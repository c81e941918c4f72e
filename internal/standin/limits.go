package standin

import (
	"strconv"
	"strings"
	"time"

	"github.com/lakeward/lakeward"
)

// Limits are those of the real service unless they say otherwise: zero means the real one's.
type Limits struct {
	Instances   int           // of a workspace, made through the Database instance API; 10
	Projects    int           // of a workspace; 1000
	Connections int           // of an instance made through the Database instance API; 1000
	LogicalSize int64         // of an instance or a branch, in bytes; 2 TB of an instance, 8 TB of a branch
	MinSuspend  time.Duration // the shortest inactivity after which an endpoint may sleep; a minute
}

func (l Limits) withDefaults() Limits {
	if l.Instances == 0 {
		l.Instances = 10
	}
	if l.Projects == 0 {
		l.Projects = 1000
	}
	if l.Connections == 0 {
		l.Connections = 1000
	}
	if l.MinSuspend == 0 {
		l.MinSuspend = time.Minute
	}
	return l
}

// Set sets one limit by its name: instances, projects, connections, logical-size (in bytes), suspend (such as 5s).
func (l *Limits) Set(name, value string) error {
	if name == "suspend" {
		d, err := time.ParseDuration(value)
		if err != nil || d < 100*time.Millisecond {
			return lakeward.Errorf(lakeward.KindInvalid, "write 5s or 1m", "limit suspend: %s is no time from 100ms on", value)
		}
		l.MinSuspend = d
		return nil
	}
	n, err := strconv.Atoi(value)
	if err != nil || n < 1 {
		return lakeward.Errorf(lakeward.KindInvalid, "such as "+name+"=5", "limit %s: %s is not a positive number", name, value)
	}
	switch name {
	case "instances":
		l.Instances = n
	case "projects":
		l.Projects = n
	case "connections":
		l.Connections = n
	case "logical-size":
		l.LogicalSize = int64(n)
	default:
		return lakeward.Errorf(lakeward.KindInvalid, "the limits are "+strings.Join(limitNames, ", "), "there is no limit %s", name)
	}
	return nil
}

var limitNames = []string{"instances", "projects", "connections", "logical-size", "suspend"}
