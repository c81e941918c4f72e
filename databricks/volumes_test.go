package databricks_test

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/lakeward/lakeward"
	"github.com/lakeward/lakeward/databricks"
)

var backups = databricks.Volume{Catalog: "main", Schema: "default", Name: "backups"}

func read(t *testing.T, ws *databricks.Workspace, name string) string {
	t.Helper()
	r, size, err := ws.ReadFile(t.Context(), backups, name)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	b, err := io.ReadAll(r)
	if err != nil || size != int64(len(b)) {
		t.Errorf("%s has %d bytes, the workspace says %d: %v", name, len(b), size, err)
	}
	return string(b)
}

func TestFilesOfAVolume(t *testing.T) {
	t.Parallel()
	ws := open(t, start(t))
	ctx := t.Context()
	_, err := ws.Files(ctx, backups)
	expectKind(t, err, lakeward.KindNotFound)
	for range 2 {
		if err := ws.MakeVolume(ctx, backups); err != nil {
			t.Fatal(err)
		}
	}
	path := filepath.Join(t.TempDir(), "shop.db")
	if err := os.WriteFile(path, []byte("skipped known"), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.Seek(8, io.SeekStart); err != nil {
		t.Fatal(err)
	}
	if err := ws.WriteFile(ctx, backups, "b.db", f, false); err != nil {
		t.Errorf("a file of known size: %v", err)
	}
	if err := ws.WriteFile(ctx, backups, "a/ü 100%.db", io.MultiReader(strings.NewReader("unknown")), false); err != nil {
		t.Errorf("a file of unknown size: %v", err)
	}
	if got := read(t, ws, "b.db"); got != "known" {
		t.Errorf("b.db holds %q", got)
	}
	if got := read(t, ws, "a/ü 100%.db"); got != "unknown" {
		t.Errorf("the other one holds %q", got)
	}
	expectKind(t, ws.WriteFile(ctx, backups, "b.db", strings.NewReader("new"), false), lakeward.KindConflict)
	if got := read(t, ws, "b.db"); got != "known" {
		t.Errorf("what must not be replaced holds %q", got)
	}
	if err := ws.WriteFile(ctx, backups, "b.db", strings.NewReader("new"), true); err != nil || read(t, ws, "b.db") != "new" {
		t.Errorf("what may be replaced holds %q: %v", read(t, ws, "b.db"), err)
	}
	files, err := ws.Files(ctx, backups)
	if err != nil || len(files) != 1 || files[0].Name != "b.db" || files[0].Size != 3 || files[0].Modified.IsZero() {
		t.Errorf("files %+v, %v", files, err)
	}
	if err := ws.DeleteFile(ctx, backups, "b.db"); err != nil {
		t.Error(err)
	}
	expectKind(t, ws.DeleteFile(ctx, backups, "b.db"), lakeward.KindNotFound)
	_, _, err = ws.ReadFile(ctx, backups, "b.db")
	expectKind(t, err, lakeward.KindNotFound)
}

func TestWhatIsNoVolumeOrFileIsRefused(t *testing.T) {
	t.Parallel()
	ws := open(t, start(t))
	ctx := t.Context()
	expectKind(t, ws.MakeVolume(ctx, databricks.Volume{Catalog: "none", Schema: "default", Name: "x"}), lakeward.KindNotFound)
	expectKind(t, ws.MakeVolume(ctx, databricks.Volume{Catalog: "main", Schema: "none", Name: "x"}), lakeward.KindNotFound)
	expectKind(t, ws.MakeVolume(ctx, databricks.Volume{Catalog: "main", Schema: "a/b", Name: "x"}), lakeward.KindInvalid)
	for _, name := range []string{"", "../x", "a/../x", ".", "a//b", "/a", "a\x00"} {
		expectKind(t, ws.WriteFile(ctx, backups, name, strings.NewReader("x"), true), lakeward.KindInvalid)
		_, _, err := ws.ReadFile(ctx, backups, name)
		expectKind(t, err, lakeward.KindInvalid)
		expectKind(t, ws.DeleteFile(ctx, backups, name), lakeward.KindInvalid)
	}
	for text, want := range map[string]databricks.Volume{
		"main.default.backups": backups, "/Volumes/main/default/backups": backups, "/Volumes/main/default/backups/": backups,
	} {
		if v, err := databricks.ParseVolume(text); err != nil || v != want {
			t.Errorf("%s is %v, %v", text, v, err)
		}
	}
	for _, text := range []string{"", "main.default", "a.b.c.d", "..", "/Volumes/a/b", "/Volumes/a/../c", "a.b/x.c"} {
		_, err := databricks.ParseVolume(text)
		expectKind(t, err, lakeward.KindInvalid)
	}
}

// busy answers the first call that it sees with what a busy workspace says.
type busy struct {
	http.RoundTripper
	method string
	calls  int
}

func (b *busy) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Method != b.method {
		return b.RoundTripper.RoundTrip(r)
	}
	if b.calls++; b.calls > 1 {
		return b.RoundTripper.RoundTrip(r)
	}
	_, err := io.Copy(io.Discard, r.Body)
	return &http.Response{
		StatusCode: http.StatusServiceUnavailable, Request: r, Header: http.Header{"Content-Type": {"application/json"}},
		Body: io.NopCloser(strings.NewReader(`{"error_code":"TEMPORARILY_UNAVAILABLE","message":"later"}`)),
	}, errors.Join(err, r.Body.Close())
}

// TestAFileIsSentAgain is not parallel: it changes the transport of the program.
func TestAFileIsSentAgain(t *testing.T) {
	own := &busy{RoundTripper: http.DefaultTransport, method: http.MethodPut}
	http.DefaultTransport = own
	defer func() { http.DefaultTransport = own.RoundTripper }()
	ws := open(t, start(t))
	if err := ws.MakeVolume(t.Context(), backups); err != nil {
		t.Fatal(err)
	}
	content := bytes.NewReader([]byte("skipped whole"))
	if _, err := content.Seek(8, io.SeekStart); err != nil {
		t.Fatal(err)
	}
	if err := ws.WriteFile(t.Context(), backups, "a", content, false); err != nil || read(t, ws, "a") != "whole" || own.calls != 2 {
		t.Errorf("after %d calls: %v", own.calls, err)
	}
}

// vast claims to be larger than a volume takes.
type vast struct{ io.Reader }

func (vast) Seek(_ int64, whence int) (int64, error) {
	if whence == io.SeekEnd {
		return databricks.MaxFileSize + 1, nil
	}
	return 0, nil
}

func TestAFileThatCannotBeWrittenIsNotThere(t *testing.T) {
	t.Parallel()
	ws := open(t, start(t))
	ctx := t.Context()
	if err := ws.MakeVolume(ctx, backups); err != nil {
		t.Fatal(err)
	}
	expectKind(t, ws.WriteFile(ctx, backups, "vast", vast{strings.NewReader("x")}, false), lakeward.KindUnsupported)
	broken := errors.New("the disk is broken")
	half := io.MultiReader(strings.NewReader("half"), iotest.ErrReader(broken))
	if err := ws.WriteFile(ctx, backups, "half", half, false); !errors.Is(err, broken) || lakeward.KindOf(err) != lakeward.KindInternal {
		t.Errorf("a source that breaks: %v", err)
	}
	if files, err := ws.Files(ctx, backups); err != nil || len(files) != 0 {
		t.Errorf("files %v, %v", files, err)
	}
}
