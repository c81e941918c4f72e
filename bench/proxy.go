package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/lakeward/lakeward"
	"github.com/lakeward/lakeward/internal/pgproc"
)

// What the proxies are asked to do.
const (
	proxyScale   = 10              // of pgbench
	proxySeconds = 5               // of one measurement
	proxyBulk    = 1 << 30         // bytes of the bulk copy
	gatePort     = 5431            // of the local Lakebase, which only mints tokens here
	proxyWarmup  = 2 * time.Second // before the first measurement of a round
)

// benchProxy is the race of two proxies in front of a PostgreSQL that speaks TLS, and of the way without one. The local
// Lakebase's gate would be slower than each of them: the PostgreSQL listens itself, at the instance's address.
func benchProxy(ctx context.Context, o options) (err error) {
	for _, tool := range []string{"pgbench", "pgbouncer"} {
		if _, err := exec.LookPath(tool); err != nil {
			return lakeward.Errorf(lakeward.KindNotFound, "tools/setup.sh pgbouncer", "find %s: %w", tool, err)
		}
	}
	p, err := openAt(ctx, gatePort)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.Close()) }()
	t, err := p.openTLS(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, t.server.Stop(context.WithoutCancel(ctx))) }()
	ways, stop, err := t.ways(ctx, o.binary)
	defer stop()
	if err != nil {
		return err
	}
	if err := t.race(ctx, ways, o.rounds); err != nil {
		return err
	}
	return t.more(ctx, o.binary, o.rounds, ways)
}

// tlsServer is a PostgreSQL that speaks TLS where the instance's endpoint is said to be.
type tlsServer struct {
	place      *place
	server     *pgproc.Server
	host, user string
	roots      string
}

func (p *place) openTLS(ctx context.Context) (t *tlsServer, err error) {
	i, err := p.workspace.Instance(ctx, instance)
	if err != nil {
		return nil, err
	}
	me, err := p.workspace.Me(ctx)
	if err != nil {
		return nil, err
	}
	t = &tlsServer{place: p, host: i.Host, user: me.UserName, roots: filepath.Join(p.dir, "bench-ca.pem")}
	config := pgproc.Config{Dir: filepath.Join(p.dir, "tls"), Temporary: true, Settings: map[string]string{
		"listen_addresses": i.Host, "max_connections": "300", "shared_buffers": "256MB", "ssl": "on",
		"ssl_cert_file": "bench.crt", "ssl_key_file": "bench.key",
	}}
	if err := pgproc.Init(ctx, config); err != nil {
		return nil, err
	}
	if err := t.certify(config.Dir); err != nil {
		return nil, err
	}
	if t.server, err = pgproc.Start(ctx, config); err != nil {
		return nil, err
	}
	p.socket = t.server.SocketDir()
	return t, t.fill(ctx)
}

// fill makes the role, and the tables of pgbench.
func (t *tlsServer) fill(ctx context.Context) error {
	if err := t.place.executeIn(ctx, "postgres", fmt.Sprintf("CREATE ROLE %q LOGIN SUPERUSER", t.user),
		"CREATE DATABASE "+lakeward.DefaultDatabase); err != nil {
		return errors.Join(err, t.server.Stop(context.WithoutCancel(ctx)))
	}
	cmd := exec.CommandContext(ctx, "pgbench", "-i", "-q", "-s", strconv.Itoa(proxyScale), t.dsn(t.direct()))
	if out, err := cmd.CombinedOutput(); err != nil {
		return errors.Join(fmt.Errorf("fill: %w: %s", err, out), t.server.Stop(context.WithoutCancel(ctx)))
	}
	return nil
}

// certify makes a certificate for the instance's address, which is its own authority, and lets in whoever comes over
// TLS: checking a token is no work of the proxies.
func (t *tlsServer) certify(dir string) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return fmt.Errorf("make key: %w", err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "lakeward bench"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
	if ip := net.ParseIP(t.host); ip != nil {
		template.IPAddresses = []net.IP{ip}
	} else {
		template.DNSNames = []string{t.host}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return fmt.Errorf("make certificate: %w", err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return fmt.Errorf("encode key: %w", err)
	}
	certificate := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	if err := os.WriteFile(t.roots, certificate, 0o644); err != nil {
		return fmt.Errorf("write certificate: %w", err)
	}
	info, err := os.Stat(filepath.Join(dir, "PG_VERSION"))
	if err != nil {
		return fmt.Errorf("find owner: %w", err)
	}
	owner, _ := info.Sys().(*syscall.Stat_t)
	for name, text := range map[string][]byte{
		"bench.crt": certificate, "bench.key": pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}),
		"pg_hba.conf": []byte("local all all trust\nhostssl all all all trust\n"),
	} {
		path := filepath.Join(dir, name)
		if err := errors.Join(os.WriteFile(path, text, 0o600), os.Chmod(path, 0o600), os.Chown(path, int(owner.Uid), int(owner.Gid))); err != nil {
			return fmt.Errorf("write %s: %w", name, err)
		}
	}
	return nil
}

