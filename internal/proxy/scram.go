package proxy

import (
	"bytes"
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"

	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/lakeward/lakeward"
	"github.com/lakeward/lakeward/internal/pgwire"
)

const (
	scramName       = "SCRAM-SHA-256"
	scramIterations = 4096
	maxAnswer       = 4096
)

// askPassword lets a client prove by SCRAM-SHA-256 (RFC 5802, 7677) that it knows the password. The user's name does not
// matter: the credential has its own.
func askPassword(client net.Conn, user string, password lakeward.Secret) error {
	refused := &pgwire.Error{
		Code: "28P01", Message: fmt.Sprintf("password authentication failed for user %q", user),
		Hint: "The password is the one of the proxy's route, not a token.",
	}
	if err := send(client, &pgproto3.AuthenticationSASL{AuthMechanisms: []string{scramName}}); err != nil {
		return err
	}
	answer, err := readAnswer(client)
	if err != nil {
		return err
	}
	mechanism, rest, ok := bytes.Cut(answer, []byte{0})
	if !ok || string(mechanism) != scramName || len(rest) < 4 {
		return violation("client selected an invalid SASL authentication mechanism")
	}
	first := string(rest[4:])
	s, err := beginScram(first, password)
	if err != nil {
		return err
	}
	if err := send(client, &pgproto3.AuthenticationSASLContinue{Data: []byte(s.challenge)}); err != nil {
		return err
	}
	if answer, err = readAnswer(client); err != nil {
		return err
	}
	final, err := s.finish(string(answer))
	if err != nil {
		return err
	}
	if final == "" {
		return refused
	}
	return send(client, &pgproto3.AuthenticationSASLFinal{Data: []byte(final)})
}

// scram is the server's side of one exchange.
type scram struct {
	bare      string // client-first-message-bare
	challenge string // server-first-message
	nonce     string
	binding   string // what c= must hold
	salted    []byte
}

func beginScram(first string, password lakeward.Secret) (*scram, error) {
	var header string
	switch {
	case strings.HasPrefix(first, "n,,"), strings.HasPrefix(first, "y,,"):
		header = first[:3]
	default:
		return nil, violation("malformed SCRAM message, or one that asks for channel binding")
	}
	s := &scram{bare: first[3:], binding: base64.StdEncoding.EncodeToString([]byte(header))}
	_, nonce, ok := strings.Cut(s.bare, ",r=")
	if !ok || nonce == "" || strings.HasPrefix(s.bare, "m=") {
		return nil, violation("malformed SCRAM message")
	}
	nonce, _, _ = strings.Cut(nonce, ",")
	s.nonce = nonce + rand.Text()
	salt := make([]byte, 16)
	_, _ = rand.Read(salt) // it never fails
	var err error
	if s.salted, err = pbkdf2.Key(sha256.New, password.Reveal(), salt, scramIterations, sha256.Size); err != nil {
		return nil, fmt.Errorf("derive key: %w", err)
	}
	s.challenge = fmt.Sprintf("r=%s,s=%s,i=%d", s.nonce, base64.StdEncoding.EncodeToString(salt), scramIterations)
	return s, nil
}

// finish judges the proof and returns the server's signature, or "" when the password is wrong.
func (s *scram) finish(answer string) (string, error) {
	at := strings.LastIndex(answer, ",p=")
	if at < 0 {
		return "", violation("malformed SCRAM message")
	}
	proof, err := base64.StdEncoding.DecodeString(answer[at+3:])
	if err != nil || len(proof) != sha256.Size {
		return "", violation("malformed SCRAM message")
	}
	without := answer[:at]
	if fields := strings.Split(without, ","); len(fields) < 2 || fields[0] != "c="+s.binding || fields[1] != "r="+s.nonce {
		return "", violation("malformed SCRAM message")
	}
	message := s.bare + "," + s.challenge + "," + without
	clientKey := sign(s.salted, "Client Key")
	stored := sha256.Sum256(clientKey)
	signature := sign(stored[:], message)
	key := make([]byte, sha256.Size)
	for i := range key {
		key[i] = proof[i] ^ signature[i]
	}
	if got := sha256.Sum256(key); !hmac.Equal(got[:], stored[:]) {
		return "", nil
	}
	server := sign(sign(s.salted, "Server Key"), message)
	return "v=" + base64.StdEncoding.EncodeToString(server), nil
}

func sign(key []byte, message string) []byte {
	h := hmac.New(sha256.New, key)
	_, _ = io.WriteString(h, message) // it never fails
	return h.Sum(nil)
}

// readAnswer reads the body of a message of type p.
func readAnswer(r io.Reader) ([]byte, error) {
	var head [5]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return nil, fmt.Errorf("read answer of client: %w", err)
	}
	n := int64(binary.BigEndian.Uint32(head[1:])) - 4
	if head[0] != 'p' || n < 0 || n > maxAnswer {
		return nil, violation("expected SASL response")
	}
	body := make([]byte, n)
	if _, err := io.ReadFull(r, body); err != nil {
		return nil, fmt.Errorf("read answer of client: %w", err)
	}
	return body, nil
}

func violation(message string) *pgwire.Error { return &pgwire.Error{Code: "08P01", Message: message} }

// message is what a server says.
type message interface {
	Encode(dst []byte) ([]byte, error)
}

// send writes messages at once.
func send(conn net.Conn, messages ...message) error {
	var out []byte
	var err error
	for _, m := range messages {
		if out, err = m.Encode(out); err != nil {
			return fmt.Errorf("encode %T: %w", m, err)
		}
	}
	if _, err := conn.Write(out); err != nil {
		return fmt.Errorf("answer client: %w", err)
	}
	return nil
}

var errGone = errors.New("the client has gone")
