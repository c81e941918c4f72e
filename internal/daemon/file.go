package daemon

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/lakeward/lakeward"
	"github.com/lakeward/lakeward/internal/config"
)

// ServerFile is how the command line finds a running server and signs in. It asks the server instead of opening the same
// store: that works for every kind of store and beside a server that has it open, each change is checked and written to
// the audit log in one place, and there is one set of answers and errors. Whoever may read the file could open the store
// as well.
type ServerFile struct {
	Address string `json:"address"`
	Token   string `json:"token"` // good as long as the server runs
	PID     int    `json:"pid"`
}

const (
	serverFile = "server.json"
	lockFile   = "server.lock"
)

// occupy makes a folder the one of this server. The command line finds one server in a folder, and a second one would hide
// the first from it. The lock ends with the process, however that ends.
func occupy(dir string) (leave func(), err error) {
	path := filepath.Join(dir, lockFile)
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, lakeward.Errorf(lakeward.KindUnavailable, "choose a folder that can be written, with --dir or LAKEWARD_DIR",
			"lock the server's folder: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		f.Close()
		if !errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, lakeward.Errorf(lakeward.KindUnavailable, "choose a folder on a disk of this machine, with --dir or LAKEWARD_DIR",
				"lock %s: %w", path, err)
		}
		at := ""
		if other, err := readServerFile(filepath.Join(dir, serverFile)); err == nil {
			at = fmt.Sprintf(" at %s (process %d)", other.Address, other.PID)
		}
		return nil, lakeward.Errorf(lakeward.KindConflict,
			"use that one, or end it first; for another beside it choose another folder with --dir, and the same --store to share its memory",
			"a server runs in %s already%s", dir, at)
	}
	return func() { f.Close() }, nil
}

// FindServer reads where the server of a folder answers.
func FindServer(dir string) (ServerFile, error) {
	path := filepath.Join(config.ServerDir(dir), serverFile)
	f, err := readServerFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return f, lakeward.Errorf(lakeward.KindUnavailable, "start one with: lakeward serve, or lakeward up", "no server runs in %s", dir)
	case errors.Is(err, fs.ErrPermission):
		return f, lakeward.Errorf(lakeward.KindDenied, "work as the user who started the server", "find the server: %w", err)
	case err != nil || f.Address == "":
		return f, lakeward.Errorf(lakeward.KindInvalid, "start the server again", "%s does not say where the server is", path)
	}
	return f, nil
}

func readServerFile(path string) (f ServerFile, err error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return f, err
	}
	return f, json.Unmarshal(text, &f)
}

func newToken() lakeward.Secret { return lakeward.Secret(rand.Text() + rand.Text()) }

// writeServerFile replaces the file in one step; only its owner may read it.
func writeServerFile(path string, f ServerFile) error {
	text, err := json.Marshal(f)
	if err != nil {
		return err
	}
	tmp, err := os.CreateTemp(filepath.Dir(path), serverFile+".*") // mode 0600
	if err != nil {
		return fmt.Errorf("write where the server is: %w", err)
	}
	_, err = tmp.Write(append(text, '\n'))
	if err = errors.Join(err, tmp.Close()); err == nil {
		err = os.Rename(tmp.Name(), path)
	}
	if err != nil {
		os.Remove(tmp.Name())
		return fmt.Errorf("write where the server is: %w", err)
	}
	return nil
}
