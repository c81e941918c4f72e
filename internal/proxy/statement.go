package proxy

import (
	"runtime"
	"strconv"
	"sync"
	"weak"
)

// ownPrefix begins the names of prepared statements on sessions that clients share.
const ownPrefix = "lakeward_"

// statement is what a client has prepared, by its content: clients that prepare the same share it, and its name on the
// instance.
type statement struct {
	name string // on the instance; empty for an unnamed one, which is not shared
	body string // of the Parse message, without the name: the text and the types of parameters
	does effects
}

// statements are those of a route. An entry lives as long as a client or a session on the instance has the statement.
type statements struct {
	mu     sync.Mutex
	last   uint64
	shared map[string]weak.Pointer[statement] // by body
}

// share returns the statement with this body.
func (t *statements) share(body []byte) *statement {
	t.mu.Lock()
	defer t.mu.Unlock()
	if p, ok := t.shared[string(body)]; ok {
		if s := p.Value(); s != nil {
			return s
		}
	}
	if t.shared == nil {
		t.shared = map[string]weak.Pointer[statement]{}
	}
	t.last++
	s := newStatement(ownPrefix+strconv.FormatUint(t.last, 10), body)
	t.shared[s.body] = weak.Make(s)
	runtime.AddCleanup(s, t.forget, s.body)
	return s
}

// forget removes an entry whose statement nobody has any more.
func (t *statements) forget(body string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if p, ok := t.shared[body]; ok && p.Value() == nil {
		delete(t.shared, body)
	}
}

// retire makes the next client that prepares the same get a new statement: sessions may have planned this one for
// tables that are different by now, which PostgreSQL refuses until it is prepared again.
func (t *statements) retire(s *statement) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if p, ok := t.shared[s.body]; ok && p.Value() == s {
		delete(t.shared, s.body)
	}
}

func newStatement(name string, body []byte) *statement {
	s := &statement{name: name, body: string(body)}
	text := body
	for i, c := range body {
		if c == 0 {
			text = body[:i]
			break
		}
	}
	s.does = effectsOf(text)
	return s
}

// parse appends the Parse message of the statement.
func (s *statement) parse(out []byte) []byte {
	out = head(out, 'P', len(s.name)+1+len(s.body))
	out = append(append(out, s.name...), 0)
	return append(out, s.body...)
}

// head appends the head of a message with a body of n bytes.
func head(out []byte, kind byte, n int) []byte {
	n += 4
	return append(out, kind, byte(n>>24), byte(n>>16), byte(n>>8), byte(n))
}

// query appends a Query message.
func simpleQuery(out []byte, text string) []byte {
	out = head(out, 'Q', len(text)+1)
	return append(append(out, text...), 0)
}
