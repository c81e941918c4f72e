package standin

import (
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/databricks/databricks-sdk-go"
	"github.com/databricks/databricks-sdk-go/apierr"
	"github.com/databricks/databricks-sdk-go/service/files"
)

func upload(t *testing.T, w *databricks.WorkspaceClient, path, content string) {
	t.Helper()
	err := w.Files.Upload(t.Context(), files.UploadRequest{FilePath: path, Contents: io.NopCloser(strings.NewReader(content))})
	if err != nil {
		t.Fatalf("upload %s: %v", path, err)
	}
}

func download(t *testing.T, w *databricks.WorkspaceClient, path string) string {
	t.Helper()
	r, err := w.Files.DownloadByFilePath(t.Context(), path)
	if err != nil {
		t.Fatalf("download %s: %v", path, err)
	}
	defer r.Contents.Close()
	b, err := io.ReadAll(r.Contents)
	if err != nil {
		t.Fatal(err)
	}
	if r.ContentLength != int64(len(b)) || r.ContentType != "application/octet-stream" || r.LastModified == "" {
		t.Errorf("%s has %d bytes, its headers say %+v", path, len(b), r)
	}
	return string(b)
}

// listFolder returns the names in a folder.
func listFolder(t *testing.T, w *databricks.WorkspaceClient, path string) (names []string) {
	t.Helper()
	entries, err := w.Files.ListDirectoryContentsAll(t.Context(), files.ListDirectoryContentsRequest{DirectoryPath: path, PageSize: 2})
	if err != nil {
		t.Fatalf("list %s: %v", path, err)
	}
	for _, e := range entries {
		names = append(names, e.Name)
	}
	return names
}

func TestFilesInAVolume(t *testing.T) {
	t.Parallel()
	w := userClient(t, shared)
	ctx := t.Context()
	volume := makeVolume(t, w, "plain")
	path := volume + "/2026/c d/ü 100%?#.db"
	upload(t, w, path, "first")
	upload(t, w, path, "second")
	if got := download(t, w, path); got != "second" {
		t.Errorf("after two uploads it holds %q", got)
	}
	before := time.Now().Add(-time.Hour)
	meta, err := w.Files.GetMetadataByFilePath(ctx, path)
	if err != nil || meta.ContentLength != 6 || meta.ContentType != "application/octet-stream" {
		t.Errorf("metadata %+v, %v", meta, err)
	}
	if at, err := http.ParseTime(meta.LastModified); err != nil || at.Before(before) || at.After(time.Now()) {
		t.Errorf("last modified %q: %v", meta.LastModified, err)
	}
	entries, err := w.Files.ListDirectoryContentsAll(ctx, files.ListDirectoryContentsRequest{DirectoryPath: volume + "/2026/c d"})
	if err != nil || len(entries) != 1 || entries[0].Path != path || entries[0].FileSize != 6 || entries[0].IsDirectory ||
		entries[0].LastModified < before.UnixMilli() {
		t.Errorf("entries %+v, %v", entries, err)
	}
	if err := w.Files.DeleteByFilePath(ctx, path); err != nil {
		t.Error(err)
	}
	for name, err := range map[string]error{
		"delete again": w.Files.DeleteByFilePath(ctx, path),
		"download":     second(w.Files.DownloadByFilePath(ctx, path)),
		"metadata":     second(w.Files.GetMetadataByFilePath(ctx, path)),
		"below a file": second(w.Files.DownloadByFilePath(ctx, path+"/x")),
		"a folder":     second(w.Files.DownloadByFilePath(ctx, volume+"/2026")),
		"the volume":   second(w.Files.DownloadByFilePath(ctx, volume)),
		"no volume":    w.Files.Upload(ctx, files.UploadRequest{FilePath: volume + "2/x", Contents: http.NoBody}),
	} {
		if !errors.Is(err, databricks.ErrNotFound) {
			t.Errorf("%s: %v, want ErrNotFound", name, err)
		}
	}
}

func second[T any](_ T, err error) error { return err }

