package api

import (
	"context"
	"encoding/json"
	"mime"
	"net/http"
	"os"
	"path/filepath"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/lakeward/lakeward"
	"github.com/lakeward/lakeward/internal/store"
)

// files registers how an exported SQLite file leaves the server.
func (s *server) files(a huma.API) {
	o := route("get-file", http.MethodGet, "/api/operations/{id}/file", "Download the file that an export has written", tagMigrations)
	o.Description = "Range requests are answered, so that a download can go on where it broke off."
	o.Responses = map[string]*huma.Response{"200": {
		Description: "The SQLite database",
		Content: map[string]*huma.MediaType{"application/vnd.sqlite3": {
			Schema: &huma.Schema{Type: huma.TypeString, Format: "binary"},
		}},
	}}
	handle(s, a, s.sensitive(o, "all of the application's data"), s.download)
}

func (s *server) download(ctx context.Context, in *ByID) (*huma.StreamResponse, error) {
	o, err := s.Store.Operation(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	file, err := s.exported(o)
	if err != nil {
		return nil, err
	}
	return &huma.StreamResponse{Body: func(h huma.Context) {
		defer file.Close()
		r, w := humago.Unwrap(h)
		info, err := file.Stat()
		if err != nil {
			panic(err) // of a file that was opened a moment ago
		}
		w.Header().Set("Content-Type", "application/vnd.sqlite3")
		w.Header().Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": info.Name()}))
		http.ServeContent(w, r, info.Name(), info.ModTime(), file)
	}}, nil
}

// exported opens the file that an export has written: nothing outside of the folder of exports, whatever the store says.
func (s *server) exported(o store.Operation) (*os.File, error) {
	var result struct{ File string }
	if err := json.Unmarshal(o.Result, &result); err != nil || o.Kind != "export" || result.File == "" {
		return nil, lakeward.Errorf(lakeward.KindNotFound, "wait until an export has succeeded", "operation %s has no file", o.ID)
	}
	gone := lakeward.Errorf(lakeward.KindNotFound, "export it again", "the file of operation %s is not on this server any more", o.ID)
	root, err := os.OpenRoot(filepath.Join(s.Dir, "exports"))
	if err != nil {
		return nil, gone
	}
	defer root.Close()
	file, err := root.Open(filepath.Join(o.ID, filepath.Base(result.File)))
	if err != nil {
		return nil, gone
	}
	return file, nil
}
