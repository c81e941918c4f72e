package standin

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"strings"
	"syscall"
	"time"
	"unicode/utf8"

	"github.com/databricks/databricks-sdk-go/service/files"
	"github.com/databricks/databricks-sdk-go/service/postgres"
)

const (
	apiFiles      = "/api/2.0/fs/"
	fileLimit     = 5 << 30     // bytes that an upload may have
	transferIdle  = time.Minute // without a byte, and a transfer is over
	filesDomain   = "filesystem.databricks.com"
	volumesPrefix = "/Volumes/"
)

// filePages are the pages of a folder.
var filePages = paging{field: "page_size", preset: 1000, most: 1000}

// filePath is a path of the Files API.
type filePath struct {
	full   string // /Volumes/main/default/backups/2026/shop.db
	volume string // its id
	name   string // 2026/shop.db; empty for the volume itself
}

// filesHandler answers the Files API. It streams: neither side's memory grows with a file.
func (l *Lakebase) filesHandler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := l.serveFiles(w, r); err != nil {
			l.respondError(w, w.Header().Get(requestHeader), err)
		}
	})
}

func (l *Lakebase) serveFiles(w http.ResponseWriter, r *http.Request) error {
	if _, err := l.authenticate(r); err != nil {
		return err
	}
	rest := strings.TrimPrefix(r.URL.Path, apiFiles)
	switch kind, path, _ := strings.Cut(rest, "/"); {
	case kind == "files" && r.Method != http.MethodPost:
		return l.serveFile(w, r, path)
	case kind == "directories":
		return l.serveFolder(w, r, path)
	case kind == "files", strings.HasPrefix(kind, "create-"):
		return signedAddresses()
	}
	return noEndpoint(r)
}

// signedAddresses tells the SDKs that send large files straight to a cloud's storage that there is none. They go on
// through this API then.
func signedAddresses() error {
	return &apiError{
		Status: http.StatusForbidden, Code: postgres.ErrorCodePermissionDenied,
		Message: "The Presigned URLs API is not enabled on the local Lakebase.", Info: filesInfo("FILES_API_API_IS_NOT_ENABLED"),
	}
}

func filesInfo(reason string) *errorInfo {
	return &errorInfo{Type: "type.googleapis.com/google.rpc.ErrorInfo", Reason: reason, Domain: filesDomain}
}

func (l *Lakebase) serveFile(w http.ResponseWriter, r *http.Request, path string) error {
	p, err := l.resolve(path)
	if err != nil {
		return err
	}
	if p.name == "" && r.Method != http.MethodGet && r.Method != http.MethodHead {
		return invalid("The given path does not point to a file: '%s'.", p.full)
	}
	switch r.Method {
	case http.MethodGet, http.MethodHead:
		return l.download(w, r, p)
	case http.MethodPut:
		err = l.upload(w, r, p)
	case http.MethodDelete:
		err = fileError(p, "FILE", l.volumes.delete(p.volume, p.name, false))
	default:
		return noEndpoint(r)
	}
	if err == nil {
		w.WriteHeader(http.StatusNoContent)
	}
	return err
}

func (l *Lakebase) serveFolder(w http.ResponseWriter, r *http.Request, path string) error {
	p, err := l.resolve(strings.TrimSuffix(path, "/"))
	if err != nil {
		return err
	}
	switch r.Method {
	case http.MethodGet:
		answer, err := l.list(p, r)
		if err != nil {
			return err
		}
		l.respond(w, http.StatusOK, answer)
		return nil
	case http.MethodHead:
		_, err := l.volumes.folder(p.volume, p.name)
		return fileError(p, "DIRECTORY", err)
	case http.MethodPut:
		err = fileError(p, "DIRECTORY", l.volumes.makeFolder(p.volume, p.name))
	case http.MethodDelete:
		if p.name == "" {
			return invalid("The root directory of a volume cannot be deleted: '%s'.", p.full)
		}
		err = fileError(p, "DIRECTORY", l.volumes.delete(p.volume, p.name, true))
	default:
		return noEndpoint(r)
	}
	if err == nil {
		w.WriteHeader(http.StatusNoContent)
	}
	return err
}

// resolve finds what a path points to. Clients escape its slashes or do not; dots lead nowhere.
func (l *Lakebase) resolve(path string) (filePath, error) {
	p := filePath{full: "/" + path}
	parts := strings.SplitN(strings.TrimPrefix(p.full, volumesPrefix), "/", 4)
	if !strings.HasPrefix(p.full, volumesPrefix) || len(parts) < 3 {
		return p, invalid("The path '%s' is not in a volume: it must begin with /Volumes/<catalog>/<schema>/<volume>.", p.full)
	}
	if len(parts) == 4 {
		p.name = parts[3]
		if err := checkFileName(p); err != nil {
			return p, err
		}
	}
	v, err := l.store.view().volume(parts[0], parts[1], parts[2])
	if err != nil {
		return p, &apiError{Status: http.StatusNotFound, Code: postgres.ErrorCodeNotFound, Message: asAPIError(err).Message}
	}
	p.volume = v.ID
	return p, nil
}

