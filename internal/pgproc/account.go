package pgproc

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"

	"github.com/lakeward/lakeward"
)

const rootUID = 0

// account is the operating system's user that PostgreSQL runs as when this process is root. A nil *account stands for
// the user that this process runs as.
type account struct {
	name   string
	uid    uint32
	groups []uint32 // the primary group first
}

// serverAccount returns the account for servers whose data folder is dir. A folder that already belongs to somebody
// stays that person's: a user's local Lakebase that root starts once must not be locked for the user afterwards.
func serverAccount(dir string) (*account, error) {
	if os.Geteuid() != rootUID {
		return nil, nil
	}
	if info, err := os.Stat(dir); err == nil {
		if owner := info.Sys().(*syscall.Stat_t).Uid; owner != rootUID {
			return accountOf(user.LookupId(strconv.Itoa(int(owner))))
		}
	}
	name := os.Getenv("LAKEWARD_PG_USER")
	if name == "" {
		name = "postgres"
	}
	a, err := accountOf(user.Lookup(name))
	switch {
	case err != nil:
		return nil, lakeward.Errorf(lakeward.KindNotFound,
			"set LAKEWARD_PG_USER to an ordinary user of this machine, or run lakeward as an ordinary user",
			"PostgreSQL does not run as root, and its user %q is unknown: %w", name, err)
	case a.uid == rootUID:
		return nil, lakeward.Errorf(lakeward.KindInvalid, "set LAKEWARD_PG_USER to an ordinary user of this machine",
			"PostgreSQL does not run as root, and LAKEWARD_PG_USER names root")
	}
	return a, nil
}

func accountOf(u *user.User, err error) (*account, error) {
	if err != nil {
		return nil, err
	}
	ids, err := u.GroupIds()
	if err != nil {
		return nil, fmt.Errorf("list groups of user %s: %w", u.Username, err)
	}
	a := &account{name: u.Username}
	for _, id := range append([]string{u.Uid, u.Gid}, ids...) {
		n, err := strconv.ParseUint(id, 10, 32)
		if err != nil {
			return nil, fmt.Errorf("read ids of user %s: %w", u.Username, err)
		}
		a.groups = append(a.groups, uint32(n))
	}
	a.uid, a.groups = a.groups[0], a.groups[1:]
	return a, nil
}

// sysProcAttr returns what a child needs to run as the account and not to outlive this process.
func (a *account) sysProcAttr(death syscall.Signal) *syscall.SysProcAttr {
	attr := &syscall.SysProcAttr{Setpgid: true, Pdeathsig: death}
	if a != nil {
		attr.Credential = &syscall.Credential{Uid: a.uid, Gid: a.groups[0], Groups: a.groups}
	}
	return attr
}

// makeFolder makes the data folder dir, or takes over an existing one, for the account alone. Nothing is made when the
// account could not get there.
func (a *account) makeFolder(dir string) error {
	if err := a.canEnter(dir); err != nil {
		return err
	}
	if err := a.makeParents(filepath.Dir(dir)); err != nil {
		return explain(err, "", dir)
	}
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return explain(err, "", dir)
	}
	if err := a.chown(dir); err != nil {
		return fmt.Errorf("hand folder %s to user %s: %w", dir, a.name, err)
	}
	return nil
}

// makeParents is os.MkdirAll whose folders the account can enter whatever the umask.
func (a *account) makeParents(dir string) error {
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := a.makeParents(filepath.Dir(dir)); err != nil {
		return err
	}
	if err := os.Mkdir(dir, 0o755); err != nil || a == nil {
		return err
	}
	return os.Chmod(dir, 0o755)
}

// chown gives path, and all below it, to the account when it belongs to root, as it does when it was just made or
// restored from an archive.
func (a *account) chown(path string) error {
	if a == nil {
		return nil
	}
	info, err := os.Lstat(path)
	if err != nil || info.Sys().(*syscall.Stat_t).Uid != rootUID {
		return err
	}
	return filepath.WalkDir(path, func(p string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Lchown(p, int(a.uid), int(a.groups[0]))
	})
}

// canEnter names the first folder above dir that keeps the account out. PostgreSQL itself would only say that dir does
// not exist.
func (a *account) canEnter(dir string) error {
	if a == nil {
		return nil
	}
	var above []string
	for p := filepath.Dir(dir); ; p = filepath.Dir(p) {
		above = append(above, p)
		if p == filepath.Dir(p) {
			break
		}
	}
	for _, p := range slices.Backward(above) {
		info, err := os.Stat(p)
		if errors.Is(err, fs.ErrNotExist) {
			return nil // it and all below will be made
		}
		if err != nil {
			return explain(err, "", dir)
		}
		if !a.mayEnter(info) {
			return lakeward.Errorf(lakeward.KindDenied,
				fmt.Sprintf("choose another folder with --dir or LAKEWARD_DIR, or let %s pass: chmod o+x %s", a.name, p),
				"PostgreSQL's user %s cannot enter %s, which is above the data folder %s", a.name, p, dir)
		}
	}
	return nil
}

// mayEnter reads the permission bits only; an access control list that says otherwise is PostgreSQL's to report.
func (a *account) mayEnter(info fs.FileInfo) bool {
	st := info.Sys().(*syscall.Stat_t)
	switch {
	case st.Uid == a.uid:
		return info.Mode()&0o100 != 0
	case slices.Contains(a.groups, st.Gid):
		return info.Mode()&0o010 != 0
	}
	return info.Mode()&0o001 != 0
}

// writeFile writes a file of the data folder; a new one belongs to the account.
func (a *account) writeFile(path, text string) error {
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		return explain(err, "", filepath.Dir(path))
	}
	return a.chown(path)
}
