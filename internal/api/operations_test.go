package api_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lakeward/lakeward"
	"github.com/lakeward/lakeward/internal/api"
	"github.com/lakeward/lakeward/internal/store"
)

// waiting adds an operation to the queue of an idle server.
func waiting(t *testing.T, w *world) store.Operation {
	t.Helper()
	o, err := w.store.Add(t.Context(), store.Operation{Kind: "migrate", Instance: "shop", Actor: "ana", Input: []byte("{}")}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func TestOperationsAreShownWatchedAndCancelled(t *testing.T) {
	t.Parallel()
	w := idle(t)
	o := waiting(t, w)
	for _, message := range []string{"first", "second"} {
		if err := w.store.Append(t.Context(), o.ID, lakeward.Event{Type: lakeward.EventInfo, Message: message}); err != nil {
			t.Fatal(err)
		}
	}
	path := "/api/operations/" + o.ID
	for _, c := range []struct {
		who, method, path string
		status            int
		says              string
	}{
		{"", "GET", path, 401, "hint"},
		{"bob", "GET", "/api/operations?kind=migrate&instance=shop", 200, o.ID},
		{"bob", "GET", "/api/operations?kind=export", 200, `"operations":[]`},
		{"bob", "GET", "/api/operations?limit=-1", 422, "query.limit"},
		{"bob", "GET", path, 200, `"queued"`},
		{"bob", "GET", path + "/report", 404, `"hint"`},
		{"bob", "GET", "/api/operations/none", 404, `"not_found"`},
		{"bob", "GET", "/api/operations/none/events", 404, `"not_found"`},
		{"bob", "HEAD", path + "/events", 200, ""},
		{"ana", "POST", path + "/retry", 409, `"conflict"`},
		{"bob", "POST", path + "/cancel", 403, `"denied"`},
		{"ana", "POST", path + "/cancel", 200, `"cancelled"`},
		{"ana", "POST", path + "/cancel", 409, `"conflict"`},
		{"ana", "DELETE", path, 405, "use GET or HEAD"},
		{"ana", "GET", "/nowhere", 404, "/docs"},
	} {
		if status, body := w.ask(t, c.who, c.method, c.path, ""); status != c.status || !strings.Contains(body, c.says) {
			t.Errorf("%s %s by %q: %d %s, want %d with %s", c.method, c.path, c.who, status, body, c.status, c.says)
		}
	}
	if _, all := w.ask(t, "bob", "GET", path+"/events", ""); !strings.Contains(all, "first") ||
		!strings.Contains(all, "second") || !strings.Contains(all, "event: end") {
		t.Errorf("all events: %s", all)
	}
	_, rest := w.ask(t, "bob", "GET", path+"/events", "", "Last-Event-ID", "1")
	if strings.Contains(rest, "first") || !strings.Contains(rest, "id: 2\nevent: event\ndata: {") {
		t.Errorf("events after the first: %s", rest)
	}
	for header, says := range map[string]string{"wait=soon": `"hint"`, "wait=-1": `"hint"`, "wait=99999999999999": `"hint"`} {
		if status, body := w.ask(t, "bob", "GET", path, "", "Prefer", header); status != 422 || !strings.Contains(body, says) {
			t.Errorf("Prefer: %s: %d %s", header, status, body)
		}
	}
}

func TestACallerWaitsAsLongAsItLikes(t *testing.T) {
	t.Parallel()
	w := idle(t)
	o := waiting(t, w)
	began := time.Now()
	status, body := w.ask(t, "bob", "GET", "/api/operations/"+o.ID, "", "Prefer", "respond-async, wait=1")
	if took := time.Since(began); status != 200 || !strings.Contains(body, `"queued"`) || took < time.Second {
		t.Errorf("after %s: %d %s", took, status, body)
	}
	answered := make(chan string, 1)
	go func() {
		_, body := w.ask(t, "bob", "GET", "/api/operations/"+o.ID, "", "Prefer", "wait=60")
		answered <- body
	}()
	w.ask(t, "ana", "POST", "/api/operations/"+o.ID+"/cancel", "")
	if body := <-answered; !strings.Contains(body, `"cancelled"`) || time.Since(began) > 30*time.Second {
		t.Errorf("after %s: %s", time.Since(began), body)
	}
}

func TestAStreamShowsThatTheServerIsThere(t *testing.T) {
	t.Parallel()
	w := idle(t, func(o *api.Options) { o.Heartbeat = 10 * time.Millisecond })
	o := waiting(t, w)
	response, err := w.Client().Do(w.request(t, "bob", "GET", "/api/operations/"+o.ID+"/events", nil))
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	beats := 0
	err = read(response.Body, func(m message) bool {
		if m.event == ": still there" {
			beats++
		}
		if beats == 3 {
			w.ask(t, "ana", "POST", "/api/operations/"+o.ID+"/cancel", "")
		}
		return true
	})
	if err != nil || beats < 3 {
		t.Errorf("%d signs of life: %v", beats, err)
	}
}

// TestFiveHundredWatch has all of them see all events in order, and a server that hears the writer all the time.
func TestFiveHundredWatch(t *testing.T) {
	t.Parallel()
	const watchers, events = 500, 40
	w := idle(t)
	o := waiting(t, w)
	var joined, ended sync.WaitGroup
	failures := make(chan error, watchers)
	joined.Add(watchers)
	for range watchers {
		ended.Go(func() {
			response, err := w.Client().Do(w.request(t, "bob", "GET", "/api/operations/"+o.ID+"/events", nil))
			joined.Done()
			if err != nil {
				failures <- err
				return
			}
			defer response.Body.Close()
			seen, last := 0, ""
			err = read(response.Body, func(m message) bool {
				if m.event == "event" {
					if seen++; m.id != fmt.Sprint(seen) {
						failures <- fmt.Errorf("event %s is the %dth", m.id, seen)
					}
				}
				last = m.event
				return true
			})
			if err != nil || seen != events || last != "end" {
				failures <- fmt.Errorf("%d events, the last %q: %w", seen, last, err)
			}
		})
	}
	joined.Wait()
	for n := range events {
		if err := w.store.Append(t.Context(), o.ID, lakeward.Event{Type: lakeward.EventInfo, Message: fmt.Sprint(n)}); err != nil {
			t.Fatal(err)
		}
	}
	if status, _ := w.ask(t, "ana", "POST", "/api/operations/"+o.ID+"/cancel", ""); status != http.StatusOK {
		t.Fatal(status)
	}
	ended.Wait()
	close(failures)
	n := 0
	for err := range failures {
		if n++; n < 4 {
			t.Error(err)
		}
	}
	if n > 0 {
		t.Errorf("%d failures", n)
	}
}
