package proxy

import (
	"bytes"
	"encoding/binary"
	"errors"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/lakeward/lakeward"
)

// maxPrepared is how many statements a shared session keeps prepared; then the one that was used longest ago goes.
const maxPrepared = 200

// backend is a session on the instance that clients of a route share: a client has it from the first message of a
// transaction to the end of the last one that it has sent. One goroutine reads what the server says.
type backend struct {
	route   *route
	key     poolKey
	up      *upstream
	made    *lakeward.Connector
	born    time.Time
	expires time.Time
	idle    time.Time // since when; the route's lock guards it
	birth   *environment
	client  atomic.Pointer[pooled] // changed under the client's lock
	closing atomic.Bool            // on purpose
	mid     atomic.Bool            // inside of a message
	dirty   atomic.Pointer[pooled] // the client that has left it to be cleaned
	lent    bool                   // the route's lock guards it
	cancels sync.WaitGroup         // cancel requests that are on their way

	// Of the one goroutine.
	cut     []byte // the beginning of a message that is needed whole
	rest    int64  // of a message that passes, or not
	skip    bool
	scratch []byte
	fatal   bool // the server has said why it ends the session

	// Guarded by the lock of the client that has the session; nobody touches them while no client has it.
	env      *environment
	open     questions
	status   byte
	failed   bool // after an error the server waits for the next Sync
	did      effects
	fresh    bool // DISCARD ALL has run
	unnamed  *statement
	prepared map[*statement]uint64
	uses     uint64
	broken   bool // not to be used again
}

// run reads until the session ends.
func (b *backend) run() {
	err := b.read()
	b.up.conn.Close()
	c := b.client.Load()
	b.route.lose(b)
	if c != nil {
		c.bereave(b, err)
	}
}

func (b *backend) read() error {
	for {
		if err := b.up.wire.fill(); err != nil {
			if c := b.dirty.Swap(nil); c != nil && errors.Is(err, os.ErrDeadlineExceeded) {
				_ = b.up.wire.SetReadDeadline(time.Time{})
				b.route.giveBack(c, b)
				continue
			}
			return err
		}
		buffer := relayBuffers.take()
		for more := true; more; {
			var n int
			var err error
			n, more, err = b.up.read(*buffer)
			if n > 0 {
				b.deliver((*buffer)[:n])
			}
			if err != nil {
				relayBuffers.give(buffer)
				return err
			}
		}
		relayBuffers.give(buffer)
	}
}

// deliver brings a piece to the client that has the session, and lets the session go when a transaction has ended.
func (b *backend) deliver(p []byte) {
	c := b.client.Load()
	if c == nil {
		b.follow(nil, p)
		return
	}
	c.out.Lock()
	c.mu.Lock()
	if c.at != b { // it has gone
		c.mu.Unlock()
		c.out.Unlock()
		b.deliver(p)
		return
	}
	b.route.bytes.down.Add(uint64(len(p)))
	out := b.follow(c, p)
	c.news()
	left := b.route.wanted.Load() > 0 && c.leave(b)
	c.mu.Unlock()
	if len(out) > 0 {
		c.tell(out)
	}
	c.out.Unlock()
	if !left {
		c.mu.Lock()
		left = c.leave(b)
		c.mu.Unlock()
	}
	if left {
		b.route.giveBack(c, b)
	}
}

// whole are the kinds of messages that are looked at as a whole. All are short.
func whole(kind byte) bool {
	switch kind {
	case 'Z', 'S', 'C', 'E', '1', '2', '3', 'n', 's', 'I', 'G', 'W':
		return true
	}
	return false
}

// follow reads a piece of what the server says, and returns what the client is to see. c.mu is held; c is nil while
// nobody has the session.
func (b *backend) follow(c *pooled, p []byte) []byte {
	if len(b.cut) > 0 {
		p = append(b.cut, p...)
		b.cut = nil
	}
	var out []byte
	edited := false
	from, at := 0, 0       // p[from:at] is to be passed on
	edit := func(to int) { // leaves out what is between at and to
		if !edited {
			out, edited = b.scratch[:0], true
		}
		out = append(out, p[from:at]...)
		from = to
	}
	for at < len(p) {
		if one := b.open.head(); c != nil && b.rest == 0 && one != nil && one.origin == made {
			edit(at)
			out = b.open.answers(out)
		}
		if b.rest > 0 {
			n := int(min(b.rest, int64(len(p)-at)))
			b.rest -= int64(n)
			if b.skip {
				edit(at + n)
			}
			at += n
			continue
		}
		if len(p)-at < 5 {
			break
		}
		kind, size := p[at], max(int64(binary.BigEndian.Uint32(p[at+1:])), 4)+1
		here := min(size, int64(len(p)-at))
		if whole(kind) && here < size {
			break
		}
		if c == nil {
			b.alone(kind, p[at+5:at+int(here)])
			b.skip = true
		} else {
			b.skip = !b.message(c, kind, p[at+5:at+int(here)])
		}
		next := at + int(here)
		if b.skip {
			edit(next)
		} else if body := p[at+5 : next]; kind == 'E' && unexplained(body) {
			edit(next)
			out = explained(out, p[at:next])
		}
		at, b.rest = next, size-here
	}
	if at < len(p) {
		b.cut = bytes.Clone(p[at:])
	}
	b.mid.Store(b.rest > 0 || len(b.cut) > 0)
	if one := b.open.head(); c != nil && b.rest == 0 && one != nil && one.origin == made {
		edit(at)
		out = b.open.answers(out)
	}
	if !edited {
		return p[:at]
	}
	out = append(out, p[from:at]...)
	b.scratch = nil
	if cap(out) <= relayBuffer {
		b.scratch = out
	}
	return out
}

