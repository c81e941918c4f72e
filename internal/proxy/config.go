package proxy

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/goccy/go-yaml"

	"github.com/lakeward/lakeward"
)

// Config says where the proxy listens and where it leads. It is what a configuration file holds.
type Config struct {
	Admin  string        `yaml:"admin"`  // unix socket of the admin API; empty for none
	HTTP   string        `yaml:"http"`   // address of /healthz, /readyz and /metrics; empty for none
	Drain  time.Duration `yaml:"drain"`  // how long sessions may take to come to an end at shutdown; default 30 s
	Routes []RouteConfig `yaml:"routes"` // at least one
}

// RouteConfig is one way to one instance.
type RouteConfig struct {
	Name     string   `yaml:"name"`     // default: the instance's
	Instance string   `yaml:"instance"` // where it leads
	Listen   []string `yaml:"listen"`   // addresses, or paths of unix sockets; default 127.0.0.1:6432
	Database string   `yaml:"database"` // for clients that name none; default: the instance's

	// Password is what clients must know. An address that other machines can reach needs one.
	Password     lakeward.Secret `yaml:"-"`
	PasswordFile string          `yaml:"password_file"`

	Wait     time.Duration `yaml:"wait"`     // how long a client waits for the instance; default 1 min
	MaxConns int           `yaml:"maxconns"` // sessions on the instance at most; 0 for no limit of the proxy's own

	// Mode is whether each client has a session on the instance of its own (session, the default), or only while a
	// transaction of its runs (transaction). The rest is of transaction mode.
	Mode     string        `yaml:"mode"`
	PoolSize int           `yaml:"poolsize"` // sessions of one database at most; default 20
	Lifetime time.Duration `yaml:"lifetime"` // of a session on the instance; default 1 h
	Idle     time.Duration `yaml:"idle"`     // after which a session that nobody needs is ended; default 5 min
}

// The defaults.
const (
	DefaultListen = "127.0.0.1:6432"
	defaultWait   = time.Minute
	defaultDrain  = 30 * time.Second
	defaultPool   = 20
	defaultLife   = time.Hour
	defaultIdle   = 5 * time.Minute
	socketName    = ".s.PGSQL.6432"
)

// The modes of a route.
const (
	ModeSession     = "session"
	ModeTransaction = "transaction"
)

// ReadConfig reads a configuration file, and the files with passwords that it names.
func ReadConfig(path string) (Config, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return Config{}, lakeward.Errorf(lakeward.KindInvalid, "name a file that can be read", "read configuration: %w", err)
	}
	var c Config
	d := yaml.NewDecoder(bytes.NewReader(text), yaml.DisallowUnknownField())
	if err := d.Decode(&c); err != nil && !errors.Is(err, io.EOF) {
		return Config{}, lakeward.Errorf(lakeward.KindInvalid, "docs/proxy.md shows a configuration",
			"read configuration %s: %s", path, yaml.FormatError(err, false, false))
	}
	return c, c.Complete()
}

// Complete fills in the defaults, reads the files with passwords, and refuses what cannot be meant.
func (c *Config) Complete() error {
	c.Drain = cmp.Or(c.Drain, defaultDrain)
	if len(c.Routes) == 0 {
		return invalid("list at least one under routes, with its instance", "the configuration has no route")
	}
	seen := map[string]bool{}
	for i := range c.Routes {
		r := &c.Routes[i]
		if err := r.complete(); err != nil {
			return err
		}
		for _, key := range append([]string{"route " + r.Name}, r.Listen...) {
			if seen[key] {
				return invalid("give each route its own", "%s is there twice", key)
			}
			seen[key] = true
		}
	}
	return nil
}

func (r *RouteConfig) complete() error {
	if r.Instance == "" {
		return invalid("add instance: NAME", "route %q leads nowhere", r.Name)
	}
	r.Name = cmp.Or(r.Name, r.Instance)
	r.Wait = cmp.Or(r.Wait, defaultWait)
	r.Mode = cmp.Or(r.Mode, ModeSession)
	if r.Mode != ModeSession && r.Mode != ModeTransaction {
		return invalid("write session or transaction", "route %s has no mode %q", r.Name, r.Mode)
	}
	r.PoolSize = cmp.Or(r.PoolSize, defaultPool)
	r.Lifetime = cmp.Or(r.Lifetime, defaultLife)
	r.Idle = cmp.Or(r.Idle, defaultIdle)
	if len(r.Listen) == 0 {
		r.Listen = []string{DefaultListen}
	}
	r.Listen = slices.Clone(r.Listen)
	if r.PasswordFile != "" {
		text, err := os.ReadFile(r.PasswordFile)
		if err != nil {
			return invalid("name a file that can be read", "read the password of route %s: %w", r.Name, err)
		}
		if r.Password = lakeward.Secret(strings.TrimRight(string(text), "\r\n")); r.Password == "" {
			return invalid("write the password into it", "the password file of route %s is empty", r.Name)
		}
	}
	for i, l := range r.Listen {
		address, err := r.address(l)
		if err != nil {
			return err
		}
		r.Listen[i] = address
	}
	return nil
}

// address makes an address complete and refuses one that would let strangers in.
func (r *RouteConfig) address(l string) (string, error) {
	if isSocket(l) {
		l = strings.TrimPrefix(l, "unix:")
		if info, err := os.Stat(l); err == nil && info.IsDir() {
			l = filepath.Join(l, socketName) // where libpq looks for port 6432
		}
		return l, nil
	}
	host, _, err := net.SplitHostPort(l)
	if err != nil {
		return "", invalid("write ADDRESS:PORT, such as 127.0.0.1:6432, or the path of a unix socket",
			"route %s cannot listen on %s: %w", r.Name, l, err)
	}
	if r.Password == "" && !loopback(host) {
		return "", invalid("listen on 127.0.0.1 or a unix socket, or set a password that clients must know",
			"route %s would let every machine that reaches %s in, without a password", r.Name, l)
	}
	return l, nil
}

func isSocket(l string) bool { return strings.HasPrefix(l, "unix:") || strings.Contains(l, "/") }

func loopback(host string) bool {
	if host == "localhost" {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

func invalid(hint, format string, args ...any) error {
	return lakeward.Errorf(lakeward.KindInvalid, hint, format, args...)
}

// listen opens a listener. A unix socket that a dead process has left is replaced; only this user may connect to it.
func listen(address string) (net.Listener, error) {
	if !isSocket(address) {
		l, err := net.Listen("tcp", address)
		if err != nil {
			return nil, lakeward.Errorf(lakeward.KindConflict, "choose another address with --listen", "listen: %w", err)
		}
		return l, nil
	}
	if conn, err := net.Dial("unix", address); err == nil {
		conn.Close()
		return nil, lakeward.Errorf(lakeward.KindConflict, "end that process, or choose another path",
			"another process listens on %s", address)
	}
	if info, err := os.Lstat(address); err == nil && info.Mode()&os.ModeSocket != 0 {
		_ = os.Remove(address)
	}
	l, err := net.Listen("unix", address)
	if err == nil {
		err = os.Chmod(address, 0o600)
	}
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", address, err)
	}
	return l, nil
}
