package endpoint_test

import (
	"crypto/tls"
	"crypto/x509"
	"net/netip"
	"os"
	"path/filepath"
	"testing"

	"github.com/lakeward/lakeward"
	"github.com/lakeward/lakeward/internal/endpoint"
)

func TestCA(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	first, err := endpoint.LoadCA(dir)
	if err != nil {
		t.Fatal(err)
	}

	t.Run("keeps its key to its owner", func(t *testing.T) {
		info, err := os.Stat(filepath.Join(dir, "ca.key"))
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("ca.key: mode %v, %v", info.Mode(), err)
		}
	})
	t.Run("issues certificates that the file vouches for, also after it was loaded again", func(t *testing.T) {
		again, err := endpoint.LoadCA(dir)
		if err != nil {
			t.Fatal(err)
		}
		conf, err := again.ServerConfig([]string{"shop.lakeward"}, []netip.Addr{netip.MustParseAddr("127.0.0.7")})
		if err != nil {
			t.Fatal(err)
		}
		cert, err := conf.GetCertificate(&tls.ClientHelloInfo{})
		if err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(first.Path())
		if err != nil {
			t.Fatal(err)
		}
		roots := x509.NewCertPool()
		roots.AppendCertsFromPEM(text)
		for host, good := range map[string]bool{"shop.lakeward": true, "127.0.0.7": true, "127.0.0.8": false} {
			_, err := cert.Leaf.Verify(x509.VerifyOptions{Roots: roots, DNSName: host})
			if (err == nil) != good {
				t.Errorf("verify for %s: %v", host, err)
			}
		}
	})
	t.Run("makes a new pair when it was killed between the two files", func(t *testing.T) {
		half := t.TempDir()
		if err := os.WriteFile(filepath.Join(half, "ca.key"), []byte("half"), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := endpoint.LoadCA(half); err != nil {
			t.Error(err)
		}
	})
	t.Run("refuses a key that is not its own", func(t *testing.T) {
		other := t.TempDir()
		if _, err := endpoint.LoadCA(other); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(filepath.Join(other, "ca.key"), filepath.Join(dir, "ca.key")); err != nil {
			t.Fatal(err)
		}
		if _, err := endpoint.LoadCA(dir); lakeward.KindOf(err) != lakeward.KindInvalid || lakeward.HintOf(err) == "" {
			t.Errorf("error %v", err)
		}
	})
}
