package standin

import (
	"encoding/json"
	"errors"
	"hash/fnv"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"

	"github.com/lakeward/lakeward"
)

// allocate finds a loopback address for one more endpoint: 127.x.y.z with x and y made from the folder, so that the
// local Lakebases of one machine keep out of each other's way. Addresses that are in use, here or by another program,
// are skipped.
func (l *Lakebase) allocate(s *state) (netip.Addr, error) {
	taken := map[netip.Addr]bool{}
	s.computes(func(_ *project, _ *branch, c *compute) bool {
		taken[c.Host], taken[c.ReadHost] = true, true
		taken[c.ReadHost] = true
		return true
	})
	for _, dir := range neighbours(l.dir) {
		addTaken(taken, filepath.Join(dir, stateName))
	}
	var inUse error
	for a := range candidates(l.dir) {
		if taken[a] {
			continue
		}
		err := probe(netip.AddrPortFrom(a, uint16(l.port)))
		if err == nil {
			return a, nil
		}
		if !errors.Is(err, syscall.EADDRINUSE) {
			return a, explainAddress(a, l.port, err)
		}
		inUse = explainAddress(a, l.port, err)
	}
	return netip.Addr{}, inUse
}

// WorkspaceDir is where in a folder the local Lakebase of a named workspace lives. Each has data, addresses and identities
// of its own.
func WorkspaceDir(dir, name string) string { return filepath.Join(dir, workspacesFolder, name) }

const workspacesFolder = "workspaces"

// neighbours returns the folders of the other local Lakebases of the same folder. They may not run now, and still want the
// addresses that they have.
func neighbours(dir string) []string {
	root := dir
	if filepath.Base(filepath.Dir(dir)) == workspacesFolder {
		root = filepath.Dir(filepath.Dir(dir))
	}
	found, _ := filepath.Glob(WorkspaceDir(root, "*")) // the pattern is well-formed
	return slices.DeleteFunc(append(found, root), func(other string) bool { return other == dir })
}

// addTaken adds the addresses of another Lakebase's endpoints. One whose state cannot be read has none.
func addTaken(taken map[netip.Addr]bool, path string) {
	var s state
	text, err := os.ReadFile(path)
	if err != nil || json.Unmarshal(text, &s) != nil {
		return
	}
	s.computes(func(_ *project, _ *branch, c *compute) bool {
		taken[c.Host], taken[c.ReadHost] = true, true
		return true
	})
}

// candidates yields a few hundred addresses, in the order in which they are tried.
func candidates(dir string) func(yield func(netip.Addr) bool) {
	if abs, err := filepath.Abs(dir); err == nil {
		dir = abs
	}
	h := fnv.New32a()
	h.Write([]byte(dir))
	sum := h.Sum32()
	x, y := byte(16+sum%200), byte(sum>>16) // away from 127.0 and 127.1, which others like
	return func(yield func(netip.Addr) bool) {
		for more := range 4 {
			for z := 1; z < 255; z++ {
				if !yield(netip.AddrFrom4([4]byte{127, x, y + byte(more), byte(z)})) {
					return
				}
			}
		}
	}
}

func probe(addr netip.AddrPort) error {
	listener, err := net.Listen("tcp", addr.String())
	if err != nil {
		return err
	}
	return listener.Close()
}

func explainAddress(a netip.Addr, port int, err error) error {
	address := net.JoinHostPort(a.String(), strconv.Itoa(port))
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return lakeward.Errorf(lakeward.KindConflict, "find the program with: ss -ltnp; or choose another port with --port",
			"port %d is taken on every loopback address, last tried %s", port, address)
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return lakeward.Errorf(lakeward.KindUnsupported, "give the machine the address, on macOS: sudo ifconfig lo0 alias "+
			a.String(), "address %s is not this machine's: %w", address, err)
	}
	return lakeward.Errorf(lakeward.KindDenied, "choose another port with --port", "listen on %s: %w", address, err)
}
