package endpoint

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/lakeward/lakeward"
)

const (
	caLife    = 10 * 365 * 24 * time.Hour
	certLife  = 90 * 24 * time.Hour
	renewLeft = 30 * 24 * time.Hour // a certificate with less life than this is replaced
	clockSlip = time.Hour           // certificates are good this long before they were made
)

// CA is the certificate authority of one local Lakebase. Clients trust the endpoints of a workspace by its one file.
type CA struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	path string
}

// LoadCA returns the authority of the folder dir, made at the first call: the certificate in ca.pem for everybody, the
// key in ca.key for the owner alone.
func LoadCA(dir string) (*CA, error) {
	ca := &CA{path: filepath.Join(dir, "ca.pem")}
	err := ca.load(filepath.Join(dir, "ca.key"))
	if errors.Is(err, fs.ErrNotExist) {
		err = ca.make(filepath.Join(dir, "ca.key"))
	}
	if err != nil {
		return nil, fmt.Errorf("open certificate authority: %w", err)
	}
	return ca, nil
}

// Path returns the file with the authority's certificate: sslrootcert for clients.
func (c *CA) Path() string { return c.path }

func (c *CA) load(keyPath string) error {
	certDER, err := readPEM(c.path)
	if err != nil {
		return err
	}
	keyDER, err := readPEM(keyPath)
	if err != nil {
		return err
	}
	if c.cert, err = x509.ParseCertificate(certDER); err != nil {
		return damaged(c.path, err)
	}
	if c.key, err = x509.ParseECPrivateKey(keyDER); err != nil {
		return damaged(keyPath, err)
	}
	if !c.key.PublicKey.Equal(c.cert.PublicKey) || time.Now().After(c.cert.NotAfter) {
		return lakeward.Errorf(lakeward.KindInvalid, renewCA, "%s has expired or does not belong to %s", c.path, keyPath)
	}
	return nil
}

func damaged(path string, err error) error {
	return lakeward.Errorf(lakeward.KindInvalid, renewCA, "%s is damaged: %w", path, err)
}

const renewCA = "remove ca.pem and ca.key: new ones are made, and clients must trust the new ca.pem"

func (c *CA) make(keyPath string) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	template := &x509.Certificate{
		Subject:               pkix.Name{CommonName: "Lakeward local Lakebase", Organization: []string{"Lakeward"}},
		IsCA:                  true,
		BasicConstraintsValid: true,
		MaxPathLenZero:        true,
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}
	der, err := sign(template, template, &key.PublicKey, key, caLife)
	if err != nil {
		return err
	}
	keyDER, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return err
	}
	// The key first: a lone key is replaced at the next call, a lone certificate could already be trusted by somebody.
	if err := writePEM(keyPath, "EC PRIVATE KEY", keyDER, 0o600); err != nil {
		return err
	}
	if err := writePEM(c.path, "CERTIFICATE", der, 0o644); err != nil {
		return err
	}
	return c.load(keyPath)
}

// ServerConfig returns the TLS configuration of a server with these names and addresses. Its certificate is replaced
// by itself before it expires.
func (c *CA) ServerConfig(names []string, addrs []netip.Addr) (*tls.Config, error) {
	s := &serverCert{ca: c, names: names, addrs: addrs}
	if _, err := s.current(time.Now()); err != nil {
		return nil, err
	}
	return &tls.Config{
		MinVersion: tls.VersionTLS12,
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
			return s.current(time.Now())
		},
	}, nil
}

// serverCert is a certificate that renews itself.
type serverCert struct {
	ca    *CA
	names []string
	addrs []netip.Addr

	mu   sync.Mutex
	cert *tls.Certificate
}

func (s *serverCert) current(now time.Time) (*tls.Certificate, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cert != nil && s.cert.Leaf.NotAfter.Sub(now) > renewLeft {
		return s.cert, nil
	}
	cert, err := s.ca.issue(s.names, s.addrs)
	if err != nil {
		return nil, fmt.Errorf("issue certificate: %w", err)
	}
	s.cert = cert
	return cert, nil
}

func (c *CA) issue(names []string, addrs []netip.Addr) (*tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		Subject:     pkix.Name{CommonName: "Lakeward endpoint"},
		DNSNames:    names,
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	for _, a := range addrs {
		template.IPAddresses = append(template.IPAddresses, net.IP(a.AsSlice()))
	}
	der, err := sign(template, c.cert, &key.PublicKey, c.key, certLife)
	if err != nil {
		return nil, err
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	return &tls.Certificate{Certificate: [][]byte{der, c.cert.Raw}, PrivateKey: key, Leaf: leaf}, nil
}

// sign completes the template with a serial number and a life from now on.
func sign(
	template, parent *x509.Certificate, pub *ecdsa.PublicKey, key *ecdsa.PrivateKey, life time.Duration,
) ([]byte, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return nil, err
	}
	template.SerialNumber = serial
	template.NotBefore = time.Now().Add(-clockSlip)
	template.NotAfter = time.Now().Add(life)
	return x509.CreateCertificate(rand.Reader, template, parent, pub, key)
}

func readPEM(path string) ([]byte, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, damaged(path, errors.New("no PEM block"))
	}
	return block.Bytes, nil
}

// writePEM replaces the file at once: one that exists is complete.
func writePEM(path, kind string, der []byte, mode fs.FileMode) error {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // it is gone when all went well
	err = errors.Join(f.Chmod(mode), pem.Encode(f, &pem.Block{Type: kind, Bytes: der}), f.Sync(), f.Close())
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return os.Rename(f.Name(), path)
}
