package proxy

import (
	"bytes"
	"context"
	"errors"
	"maps"
	"net"
	"sync"
	"syscall"
	"time"

	"github.com/lakeward/lakeward/internal/pgwire"
)

// pooled is a client of a route in transaction mode. It has a session on the instance only while it needs one. One
// goroutine belongs to it, which waits for what the client says; what the server says comes from the session's.
type pooled struct {
	route  *route
	client net.Conn
	raw    syscall.RawConn
	who    pgwire.Login
	pool   poolKey
	key    []byte // to cancel with
	birth  *environment

	out sync.Mutex // held by who writes to the client, before mu

	// Of the client's goroutine.
	early []byte                   // read while it waited
	cut   []byte                   // the beginning of a message that is needed whole
	wait  func() (*backend, error) // for a session

	goodbye bool // what it has said ends with that: it does not wait for answers

	mu         sync.Mutex
	at         *backend // nil between transactions
	env        *environment
	named      map[string]*statement
	unnamed    *statement
	rest       int64                   // of a message that is on its way
	drop       bool                    // it goes nowhere
	writing    bool                    // a piece is on its way to the session
	terminated bool                    // the client has said goodbye
	broken     bool                    // it takes nothing any more
	leaving    chan struct{}           // closed when a session that it has left is ready for others
	giveUp     context.CancelCauseFunc // ends its waiting for a session
	skipping   bool                    // its messages up to the next Sync belong to a statement that it has cancelled
	doubting   chan struct{}           // closed when the server has said something; somebody waits for that
	left       chan struct{}           // closed when it has left its session; somebody waits for that
	last       *pgwire.Error           // it is to end with these words
	since      time.Time               // the transaction began
}

// run serves the client until one side ends.
func (c *pooled) run(ctx context.Context, early []byte) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stop := context.AfterFunc(ctx, func() {
		c.kill(shutdown())
		_ = c.client.SetWriteDeadline(time.Now().Add(farewell))
	})
	defer stop()
	c.wait = func() (*backend, error) { return c.borrow(ctx) }
	words := asWords(c.take(early))
	c.part(ctx)
	c.out.Lock()
	defer c.out.Unlock()
	c.mu.Lock()
	if c.last != nil {
		words = c.last
	}
	c.mu.Unlock()
	if words != nil && !c.broken {
		words.Tell(c.client)
	}
}

func asWords(err error) *pgwire.Error {
	words, _ := errors.AsType[*pgwire.Error](err)
	return words
}

// take takes what the client says until it ends.
func (c *pooled) take(early []byte) error {
	if len(early) > 0 {
		if err := c.hear(early); err != nil {
			return err
		}
	}
	for {
		b, n, err := readReady(c.raw, relayBuffers)
		if err != nil {
			return err
		}
		err = c.hear((*b)[:n])
		relayBuffers.give(b)
		for err == nil && len(c.early) > 0 {
			more := c.early
			c.early = nil
			err = c.hear(more)
		}
		if err != nil {
			return err
		}
	}
}

// hear takes one piece.
func (c *pooled) hear(p []byte) error {
	c.route.bytes.up.Add(uint64(len(p)))
	c.goodbye = bytes.HasSuffix(p, []byte{'X', 0, 0, 0, 4})
	collected := len(c.cut) > 0
	if collected {
		p = append(c.cut, p...)
		c.cut = nil
	}
	buffer := relayBuffers.take()
	defer relayBuffers.give(buffer)
	t := translation{c: c, out: (*buffer)[:0]}
	c.mu.Lock()
	rest, err := t.read(p)
	at := c.at
	c.writing = at != nil
	c.mu.Unlock()
	switch {
	case len(rest) == len(p) && collected:
		c.cut = p
	case len(rest) > 0:
		c.cut = append([]byte(nil), rest...)
	}
	if len(t.reply) > 0 {
		c.out.Lock()
		c.tell(t.reply)
		c.out.Unlock()
	}
	if at == nil {
		return err
	}
	if len(t.out) > 0 && at.up.write(t.out) != nil {
		at.up.conn.Close() // who reads from it finds out why
	}
	if t.made {
		c.pump()
	}
	c.mu.Lock()
	c.writing = false
	left := c.leave(at)
	c.mu.Unlock()
	if left {
		c.route.letGo(c, at)
	}
	return err
}

// pump tells the client what the proxy itself has to answer, if it is the turn of that.
func (c *pooled) pump() {
	c.out.Lock()
	defer c.out.Unlock()
	c.mu.Lock()
	var out []byte
	if c.at != nil {
		out = c.at.open.answers(nil)
	}
	c.news()
	c.mu.Unlock()
	if len(out) > 0 {
		c.tell(out)
	}
}

// tell writes to the client. c.out is held.
func (c *pooled) tell(b []byte) {
	if c.broken {
		return
	}
	if _, err := c.client.Write(b); err != nil {
		c.broken = true
		_ = c.client.SetReadDeadline(longAgo)
	}
}

