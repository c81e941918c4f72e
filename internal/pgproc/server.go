package pgproc

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

// Config describes one server.
type Config struct {
	Binaries Binaries          // the zero value means Find's
	Dir      string            // the data folder; the log is the file Dir + ".log"
	Settings map[string]string // of postgresql.conf; they win over the folder's own

	// Live are settings like Settings that [Server.Reload] can replace while the server runs. Nil leaves those that the
	// folder has.
	Live map[string]string

	// Primary leads to the running server that this one, a standby made by BaseCopy, streams from: its data folder, or a
	// link to it, which may lead to another server later.
	Primary string

	// Archive is the folder where the write-ahead log is kept; made when missing. "" keeps none. The servers of one
	// database share it, standbys included.
	Archive string

	// Name is what this server, a standby, is called in its primary's synchronous_standby_names and pg_stat_replication.
	Name string

	// Temporary is for data that nobody will miss, as in tests: nothing is synced to the disk, and every stop is an
	// immediate one.
	Temporary bool

	Log *slog.Logger // nil discards
}

// Server is a running PostgreSQL.
type Server struct {
	config   Config
	folder   fs.FileInfo // of the data, also when its name is gone
	cmd      *exec.Cmd
	log      *serverLog
	stopping atomic.Bool
	done     chan struct{}
	err      error // set before done is closed
}

// Start starts the server of the data folder and returns when it accepts connections. Whatever PostgreSQL still ran in
// the folder is stopped first. ctx bounds the start only; [Server.Stop] ends the server.
func Start(ctx context.Context, c Config) (*Server, error) {
	as, err := c.prepare()
	if err != nil {
		return nil, err
	}
	if err := c.checkVersion(); err != nil {
		return nil, err
	}
	if err := endOrphans(ctx, c.Dir); err != nil {
		return nil, err
	}
	if c.Archive != "" {
		if err := as.makeFolder(c.Archive); err != nil {
			return nil, err
		}
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if err := c.writeLive(as); err != nil {
		return nil, err
	}
	s := &Server{config: c, done: make(chan struct{})}
	if s.folder, err = os.Stat(c.Dir); err != nil {
		return nil, explain(err, "", c.Dir)
	}
	if s.log, err = openLog(c.Dir + logSuffix); err != nil {
		return nil, explain(err, "", c.Dir)
	}
	if err := s.launch(as); err != nil {
		return nil, explain(err, "", c.Dir)
	}
	if err := s.awaitReady(ctx); err != nil {
		return nil, errors.Join(err, s.Stop(canceled(ctx)))
	}
	c.Log.Info("PostgreSQL started", "dir", c.Dir, "pid", s.cmd.Process.Pid)
	return s, nil
}

// canceled returns a context that is done, so that a Stop with it does not wait politely.
func canceled(ctx context.Context) context.Context {
	ctx, cancel := context.WithCancel(ctx)
	cancel()
	return ctx
}

// PID returns the process id of the postmaster.
func (s *Server) PID() int { return s.cmd.Process.Pid }

// Dir returns the data folder.
func (s *Server) Dir() string { return s.config.Dir }

// Done is closed when the server has ended and no process of it is left in its folder.
func (s *Server) Done() <-chan struct{} { return s.done }

// Err returns why the server ended by itself: nil while it runs and after Stop.
func (s *Server) Err() error {
	select {
	case <-s.done:
		return s.err
	default:
		return nil
	}
}

// Stop shuts the server down and returns when it has ended. Sessions are ended and the data is brought to disk (a fast
// shutdown); when ctx is done before that, or after 30 seconds, the server is stopped where it stands and repairs
// itself from the write-ahead log at the next start. Stopping a server that has ended does nothing.
func (s *Server) Stop(ctx context.Context) error {
	s.stopping.Store(true)
	if !s.config.Temporary && s.signalAndWait(ctx, syscall.SIGINT, 30*time.Second) {
		return nil
	}
	ctx = context.WithoutCancel(ctx)
	for _, signal := range []syscall.Signal{syscall.SIGQUIT, syscall.SIGKILL} {
		if s.signalAndWait(ctx, signal, 10*time.Second) {
			return nil
		}
	}
	return fmt.Errorf("stop PostgreSQL in %s: process %d does not end", s.config.Dir, s.PID())
}

func (s *Server) signalAndWait(ctx context.Context, signal syscall.Signal, wait time.Duration) bool {
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	_ = s.cmd.Process.Signal(signal) // an error means that it has ended, which done reports
	select {
	case <-s.done:
		return true
	case <-ctx.Done():
		return false
	}
}

// launch forks the postmaster and the goroutines that wait for its end and read its output.
func (s *Server) launch(as *account) error {
	s.cmd = exec.Command(s.config.Binaries.Path("postgres"), s.config.args()...)
	s.cmd.Env = environment()
	s.cmd.Dir = s.config.Dir
	death := syscall.SIGINT
	if s.config.Temporary {
		death = syscall.SIGQUIT
	}
	s.cmd.SysProcAttr = as.sysProcAttr(death)
	if s.config.Primary != "" {
		primary, err := os.Open(filepath.Dir(s.config.Primary))
		if err != nil {
			return fmt.Errorf("open primary: %w", err)
		}
		defer primary.Close()
		s.cmd.ExtraFiles = []*os.File{primary}
	}
	out, in, err := os.Pipe()
	if err != nil {
		return err
	}
	s.cmd.Stdout, s.cmd.Stderr = in, in
	started := make(chan error)
	go s.live(started, out)
	err = <-started
	in.Close()
	return err
}

// live forks the server and stays with it to its end. It keeps its thread all the while: the kernel sends the parent
// death signal when the thread that forked ends.
func (s *Server) live(started chan<- error, out *os.File) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	defer s.log.close()
	defer out.Close()
	err := s.cmd.Start()
	started <- err
	if err != nil {
		return
	}
	var reader sync.WaitGroup
	reader.Go(func() { s.log.copy(out) })
	err = s.cmd.Wait()
	if err != nil {
		// A killed postmaster leaves children behind that may still work and hold the output open.
		err = errors.Join(err, endOrphansIn(context.Background(), s.config.Dir, s.folder))
	}
	reader.Wait()
	s.end(err)
}

