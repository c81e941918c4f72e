package pgwire

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// Codes that stand in place of a protocol version (src/include/libpq/pqcomm.h).
const (
	CodeCancel = 1234<<16 | 5678
	CodeSSL    = 1234<<16 | 5679
	CodeGSS    = 1234<<16 | 5680
)

const (
	maxStartupLength  = 10_000 // MAX_STARTUP_PACKET_LENGTH, without the length word
	maxPasswordLength = 65_535 // PG_MAX_AUTH_TOKEN_LENGTH
	maxNameLength     = 63     // NAMEDATALEN - 1
)

// Packet is a message of the time before message types: a length, a code, a body. Its bytes are kept as they came, so
// that the backend sees what the client sent.
type Packet []byte

// Code returns what stands in place of a protocol version.
func (p Packet) Code() uint32 { return binary.BigEndian.Uint32(p[4:]) }

// Body returns what follows the code.
func (p Packet) Body() []byte { return p[8:] }

// ReadPacket reads one packet and not a byte more: what follows it may belong to a TLS handshake, and must never be
// taken for something that arrived inside TLS (CVE-2021-23214).
func ReadPacket(r io.Reader) (Packet, error) {
	var head [4]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return nil, fmt.Errorf("read length of startup packet: %w", err)
	}
	n := int64(binary.BigEndian.Uint32(head[:])) - 4
	if n < 4 || n > maxStartupLength {
		return nil, violation("invalid length of startup packet")
	}
	p := make(Packet, 4+n)
	copy(p, head[:])
	if _, err := io.ReadFull(r, p[4:]); err != nil {
		return nil, fmt.Errorf("read startup packet: %w", err)
	}
	return p, nil
}

// ParseStartup reads a startup packet the way ProcessStartupPacket of PostgreSQL does. The two must agree on who logs
// in where, because the packet itself is replayed: the last of several equal names counts, and long names are cut.
func ParseStartup(p Packet) (Login, error) {
	if major := p.Code() >> 16; major != 3 {
		return Login{}, &Error{
			Code:    codeUnsupported,
			Message: fmt.Sprintf("unsupported frontend protocol %d.%d: server supports 3.0 and later", major, p.Code()&0xffff),
		}
	}
	params, err := parseParams(p.Body())
	if err != nil {
		return Login{}, err
	}
	l := Login{User: params["user"], Database: params["database"], Params: params}
	if l.User == "" {
		return Login{}, &Error{Code: codeInvalidAuth, Message: "no PostgreSQL user name specified in startup packet"}
	}
	if l.Database == "" {
		l.Database = l.User
	}
	l.User = l.User[:min(len(l.User), maxNameLength)]
	l.Database = l.Database[:min(len(l.Database), maxNameLength)]
	return l, nil
}

// parseParams reads pairs of zero-terminated strings up to an empty name, which must be the last byte.
func parseParams(b []byte) (map[string]string, error) {
	params := make(map[string]string)
	for {
		name, rest, ok := bytes.Cut(b, []byte{0})
		if ok && len(name) == 0 && len(rest) == 0 {
			return params, nil
		}
		value, rest, found := bytes.Cut(rest, []byte{0})
		if len(name) == 0 || !found {
			return nil, violation("invalid startup packet layout: expected terminator as last byte")
		}
		params[string(name)] = string(value)
		b = rest
	}
}

// readPassword reads a PasswordMessage.
func readPassword(r io.Reader) (string, error) {
	var head [5]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return "", fmt.Errorf("read password: %w", err)
	}
	n := int64(binary.BigEndian.Uint32(head[1:])) - 4
	if head[0] != 'p' {
		return "", violation(fmt.Sprintf("expected password response, got message type %d", head[0]))
	}
	if n < 1 || n > maxPasswordLength {
		return "", violation("invalid length of password packet")
	}
	body := make([]byte, n)
	if _, err := io.ReadFull(r, body); err != nil {
		return "", fmt.Errorf("read password: %w", err)
	}
	if bytes.IndexByte(body, 0) != len(body)-1 {
		return "", violation("invalid password packet size")
	}
	return string(body[:len(body)-1]), nil
}

// readGreeting relays the backend's answer to the startup packet up to its ReadyForQuery and returns the body of its
// BackendKeyData, with which its queries can be cancelled. An ErrorResponse reaches the client and ends it.
func readGreeting(client io.Writer, backend io.Reader) (key []byte, err error) {
	for said := false; ; said = true {
		var head [5]byte
		if n, err := io.ReadFull(backend, head[:]); err != nil {
			if n == 0 && !said {
				err = &Error{Code: codeCannotConnectNow, Message: messageCannotConnectNow, Err: errors.Join(errSilent, err)}
			}
			return nil, fmt.Errorf("read backend's greeting: %w", err)
		}
		n := int64(binary.BigEndian.Uint32(head[1:])) - 4
		if n < 0 || n > maxPasswordLength {
			return nil, fmt.Errorf("read backend's greeting: message %q of %d bytes", head[0], n)
		}
		message := append(make([]byte, 0, 5+n), head[:]...)[:5+n]
		if _, err := io.ReadFull(backend, message[5:]); err != nil {
			return nil, fmt.Errorf("read backend's greeting: %w", err)
		}
		if head[0] == 'R' && (n != 4 || binary.BigEndian.Uint32(message[5:]) != 0) {
			return nil, errors.New("read backend's greeting: it asks for authentication instead of trusting the gate")
		}
		if _, err := client.Write(message); err != nil {
			return nil, fmt.Errorf("relay backend's greeting: %w", err)
		}
		switch head[0] {
		case 'K':
			key = message[5:]
		case 'Z':
			return key, nil
		case 'E':
			return nil, errRefusedByBackend
		}
	}
}

// errSilent is the error of a backend that went away before the client has heard of it.
var errSilent = errors.New("the backend said nothing")

// errRefusedByBackend ends a handshake after the backend itself has told the client why.
var errRefusedByBackend = errors.New("refused by the backend")
