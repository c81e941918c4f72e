package observe

import (
	"context"
	"encoding/json"
	"net/http"
	"sync"
	"time"

	"github.com/lakeward/lakeward"
)

// readyTimeout bounds all checks together: whoever asks for readiness asks again soon.
const readyTimeout = 5 * time.Second

// Check is one thing that must work before a server should get requests.
type Check struct {
	Name string
	Do   func(context.Context) error
}

// Readiness is the answer of /readyz.
type Readiness struct {
	Ready  bool              `json:"ready"`
	Checks map[string]Result `json:"checks"`
}

// Result is the outcome of one check. It holds the kind and the message of an error, and what to do next.
type Result struct {
	OK      bool   `json:"ok"`
	Kind    string `json:"kind,omitempty"`
	Message string `json:"message,omitempty"`
	Hint    string `json:"hint,omitempty"`
}

// Alive answers that the process runs. It looks at nothing else: restarting a server does not mend a database.
func Alive() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusOK, map[string]bool{"alive": true})
	})
}

// Ready answers 200 when every check passes, and 503 with the reasons otherwise. The checks run side by side.
func Ready(checks ...Check) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), readyTimeout)
		defer cancel()
		out := Ask(ctx, checks...)
		status := http.StatusOK
		if !out.Ready {
			status = http.StatusServiceUnavailable
		}
		answer(w, status, out)
	})
}

// Ask runs the checks.
func Ask(ctx context.Context, checks ...Check) Readiness {
	results := make([]Result, len(checks))
	var wg sync.WaitGroup
	for i, c := range checks {
		wg.Go(func() {
			err := c.Do(ctx)
			if results[i].OK = err == nil; err != nil {
				results[i] = Result{Kind: string(lakeward.KindOf(err)), Message: err.Error(), Hint: lakeward.HintOf(err)}
			}
		})
	}
	wg.Wait()
	out := Readiness{Ready: true, Checks: map[string]Result{}}
	for i, c := range checks {
		out.Checks[c.Name] = results[i]
		out.Ready = out.Ready && results[i].OK
	}
	return out
}

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // a client that has gone misses nothing
}