// attach gets the client a session, and appends to out what makes the session's settings the client's. c.mu is held,
// but not while it waits.
func (c *pooled) attach(out []byte) ([]byte, error) {
	for c.leaving != nil {
		leaving := c.leaving
		c.mu.Unlock()
		<-leaving
		c.mu.Lock()
		if c.leaving == leaving {
			c.leaving = nil
		}
	}
	if c.last != nil {
		return nil, c.last
	}
	b := c.route.borrowNow(c.pool)
	if b == nil {
		c.mu.Unlock()
		began := time.Now()
		var err error
		b, err = c.wait()
		c.route.waits.Observe(seconds(began))
		c.mu.Lock()
		if err != nil {
			return nil, err
		}
	}
	if c.last != nil {
		c.route.putBack(b)
		return nil, c.last
	}
	c.at, c.since = b, time.Now()
	b.open, b.status, b.failed, b.did = questions{}, 'I', false, 0
	b.client.Store(c)
	if script := c.env.script(b.env); script != "" {
		b.open.push(question{kind: 'Q', origin: inserted})
		b.unnamed = nil
		out = simpleQuery(out, script)
	}
	b.env = c.env
	return out, nil
}

// news tells the one who waits for what the server says. c.mu is held.
func (c *pooled) news() {
	if c.doubting != nil {
		close(c.doubting)
		c.doubting = nil
	}
}

// leave lets the session go when nothing is on its way and no transaction is open, and reports whether it did.
// c.mu is held; whoever lets go gives the session back.
func (c *pooled) leave(b *backend) bool {
	if c.at != b || c.writing || !b.settled() || c.rest > 0 && !c.drop {
		return false
	}
	c.at = nil
	b.client.Store(nil)
	c.route.transactions.Observe(seconds(c.since))
	if b.did != 0 {
		c.leaving = make(chan struct{})
	}
	if c.left != nil {
		close(c.left)
		c.left = nil
	}
	return true
}

// bereave hears that the session has ended.
func (c *pooled) bereave(b *backend, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.at != b {
		return
	}
	c.at = nil
	c.news()
	if c.left != nil {
		close(c.left)
		c.left = nil
	}
	if c.last == nil {
		words := lossOf(c.route, err)
		if b.fatal || b.rest > 0 || len(b.cut) > 0 {
			c.broken = true // the server has said it itself, or there is no room for another word
		}
		c.doom(words)
	}
}

// doom ends the client with these words. c.mu is held.
func (c *pooled) doom(words *pgwire.Error) {
	if c.last == nil {
		c.last = words
	}
	c.news()
	_ = c.client.SetReadDeadline(longAgo)
}

// kill ends the client at once, also inside a transaction.
func (c *pooled) kill(words *pgwire.Error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.doom(words)
}

// end ends the client when it is between two transactions, and reports whether it was.
func (c *pooled) end(words *pgwire.Error) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.at != nil && c.last == nil {
		return false
	}
	c.doom(words)
	return true
}

// busy reports whether the client has a session.
func (c *pooled) busy() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at != nil
}

// part is what is left to do when nothing more comes from the client. What one that said goodbye has sent still runs to
// its end; what runs for one that vanished is cancelled.
func (c *pooled) part(ctx context.Context) {
	c.mu.Lock()
	b := c.at
	if b == nil {
		c.mu.Unlock()
		return
	}
	if c.terminated && c.last == nil && !b.open.empty() && !c.leave(b) {
		left := make(chan struct{})
		c.left = left
		c.mu.Unlock()
		t := time.NewTimer(c.route.settings().Wait)
		select {
		case <-left:
		case <-t.C:
		case <-ctx.Done():
		}
		t.Stop()
		c.mu.Lock()
		if b = c.at; b == nil {
			c.mu.Unlock()
			return
		}
	}
	if c.leave(b) {
		c.mu.Unlock()
		c.route.letGo(c, b)
		return
	}
	idle := b.open.empty()
	c.at = nil
	b.client.Store(nil)
	c.mu.Unlock()
	if !idle {
		bounded, stop := context.WithTimeout(context.WithoutCancel(ctx), farewell)
		defer stop()
		if err := b.up.cancel(bounded); err != nil {
			c.route.log.DebugContext(ctx, "cancel abandoned statement", "err", err)
		}
	}
	c.route.discard(b)
}

// adopt takes over the settings that a session was found with.
func (c *pooled) adopt(settings [][]string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := &environment{settings: map[string]string{}}
	for name, value := range c.env.settings {
		if _, ok := reported[settingKey([]byte(name))]; ok {
			out.settings[name] = value
		}
	}
	for _, s := range settings {
		if _, ok := reported[settingKey([]byte(s[1]))]; !ok {
			out.settings[s[1]] = s[2]
		}
	}
	if !maps.Equal(out.settings, c.env.settings) {
		c.env = out
	}
}
