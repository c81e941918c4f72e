package databricks

import (
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/lakeward/lakeward"
)

// Limits that the APIs set. They are checked here so that a slip of the pen costs no call.
const (
	minRetentionDays = 2
	maxRetentionDays = 35
	maxNodes         = 3
)

var (
	instanceName = regexp.MustCompile(`^[A-Za-z0-9-]{1,63}$`)
	resourceID   = regexp.MustCompile(`^[a-z][a-z0-9-]{0,62}$`)
)

// reference is what a name refers to: an instance, or a branch or an endpoint of one.
type reference struct {
	name     string // as given
	project  string // an id; it is the instance's name
	branch   string // an id; empty for the default branch
	endpoint string // an id; empty for the read-write endpoint
}

// CheckName refuses what can be neither an instance's name nor the path of a part of one.
func CheckName(name string) error {
	_, err := parseName(name)
	return err
}

// parseName reads an instance's name or the path of a part of one.
func parseName(name string) (reference, error) {
	if !strings.Contains(name, "/") {
		if !instanceName.MatchString(name) {
			return reference{}, lakeward.Errorf(lakeward.KindInvalid, "use 1 to 63 letters, digits and hyphens",
				"%q cannot be the name of an instance", name)
		}
		return reference{name: name, project: name}, nil
	}
	r := reference{name: name}
	parts := strings.Split(name, "/")
	for i, part := range []struct {
		kind string
		id   *string
	}{{"projects", &r.project}, {"branches", &r.branch}, {"endpoints", &r.endpoint}} {
		if 2*i == len(parts) {
			break
		}
		if 2*i+1 >= len(parts) || parts[2*i] != part.kind || !resourceID.MatchString(parts[2*i+1]) {
			return reference{}, badPath(name)
		}
		*part.id = parts[2*i+1]
	}
	if len(parts) > 6 {
		return reference{}, badPath(name)
	}
	if r.branch == "" {
		r.name = r.project
	}
	return r, nil
}

func badPath(name string) error {
	return lakeward.Errorf(lakeward.KindInvalid,
		"use a name, or projects/PROJECT/branches/BRANCH, or projects/PROJECT/branches/BRANCH/endpoints/ENDPOINT",
		"%q is not the path of an instance", name)
}

// whole reports whether r refers to an instance and not to a part of one.
func (r reference) whole() bool { return r.branch == "" }

// isProject reports whether the Autoscaling API can know it: its ids are stricter than names of the other API.
func (r reference) isProject() bool { return resourceID.MatchString(r.project) }

func (r reference) projectPath() string { return "projects/" + r.project }

// Spec describes an instance to be made or changed. Zero fields are the workspace's default, or stay as they are.
type Spec struct {
	Name          string
	Capacity      string // CU_1, CU_2, CU_4, CU_8
	RetentionDays int    // how far back the instance can be restored to, 2 to 35
	Nodes         int    // 1 primary and up to 2 secondaries

	// From names the instance that a new one is made a copy of; "" makes an empty one. It is copied as it is now, or was at
	// the time At, or at the position LSN of its write-ahead log.
	From string
	At   time.Time
	LSN  string
}

// Check refuses a spec that no instance can have, and names all that is wrong with it.
func (s Spec) Check() error {
	_, err := s.check()
	return err
}

// check finds all that is wrong with a spec.
func (s Spec) check() (reference, error) {
	r, err := parseName(s.Name)
	if err != nil {
		return r, err
	}
	var problems []string
	if _, ok := unitsOf(s.Capacity); s.Capacity != "" && !ok {
		problems = append(problems, fmt.Sprintf("capacity: CU_1, CU_2, CU_4 or CU_8 (got %q)", s.Capacity))
	}
	if s.RetentionDays != 0 && (s.RetentionDays < minRetentionDays || s.RetentionDays > maxRetentionDays) {
		problems = append(problems,
			fmt.Sprintf("retention: %d to %d days (got %d)", minRetentionDays, maxRetentionDays, s.RetentionDays))
	}
	if s.Nodes < 0 || s.Nodes > maxNodes {
		problems = append(problems, fmt.Sprintf("nodes: 1 to %d (got %d)", maxNodes, s.Nodes))
	}
	switch {
	case s.From == "" && (!s.At.IsZero() || s.LSN != ""):
		problems = append(problems, "a moment: of another instance, which is to be named")
	case !s.At.IsZero() && s.LSN != "":
		problems = append(problems, "a moment: a time or a position in the log, not both")
	}
	if len(problems) > 0 {
		return r, lakeward.Errorf(lakeward.KindInvalid, strings.Join(problems, "; "),
			"instance %s cannot be like that", s.Name)
	}
	return r, nil
}
