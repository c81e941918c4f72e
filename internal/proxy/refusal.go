package proxy

import (
	"bytes"

	"github.com/lakeward/lakeward/internal/pgwire"
)

// refused hears of an error.
func (b *backend) refused(c *pooled, one *question, body []byte) (pass bool) {
	if errorField(body, 'V') == "FATAL" || errorField(body, 'V') == "PANIC" {
		b.fatal = true
		return true
	}
	if errorField(body, 'C') == "0A000" && errorField(body, 'R') == "RevalidateCachedQuery" {
		if one != nil && one.kind == 'B' && one.stmt != nil {
			b.route.statements.retire(one.stmt)
		}
		b.did |= leavesTraces // what is prepared here does not fit the tables any more
	}
	if one == nil {
		return true
	}
	switch one.kind {
	case 'Q':
		if one.origin == inserted { // the client's settings
			b.broken = true
			c.doom(&pgwire.Error{Code: errorField(body, 'C'), Message: errorField(body, 'M')})
			return false
		}
	case 'F', 'S':
	default:
		b.failed = b.open.fail(func(q question) { b.undo(c, q) })
	}
	return true
}

// undo takes back what the proxy has noted about a message that the server did not look at.
func (b *backend) undo(c *pooled, q question) {
	switch {
	case q.stmt == nil:
	case q.kind == 'P' && q.origin != made:
		if q.stmt.name == "" {
			b.unnamed = nil
		} else {
			delete(b.prepared, q.stmt)
		}
	case q.kind == 'C' && q.origin == inserted:
		b.prepared[q.stmt] = b.uses
	}
	if q.origin == inserted || q.stmt == nil {
		return
	}
	switch {
	case q.kind == 'P' && q.stmt.name == "":
		if c.unnamed == q.stmt {
			c.unnamed = nil
		}
	case q.kind == 'P':
		if c.named[q.name] == q.stmt {
			delete(c.named, q.name)
		}
	case q.kind == 'C' && q.name != "":
		c.named[q.name] = q.stmt
	}
}

// errorField returns a field of an ErrorResponse.
func errorField(body []byte, field byte) string {
	for len(body) > 1 && body[0] != 0 {
		value, rest, ok := bytes.Cut(body[1:], []byte{0})
		if !ok {
			return ""
		}
		if body[0] == field {
			return string(value)
		}
		body = rest
	}
	return ""
}
