package databricks

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/databricks/databricks-sdk-go/service/catalog"
	"github.com/databricks/databricks-sdk-go/service/files"

	"github.com/lakeward/lakeward"
)

// MaxFileSize is how many bytes a file may have that is written at once.
const MaxFileSize = 5 << 30

// Volume names a volume of Unity Catalog.
type Volume struct{ Catalog, Schema, Name string }

// ParseVolume reads the name of a volume: catalog.schema.volume, or the path of its files.
func ParseVolume(text string) (Volume, error) {
	parts := strings.Split(text, ".")
	if rest, ok := strings.CutPrefix(text, "/Volumes/"); ok {
		parts = strings.Split(strings.TrimSuffix(rest, "/"), "/")
	}
	if len(parts) == 3 {
		v := Volume{parts[0], parts[1], parts[2]}
		return v, v.check()
	}
	return Volume{}, notVolume(text)
}

func notVolume(text string) error {
	return lakeward.Errorf(lakeward.KindInvalid, "write it as catalog.schema.volume", "%q is not the name of a volume", text)
}

// String returns catalog.schema.volume.
func (v Volume) String() string { return v.Catalog + "." + v.Schema + "." + v.Name }

// Path returns the path of a file in the volume, or of the volume itself when name is empty.
func (v Volume) Path(name string) string {
	path := "/Volumes/" + v.Catalog + "/" + v.Schema + "/" + v.Name
	if name != "" {
		path += "/" + name
	}
	return path
}

// check refuses names that would point to something else as parts of a path.
func (v Volume) check() error {
	for _, part := range []string{v.Catalog, v.Schema, v.Name} {
		if part == "" || strings.ContainsAny(part, "./ ") || strings.ContainsFunc(part, isControl) {
			return notVolume(v.String())
		}
	}
	return nil
}

// file returns the path of a file, unless the name could leave the volume.
func (v Volume) file(name string) (string, error) {
	if err := v.check(); err != nil {
		return "", err
	}
	for part := range strings.SplitSeq(name, "/") {
		if part == "" || part == "." || part == ".." || strings.ContainsFunc(part, isControl) {
			return "", lakeward.Errorf(lakeward.KindInvalid, "name a file in the volume", "%q is not the name of a file", name)
		}
	}
	return v.Path(name), nil
}

func isControl(r rune) bool { return r < ' ' || r == 0x7f }

// File is a file in a volume.
type File struct {
	Name     string // below the volume
	Size     int64
	Modified time.Time
}

// VolumeURL returns the page of the workspace on which a person sees the volume.
func (w *Workspace) VolumeURL(v Volume) string {
	return strings.TrimSuffix(w.Host(), "/") + "/explore/data/volumes/" +
		url.PathEscape(v.Catalog) + "/" + url.PathEscape(v.Schema) + "/" + url.PathEscape(v.Name)
}

// MakeVolume makes sure that there is a volume. Its catalog and schema must be there.
func (w *Workspace) MakeVolume(ctx context.Context, v Volume) error {
	if err := v.check(); err != nil {
		return err
	}
	_, err := w.client.Volumes.ReadByName(ctx, v.String())
	if err == nil {
		return nil
	}
	if err = explainVolume(err, v, "look up volume %s", v); lakeward.KindOf(err) != lakeward.KindNotFound {
		return err
	}
	_, err = w.client.Volumes.Create(ctx, catalog.CreateVolumeRequestContent{
		CatalogName: v.Catalog, SchemaName: v.Schema, Name: v.Name, VolumeType: catalog.VolumeTypeManaged,
	})
	if err == nil {
		return nil
	}
	err = explainVolume(err, v, "make volume %s", v)
	if lakeward.KindOf(err) == lakeward.KindConflict {
		return nil // somebody else has made it meanwhile
	}
	return err
}

// WriteFile writes a file of up to [MaxFileSize] into a volume, and makes the folders that its name has. A file of that
// name stays, and the error is KindConflict, unless it may be replaced. When content is an [io.Seeker] its size is checked
// first, and a workspace that is busy is asked again. A file of which only a part was sent does not appear.
func (w *Workspace) WriteFile(ctx context.Context, v Volume, name string, content io.Reader, replace bool) error {
	path, err := v.file(name)
	if err != nil {
		return err
	}
	body, err := newBody(content)
	if err != nil {
		return fmt.Errorf("read what to write to %s: %w", path, err)
	}
	if body.size > MaxFileSize {
		return tooLarge(path)
	}
	var contents io.ReadCloser = body
	if body.seeker != nil {
		contents = seekableBody{body}
	}
	err = w.client.Files.Upload(ctx, files.UploadRequest{
		FilePath: path, Contents: contents, Overwrite: replace, ForceSendFields: []string{"Overwrite"},
	})
	if err == nil {
		return nil
	}
	switch sent, failed := body.state(); {
	case failed != nil:
		return fmt.Errorf("read what to write to %s: %w", path, failed)
	case sent > MaxFileSize:
		return tooLarge(path)
	}
	return explainVolume(err, v, "write %s", path)
}

