package config

import (
	"path/filepath"
	"regexp"

	"github.com/lakeward/lakeward/internal/address"
)

// Place is where the server's store is; exactly one of its fields is set.
type Place struct {
	Path     string // a SQLite file
	DSN      string // a PostgreSQL
	Instance string // of the workspace, or the path of a branch
}

var placeInstance = regexp.MustCompile(`^([A-Za-z0-9-]{1,63}|projects/[a-z0-9/-]+)$`)

// StorePlace reads where a store is: a postgres:// address, an instance's name, or a file, which has a slash or a dot in
// its name. With nothing said it is a file in dir.
func StorePlace(text, dir string) Place {
	switch {
	case text == "":
		return Place{Path: filepath.Join(ServerDir(dir), "store.db")}
	case address.IsPostgres(text):
		return Place{DSN: text}
	case placeInstance.MatchString(text):
		return Place{Instance: text}
	}
	return Place{Path: text}
}

// ServerDir is where a server keeps what is its own, in the folder that everything local lives in.
func ServerDir(dir string) string { return filepath.Join(dir, "server") }
