package proxy

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"strings"

	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/lakeward/lakeward/internal/pgwire"
)

// The longest messages that are read as a whole.
const (
	maxQuery = 1 << 20  // a longer one counts as one that may do anything
	maxParse = 64 << 20 // a longer one is refused
)

// translation turns what a client says into what its session on the instance is to hear: statements have other names
// there, and may have to be prepared first.
type translation struct {
	c     *pooled
	out   []byte // for the instance
	reply []byte // for the client, before anything that the instance may say to out
	made  bool   // the proxy has answers to make up
}

// read translates a piece and returns what it cannot use yet. c.mu is held.
func (t *translation) read(p []byte) (rest []byte, err error) {
	c := t.c
	for len(p) > 0 {
		if c.rest > 0 {
			n := min(c.rest, int64(len(p)))
			if !c.drop {
				t.out = append(t.out, p[:n]...)
			}
			c.rest -= n
			p = p[n:]
			continue
		}
		if len(p) < 5 {
			return p, nil
		}
		size := int64(binary.BigEndian.Uint32(p[1:])) - 4
		if size < 0 {
			return nil, &pgwire.Error{Code: "08P01", Message: "invalid message length"}
		}
		body := p[5:min(5+size, int64(len(p)))]
		if int64(len(body)) < size && needsMore(p[0], size, body) {
			if p[0] == 'P' && size > maxParse {
				return nil, &pgwire.Error{
					Code: "54000", Message: "the statement is too long to be prepared on a session that clients share",
					Hint: "Connect through a route in session mode.",
				}
			}
			return p, nil
		}
		if malformed(p[0], body) {
			return nil, &pgwire.Error{Code: "08P01", Message: "invalid message format"}
		}
		c.drop = false
		if err := t.message(p[0], size, body); err != nil {
			return nil, err
		}
		c.rest = size - int64(len(body))
		p = p[5+len(body):]
	}
	return nil, nil
}

// needsMore reports whether the part of a message that is there is too short to translate it.
func needsMore(kind byte, size int64, body []byte) bool {
	switch kind {
	case 'P', 'C', 'D':
		return true
	case 'Q':
		return size <= maxQuery
	case 'B':
		return bytes.Count(body, []byte{0}) < 2
	}
	return false
}

// malformed reports whether a message lacks the names that it must have.
func malformed(kind byte, body []byte) bool {
	switch kind {
	case 'P':
		return bytes.Count(body, []byte{0}) < 2
	case 'B':
		return bytes.Count(body, []byte{0}) < 2
	case 'D', 'C':
		return len(body) < 2 || bytes.IndexByte(body, 0) != len(body)-1
	}
	return false
}

// message translates one message, of which body is the whole or the beginning.
func (t *translation) message(kind byte, size int64, body []byte) (err error) {
	c := t.c
	if kind == 'X' {
		c.terminated = true
		return io.EOF
	}
	if kind == 'Q' && t.deallocate(body) {
		return nil
	}
	if c.at == nil {
		if t.alone(kind, body) {
			c.drop = true
			return nil
		}
		t.out, err = c.attach(t.out)
		if errors.Is(err, errCancelled) {
			c.drop = true
			return t.cancelled(kind)
		}
		if err != nil {
			return err
		}
	}
	b := c.at
	if b.failed && kind != 'S' { // the server does not look at it
		t.pass(kind, size, body)
		return nil
	}
	if b.open.doubt > 0 && (kind == 'P' || kind == 'B' || kind == 'D' || kind == 'C') {
		if err := t.wait(b); err != nil {
			return err
		}
	}
	switch kind {
	case 'P':
		t.prepare(b, body)
		return nil
	case 'B':
		t.bind(b, size, body)
		return nil
	case 'D', 'C':
		if len(body) > 0 && body[0] == 'S' {
			t.ofStatement(b, kind, string(bytes.TrimSuffix(body[1:], []byte{0})))
			return nil
		}
		b.open.push(question{kind: kind})
	case 'E', 'F':
		b.open.push(question{kind: kind})
	case 'S':
		if one := b.open.head(); one != nil && one.copying && !one.copied {
			break // the server ignores it
		}
		b.failed = false
		b.open.push(question{kind: kind})
	case 'Q':
		if int64(len(body)) < size {
			b.did |= makesSetting | leavesTraces
		}
		b.did |= effectsOf(bytes.TrimSuffix(body, []byte{0}))
		c.unnamed, b.unnamed = nil, nil
		b.open.push(question{kind: kind})
	case 'c', 'f':
		b.open.copyDone()
	}
	t.pass(kind, size, body)
	return nil
}

// wait sends what there is, and waits until no name is in doubt: until the server has got beyond an earlier Sync.
func (t *translation) wait(b *backend) error {
	c := t.c
	for b.open.doubt > 0 && c.at == b && c.last == nil {
		c.writing, c.doubting = true, make(chan struct{})
		doubting := c.doubting
		c.mu.Unlock()
		if len(t.out) > 0 && b.up.write(t.out) != nil {
			b.up.conn.Close()
		}
		t.out = t.out[:0]
		if t.made {
			c.pump()
		}
		<-doubting
		c.mu.Lock()
	}
	if c.at != b {
		return errGone
	}
	return nil
}