func checkFileName(p filePath) error {
	for part := range strings.SplitSeq(p.name, "/") {
		switch {
		case part == "" || part == "." || part == "..":
			return invalid("The path '%s' is not valid: it has an empty or a relative part.", p.full)
		case len(part) > 255:
			return invalid("The path '%s' is not valid: the name of a file or directory may have at most 255 bytes.", p.full)
		case !utf8.ValidString(part) || strings.ContainsFunc(part, func(r rune) bool { return r < ' ' || r == 0x7f }):
			return invalid("The path '%s' is not valid: it must not contain control characters.",
				strings.ToValidUTF8(p.full, "\ufffd"))
		}
	}
	return nil
}

// upload receives a file. It replaces one of the same name unless overwrite is false.
func (l *Lakebase) upload(w http.ResponseWriter, r *http.Request, p filePath) error {
	overwrite, given, err := (&request{Request: r}).flag("overwrite")
	if err != nil {
		return err
	}
	tooLarge := invalid("The file '%s' is larger than %d bytes, the most that can be uploaded at once.", p.full, l.fileLimit)
	if r.ContentLength > l.fileLimit {
		return tooLarge
	}
	body := &patientReader{http.MaxBytesReader(w, r.Body, l.fileLimit), http.NewResponseController(w)}
	err = l.volumes.write(p.volume, p.name, overwrite || !given, body)
	switch _, over := errors.AsType[*http.MaxBytesError](err); {
	case over:
		return tooLarge
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, os.ErrDeadlineExceeded):
		return malformed("The upload of '%s' broke off.", p.full)
	}
	return fileError(p, "FILE", err)
}

// download sends a file, or the range of it that is asked for.
func (l *Lakebase) download(w http.ResponseWriter, r *http.Request, p filePath) error {
	f, info, err := l.volumes.file(p.volume, p.name)
	if err != nil {
		return fileError(p, "FILE", err)
	}
	defer f.Close()
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("ETag", fmt.Sprintf(`"%x-%x"`, info.ModTime().UnixNano(), info.Size()))
	http.ServeContent(&patientWriter{w, http.NewResponseController(w)}, r, "", info.ModTime(), f)
	return nil
}

func (l *Lakebase) list(p filePath, r *http.Request) (any, error) {
	entries, err := l.volumes.folder(p.volume, p.name)
	if err != nil {
		return nil, fileError(p, "DIRECTORY", err)
	}
	part, next, err := cut(filePages, entries, fs.DirEntry.Name, r.URL.Query())
	if err != nil {
		return nil, err
	}
	answer := files.ListDirectoryResponse{NextPageToken: next}
	for _, e := range part {
		info, err := e.Info()
		if errors.Is(err, fs.ErrNotExist) {
			continue // deleted meanwhile
		}
		if err != nil {
			return nil, err
		}
		entry := files.DirectoryEntry{
			Name: e.Name(), Path: p.full + "/" + e.Name(), IsDirectory: e.IsDir(), LastModified: info.ModTime().UnixMilli(),
		}
		if !e.IsDir() {
			entry.FileSize = info.Size()
			entry.ForceSendFields = []string{"FileSize", "IsDirectory"}
		}
		answer.Contents = append(answer.Contents, entry)
	}
	return answer, nil
}

// fileError says in the API's words why something could not be done with a FILE or a DIRECTORY.
func fileError(p filePath, what string, err error) error {
	kind := strings.ToLower(what)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, syscall.ENOTEMPTY):
		return &apiError{
			Status: http.StatusBadRequest, Code: postgres.ErrorCodeInvalidParameterValue,
			Message: fmt.Sprintf("The directory '%s' is not empty.", p.full), Info: filesInfo("FILES_API_DIRECTORY_IS_NOT_EMPTY"),
		}
	case errors.Is(err, syscall.EISDIR), what == "FILE" && errors.Is(err, fs.ErrExist):
		return alreadyExists("The given path points to an existing file or directory at '%s'.", p.full)
	case errors.Is(err, syscall.ENOTDIR), errors.Is(err, fs.ErrExist):
		return alreadyExists("The given path points to an existing file at '%s'.", p.full)
	case errors.Is(err, fs.ErrNotExist):
		return &apiError{
			Status: http.StatusNotFound, Code: postgres.ErrorCodeNotFound,
			Message: fmt.Sprintf("The %s being accessed is not found: '%s'.", kind, p.full),
			Info:    filesInfo("FILES_API_" + what + "_IS_NOT_FOUND"),
		}
	}
	return fmt.Errorf("access %s %s: %w", kind, p.full, err)
}

// patientReader gives a slow client as long as it takes, as long as bytes come.
type patientReader struct {
	io.Reader
	connection *http.ResponseController
}

func (p *patientReader) Read(b []byte) (int, error) {
	until := time.Now().Add(transferIdle)
	_ = p.connection.SetReadDeadline(until)  // where there is no deadline, there is none to move
	_ = p.connection.SetWriteDeadline(until) // of the answer that follows
	return p.Reader.Read(b)
}

// patientWriter is the same for a client that reads.
type patientWriter struct {
	http.ResponseWriter
	connection *http.ResponseController
}

func (p *patientWriter) Write(b []byte) (int, error) {
	_ = p.connection.SetWriteDeadline(time.Now().Add(transferIdle)) // as above
	return p.ResponseWriter.Write(b)
}