func TestAnUploadThatMustNotReplaceDoesNot(t *testing.T) {
	t.Parallel()
	w := userClient(t, shared)
	path := makeVolume(t, w, "kept") + "/a.db"
	upload(t, w, path, "first")
	err := w.Files.Upload(t.Context(), files.UploadRequest{
		FilePath: path, Contents: io.NopCloser(strings.NewReader("second")), ForceSendFields: []string{"Overwrite"},
	})
	if !errors.Is(err, databricks.ErrAlreadyExists) {
		t.Errorf("%v, want ErrAlreadyExists", err)
	}
	if got := download(t, w, path); got != "first" {
		t.Errorf("it holds %q", got)
	}
	err = w.Files.Upload(t.Context(), files.UploadRequest{FilePath: path + "/b", Contents: http.NoBody})
	if !errors.Is(err, databricks.ErrAlreadyExists) {
		t.Errorf("an upload below a file: %v, want ErrAlreadyExists", err)
	}
}

func TestFoldersInAVolume(t *testing.T) {
	t.Parallel()
	w := userClient(t, shared)
	ctx := t.Context()
	volume := makeVolume(t, w, "folders")
	for range 2 { // it may be there
		if err := w.Files.CreateDirectory(ctx, files.CreateDirectoryRequest{DirectoryPath: volume + "/a/b"}); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"e", "d", "c"} {
		upload(t, w, volume+"/a/"+name, name)
	}
	if got := listFolder(t, w, volume+"/a/"); !slices.Equal(got, []string{"b", "c", "d", "e"}) {
		t.Errorf("pages of two list %v", got)
	}
	if err := w.Files.GetDirectoryMetadataByDirectoryPath(ctx, volume+"/a/b"); err != nil {
		t.Error(err)
	}
	for _, missing := range []string{"/none", "/a/c"} {
		if err := w.Files.GetDirectoryMetadataByDirectoryPath(ctx, volume+missing); !errors.Is(err, databricks.ErrNotFound) {
			t.Errorf("%s is a folder: %v", missing, err)
		}
		if err := w.Files.DeleteDirectoryByDirectoryPath(ctx, volume+missing); !errors.Is(err, databricks.ErrNotFound) {
			t.Errorf("delete the folder %s: %v", missing, err)
		}
		_, err := w.Files.ListDirectoryContentsAll(ctx, files.ListDirectoryContentsRequest{DirectoryPath: volume + missing})
		if !errors.Is(err, databricks.ErrNotFound) {
			t.Errorf("list the folder %s: %v", missing, err)
		}
	}
	err := w.Files.CreateDirectory(ctx, files.CreateDirectoryRequest{DirectoryPath: volume + "/a/c"})
	if !errors.Is(err, databricks.ErrAlreadyExists) || !strings.Contains(err.Error(), "points to an existing file at") {
		t.Errorf("a folder in the place of a file: %v", err)
	}
	err = w.Files.DeleteDirectoryByDirectoryPath(ctx, volume+"/a")
	e, _ := errors.AsType[*apierr.APIError](err)
	if e == nil || e.StatusCode != 400 || e.ErrorDetails().ErrorInfo == nil ||
		e.ErrorDetails().ErrorInfo.Reason != "FILES_API_DIRECTORY_IS_NOT_EMPTY" {
		t.Errorf("delete a folder that is not empty: %v", err)
	}
	if err := w.Files.DeleteDirectoryByDirectoryPath(ctx, volume+"/a/b"); err != nil {
		t.Error(err)
	}
	if err := w.Files.DeleteDirectoryByDirectoryPath(ctx, volume); !errors.Is(err, databricks.ErrBadRequest) {
		t.Errorf("delete the volume's own folder: %v", err)
	}
}

