package daemon

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

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

const serverFile = "server.json"

// FindServer reads where the server of a folder answers.
func FindServer(dir string) (ServerFile, error) {
	var f ServerFile
	path := filepath.Join(config.ServerDir(dir), serverFile)
	text, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return f, lakeward.Errorf(lakeward.KindUnavailable, "start one with: lakeward serve, or lakeward up", "no server runs in %s", dir)
	case err != nil:
		return f, lakeward.Errorf(lakeward.KindDenied, "work as the user who started the server", "find the server: %w", err)
	}
	if err := json.Unmarshal(text, &f); err != nil || f.Address == "" {
		return f, lakeward.Errorf(lakeward.KindInvalid, "start the server again", "%s does not say where the server is", path)
	}
	return f, nil
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

// removeServerFile removes the file unless another server has written it since.
func removeServerFile(path string) {
	var f ServerFile
	text, err := os.ReadFile(path)
	if err == nil && json.Unmarshal(text, &f) == nil && f.PID == os.Getpid() {
		os.Remove(path)
	}
}
