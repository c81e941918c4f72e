package proxy

import (
	"bytes"
	"encoding/binary"
)

// walker finds the heads of messages in a stream that arrives in pieces. It looks at five bytes of each message.
type walker struct {
	kind byte
	rest int64 // bytes of the body that are still to come
	head [5]byte
	have int // bytes of head, while a head is cut
}

// between reports whether the stream stands between two messages.
func (w *walker) between() bool { return w.rest == 0 && w.have == 0 }

// next returns the next part of a body in b, which may be empty, and what comes after it. first says that the body
// begins here. ok is false when b ends inside a head.
func (w *walker) next(b []byte) (body, after []byte, first, ok bool) {
	if w.rest == 0 {
		if w.have > 0 || len(b) < len(w.head) {
			n := copy(w.head[w.have:], b)
			w.have += n
			if b = b[n:]; w.have < len(w.head) {
				return nil, nil, false, false
			}
			w.have = 0
			w.kind, w.rest = w.head[0], int64(binary.BigEndian.Uint32(w.head[1:]))-4
		} else {
			w.kind, w.rest = b[0], int64(binary.BigEndian.Uint32(b[1:]))-4
			b = b[5:]
		}
		w.rest = max(w.rest, 0) // a wrong length: the other side will complain
		first = true
	}
	n := min(w.rest, int64(len(b)))
	w.rest -= n
	return b[:n], b[n:], first, true
}

// upWalk follows what a client sends: it counts the messages that the server answers with ReadyForQuery.
type upWalk struct {
	walker
	asked      uint64 // Query, FunctionCall, Sync
	lastSync   bool   // the last of them was Sync
	dirty      bool   // messages of the extended protocol await their Sync
	bare       bool   // an unnamed statement awaits its Bind, which may come after a Sync
	unnamed    bool   // the first byte of a Parse is still to come: it says whether the statement has a name
	terminated bool
	custom     bool // the client may have made a setting that no other session can be asked for
	tail       []byte
}

// read follows one piece; answered is how many ReadyForQuery have come back.
func (u *upWalk) read(b []byte, answered uint64) {
	for len(b) > 0 {
		body, after, first, ok := u.next(b)
		if !ok {
			return
		}
		if first {
			u.begin(answered)
		}
		if u.unnamed && len(body) > 0 {
			u.unnamed, u.bare = false, body[0] == 0
		}
		if (u.kind == 'Q' || u.kind == 'P') && !u.custom {
			u.look(body, first)
		}
		b = after
	}
}

func (u *upWalk) begin(answered uint64) {
	switch u.kind {
	case 'Q', 'F':
		u.asked++
		u.lastSync, u.dirty, u.bare = false, false, false
	case 'S':
		u.asked++
		u.lastSync, u.dirty = true, false
	case 'c', 'f': // while a client sends COPY data, the server ignores Sync
		switch open := u.asked - answered; {
		case open > 0 && u.lastSync:
			u.asked = answered
		case open > 1:
			u.asked = answered + 1
		}
	case 'd':
	case 'P':
		u.dirty, u.unnamed = true, true
	case 'B':
		u.dirty, u.bare = true, false
	case 'X':
		u.terminated = true
	default:
		u.dirty = true
	}
}

// overlap is how much of a piece is looked at again with the next piece of the same message.
const overlap = 128

// look searches a statement for settings of extensions and applications, such as SET app.tenant = '7': they stand in no
// view of PostgreSQL, so that a session that has one cannot be moved.
func (u *upWalk) look(body []byte, first bool) {
	if first {
		u.tail = u.tail[:0]
	}
	if first && u.rest == 0 {
		u.custom = makesCustomSetting(body)
		return
	}
	text := append(u.tail, body...)
	u.custom = makesCustomSetting(text)
	u.tail = append(u.tail[:0], text[max(0, len(text)-overlap):]...)
}

