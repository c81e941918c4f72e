package api

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
)

// stream writes server-sent events. A client that does not read loses its connection, so that it holds nothing up.
type stream struct {
	w http.ResponseWriter
	c *http.ResponseController
}

// clientReads is how long a client may take to read what is sent to it.
const clientReads = 30 * time.Second

// open begins a stream.
func open(h huma.Context) stream {
	h.SetHeader("Content-Type", "text/event-stream")
	h.SetHeader("X-Accel-Buffering", "no") // proxies that keep answers until they are whole know this
	_, w := humago.Unwrap(h)
	return stream{w, http.NewResponseController(w)}
}

// send sends an event; a number of 0 and an empty name are left out.
func (s stream) send(number int64, name string, data any) error {
	text, err := json.Marshal(data)
	if err != nil {
		return err
	}
	head := ""
	if number > 0 {
		head = "id: " + strconv.FormatInt(number, 10) + "\n"
	}
	if name != "" {
		head += "event: " + name + "\n"
	}
	return s.write(head + "data: " + string(text) + "\n\n")
}

// comment sends what clients do not show: a sign of life.
func (s stream) comment(text string) error { return s.write(": " + text + "\n\n") }

func (s stream) write(text string) error {
	if err := s.c.SetWriteDeadline(time.Now().Add(clientReads)); err != nil {
		return err
	}
	if _, err := fmt.Fprint(s.w, text); err != nil {
		return err
	}
	return s.c.Flush()
}