// proxyWay is one way to the server.
type proxyWay struct {
	name, dsn string
	pid       int // of the proxy
}

func (t *tlsServer) direct() string {
	return fmt.Sprintf("host=%s port=%d sslmode=verify-full sslrootcert=%s", t.host, lakeward.DefaultPort, t.roots)
}

func (t *tlsServer) dsn(way string) string {
	return fmt.Sprintf("%s user=%s dbname=%s", way, t.user, lakeward.DefaultDatabase)
}

// ways starts the proxies. stop ends those that run, also with an error.
func (t *tlsServer) ways(ctx context.Context, binary string) (ways []proxyWay, stop func(), err error) {
	var started []*exec.Cmd
	stop = func() {
		for _, cmd := range started {
			_ = cmd.Process.Signal(syscall.SIGINT)
			_ = cmd.Wait()
		}
	}
	const lakewardPort, bouncerPort = 16432, 16433
	ini := filepath.Join(t.place.dir, "pgbouncer.ini")
	users := filepath.Join(t.place.dir, "pgbouncer.txt")
	text := fmt.Sprintf(`[databases]
%[1]s = host=%[2]s port=%[3]d
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = %[4]d
unix_socket_dir =
auth_type = trust
auth_file = %[5]s
pool_mode = session
max_client_conn = 300
default_pool_size = 200
server_tls_sslmode = verify-full
server_tls_ca_file = %[6]s
ignore_startup_parameters = extra_float_digits
log_connections = 0
log_disconnections = 0
`, lakeward.DefaultDatabase, t.host, lakeward.DefaultPort, bouncerPort, users, t.roots)
	if err := errors.Join(os.WriteFile(ini, []byte(text), 0o644), os.WriteFile(users, fmt.Appendf(nil, "%q \"\"\n", t.user), 0o644)); err != nil {
		return nil, stop, fmt.Errorf("write configuration of pgbouncer: %w", err)
	}
	bouncer := exec.CommandContext(ctx, "pgbouncer", "-q", ini)
	if os.Geteuid() == 0 {
		bouncer.Args = []string{"pgbouncer", "-q", "-u", "postgres", ini}
	}
	ours := t.proxy(ctx, binary, lakewardPort)
	for _, cmd := range []*exec.Cmd{ours, bouncer} {
		var said bytes.Buffer
		cmd.Stderr = &said
		if err := cmd.Start(); err != nil {
			return nil, stop, fmt.Errorf("start %s: %w", cmd.Path, err)
		}
		started = append(started, cmd)
	}
	local := "host=127.0.0.1 sslmode=disable port="
	ways = []proxyWay{
		{"direct, TLS", t.dsn(t.direct()), 0},
		{"lakeward proxy", t.dsn(local + strconv.Itoa(lakewardPort)), ours.Process.Pid},
		{"PgBouncer, session mode", t.dsn(local + strconv.Itoa(bouncerPort)), bouncer.Process.Pid},
	}
	for _, w := range ways {
		if err := answers(ctx, w.dsn); err != nil {
			return nil, stop, fmt.Errorf("%s: %w", w.name, err)
		}
	}
	return ways, stop, nil
}

// proxy is our proxy on a port, not started.
func (t *tlsServer) proxy(ctx context.Context, binary string, port int, more ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, binary, append([]string{
		"proxy", instance, "--listen", fmt.Sprintf("127.0.0.1:%d", port),
		"--admin", filepath.Join(t.place.dir, fmt.Sprintf("admin%d.sock", port)),
	}, more...)...)
	cmd.Env = append(without(os.Environ(), "DATABRICKS_", "LAKEWARD_", "PG"), "LAKEWARD_DIR="+t.place.dir,
		"PGPORT="+strconv.Itoa(lakeward.DefaultPort), "PGSSLROOTCERT="+t.roots)
	return cmd
}

// answers waits until a query works.
func answers(ctx context.Context, dsn string) error {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	for {
		out, err := exec.CommandContext(ctx, "psql", "-XAtc", "SELECT 1", dsn).CombinedOutput()
		if err == nil {
			return nil
		}
		select {
		case <-time.After(100 * time.Millisecond):
		case <-ctx.Done():
			return fmt.Errorf("it does not answer: %w: %s", err, out)
		}
	}
}

// load is what is measured. It returns how much was done in a second, and the proxy's processor time for each.
type proxyLoad struct {
	name string
	run  func(ctx context.Context, w proxyWay) (perSecond, each float64, err error)
}