func (s *Server) end(err error) {
	defer close(s.done)
	if s.stopping.Load() {
		s.config.Log.Info("PostgreSQL stopped", "dir", s.config.Dir)
		return
	}
	if err == nil {
		err = errors.New("shut down")
	}
	s.err = fmt.Errorf("PostgreSQL in %s ended by itself: %w", s.config.Dir, err)
}

// awaitReady returns when a superuser can log in, which is the only proof that counts. It gives up when the server
// has ended or ctx is done; recovery after a crash may take its time.
func (s *Server) awaitReady(ctx context.Context) error {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		err := s.ping(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-tick.C:
		case <-s.done:
			return fmt.Errorf("start PostgreSQL: %w", explain(s.err, s.log.reason(), s.config.Dir))
		case <-ctx.Done():
			return fmt.Errorf("start PostgreSQL in %s: %w", s.config.Dir, errors.Join(context.Cause(ctx), err))
		}
	}
}

func (s *Server) ping(ctx context.Context) error {
	return s.admin(ctx, func(*pgx.Conn) error { return nil })
}

// args returns the command line of the postmaster. Settings on it win over postgresql.conf and ALTER SYSTEM.
func (c *Config) args() []string {
	settings := map[string]string{
		"listen_addresses":        "",
		"unix_socket_directories": SocketFolder, // relative to the data folder: its own path may be too long for a socket
		"unix_socket_permissions": "0700",
		"port":                    "5432",
		"cluster_name":            mark(c.Dir),
		"logging_collector":       "off",
		"log_destination":         "stderr",
		"log_line_prefix":         "%m [%p] ",
		"lc_messages":             "C",
	}
	if c.Temporary {
		maps.Copy(settings, map[string]string{"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off"})
	}
	if c.Primary != "" {
		settings["primary_conninfo"] = conninfo(0, filepath.Base(c.Primary))
		if c.Name != "" {
			settings["primary_conninfo"] += " application_name=" + c.Name
		}
		settings["wal_retrieve_retry_interval"] = "100ms" // a new primary is followed soon
	}
	if c.Archive != "" {
		maps.Copy(settings, c.archiving())
	}
	maps.Copy(settings, c.Settings)
	args := []string{"-D", filepath.Clean(c.Dir)}
	for _, name := range slices.Sorted(maps.Keys(settings)) {
		args = append(args, "-c", name+"="+settings[name])
	}
	return args
}

// conninfo returns the connection string for a child process to which the folder with the data folder dir of the server
// to reach is handed as its i-th extra file: a descriptor always fits where the path of a socket must fit into 107 bytes.
// An empty dir is that folder itself.
func conninfo(i int, dir string) string {
	const firstExtraFile = 3
	host := filepath.Join(fmt.Sprintf("/proc/self/fd/%d", firstExtraFile+i), dir, SocketFolder)
	return fmt.Sprintf("host=%s port=5432 user=%s sslmode=disable", host, Superuser)
}
