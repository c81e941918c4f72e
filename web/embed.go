// Package web holds the console, and serves it. What is embedded is what `make web` has built into dist; a program that
// was built before that shows a page that says how to build it, so that Go needs no Node.
package web

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strings"
	"time"
)

//go:embed all:dist
var built embed.FS

//go:embed placeholder.html
var placeholder []byte

// Handler serves the console's files, and its page at all addresses that a browser may open: the page itself decides what
// to show there. Everything else is for next.
func Handler(next http.Handler) http.Handler {
	dist, err := fs.Sub(built, "dist")
	if err != nil {
		panic(err) // the path is a constant
	}
	return handler(dist, next)
}

// file is a file of the console as it is sent.
type file struct {
	kind, cache string
	plain       variant
	packed      map[string]variant // by the name of their encoding
}

type variant struct {
	content []byte
	tag     string
}

func handler(dist fs.FS, next http.Handler) http.Handler {
	files := load(dist)
	page, ok := files["/index.html"]
	if !ok {
		page = &file{kind: "text/html; charset=utf-8", cache: "no-cache", plain: newVariant(placeholder)}
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f, ok := files[r.URL.Path]
		if !ok && isPage(r) {
			f, ok = page, true
		}
		if !ok || r.Method != http.MethodGet && r.Method != http.MethodHead {
			next.ServeHTTP(w, r)
			return
		}
		f.serve(w, r)
	})
}

// isPage says whether a browser asks for a page, and not a page for one of its files that an update has taken away.
func isPage(r *http.Request) bool {
	return strings.Contains(r.Header.Get("Accept"), "text/html") && !strings.HasPrefix(r.URL.Path, "/assets/")
}

func (f *file) serve(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Type", f.kind)
	h.Set("Cache-Control", f.cache)
	chosen := f.plain
	if len(f.packed) > 0 {
		h.Set("Vary", "Accept-Encoding")
		for _, encoding := range []string{"br", "gzip"} {
			if v, ok := f.packed[encoding]; ok && accepts(r, encoding) {
				h.Set("Content-Encoding", encoding)
				chosen = v
				break
			}
		}
	}
	h.Set("ETag", chosen.tag)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(chosen.content))
}

// accepts says whether a client takes an encoding. All that take it say so without weighing it, but for a zero.
func accepts(r *http.Request, encoding string) bool {
	for given := range strings.SplitSeq(r.Header.Get("Accept-Encoding"), ",") {
		name, weight, _ := strings.Cut(given, ";")
		if strings.TrimSpace(name) == encoding {
			return strings.TrimSpace(weight) != "q=0"
		}
	}
	return false
}

var encodings = map[string]string{".br": "br", ".gz": "gzip"}

// load reads all files, by the path that they are asked for at.
func load(dist fs.FS) map[string]*file {
	files := map[string]*file{}
	err := fs.WalkDir(dist, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.HasPrefix(d.Name(), ".") || encodings[path.Ext(name)] != "" {
			return err
		}
		f, err := read(dist, name)
		files["/"+name] = f
		return err
	})
	if err != nil {
		panic(err) // embedded files can always be read
	}
	return files
}

func read(dist fs.FS, name string) (*file, error) {
	content, err := fs.ReadFile(dist, name)
	if err != nil {
		return nil, err
	}
	f := &file{kind: kind(name), cache: "no-cache", plain: newVariant(content), packed: map[string]variant{}}
	if strings.HasPrefix(name, "assets/") { // their names change with what is in them
		f.cache = "private, max-age=31536000, immutable"
	}
	for extension, encoding := range encodings {
		packed, err := fs.ReadFile(dist, name+extension)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		f.packed[encoding] = newVariant(packed)
	}
	return f, nil
}

// kind is the type of a file. The system's table, which may have other types, decides only what is not a page's.
func kind(name string) string {
	switch path.Ext(name) {
	case ".js":
		return "text/javascript; charset=utf-8"
	case ".css":
		return "text/css; charset=utf-8"
	case ".html":
		return "text/html; charset=utf-8"
	case ".svg":
		return "image/svg+xml"
	case ".woff2":
		return "font/woff2"
	}
	if t := mime.TypeByExtension(path.Ext(name)); t != "" {
		return t
	}
	return "application/octet-stream"
}

func newVariant(content []byte) variant {
	sum := sha256.Sum256(content)
	return variant{content, `"` + hex.EncodeToString(sum[:12]) + `"`}
}
