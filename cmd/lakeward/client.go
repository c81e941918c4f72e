package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/lakeward/lakeward"
	"github.com/lakeward/lakeward/internal/daemon"
	"github.com/lakeward/lakeward/internal/store"
)

// client asks a running server, as whoever may read where it is.
type client struct {
	daemon.ServerFile
	dir string
}

func findServer(dir string) (*client, error) {
	f, err := daemon.FindServer(dir)
	return &client{f, dir}, err
}

// do sends a request with a body in JSON, or without one. An answer that is a refusal becomes the error that the command
// would have met itself.
func (c *client) do(ctx context.Context, method, path string, in any, header ...string) (*http.Response, error) {
	var body io.Reader
	if in != nil {
		text, err := json.Marshal(in)
		if err != nil {
			return nil, err
		}
		body = bytes.NewReader(text)
	}
	r, err := http.NewRequestWithContext(ctx, method, c.Address+path, body)
	if err != nil {
		return nil, err
	}
	r.Header.Set("Authorization", "Bearer "+c.Token)
	r.Header.Set("Content-Type", "application/json")
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	response, err := http.DefaultClient.Do(r)
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return nil, lakeward.Errorf(lakeward.KindUnavailable, "start one with: lakeward serve, or lakeward up",
			"the server of %s does not run any more", c.dir)
	case err != nil:
		return nil, err
	case response.StatusCode < http.StatusBadRequest:
		return response, nil
	}
	defer func() { _ = response.Body.Close() }() // what it says was read
	return nil, refusal(response)
}

// refusal reads the problem that a server answers with.
func refusal(response *http.Response) error {
	var p struct {
		Kind   lakeward.Kind `json:"kind"`
		Detail string        `json:"detail"`
		Hint   string        `json:"hint"`
		Errors []string      `json:"errors"`
	}
	if err := json.NewDecoder(io.LimitReader(response.Body, 1<<20)).Decode(&p); err != nil || p.Detail == "" {
		return lakeward.Errorf(lakeward.KindUnavailable, "look at the server's log", "the server answered %s", response.Status)
	}
	return &lakeward.Error{Kind: p.Kind, Message: strings.Join(append([]string{p.Detail}, p.Errors...), "; "), Hint: p.Hint}
}

// ask sends a request and reads the answer into out.
func (c *client) ask(ctx context.Context, method, path string, in, out any) error {
	response, err := c.do(ctx, method, path, in)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }() // it was read
	return json.NewDecoder(response.Body).Decode(out)
}

// How long a watcher waits before it asks once more for a stream that broke off, and how often in vain.
const (
	again    = time.Second
	patience = 60
)

// watch hands on the events of an operation after a number, and returns the operation when it has ended. A stream that
// breaks off is taken up where it was: the server may be restarting.
func (c *client) watch(ctx context.Context, path string, after int64, progress lakeward.Progress) (store.Operation, error) {
	for refused := 0; ; {
		o, ended, err := c.stream(ctx, path, &after, progress)
		switch {
		case ended || ctx.Err() != nil:
			return o, err
		case err == nil:
			refused = 0
		case lakeward.KindOf(err) != lakeward.KindUnavailable || refused == patience:
			return o, err
		default:
			refused++
		}
		select {
		case <-time.After(again):
		case <-ctx.Done():
			return o, ctx.Err()
		}
		if f, err := daemon.FindServer(c.dir); err == nil { // another start has another address and token
			c.ServerFile = f
		}
	}
}

// stream reads one stream of server-sent events to its end. That it breaks off is no error.
func (c *client) stream(ctx context.Context, path string, after *int64, progress lakeward.Progress) (o store.Operation, ended bool, err error) {
	response, err := c.do(ctx, http.MethodGet, path+"/events", nil, "Last-Event-ID", strconv.FormatInt(*after, 10))
	if err != nil {
		return o, false, err
	}
	defer func() { _ = response.Body.Close() }() // it was read as far as it goes
	lines := bufio.NewReader(response.Body)
	name := ""
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			return o, false, ctx.Err()
		}
		field, value, _ := strings.Cut(strings.TrimRight(line, "\n"), ": ")
		switch field {
		case "event":
			name = value
		case "data":
			if name == "end" {
				return o, true, json.Unmarshal([]byte(value), &o)
			}
			var e store.Event
			if err := json.Unmarshal([]byte(value), &e); err != nil {
				return o, false, err
			}
			*after = e.Seq
			progress.Send(e.Event)
		}
	}
}