// alone hears what the server says while no client has the session.
func (b *backend) alone(kind byte, _ []byte) {
	if kind == 'E' {
		b.fatal = true
	}
}

// message follows one message, and reports whether the client is to see it. Of a message that is not looked at as a whole
// body is the beginning.
func (b *backend) message(c *pooled, kind byte, body []byte) (pass bool) {
	one := b.open.head()
	mine := one != nil && one.origin == inserted
	switch kind {
	case 'S':
		b.parameter(c, body)
		return true
	case 'A', 'N':
		return true
	case 'E':
		return b.refused(c, one, body)
	case 'Z':
		if len(body) > 0 {
			b.status = body[0]
		}
		if one != nil && (one.kind == 'S' || one.kind == 'Q' || one.kind == 'F') {
			b.open.pop()
		}
		b.fresh = false
	case '1', '2', '3', 's', 'I':
		if one != nil && one.kind != 'Q' && one.kind != 'S' {
			b.open.pop()
		}
	case 'T', 'n':
		if one != nil && one.kind == 'D' {
			b.open.pop()
		}
	case 'C':
		if !mine {
			b.completed(c, body)
		}
		if one != nil && one.kind == 'E' {
			b.open.pop()
		}
	case 'G', 'W':
		b.open.copyIn()
	}
	return !mine
}

// parameter hears that a setting is different now.
func (b *backend) parameter(c *pooled, body []byte) {
	name, rest, _ := bytes.Cut(body, []byte{0})
	value, _, _ := bytes.Cut(rest, []byte{0})
	if _, ok := reported[settingKey(name)]; !ok || b.fresh {
		return
	}
	c.env = c.env.with(string(name), string(value))
	b.env = c.env
}

// settingKey is a name in lower case.
func settingKey(name []byte) string { return string(bytes.ToLower(name)) }

// completed hears that a statement has been executed.
func (b *backend) completed(c *pooled, tag []byte) {
	if len(tag) == 0 || tag[0] != 'D' {
		return
	}
	tag = bytes.TrimRight(tag, "\x00")
	switch string(tag) {
	case "DISCARD ALL":
		c.env, b.env, b.fresh = c.birth, b.birth, true
		fallthrough
	case "DEALLOCATE ALL":
		clear(c.named)
		c.unnamed, b.unnamed = nil, nil
		clear(b.prepared)
	}
}

// use makes sure that a statement is prepared when what is appended to out has been read.
func (b *backend) use(s *statement, out []byte) []byte {
	b.uses++
	if _, ok := b.prepared[s]; ok {
		b.prepared[s] = b.uses
		return out
	}
	if len(b.prepared) >= maxPrepared {
		var oldest *statement
		for one, used := range b.prepared {
			if oldest == nil || used < b.prepared[oldest] {
				oldest = one
			}
		}
		delete(b.prepared, oldest)
		out = head(out, 'C', len(oldest.name)+2)
		out = append(append(append(out, 'S'), oldest.name...), 0)
		b.open.push(question{kind: 'C', origin: inserted, stmt: oldest})
	}
	b.prepared[s] = b.uses
	b.open.push(question{kind: 'P', origin: inserted, stmt: s})
	return s.parse(out)
}

// settled reports whether everything that was asked has been answered, outside of a transaction.
func (b *backend) settled() bool {
	return b.open.empty() && b.status == 'I' && !b.failed && !b.mid.Load()
}

// wash makes the session as it was after its login, and returns the settings that the client had made.
func (b *backend) wash(did effects) (settings [][]string, err error) {
	_ = b.up.wire.SetReadDeadline(time.Now().Add(packing))
	if did&makesSetting != 0 {
		if settings, err = b.ask(settingsMade); err != nil {
			return nil, err
		}
	}
	if _, err := b.ask("DISCARD ALL"); err != nil {
		return nil, err
	}
	_ = b.up.wire.SetReadDeadline(time.Time{})
	b.env, b.unnamed = b.birth, nil
	clear(b.prepared)
	return settings, nil
}

// ask asks something when no client has the session.
func (b *backend) ask(query string) ([][]string, error) {
	_ = b.up.wire.SetWriteDeadline(time.Now().Add(packing))
	if err := b.up.write(simpleQuery(nil, query)); err != nil {
		return nil, err
	}
	_ = b.up.wire.SetWriteDeadline(time.Time{})
	return exchange(b.up)
}

// close ends the session on purpose.
func (b *backend) close() {
	if !b.closing.Swap(true) {
		b.up.close()
	}
}