func TestARangeOfAFile(t *testing.T) {
	t.Parallel()
	w := userClient(t, shared)
	path := makeVolume(t, w, "ranges") + "/a"
	upload(t, w, path, "0123456789")
	get := func(name, value string) (*http.Response, string) {
		r, err := http.NewRequestWithContext(t.Context(), "GET", shared.Workspace().Host+"/api/2.0/fs/files"+path, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", bearer(shared))
		r.Header.Set(name, value)
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		b, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp, string(b)
	}
	r, body := get("Range", "bytes=2-4")
	if r.StatusCode != http.StatusPartialContent || body != "234" || r.Header.Get("Content-Range") != "bytes 2-4/10" {
		t.Errorf("a range: %s %q", r.Status, body)
	}
	tag := r.Header.Get("ETag")
	if r, _ := get("If-None-Match", tag); tag == "" || r.StatusCode != http.StatusNotModified {
		t.Errorf("the same ETag %q: %s", tag, r.Status)
	}
	if r, _ := get("If-Unmodified-Since", "Mon, 01 Jan 2024 00:00:00 GMT"); r.StatusCode != http.StatusPreconditionFailed {
		t.Errorf("unmodified since long ago: %s", r.Status)
	}
	if r, _ := get("Range", "bytes=20-"); r.StatusCode != http.StatusRequestedRangeNotSatisfiable {
		t.Errorf("a range beyond the end: %s", r.Status)
	}
}

// TestNoPathLeadsOutOfAVolume: slashes may be escaped, as the Databricks CLI does, and nothing else follows from that.
func TestNoPathLeadsOutOfAVolume(t *testing.T) {
	t.Parallel()
	l := start(t, folder(t))
	w := userClient(t, l)
	volume := makeVolume(t, w, "tight")
	makeVolume(t, w, "other")
	status, _ := call(t, l, "PUT", "/api/2.0/fs/files/Volumes%2Fmain%2Fdefault%2Ftight%2Fsub%2Fa.txt", bearer(l), "x")
	if got := listFolder(t, w, volume+"/sub"); status != http.StatusNoContent || !slices.Equal(got, []string{"a.txt"}) {
		t.Errorf("a path with escaped slashes: %d, %v", status, got)
	}
	before := treeOf(t, l.dir)
	for _, path := range []string{
		"/..%2f..%2f..%2fstate.json", "/%2e%2e/%2e%2e/state.json", "/../../../state.json", "/sub/../../files/x", "/./x", "//x",
		"/sub//x", "/sub/%2e%2e/x", "/a%00b", "/%ff", "/" + strings.Repeat("n", 256), "/..%2fother%2fx", "",
	} {
		for _, kind := range []string{"files", "directories"} {
			if path == "" && kind == "directories" {
				continue
			}
			status, body := call(t, l, "PUT", "/api/2.0/fs/"+kind+volume+path, bearer(l), "x")
			if status != http.StatusBadRequest || !strings.Contains(body, "INVALID_PARAMETER_VALUE") {
				t.Errorf("%s %s: %d %s, want 400", kind, path, status, body)
			}
		}
	}
	for _, path := range []string{"/etc/passwd", "/Volumes", "/Volumes/main", "/Volumes/main/default", "/Workspace/x", ""} {
		if status, body := call(t, l, "GET", "/api/2.0/fs/files"+path, bearer(l), ""); status != http.StatusBadRequest {
			t.Errorf("%s: %d %s, want 400", path, status, body)
		}
	}
	if after := treeOf(t, l.dir); !slices.Equal(before, after) {
		t.Errorf("files before %v, after %v", before, after)
	}
	if status, _ := call(t, l, "GET", "/api/2.0/fs/files"+volume+"/sub/a.txt", "", ""); status != http.StatusUnauthorized {
		t.Errorf("without a token: %d", status)
	}
}

// treeOf lists all files below a folder.
func treeOf(t *testing.T, dir string) (paths []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if d != nil && d.Name() != uploadsFolder {
			paths = append(paths, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return paths
}

func TestAnUploadThatIsTooLargeLeavesNothing(t *testing.T) {
	t.Parallel()
	l := start(t, folder(t))
	l.fileLimit = 10
	w := userClient(t, l)
	volume := makeVolume(t, w, "small")
	upload(t, w, volume+"/fits", "0123456789")
	for name, content := range map[string]io.Reader{
		"known":   strings.NewReader("0123456789a"),
		"unknown": io.MultiReader(strings.NewReader("0123456789a")),
	} {
		err := w.Files.Upload(t.Context(), files.UploadRequest{FilePath: volume + "/" + name, Contents: reader{content}})
		if !errors.Is(err, databricks.ErrInvalidParameterValue) || !strings.Contains(err.Error(), "larger than 10 bytes") {
			t.Errorf("%s size: %v", name, err)
		}
	}
	if got := listFolder(t, w, volume); !slices.Equal(got, []string{"fits"}) {
		t.Errorf("the volume holds %v", got)
	}
	if newLakebase(Options{}).fileLimit != 5<<30 {
		t.Error("the limit is not that of Databricks")
	}
}

// reader is a body whose type says nothing of its size.
type reader struct{ io.Reader }

func (reader) Close() error { return nil }

func TestAnUploadThatBreaksOffLeavesNothing(t *testing.T) {
	t.Parallel()
	l := start(t, folder(t))
	w := userClient(t, l)
	volume := makeVolume(t, w, "broken")
	upload(t, w, volume+"/a", "old")
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", strings.TrimPrefix(l.host, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	_, err = io.WriteString(conn, "PUT /api/2.0/fs/files"+volume+"/a HTTP/1.1\r\nHost: x\r\nAuthorization: "+bearer(l)+
		"\r\nContent-Length: 100\r\n\r\nnew")
	if err != nil {
		t.Fatal(err)
	}
	pending := func() int {
		found, err := filepath.Glob(filepath.Join(l.dir, "volumes", "*", uploadsFolder, "*"))
		if err != nil {
			t.Fatal(err)
		}
		return len(found)
	}
	await(t, "the upload has begun", func() bool { return pending() == 1 })
	if got := download(t, w, volume+"/a"); got != "old" {
		t.Errorf("during the upload it holds %q", got)
	}
	conn.Close()
	await(t, "the upload is cleaned up", func() bool { return pending() == 0 })
	if got := download(t, w, volume+"/a"); got != "old" {
		t.Errorf("after the upload broke off it holds %q", got)
	}
}

func TestFilesStayAndLeftoversGoAtARestart(t *testing.T) {
	t.Parallel()
	dir := folder(t)
	l := start(t, dir)
	volume := makeVolume(t, userClient(t, l), "lasting")
	upload(t, userClient(t, l), volume+"/a/b.db", "kept")
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	folders, err := filepath.Glob(filepath.Join(dir, "volumes", "*"))
	if err != nil || len(folders) != 1 {
		t.Fatalf("folders %v, %v", folders, err)
	}
	half, gone := filepath.Join(folders[0], uploadsFolder, "half"), folders[0]+"0"+deletedSuffix
	if err := errors.Join(os.WriteFile(half, []byte("h"), 0o600), os.MkdirAll(gone, 0o700)); err != nil {
		t.Fatal(err)
	}
	w := userClient(t, start(t, dir))
	if got := download(t, w, volume+"/a/b.db"); got != "kept" {
		t.Errorf("it holds %q", got)
	}
	for _, path := range []string{half, gone} {
		if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s is still there: %v", path, err)
		}
	}
}

// TestSDKsThatAskForASignedAddressGoOnWithoutOne: the Python SDK sends files from 50 MiB on in parts, straight to a
// cloud's storage, unless it reads this reason.
func TestSDKsThatAskForASignedAddressGoOnWithoutOne(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"files/Volumes/main/default/x/y?action=initiate-upload", "create-download-url"} {
		status, body := call(t, shared, "POST", "/api/2.0/fs/"+path, bearer(shared), "{}")
		if status != http.StatusForbidden || !strings.Contains(body, `"reason":"FILES_API_API_IS_NOT_ENABLED"`) {
			t.Errorf("%s: %d %s", path, status, body)
		}
	}
	if status, body := call(t, shared, "GET", "/api/2.0/fs/nothing", bearer(shared), ""); status != http.StatusNotFound ||
		!strings.Contains(body, "ENDPOINT_NOT_FOUND") {
		t.Errorf("an unknown endpoint: %d %s", status, body)
	}
}