func proxyLoads() (loads []proxyLoad) {
	for _, script := range [][2]string{{"select-only", "-S"}, {"simple-update", "-N"}} {
		for _, clients := range []int{16, 64} {
			loads = append(loads, proxyLoad{fmt.Sprintf("%s, %d clients", script[0], clients), pgbench(script[1], clients)})
		}
	}
	return append(loads,
		proxyLoad{"COPY of 1 GB to the client, MB", copyThrough(fmt.Sprintf(
			"COPY (SELECT repeat('x', 127) FROM generate_series(1, %d)) TO STDOUT", proxyBulk/128))},
		proxyLoad{"COPY of 1 GB from the client, MB", copyThrough("COPY bulk FROM STDIN WHERE false")})
}

var progress = regexp.MustCompile(`^progress: ([0-9.]+) s, ([0-9.]+) tps`)

// pgbench measures from the first second to the last: PgBouncer keeps its sessions on the server from one run to the next,
// and would be compared with a proxy that logs in.
func pgbench(script string, clients int) func(context.Context, proxyWay) (float64, float64, error) {
	return func(ctx context.Context, w proxyWay) (float64, float64, error) {
		cmd := exec.CommandContext(ctx, "pgbench", "-n", script, "-c", strconv.Itoa(clients), "-j", "2",
			"-T", strconv.Itoa(proxySeconds+1), "-P", "1", w.dsn)
		says, err := cmd.StderrPipe()
		if err != nil {
			return 0, 0, fmt.Errorf("pgbench: %w", err)
		}
		if err := cmd.Start(); err != nil {
			return 0, 0, fmt.Errorf("pgbench: %w", err)
		}
		var text strings.Builder
		var first, last, begin, end, done float64
		for lines := bufio.NewScanner(says); lines.Scan(); {
			fmt.Fprintln(&text, lines.Text())
			m := progress.FindStringSubmatch(lines.Text())
			if m == nil {
				continue
			}
			now, _ := strconv.ParseFloat(m[1], 64)
			rate, _ := strconv.ParseFloat(m[2], 64)
			if last = processorSeconds(w.pid); begin == 0 {
				first, begin = last, now
			} else {
				done += rate * (now - end)
			}
			end = now
		}
		if err := cmd.Wait(); err != nil || done == 0 {
			return 0, 0, fmt.Errorf("pgbench: %w: %s", err, text.String())
		}
		return done / (end - begin), (last - first) / done, nil
	}
}

// processorSeconds is the processor time of a process's threads, to the nanosecond; 0 for no process.
func processorSeconds(pid int) (seconds float64) {
	files, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
	for _, file := range files {
		text, _ := os.ReadFile(file)
		used, _, _ := strings.Cut(string(text), " ")
		n, _ := strconv.ParseFloat(used, 64)
		seconds += n / 1e9
	}
	return seconds
}

// race measures each load on each way, round by round, and prints the medians. Ratios are those within a round, because the
// machine is not equally fast in all of them.
func (t *tlsServer) race(ctx context.Context, ways []proxyWay, rounds int) error {
	type figures struct{ rate, cpu []float64 }
	found := map[string]*figures{}
	for round := range rounds {
		for _, load := range proxyLoads() {
			for _, w := range ways {
				rate, each, err := load.run(ctx, w)
				if err != nil {
					return fmt.Errorf("%s, %s: %w", w.name, load.name, err)
				}
				f := found[load.name+w.name]
				if f == nil {
					f = &figures{}
					found[load.name+w.name] = f
				}
				f.rate, f.cpu = append(f.rate, rate), append(f.cpu, each*1e6)
				say("round %d: %s: %s %.0f/s", round+1, load.name, w.name, rate)
			}
		}
		slices.Reverse(ways)
	}
	if ways[0].pid != 0 {
		slices.Reverse(ways)
	}
	fmt.Printf("%d processors, shared with pgbench and PostgreSQL; medians of %d rounds of %d s\n\n", runtime.NumCPU(), rounds, proxySeconds)
	fmt.Printf("%-34s %-24s %10s %16s %18s\n", "", "", "per second", "of direct, TLS", "own µs for each")
	var ratios strings.Builder
	for _, load := range proxyLoads() {
		direct := found[load.name+"direct, TLS"].rate
		for _, w := range ways {
			f := found[load.name+w.name]
			own := "–"
			if w.pid != 0 {
				own = fmt.Sprintf("%.1f", median(f.cpu))
			}
			fmt.Printf("%-34s %-24s %10.0f %16.2f %18s\n", load.name, w.name, median(f.rate), ratio(f.rate, direct), own)
		}
		mine, theirs := found[load.name+ways[1].name], found[load.name+ways[2].name]
		fmt.Fprintf(&ratios, "  %s: %.2f of PgBouncer's throughput, %.2f of its processor time for each\n", load.name,
			ratio(mine.rate, theirs.rate), ratio(mine.cpu, theirs.cpu))
	}
	fmt.Print("\nlakeward proxy beside PgBouncer:\n", ratios.String())
	return nil
}
