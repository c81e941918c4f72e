package migrate

import (
	"context"
	"encoding/binary"
	"io"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgproto3"
)

// pgSource is the address of a source. Its sessions read the rows of a COPY in large pieces.
type pgSource DSN

// Connect opens a session.
func (s pgSource) Connect(ctx context.Context) (*pgx.Conn, error) {
	merger := &pgMerger{}
	conn, err := DSN(s).connect(ctx, func(config *pgx.ConnConfig) {
		config.BuildFrontend = func(r io.Reader, w io.Writer) *pgproto3.Frontend {
			*merger = pgMerger{in: r}
			return pgproto3.NewFrontend(merger, w)
		}
	})
	if err != nil {
		return nil, err
	}
	conn.PgConn().CustomData()[pgMergerKey] = merger
	return conn, nil
}

const pgMergerKey = "lakeward merger"

// pgCopiedRows is how many rows a session of the source has received in COPY.
func pgCopiedRows(conn *pgx.Conn) int64 {
	return conn.PgConn().CustomData()[pgMergerKey].(*pgMerger).rows
}

// pgMerger reads what a server sends, and merges what comes of a COPY into large messages: PostgreSQL sends each row as a
// message of its own, and millions of messages cost more than the bytes in them.
type pgMerger struct {
	in   io.Reader
	rows int64 // messages of COPY until now

	buf        []byte // made when it is needed
	out, ready int    // buf[out:ready] is merged, and can be read
	at, end    int    // buf[at:end] comes after it, and is not looked at yet
	pass       int    // bytes that are left of a message that is handed on as it comes
}

// pgHeaderBytes are the type and the length of a message.
const pgHeaderBytes = 5

// Read implements io.Reader. It waits for no more than it needs to hand something on.
func (m *pgMerger) Read(p []byte) (int, error) {
	if m.buf == nil {
		m.buf = make([]byte, pgBufferBytes)
	}
	if m.out == m.ready {
		m.end = copy(m.buf, m.buf[m.at:m.end])
		m.out, m.ready, m.at = 0, 0, 0
		m.merge()
	}
	for m.ready == 0 {
		n, err := m.in.Read(m.buf[m.end:])
		if m.end += n; n > 0 {
			m.merge()
		} else if err != nil {
			return 0, err
		}
	}
	n := copy(p, m.buf[m.out:m.ready])
	m.out += n
	return n, nil
}

// merge moves what has been received to what can be read, except for the beginning of a row.
func (m *pgMerger) merge() {
	head := -1 // of the message that rows are merged into
	for {
		if n := min(m.pass, m.end-m.at); n > 0 {
			m.move(n)
			m.pass -= n
		}
		if m.end-m.at < pgHeaderBytes {
			break
		}
		row, size := m.buf[m.at] == 'd', 1+int(binary.BigEndian.Uint32(m.buf[m.at+1:]))
		fits := size <= len(m.buf) && size >= pgHeaderBytes
		if row && fits && m.end-m.at < size {
			break
		}
		if row {
			m.rows++
		}
		switch {
		case !row, !fits:
			head, m.pass = m.close(head), max(size, pgHeaderBytes)
			continue
		case head < 0:
			head = m.ready
		default:
			m.at, size = m.at+pgHeaderBytes, size-pgHeaderBytes
		}
		m.move(size)
	}
	m.close(head)
}

// close writes the length of a merged message, if there is one.
func (m *pgMerger) close(head int) (none int) {
	if head >= 0 {
		binary.BigEndian.PutUint32(m.buf[head+1:], uint32(m.ready-head-1))
	}
	return -1
}

// move appends bytes to what can be read.
func (m *pgMerger) move(n int) {
	if m.ready != m.at {
		copy(m.buf[m.ready:], m.buf[m.at:m.at+n])
	}
	m.ready += n
	m.at += n
}
