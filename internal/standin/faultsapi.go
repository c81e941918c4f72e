package standin

import (
	"encoding/json"
)

// apiFaults is where faults are asked for over HTTP: a POST of one, a GET of those that are waiting, a DELETE of all. No
// API of Databricks has such a path. Only the administrator may.
const apiFaults = "/lakeward/faults"

func (l *Lakebase) faultRoutes(api func(pattern string, h handler)) {
	api("POST "+apiFaults, l.asAdmin(func(r *request) (any, error) {
		var f Fault
		if err := json.Unmarshal(r.body, &f); err != nil {
			return nil, malformed("Could not parse request object: %v", err)
		}
		return nil, l.Inject(r.Context(), f)
	}))
	api("GET "+apiFaults, l.asAdmin(func(*request) (any, error) {
		return FaultList{Faults: l.Faults()}, nil
	}))
	api("DELETE "+apiFaults, l.asAdmin(func(r *request) (any, error) {
		return nil, l.ClearFaults(r.Context())
	}))
}

// FaultList is the answer to a GET of faults.
type FaultList struct {
	Faults []Fault `json:"faults"`
}