// makesCustomSetting may find one where there is none, and overlooks none that a client's statement makes.
func makesCustomSetting(text []byte) bool {
	for {
		i := indexSet(text)
		if i < 0 {
			return false
		}
		if (i == 0 || !wordByte(text[i-1])) && customAfterSet(text[i+3:]) {
			return true
		}
		text = text[i+3:]
	}
}

// indexSet finds the letters s, e, t in any case.
func indexSet(b []byte) int {
	for i := 1; i+1 < len(b); i++ {
		if b[i]|0x20 == 'e' && b[i-1]|0x20 == 's' && b[i+1]|0x20 == 't' {
			return i - 1
		}
	}
	return -1
}

// customAfterSet judges what follows the word SET, or the first letters of set_config.
func customAfterSet(b []byte) bool {
	if len(b) >= 7 && bytes.EqualFold(b[:7], []byte("_config")) {
		return customConfig(b[7:])
	}
	if len(b) == 0 || wordByte(b[0]) {
		return false
	}
	for {
		b = bytes.TrimLeft(b, " \t\r\n\f\v")
		switch {
		case bytes.HasPrefix(b, []byte("--")), bytes.HasPrefix(b, []byte("/*")):
			return true // whatever comes after a comment
		}
		n := 0
		quoted := len(b) > 0 && b[0] == '"'
		if quoted {
			end := bytes.IndexByte(b[1:], '"')
			if end < 0 {
				return true
			}
			n = end + 2
		} else {
			for n < len(b) && wordByte(b[n]) {
				n++
			}
		}
		word := b[:n]
		if b = b[n:]; !quoted && (bytes.EqualFold(word, []byte("session")) || bytes.EqualFold(word, []byte("local"))) {
			continue
		}
		b = bytes.TrimLeft(b, " \t\r\n\f\v")
		return len(word) > 0 && len(b) > 0 && b[0] == '.' || bytes.IndexByte(word, '.') >= 0
	}
}

// customConfig judges what follows set_config: anything but the literal name of a setting of PostgreSQL's own may be one
// of an application, unless the setting ends with the transaction.
func customConfig(b []byte) bool {
	end := bytes.IndexByte(b, ')')
	if end < 0 {
		return true
	}
	call := bytes.TrimRight(b[:end], " \t\r\n")
	if n := len(call); n >= 4 && bytes.EqualFold(call[n-4:], []byte("true")) {
		return false
	}
	quote := bytes.IndexByte(call, '\'')
	comma := bytes.IndexByte(call, ',')
	if quote < 0 || comma < 0 || quote > comma {
		return true
	}
	return bytes.IndexByte(call[:comma], '.') >= 0
}

func wordByte(c byte) bool {
	return c == '_' || c == '$' || '0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'z' || c >= 0x80
}

// downWalk follows what the server sends.
type downWalk struct {
	walker
	status byte // of the last ReadyForQuery
	death  int  // where in the last piece its last message begins, if that ends the session without a hint; or -1
	body   []byte
	param  func(name, value string)
}

// read follows one piece and returns how many ReadyForQuery it held.
func (d *downWalk) read(b []byte) (ready uint64) {
	size := len(b)
	d.death = -1
	for len(b) > 0 {
		body, after, first, ok := d.next(b)
		if !ok {
			break
		}
		switch d.kind {
		case 'Z':
			if len(body) > 0 {
				d.status = body[0]
				ready++
			}
		case 'S':
			d.parameter(body, first)
		case 'E':
			if begin := size - len(after) - len(body) - 5; first && begin >= 0 && d.rest == 0 && len(after) == 0 && unexplained(body) {
				d.death = begin
			}
		}
		b = after
	}
	return ready
}

// parameter collects a ParameterStatus, which may come in pieces.
func (d *downWalk) parameter(part []byte, first bool) {
	if first {
		d.body = d.body[:0]
	}
	d.body = append(d.body, part...)
	if d.rest > 0 {
		return
	}
	name, rest, _ := bytes.Cut(d.body, []byte{0})
	value, _, _ := bytes.Cut(rest, []byte{0})
	d.param(string(name), string(value))
}
