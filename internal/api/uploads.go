package api

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
	"github.com/google/uuid"

	"github.com/lakeward/lakeward"
	"github.com/lakeward/lakeward/internal/task"
	"github.com/lakeward/lakeward/migrate"
)

const uploadPath = "/api/uploads"

// DefaultMaxUpload is how large a file may be that is sent to the server.
const DefaultMaxUpload = 16 << 30

// maxPlan is how large a request with a plan may be: a plan says more of each column than the schema does, and a schema may
// have ten thousand columns.
const maxPlan = 64 << 20

// planPaths take plans.
var planPaths = []string{"/api/plan", "/api/migrate", "/api/verify"}

// Bodies are the paths whose requests may be larger than others, for the gate.
func Bodies(maxUpload int64) map[string]int64 {
	sizes := map[string]int64{uploadPath: orDefault(maxUpload) + 1} // so that the answer comes from here
	for _, path := range planPaths {
		sizes[path] = maxPlan
	}
	return sizes
}

func orDefault(maxUpload int64) int64 {
	if maxUpload == 0 {
		return DefaultMaxUpload
	}
	return maxUpload
}

type upload struct {
	Name string `query:"name" required:"true" maxLength:"100" pattern:"^[A-Za-z0-9_][A-Za-z0-9._ -]*$" example:"app.db" doc:"What the file is called"`

	request *http.Request
	writer  http.ResponseWriter
}

// Resolve keeps the request: huma reads bodies into memory, and this one goes to the disk.
func (u *upload) Resolve(h huma.Context) []error {
	u.request, u.writer = humago.Unwrap(h)
	return nil
}

// Uploaded is a file that was sent to the server.
type Uploaded struct {
	Path  string `json:"path" example:"/var/lib/lakeward/uploads/0193f0a4-7c1e-7b7a-9d1f-3c5e8a6b2d40/app.db" doc:"What to name as the source"`
	Name  string `json:"name" example:"app.db"`
	Bytes int64  `json:"bytes" example:"1048576"`
}

// uploads registers how a SQLite database comes to the server, which can only migrate files that it can read.
func (s *server) uploads(a huma.API) {
	o := route("upload", http.MethodPost, uploadPath, "Send a SQLite database to the server", tagMigrations)
	o.Description = "Takes the file itself as the body, checks that it is a SQLite database that can be read to its last page, " +
		"and answers with the path to name as the source. Of an application that runs, send a copy that its database has " +
		"made (VACUUM INTO, or .backup): a file that is being written, or whose rows still are in its -wal, is not whole."
	o.DefaultStatus = http.StatusCreated
	o.RequestBody = &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{
		"application/octet-stream": {Schema: &huma.Schema{Type: huma.TypeString, Format: "binary"}},
	}}
	handle(s, a, o, func(ctx context.Context, in *upload) (*body[Uploaded], error) {
		u, err := s.receive(ctx, in)
		return &body[Uploaded]{u}, err
	})
}

// receive writes a request's body to a file, and keeps it when it is a database.
func (s *server) receive(ctx context.Context, in *upload) (u Uploaded, err error) {
	limit := orDefault(s.MaxUpload)
	if in.request.ContentLength > limit {
		return u, tooLarge(limit)
	}
	id, err := uuid.NewV7()
	if err != nil {
		return u, err
	}
	dir := filepath.Join(s.Dir, task.UploadsDir, id.String())
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return u, onDisk(err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.RemoveAll(dir))
		}
	}()
	u = Uploaded{Path: filepath.Join(dir, in.Name), Name: in.Name}
	source := &patient{io.LimitReader(in.request.Body, limit+1), http.NewResponseController(in.writer)}
	if u.Bytes, err = write(u.Path, source); err != nil {
		return u, err
	}
	if u.Bytes > limit {
		return u, tooLarge(limit)
	}
	return u, migrate.CheckSource(ctx, u.Path)
}

// magic is how every SQLite database begins.
const magic = "SQLite format 3\x00"

// write copies a database into a new file, piece by piece.
func write(path string, from io.Reader) (n int64, err error) {
	head := make([]byte, len(magic))
	read, err := io.ReadFull(from, head)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return 0, brokenOff(err)
	}
	if string(head[:read]) != magic {
		return 0, lakeward.Errorf(lakeward.KindInvalid, "send the database file itself as the body: curl --data-binary @app.db",
			"this is not a SQLite database")
	}
	out, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return 0, onDisk(err)
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	n, err = io.Copy(out, io.MultiReader(bytes.NewReader(head), from))
	if _, ok := errors.AsType[*os.PathError](err); ok {
		return n, onDisk(err)
	}
	if err != nil {
		return n, brokenOff(err)
	}
	if err := out.Sync(); err != nil {
		return n, onDisk(err)
	}
	return n, nil
}

func brokenOff(err error) error {
	return lakeward.Errorf(lakeward.KindInvalid, "send it again", "the file broke off: %w", err)
}

func tooLarge(limit int64) error {
	return lakeward.Errorf(lakeward.KindInvalid,
		"copy it to the server's machine and name its path as the source, or start the server with a higher limit",
		"the file is larger than %d bytes", limit)
}

func onDisk(err error) error {
	hint := "check the server's folder: it must be there, and writable"
	if errors.Is(err, syscall.ENOSPC) {
		hint = "make room on the server's disk"
	}
	return lakeward.Errorf(lakeward.KindUnavailable, hint, "keep the file: %w", err)
}

// patient gives the sender time as long as it sends: a large file takes longer than any request may.
type patient struct {
	io.Reader
	c *http.ResponseController
}

func (p *patient) Read(to []byte) (int, error) {
	if err := p.c.SetReadDeadline(time.Now().Add(readFor)); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return 0, fmt.Errorf("wait for the sender: %w", err)
	}
	return p.Reader.Read(to)
}
