package standin

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"sync"

	"github.com/lakeward/lakeward/internal/endpoint"
	"github.com/lakeward/lakeward/internal/pgwire"
)

// codeDatabaseDropped is PostgreSQL's for clients whose database is gone. No client takes it for a refusal that is soon over,
// and tries again.
const codeDatabaseDropped = "57P04"

// notice answers at the addresses of an endpoint.
type notice struct {
	text  string
	close func() // returns when the addresses are free
}

// openNotice has the addresses of a deleted endpoint tell its clients why nobody lets them in, until closeNotice is called
// or ctx is done.
func (l *Lakebase) openNotice(ctx context.Context, p *project, b *branch, c *compute) error {
	text := b.away(p)
	l.runMu.Lock()
	told := l.notices[c.UID].text == text
	l.runMu.Unlock()
	if told {
		return nil
	}
	l.closeNotice(c.UID) // of an earlier deletion, or of the project beside the branch
	refusal := &pgwire.Error{Code: codeDatabaseDropped, Message: text}
	ctx, cancel := context.WithCancel(ctx)
	var serving sync.WaitGroup
	var errs []error
	for suffix, host := range map[string]netip.Addr{"": c.Host, readSuffix: c.ReadHost} {
		if !host.IsValid() {
			continue
		}
		config, err := l.certificate(p, c, suffix, host)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		listener, err := endpoint.Listen(ctx, netip.AddrPortFrom(host, uint16(l.port)))
		if err != nil {
			errs = append(errs, err)
			continue
		}
		gate := pgwire.Server{
			TLS: config, Log: l.log,
			Authenticate: func(context.Context, pgwire.Login) error { return refusal },
			Dial:         func(context.Context) (net.Conn, error) { return nil, refusal }, // who comes to cancel
		}
		serving.Go(func() {
			if err := gate.Serve(ctx, listener); err != nil {
				l.log.Warn("address of a deleted endpoint does not answer any more", "endpoint", c.UID, "err", err)
			}
		})
	}
	closed := make(chan struct{})
	l.watchers.Go(func() {
		serving.Wait()
		close(closed)
	})
	l.runMu.Lock()
	defer l.runMu.Unlock()
	l.notices[c.UID] = notice{text: text, close: func() {
		cancel()
		<-closed
	}}
	return errors.Join(errs...)
}

// closeNotice frees the addresses of an endpoint that is deleted no more, or for good.
func (l *Lakebase) closeNotice(uid string) {
	l.runMu.Lock()
	n := l.notices[uid]
	delete(l.notices, uid)
	l.runMu.Unlock()
	if n.close != nil {
		n.close()
	}
}
