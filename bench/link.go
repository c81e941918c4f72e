package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/lakeward/lakeward"
	"github.com/lakeward/lakeward/migrate"
)

// The slow link: a round trip, and its bandwidth in megabits.
const (
	linkTrip      = 20 * time.Millisecond
	linkMegabits  = 200
	linkMegabytes = 300 // of SQLite that go through it at most
)

// The namespace in which lakeward runs, its two interfaces, and the addresses on them, from the block for documentation.
const (
	linkSpace  = "lakeward-bench"
	linkOuter  = "lakebench0"
	linkInner  = "lakebench1"
	linkServer = "192.0.2.1"
	linkClient = "192.0.2.2"
)

const linkTarget = "link" // database and role

// benchLink migrates through a link of 20 ms and 200 Mbit/s. Lakeward runs in a network namespace of
// its own where there can be one.
func benchLink(ctx context.Context, o options) (err error) {
	source, err := cached(ctx, o.cache, min(o.megabytes, linkMegabytes), o.seed)
	if err != nil {
		return err
	}
	p, err := open(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.Close()) }()
	if err := p.execute(ctx, "CREATE ROLE "+linkTarget+" LOGIN", "CREATE DATABASE "+linkTarget+" OWNER "+linkTarget); err != nil {
		return err
	}
	l := &link{socket: filepath.Join(p.socket, fmt.Sprintf(".s.PGSQL.%d", lakeward.DefaultPort))}
	if reason := layLink(ctx); reason != "" {
		say("no network namespace with a slow link: %s; the bench itself delays and paces the bytes", reason)
		l.host, l.paced = "127.0.0.1", true
	} else {
		l.host = linkServer
		defer func() { err = errors.Join(err, cutLink(ctx)) }()
	}
	if err := l.open(ctx); err != nil {
		return err
	}
	defer l.close()
	file := filepath.Join(p.dir, "link.json")
	target := fmt.Sprintf("postgres://%s@%s/%s?sslmode=disable", linkTarget, l.listener.Addr(), linkTarget)
	command := []string{o.binary, "migrate", source, "--to", target, "--report", file}
	if !l.paced {
		command = append([]string{"ip", "netns", "exec", linkSpace}, command...)
	}
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.Env = append(without(os.Environ(), "DATABRICKS_", "LAKEWARD_", "PG"), "LAKEWARD_DIR="+p.dir)
	r, err := run(cmd)
	if err != nil {
		return err
	}
	return reportLink(file, r)
}

// layLink makes the namespace and the link into it, with half of the round trip on each way. It returns why there cannot
// be one here, or "".
func layLink(ctx context.Context) (reason string) {
	if os.Geteuid() != 0 {
		return "only root may make one"
	}
	slow := fmt.Sprintf("root netem delay %dus rate %dmbit limit 20000", (linkTrip / 2).Microseconds(), linkMegabits)
	inside := "ip netns exec " + linkSpace + " "
	for i, command := range []string{
		"ip netns add " + linkSpace,
		"ip link add " + linkOuter + " type veth peer name " + linkInner + " netns " + linkSpace,
		"ip address add " + linkServer + "/30 dev " + linkOuter,
		"ip link set " + linkOuter + " up",
		inside + "ip address add " + linkClient + "/30 dev " + linkInner,
		inside + "ip link set " + linkInner + " up",
		"tc qdisc add dev " + linkOuter + " " + slow,
		inside + "tc qdisc add dev " + linkInner + " " + slow,
	} {
		words := strings.Fields(command)
		if out, err := exec.CommandContext(ctx, words[0], words[1:]...).CombinedOutput(); err != nil {
			reason = fmt.Sprintf("%s: %v: %s", command, err, strings.TrimSpace(string(out)))
			if i > 0 {
				_ = cutLink(ctx) // the reason says more
			}
			return reason
		}
	}
	return ""
}