func tooLarge(path string) error {
	return lakeward.Errorf(lakeward.KindUnsupported, "write a smaller one, or several",
		"%s would have more than the 5 GiB that a volume takes at once", path)
}

// ReadFile opens a file of a volume and tells its size. The caller closes it. A file that breaks off is an error of its
// Read.
func (w *Workspace) ReadFile(ctx context.Context, v Volume, name string) (io.ReadCloser, int64, error) {
	path, err := v.file(name)
	if err != nil {
		return nil, 0, err
	}
	r, err := w.client.Files.DownloadByFilePath(ctx, path)
	if err != nil {
		return nil, 0, explainVolume(err, v, "read %s", path)
	}
	return r.Contents, r.ContentLength, nil
}

// Files lists the files in a volume, without those in folders, by name.
func (w *Workspace) Files(ctx context.Context, v Volume) ([]File, error) {
	if err := v.check(); err != nil {
		return nil, err
	}
	entries, err := w.client.Files.ListDirectoryContentsAll(ctx, files.ListDirectoryContentsRequest{DirectoryPath: v.Path("")})
	if err != nil {
		return nil, explainVolume(err, v, "list %s", v.Path(""))
	}
	var found []File
	for _, e := range entries {
		if !e.IsDirectory {
			found = append(found, File{Name: e.Name, Size: e.FileSize, Modified: time.UnixMilli(e.LastModified).UTC()})
		}
	}
	slices.SortFunc(found, func(a, b File) int { return strings.Compare(a.Name, b.Name) })
	return found, nil
}

// DeleteFile deletes a file of a volume.
func (w *Workspace) DeleteFile(ctx context.Context, v Volume, name string) error {
	path, err := v.file(name)
	if err != nil {
		return err
	}
	if err := w.client.Files.DeleteByFilePath(ctx, path); err != nil {
		return explainVolume(err, v, "delete %s", path)
	}
	return nil
}

// explainVolume is explain, with what helps with a volume.
func explainVolume(err error, v Volume, format string, args ...any) error {
	err = explain(err, format, args...)
	e, ok := errors.AsType[*lakeward.Error](err)
	if !ok {
		return err
	}
	switch e.Kind {
	case lakeward.KindDenied:
		e.Hint = fmt.Sprintf("ask for USE CATALOG on %s, USE SCHEMA on %s.%s, and READ VOLUME and WRITE VOLUME on %s",
			v.Catalog, v.Catalog, v.Schema, v)
	case lakeward.KindNotFound:
		e.Hint = "lakeward backup list shows what there is; another volume is named with --volume CATALOG.SCHEMA.VOLUME"
	case lakeward.KindConflict:
		e.Hint = "choose another name: what is in a volume is not replaced"
	}
	return e
}

// body is a request's body. It is not closed by the transport, so that it can be sent again, and remembers what happened.
type body struct {
	io.Reader
	seeker io.Seeker // nil when it cannot be sent again
	start  int64     // where the content begins
	size   int64     // 0 when it is not known

	mu     sync.Mutex // the transport may still read when the call has failed
	sent   int64
	failed error // of reading the content
}

func newBody(content io.Reader) (*body, error) {
	b := &body{Reader: content}
	seeker, ok := content.(io.Seeker)
	if !ok {
		return b, nil
	}
	start, err := seeker.Seek(0, io.SeekCurrent)
	if err != nil {
		return b, nil //nolint:nilerr // such as a pipe, whose type only looks as if it could
	}
	end, err := seeker.Seek(0, io.SeekEnd)
	if err != nil {
		return nil, err
	}
	if _, err := seeker.Seek(start, io.SeekStart); err != nil {
		return nil, err
	}
	b.seeker, b.start, b.size = seeker, start, end-start
	return b, nil
}

// Read reads the content, up to a byte more than a volume takes.
func (b *body) Read(p []byte) (int, error) {
	if sent, _ := b.state(); sent > MaxFileSize {
		return 0, errTooLarge
	}
	n, err := b.Reader.Read(p)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.sent += int64(n)
	if err != nil && !errors.Is(err, io.EOF) {
		b.failed = err
	}
	return n, err
}

func (b *body) state() (sent int64, failed error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.sent, b.failed
}

var errTooLarge = errors.New("too large")

// Close leaves the content to the caller.
func (b *body) Close() error { return nil }

// seekableBody is a body that the SDK can send again.
type seekableBody struct{ *body }

// Seek begins again. The SDK asks for nothing else.
func (s seekableBody) Seek(offset int64, whence int) (int64, error) {
	if offset != 0 || whence != io.SeekStart {
		return 0, errors.ErrUnsupported
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sent, s.failed = 0, nil
	_, err := s.seeker.Seek(s.start, io.SeekStart)
	return 0, err
}
