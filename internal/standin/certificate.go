package standin

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net/netip"
)

// The ends of the names in the certificates. Clients connect to addresses; the names are for those who add them to their
// hosts file.
const (
	hostSuffix = ".lakeward.local"
	readSuffix = "-ro" // goes in front of it for the address of the secondaries
)

// certificate returns the TLS configuration for one of an endpoint's addresses.
func (l *Lakebase) certificate(p *project, c *compute, suffix string, host netip.Addr) (*tls.Config, error) {
	return l.ca.ServerConfig([]string{c.UID + suffix + hostSuffix, p.ID + suffix + hostSuffix}, []netip.Addr{host})
}

// rootsOf returns the pool of certificates with the one in a file's content.
func rootsOf(pem []byte) (*x509.CertPool, error) {
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, errors.New("no certificate in ca.pem")
	}
	return pool, nil
}
