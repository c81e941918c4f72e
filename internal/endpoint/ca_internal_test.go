package endpoint

import (
	"testing"
	"time"
)

func TestCertificateRenewsItself(t *testing.T) {
	t.Parallel()
	ca, err := LoadCA(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	s := &serverCert{ca: ca, names: []string{"x"}}
	serial := func(at time.Time) string {
		cert, err := s.current(at)
		if err != nil {
			t.Fatal(err)
		}
		return cert.Leaf.SerialNumber.String()
	}
	first := serial(time.Now())
	if got := serial(time.Now().Add(certLife - renewLeft - time.Hour)); got != first {
		t.Error("renewed too early")
	}
	if got := serial(time.Now().Add(certLife - renewLeft + time.Hour)); got == first {
		t.Error("not renewed before its end")
	}
}
