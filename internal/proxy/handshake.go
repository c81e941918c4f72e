package proxy

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"maps"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/lakeward/lakeward/internal/pgwire"
)

// handshakeTimeout is how long a client may take until it has said who it is.
const handshakeTimeout = time.Minute

const (
	protocol30 = 3 << 16
	protocol32 = 3<<16 | 2
)

// greeting is what a client said before its session.
type greeting struct {
	pgwire.Login
	version      uint32
	unrecognized []string // options of the protocol that the proxy does not know
	cancel       []byte   // the key of a query to cancel; then it is no login
}

// greet answers a client until it has said who it is, and has proven that it may. An error has not been told yet.
func greet(ctx context.Context, conn net.Conn, r *route) (greeting, error) {
	ctx, cancel := context.WithTimeout(ctx, handshakeTimeout)
	defer cancel()
	defer pgwire.Interruptible(ctx, conn)()
	p, err := firstPacket(conn)
	if err != nil {
		return greeting{}, err
	}
	if p.Code() == pgwire.CodeCancel {
		return greeting{cancel: p.Body()}, nil
	}
	g, err := parseGreeting(p)
	if err != nil {
		return greeting{}, err
	}
	g.RemoteAddr = conn.RemoteAddr()
	if g.version > protocol32 || len(g.unrecognized) > 0 {
		if err := send(conn, negotiate(g)); err != nil {
			return greeting{}, err
		}
	}
	if password := r.settings().Password; password != "" {
		err = askPassword(conn, g.User, password)
	}
	return g, err
}

// firstPacket declines encryption, once of each kind, and returns what follows.
func firstPacket(conn net.Conn) (pgwire.Packet, error) {
	var triedTLS, triedGSS bool
	for {
		p, err := pgwire.ReadPacket(conn)
		if err != nil {
			return nil, err
		}
		switch {
		case p.Code() == pgwire.CodeSSL && !triedTLS:
			triedTLS = true
		case p.Code() == pgwire.CodeGSS && !triedGSS:
			triedGSS = true
		default:
			return p, nil
		}
		if _, err := conn.Write([]byte{'N'}); err != nil {
			return nil, fmt.Errorf("decline encryption: %w", err)
		}
	}
}

// parseGreeting reads a startup packet. Names that begin with _pq_. are options of the protocol itself, of which the
// proxy knows none: it says so and does not pass them on.
func parseGreeting(p pgwire.Packet) (greeting, error) {
	l, err := pgwire.ParseStartup(p)
	if err != nil {
		return greeting{}, err
	}
	g := greeting{Login: l, version: p.Code()}
	for _, name := range slices.Sorted(maps.Keys(l.Params)) {
		if strings.HasPrefix(name, "_pq_.") {
			g.unrecognized = append(g.unrecognized, name)
			delete(g.Params, name)
		}
	}
	return g, nil
}

// longKeys reports whether the client can take a cancel key of more than four bytes.
func (g greeting) longKeys() bool { return g.version >= protocol32 }

// startup returns the parameters for the instance: the client's own, but for user and database.
func (g greeting) startup() map[string]string {
	params := maps.Clone(g.Params)
	delete(params, "user")
	delete(params, "database")
	return params
}

// newKey makes a cancel key: a process id that is a number of the proxy's own, and a secret.
func newKey(id uint32, long bool) []byte {
	n := 4
	if long {
		n = 32
	}
	key := make([]byte, 4+n)
	binary.BigEndian.PutUint32(key, id)
	_, _ = rand.Read(key[4:]) // it never fails
	return key
}

// welcome tells a client that it is in.
func welcome(conn net.Conn, params map[string]string, key, early []byte) error {
	messages := []message{&pgproto3.AuthenticationOk{}}
	for _, name := range sortedKeys(params) {
		messages = append(messages, &pgproto3.ParameterStatus{Name: name, Value: params[name]})
	}
	messages = append(messages, &pgproto3.BackendKeyData{ProcessID: binary.BigEndian.Uint32(key), SecretKey: key[4:]})
	return send(conn, append(messages, raw(early), &pgproto3.ReadyForQuery{TxStatus: 'I'})...)
}

func sortedKeys(m map[string]string) []string { return slices.Sorted(maps.Keys(m)) }

// negotiate says which version of the protocol the proxy speaks, and what it does not know.
func negotiate(g greeting) message {
	out := []byte{'v', 0, 0, 0, 0}
	out = binary.BigEndian.AppendUint32(out, min(g.version, protocol32))
	out = binary.BigEndian.AppendUint32(out, uint32(len(g.unrecognized)))
	for _, name := range g.unrecognized {
		out = append(append(out, name...), 0)
	}
	binary.BigEndian.PutUint32(out[1:], uint32(len(out)-1))
	return raw(out)
}

// raw is a message, or several, in bytes already.
type raw []byte

func (r raw) Encode(dst []byte) ([]byte, error) { return append(dst, r...), nil }
