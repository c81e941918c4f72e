package lakeward_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/lakeward/lakeward"
	"github.com/lakeward/lakeward/internal/pgtest"
	"github.com/lakeward/lakeward/internal/pgwire"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// shop is an instance called shop: real PostgreSQL behind TLS and a check of tokens, and the workspace that mints them.
// The workspace is this struct and not the local Lakebase, because here it must fail in ways that one does not.
type shop struct {
	CA string // PEM file

	mu       sync.Mutex
	instance lakeward.Instance
	err      error // of looking up the instance
	minted   int
	refused  map[string]bool // tokens that PostgreSQL does not take
	words    *pgwire.Error   // in which it refuses them; nil for PostgreSQL's own
	logins   []string        // tokens that came, in order
}

// openShop opens one on a database of the test's own.
func openShop(t *testing.T) *shop {
	t.Helper()
	dsn := pgtest.DB(t)
	backend, err := pgconn.ParseConfig(dsn)
	if err != nil {
		t.Fatal(err)
	}
	s := &shop{refused: map[string]bool{}}
	certificate := s.certify(t)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.instance = lakeward.Instance{
		Name: "shop", UID: "uid-1", State: "ACTIVE", Status: lakeward.StatusReady, Host: "localhost",
		Port: listener.Addr().(*net.TCPAddr).Port, Database: backend.Database,
	}
	server := &pgwire.Server{
		TLS:          &tls.Config{Certificates: []tls.Certificate{certificate}},
		Authenticate: s.authenticate,
		Dial: func(ctx context.Context) (net.Conn, error) {
			var d net.Dialer
			network, address := pgconn.NetworkAddress(backend.Host, backend.Port)
			return d.DialContext(ctx, network, address)
		},
	}
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- server.Serve(ctx, listener) }()
	t.Cleanup(func() {
		cancel()
		if err := <-served; err != nil {
			t.Errorf("serve: %v", err)
		}
	})
	return s
}

// certify makes the certificate for localhost, and the file with its authority.
func (s *shop) certify(t *testing.T) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), DNSNames: []string{"localhost"},
		IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	s.CA = filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(s.CA, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// ownPassword is what the role has in PostgreSQL.
const ownPassword = "its own"

func (s *shop) authenticate(_ context.Context, l pgwire.Login) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.logins = append(s.logins, l.Password)
	if l.User != pgtest.Owner || !strings.HasPrefix(l.Password, "token-") && l.Password != ownPassword || s.refused[l.Password] {
		if s.words != nil {
			return s.words
		}
		return errors.New("refused")
	}
	return nil
}

// Refuse makes PostgreSQL refuse tokens, which have the numbers in which they are minted.
func (s *shop) Refuse(numbers ...int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, n := range numbers {
		s.refused[fmt.Sprintf("token-%d", n)] = true
	}
}

// Logins returns the tokens of the logins so far and forgets them.
func (s *shop) Logins() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := strings.Join(s.logins, " ")
	s.logins = nil
	return list
}

// Change changes what the workspace says about the instance.
func (s *shop) Change(fn func(i *lakeward.Instance)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	fn(&s.instance)
}

// Instance implements lakeward.Workspace.
func (s *shop) Instance(_ context.Context, name string) (lakeward.Instance, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return lakeward.Instance{}, s.err
	}
	if name != s.instance.Name {
		return lakeward.Instance{}, lakeward.Errorf(lakeward.KindNotFound, "list them", "no instance %s", name)
	}
	return s.instance, nil
}

// Credential implements lakeward.Workspace.
func (s *shop) Credential(context.Context, lakeward.Instance) (lakeward.Credential, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.minted++
	c := token(s.minted, time.Hour)
	c.User = pgtest.Owner
	return c, nil
}

func (s *shop) connector(o lakeward.ConnectOptions) *lakeward.Connector {
	if o.RootCAs == "" {
		o.RootCAs = s.CA
	}
	return lakeward.NewConnector(s, "shop", o)
}