// cutLink removes the namespace, and with it both ends of the link.
func cutLink(ctx context.Context) error {
	ctx = context.WithoutCancel(ctx)
	if out, err := exec.CommandContext(ctx, "ip", "netns", "del", linkSpace).CombinedOutput(); err != nil {
		return fmt.Errorf("remove the network namespace: %w: %s", err, out)
	}
	return nil
}

// link lets connections through to the instance's unix socket.
type link struct {
	host, socket string
	paced        bool // the bytes are delayed and paced here
	up, down     lane
	listener     net.Listener
	running      sync.WaitGroup
}

func (l *link) open(ctx context.Context) (err error) {
	var config net.ListenConfig
	if l.listener, err = config.Listen(ctx, "tcp", net.JoinHostPort(l.host, "0")); err != nil {
		return fmt.Errorf("listen on the link: %w", err)
	}
	l.running.Go(func() {
		for {
			client, err := l.listener.Accept()
			if err != nil {
				return
			}
			l.running.Go(func() { l.join(client) })
		}
	})
	return nil
}

func (l *link) close() {
	l.listener.Close()
	l.running.Wait()
}

// join copies both ways until both sides have ended.
func (l *link) join(client net.Conn) {
	defer client.Close()
	server, err := net.Dial("unix", l.socket)
	if err != nil {
		return
	}
	defer server.Close()
	var up sync.WaitGroup
	up.Go(func() { l.copy(server, client, &l.up) })
	l.copy(client, server, &l.down)
	up.Wait()
}

// copy copies one way. That a side ends is no error.
func (l *link) copy(dst, src net.Conn, way *lane) {
	if l.paced {
		way.copy(dst, src)
	} else {
		_, _ = io.Copy(dst, src)
	}
	if c, ok := dst.(interface{ CloseWrite() error }); ok {
		_ = c.CloseWrite()
	}
}

// lane is one way of a link, which all connections share.
type lane struct {
	mu   sync.Mutex
	free time.Time // when it has sent what it was given
}

// arrives returns when so many bytes are at the other end.
func (w *lane) arrives(n int) time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	if now := time.Now(); w.free.Before(now) {
		w.free = now
	}
	w.free = w.free.Add(time.Duration(n) * 8 * time.Second / (linkMegabits * 1_000_000))
	return w.free.Add(linkTrip / 2)
}

type packet struct {
	bytes   []byte
	arrives time.Time
}

// copy lets bytes through; up to two megabytes of a connection are on their way.
func (w *lane) copy(dst io.Writer, src io.Reader) {
	packets := make(chan packet, 128)
	var reading sync.WaitGroup
	reading.Go(func() {
		defer close(packets)
		for {
			b := make([]byte, 16<<10)
			n, err := src.Read(b)
			if n > 0 {
				packets <- packet{b[:n], w.arrives(n)}
			}
			if err != nil {
				return
			}
		}
	})
	broken := false
	for p := range packets {
		if wait := time.Until(p.arrives); wait > 0 && !broken {
			<-time.After(wait)
		}
		if !broken {
			_, err := dst.Write(p.bytes)
			broken = err != nil
		}
	}
	reading.Wait()
}

// reportLink prints how much of the link the load has used.
func reportLink(file string, r result) error {
	data, err := os.ReadFile(file)
	if err != nil {
		return fmt.Errorf("read report: %w", err)
	}
	var report migrate.Report
	if err := json.Unmarshal(data, &report); err != nil {
		return fmt.Errorf("read report: %w", err)
	}
	var bytes int64
	for _, t := range report.Tables {
		bytes += t.Bytes
	}
	r.phases = report.Phases
	seconds := phase([]result{r}, "load")
	megabits := float64(bytes) * 8 / 1e6 / seconds
	fmt.Printf("a link of %s and %d Mbit/s: %d MB of COPY data in %.1f s are %.0f Mbit/s, %.0f %% of the link\n",
		linkTrip, linkMegabits, bytes>>20, seconds, megabits, 100*megabits/linkMegabits)
	fmt.Printf("lakeward's phases there in seconds: %s.\n", phases([]result{r}))
	return nil
}
