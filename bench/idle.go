package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"strconv"
	"sync"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"
)

// idleServer takes logins over TLS and answers every query with nothing. It stands where PostgreSQL would: as many processes
// of that as sessions are measured need more memory than a machine for tests has, and it is the proxy's that is measured.
type idleServer struct {
	listener net.Listener
	tls      *tls.Config
	params   map[string]string
	sessions sync.WaitGroup
}

// openIdle starts one at the instance's address, with the certificate of the PostgreSQL there and what that tells its clients.
func (t *tlsServer) openIdle(ctx context.Context, port int) (*idleServer, error) {
	certificate, err := tls.LoadX509KeyPair(t.roots, filepath.Join(t.place.dir, "tls", "bench.key"))
	if err != nil {
		return nil, fmt.Errorf("load certificate: %w", err)
	}
	s := &idleServer{tls: &tls.Config{Certificates: []tls.Certificate{certificate}}, params: map[string]string{}}
	real, err := pgconn.Connect(ctx, t.dsn(t.direct()))
	if err != nil {
		return nil, err
	}
	for _, name := range []string{
		"application_name", "client_encoding", "DateStyle", "integer_datetimes", "IntervalStyle", "is_superuser",
		"server_encoding", "server_version", "session_authorization", "standard_conforming_strings", "TimeZone",
	} {
		s.params[name] = real.ParameterStatus(name)
	}
	if err := real.Close(ctx); err != nil {
		return nil, err
	}
	var config net.ListenConfig
	if s.listener, err = config.Listen(ctx, "tcp", net.JoinHostPort(t.host, strconv.Itoa(port))); err != nil {
		return nil, fmt.Errorf("listen: %w", err)
	}
	s.sessions.Go(func() {
		for {
			conn, err := s.listener.Accept()
			if err != nil {
				return
			}
			s.sessions.Go(func() {
				defer conn.Close()
				if err := s.serve(conn); err != nil {
					say("idle session: %v", err)
				}
			})
		}
	})
	return s, nil
}

// close waits until the sessions have ended, which the clients do.
func (s *idleServer) close() {
	s.listener.Close()
	s.sessions.Wait()
}

func (s *idleServer) serve(conn net.Conn) error {
	if _, err := pgproto3.NewBackend(conn, conn).ReceiveStartupMessage(); err != nil {
		return err
	}
	if _, err := conn.Write([]byte{'S'}); err != nil {
		return err
	}
	encrypted := tls.Server(conn, s.tls)
	b := pgproto3.NewBackend(encrypted, encrypted)
	if _, err := b.ReceiveStartupMessage(); err != nil {
		return err
	}
	b.Send(&pgproto3.AuthenticationOk{})
	for name, value := range s.params {
		b.Send(&pgproto3.ParameterStatus{Name: name, Value: value})
	}
	b.Send(&pgproto3.BackendKeyData{ProcessID: 1, SecretKey: make([]byte, 4)})
	for {
		b.Send(&pgproto3.ReadyForQuery{TxStatus: 'I'})
		if err := b.Flush(); err != nil {
			return err
		}
		m, err := b.Receive()
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if _, ends := m.(*pgproto3.Terminate); ends {
			return nil
		}
		b.Send(&pgproto3.EmptyQueryResponse{})
	}
}

// idleMemory lets clients log in, ask something and be idle. It returns the most memory that the proxy has had, before and
// with them.
func idleMemory(ctx context.Context, dsn string, pid, clients int) (before, after int64, err error) {
	done := make(chan struct{})
	close(done)
	before = peakMemory(pid, done)
	var open []*pgconn.PgConn
	defer func() {
		for _, c := range open {
			err = errors.Join(err, c.Close(ctx))
		}
	}()
	for range clients {
		c, err := pgconn.Connect(ctx, dsn)
		if err != nil {
			return 0, 0, fmt.Errorf("idle client %d: %w", len(open)+1, err)
		}
		open = append(open, c)
		if _, err := c.Exec(ctx, ";").ReadAll(); err != nil {
			return 0, 0, fmt.Errorf("idle client %d: %w", len(open), err)
		}
	}
	return before, peakMemory(pid, done), nil
}
