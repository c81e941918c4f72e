package api

import (
	"cmp"
	"context"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/lakeward/lakeward"
)

type sourcesAsked struct {
	Path string `query:"path" maxLength:"4096" example:"helpdesk" doc:"A folder, from the root on; without it the root"`
}

// Sources are what a folder of the server has to migrate from.
type Sources struct {
	Root    string        `json:"root" example:"/home/ana" doc:"The folder below which can be looked: LAKEWARD_SOURCES, else the home of the server's user"`
	Path    string        `json:"path" example:"helpdesk" doc:"From the root on; empty for the root itself"`
	Parent  *string       `json:"parent,omitempty" doc:"The folder above, unless this is the root"`
	Entries []SourceEntry `json:"entries" nullable:"false" doc:"Folders, then SQLite databases; nothing else is listed"`
	More    bool          `json:"more,omitempty" doc:"Whether the folder has more than was looked through"`
}

// SourceEntry is a folder or a SQLite database.
type SourceEntry struct {
	Name     string    `json:"name" example:"app.db"`
	Kind     string    `json:"kind" enum:"folder,sqlite" example:"sqlite"`
	Path     string    `json:"path" example:"helpdesk/app.db" doc:"From the root on, to look into a folder"`
	Source   string    `json:"source,omitempty" example:"/home/ana/helpdesk/app.db" doc:"What to name as the source of a migration"`
	Bytes    int64     `json:"bytes,omitempty" example:"1048576"`
	Modified time.Time `json:"modified"`
	Open     bool      `json:"open,omitempty" doc:"Whether a -wal or -journal stands beside it: an application may be writing"`
}

// mostEntries is how many names of a folder are looked at.
const mostEntries = 5000

// sources registers how an administrator finds a database on the server's disk.
func (s *server) sources(a huma.API) {
	o := s.sensitive(route("list-sources", http.MethodGet, "/api/sources", "Look for SQLite databases on the server", tagMigrations),
		"what lies on the server's disk")
	answer(s, a, o, func(ctx context.Context, in *sourcesAsked) (Sources, error) { return s.listSources(ctx, in.Path) })
}

func (s *server) listSources(ctx context.Context, path string) (Sources, error) {
	out := Sources{Root: s.Sources, Entries: []SourceEntry{}}
	if s.Sources == "" {
		return out, lakeward.Errorf(lakeward.KindNotFound, "start the server with LAKEWARD_SOURCES, or send the file: POST /api/uploads",
			"no folder is set to look for databases in")
	}
	root, err := os.OpenRoot(s.Sources) // nothing outside of it can be reached, whatever links there are
	if err != nil {
		return out, onSources(err)
	}
	defer root.Close()
	out.Path = strings.Trim(filepath.ToSlash(filepath.Clean("/"+path)), "/")
	if out.Path != "" {
		parent := filepath.ToSlash(filepath.Dir(out.Path))
		if parent == "." {
			parent = ""
		}
		out.Parent = &parent
	}
	folder, err := root.OpenFile(cmp.Or(out.Path, "."), os.O_RDONLY|syscall.O_DIRECTORY, 0)
	if err != nil {
		return out, onSources(err)
	}
	defer folder.Close()
	names, err := folder.Readdirnames(mostEntries)
	if err != nil && !errors.Is(err, io.EOF) {
		return out, onSources(err)
	}
	out.More = len(names) == mostEntries
	beside := map[string]bool{}
	for _, name := range names {
		beside[name] = true
	}
	for _, name := range names {
		if ctx.Err() != nil {
			return out, ctx.Err()
		}
		if e, ok := sourceEntry(root, out.Path, name); ok {
			e.Open = e.Kind == "sqlite" && (beside[name+"-wal"] || beside[name+"-journal"])
			if e.Kind == "sqlite" {
				e.Source = filepath.Join(s.Sources, e.Path)
			}
			out.Entries = append(out.Entries, e)
		}
	}
	slices.SortFunc(out.Entries, func(a, b SourceEntry) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), strings.Compare(strings.ToLower(a.Name), strings.ToLower(b.Name)), strings.Compare(a.Name, b.Name))
	})
	return out, nil
}

// sourceEntry looks at one name. Only regular files are opened: a pipe would wait for its other end.
func sourceEntry(root *os.Root, folder, name string) (e SourceEntry, ok bool) {
	e = SourceEntry{Name: name, Kind: "folder", Path: strings.TrimPrefix(folder+"/"+name, "/")}
	if strings.HasPrefix(name, ".") {
		return e, false
	}
	info, err := root.Stat(e.Path) // follows links that stay below the root
	if err != nil {
		return e, false
	}
	e.Modified = info.ModTime().UTC()
	if info.IsDir() {
		return e, true
	}
	e.Kind, e.Bytes = "sqlite", info.Size()
	return e, info.Mode().IsRegular() && info.Size() > 0 && info.Size()%512 == 0 && isSQLite(root, e.Path)
}

// isSQLite reads how a file begins.
func isSQLite(root *os.Root, path string) bool {
	file, err := root.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0) // it may have become a pipe meanwhile
	if err != nil {
		return false
	}
	defer file.Close()
	head := make([]byte, len(magic))
	_, err = io.ReadFull(file, head)
	return err == nil && string(head) == magic
}

func onSources(err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return lakeward.Errorf(lakeward.KindNotFound, "begin at the root: leave path out", "there is no such folder")
	case errors.Is(err, fs.ErrPermission):
		return lakeward.Errorf(lakeward.KindDenied, "let the server's user read it, or send the file: POST /api/uploads", "the server may not read this folder")
	}
	return lakeward.Errorf(lakeward.KindInvalid, "name a folder below the root", "this cannot be looked into")
}