// pass passes a message on as it is.
func (t *translation) pass(kind byte, size int64, body []byte) {
	t.out = append(head(t.out, kind, int(size)), body...)
}

// alone answers what needs no session on the instance, and reports whether it did.
func (t *translation) alone(kind byte, body []byte) bool {
	c := t.c
	if c.skipping && kind != 'S' {
		return true
	}
	switch kind {
	case 'd', 'c', 'f', 'H': // of a COPY that has failed
		return true
	case 'S':
		c.skipping = false
		t.reply = append(t.reply, 'Z', 0, 0, 0, 5, 'I')
		return true
	case 'C':
		if len(body) > 0 && body[0] == 'S' {
			name := string(bytes.TrimSuffix(body[1:], []byte{0}))
			if name == "" {
				c.unnamed = nil
			}
			delete(c.named, name)
		}
		t.reply = append(t.reply, '3', 0, 0, 0, 4)
		return true
	}
	return false
}

// cancelled answers a statement that the client has cancelled while it waited for a session.
func (t *translation) cancelled(kind byte) (err error) {
	t.reply, err = (&pgproto3.ErrorResponse{
		Severity: "ERROR", SeverityUnlocalized: "ERROR", Code: "57014", Message: errCancelled.Error(),
	}).Encode(t.reply)
	if kind == 'Q' || kind == 'F' {
		t.reply = append(t.reply, 'Z', 0, 0, 0, 5, 'I')
	} else {
		t.c.skipping = true
	}
	return err
}

// deallocate answers DEALLOCATE of a statement that the client has prepared by the protocol. The instance knows it by
// another name, and others may use it.
func (t *translation) deallocate(body []byte) bool {
	c := t.c
	if len(c.named) == 0 {
		return false
	}
	name, ok := deallocated(body)
	if !ok || c.named[name] == nil {
		return false
	}
	status := byte('I')
	if c.at != nil {
		if status = c.at.status; !c.at.open.empty() || status == 'E' || c.at.failed {
			return false
		}
	}
	delete(c.named, name)
	t.reply = append(t.reply, "C\x00\x00\x00\x0fDEALLOCATE\x00Z\x00\x00\x00\x05"...)
	t.reply = append(t.reply, status)
	return true
}

func (t *translation) prepare(b *backend, body []byte) {
	c := t.c
	name, rest, _ := bytes.Cut(body, []byte{0})
	if len(name) == 0 {
		s := newStatement("", rest)
		c.unnamed, b.unnamed = s, s
		b.open.push(question{kind: 'P', stmt: s})
		t.out = s.parse(t.out)
		return
	}
	if old := c.named[string(name)]; old != nil { // let the server complain
		t.out = b.use(old, t.out)
		b.open.push(question{kind: 'P'})
		t.out = old.parse(t.out)
		return
	}
	s := c.route.statements.share(rest)
	c.named[string(name)] = s
	if _, ok := b.prepared[s]; ok {
		b.open.push(question{kind: 'P', origin: made, name: string(name), stmt: s})
		t.made = true
		return
	}
	t.out = b.use(s, t.out)
	b.open.ask(string(name))
}

// known returns the instance's name for a statement of the client's, and prepares it where it is not.
func (t *translation) known(b *backend, name string) (string, *statement) {
	c := t.c
	if name != "" {
		s := c.named[name]
		switch {
		case s != nil:
			t.out = b.use(s, t.out)
			b.did |= s.does
			return s.name, s
		case strings.HasPrefix(name, ownPrefix):
			return ownPrefix + name, nil // there is none, and none of another client's
		}
		return name, nil // made by PREPARE
	}
	s := c.unnamed
	switch {
	case s == nil && b.unnamed != nil:
		return ownPrefix + "none", nil
	case s == nil:
		return "", nil
	case b.unnamed != s:
		b.unnamed = s
		b.open.push(question{kind: 'P', origin: inserted, stmt: s})
		t.out = s.parse(t.out)
	}
	b.did |= s.does
	return "", s
}

func (t *translation) bind(b *backend, size int64, body []byte) {
	portal, rest, _ := bytes.Cut(body, []byte{0})
	name, rest, _ := bytes.Cut(rest, []byte{0})
	theirs, s := t.known(b, string(name))
	b.open.push(question{kind: 'B', stmt: s})
	t.out = head(t.out, 'B', int(size)-len(name)+len(theirs))
	t.out = append(append(t.out, portal...), 0)
	t.out = append(append(t.out, theirs...), 0)
	t.out = append(t.out, rest...)
}

// ofStatement describes or closes a statement.
func (t *translation) ofStatement(b *backend, kind byte, name string) {
	c := t.c
	if kind == 'C' {
		s := c.named[name]
		if s != nil || name == "" || strings.HasPrefix(name, ownPrefix) {
			delete(c.named, name)
			if name == "" {
				c.unnamed = nil
			}
			b.open.push(question{kind: kind, origin: made, name: name, stmt: s})
			t.made = true
			return
		}
	}
	theirs, _ := t.known(b, name)
	b.open.push(question{kind: kind})
	t.out = head(t.out, kind, len(theirs)+2)
	t.out = append(append(append(t.out, 'S'), theirs...), 0)
}
