package proxy

// question is a message of a client, or of the proxy, that the server answers in turn.
type question struct {
	kind   byte // P B D E C Q F S, as in the message
	origin origin
	name   string     // the client's, of a statement that it prepares or closes
	stmt   *statement // that is prepared or closed
	// Of a statement that copies: the server takes in data, and the client has sent CopyDone or CopyFail.
	copying, copied bool
}

type origin byte

const (
	asked    origin = iota // by the client, who gets the answer
	inserted               // by the proxy, which keeps the answer to itself
	made                   // by the client; the server is not asked, and the proxy makes up the answer
)

// questions are those that have not been answered yet, in their order.
type questions struct {
	list []question
	next int

	// A name that a statement gets or loses is in doubt until the server has answered: an error before it makes the
	// server skip it. names counts them, and doubt those of them that a Sync follows.
	names, doubt int
}

func (q *questions) empty() bool { return q.next == len(q.list) }

func (q *questions) head() *question {
	if q.empty() {
		return nil
	}
	return &q.list[q.next]
}

// ask makes the last question one of the client's, about a statement of this name.
func (q *questions) ask(name string) {
	one := &q.list[len(q.list)-1]
	one.origin, one.name = asked, name
	q.names++
}

func (q *questions) push(one question) {
	if one.names() {
		q.names++
	}
	if one.kind == 'S' {
		q.doubt = q.names
	}
	q.list = append(q.list, one)
}

// names reports whether the message changes which names a client's statements have.
func (q question) names() bool { return q.name != "" && q.stmt != nil }

func (q *questions) pop() {
	if q.list[q.next].names() {
		q.names--
		q.doubt = max(q.doubt-1, 0)
	}
	q.list[q.next] = question{}
	if q.next++; q.next == len(q.list) {
		q.next = 0
		if q.list = q.list[:0]; cap(q.list) > 64 {
			q.list = nil
		}
	}
}

// answers appends the answers that the proxy makes up and whose turn has come.
func (q *questions) answers(out []byte) []byte {
	for one := q.head(); one != nil && one.origin == made; one = q.head() {
		kind := byte('1')
		if one.kind == 'C' {
			kind = '3'
		}
		out = append(out, kind, 0, 0, 0, 4)
		q.pop()
	}
	return out
}

// fail drops what the server does not look at after an error: everything up to the next Sync. It calls undo for each,
// the last one first, and reports whether that Sync is still to come.
func (q *questions) fail(undo func(question)) (open bool) {
	end := q.next
	for end < len(q.list) && q.list[end].kind != 'S' {
		end++
	}
	for i := end - 1; i >= q.next; i-- {
		undo(q.list[i])
	}
	open = end == len(q.list)
	for q.next < end {
		q.pop()
		if q.next == 0 { // it began anew: nothing is left
			break
		}
	}
	return open
}

// ignoreSyncs drops each Sync after the statement whose COPY takes in data: the server ignores them. from is how the
// statement is found: the one being answered, or the last one that was asked.
func (q *questions) ignoreSyncs(at int) {
	kept := q.list[:at+1]
	for _, one := range q.list[at+1:] {
		if one.kind != 'S' {
			kept = append(kept, one)
		}
	}
	q.list = kept
}

// copyIn notes that the server takes in data for the statement that is being answered.
func (q *questions) copyIn() {
	if one := q.head(); one != nil && !one.copied {
		one.copying = true
		q.ignoreSyncs(q.next)
	}
}

// copyDone notes that the client has sent all data of a COPY.
func (q *questions) copyDone() {
	for i := len(q.list) - 1; i >= q.next; i-- {
		if q.list[i].kind == 'E' || q.list[i].kind == 'Q' {
			q.list[i].copied = true
			q.ignoreSyncs(i)
			return
		}
	}
}
