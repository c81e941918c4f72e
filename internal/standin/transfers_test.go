package standin

import (
	"bytes"
	"io"
	"net"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/databricks/databricks-sdk-go"
	"github.com/databricks/databricks-sdk-go/service/files"
)

// TestLargeFilesAreStreamed runs alone, because it counts what the whole process allocates.
func TestLargeFilesAreStreamed(t *testing.T) {
	w := userClient(t, shared)
	path := makeVolume(t, w, "large") + "/zeros"
	const size = 128 << 20
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	zeros := io.LimitReader(zeroReader{}, size)
	if err := w.Files.Upload(t.Context(), files.UploadRequest{FilePath: path, Contents: reader{zeros}}); err != nil {
		t.Fatal(err)
	}
	r, err := w.Files.DownloadByFilePath(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Contents.Close()
	if n, err := io.Copy(io.Discard, r.Contents); n != size || err != nil {
		t.Errorf("downloaded %d bytes: %v", n, err)
	}
	runtime.ReadMemStats(&after)
	if grown := after.TotalAlloc - before.TotalAlloc; grown > 16<<20 {
		t.Errorf("%d MiB were allocated for a file of 128", grown>>20)
	}
}

type zeroReader struct{}

func (zeroReader) Read(b []byte) (int, error) {
	clear(b)
	return len(b), nil
}

// TestASlowTransferMayTakeLongerThanACall: the server's own limits are for calls.
func TestASlowTransferMayTakeLongerThanACall(t *testing.T) {
	t.Parallel()
	w := userClient(t, shared)
	path := makeVolume(t, w, "slow") + "/a"
	server := newServer(shared.routes())
	server.ReadTimeout, server.WriteTimeout = 50*time.Millisecond, 50*time.Millisecond
	listener, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // it does not wait
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	t.Cleanup(func() {
		server.Close()
		<-served
	})
	slow := client(t, &databricks.Config{Host: "http://" + listener.Addr().String(), Token: shared.Workspace().Token})
	content := &dripping{every: time.NewTicker(20 * time.Millisecond), left: 15}
	defer content.every.Stop()
	if err := slow.Files.Upload(t.Context(), files.UploadRequest{FilePath: path, Contents: reader{content}}); err != nil {
		t.Fatalf("a slow upload: %v", err)
	}
	if got := download(t, w, path); got != strings.Repeat("x", 15) {
		t.Errorf("it holds %q", got)
	}

	upload(t, w, path, string(bytes.Repeat([]byte("x"), 32<<20))) // more than the sockets buffer
	r, err := slow.Files.DownloadByFilePath(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Contents.Close()
	content.left = 15
	if _, err := io.Copy(io.Discard, content); err != nil { // the time of the slow reader
		t.Fatal(err)
	}
	if n, err := io.Copy(io.Discard, r.Contents); n != 32<<20 || err != nil {
		t.Errorf("a slow download: %d bytes, %v", n, err)
	}
}

// dripping gives one byte at each tick.
type dripping struct {
	every *time.Ticker
	left  int
}

func (d *dripping) Read(b []byte) (int, error) {
	if d.left == 0 {
		return 0, io.EOF
	}
	<-d.every.C
	d.left--
	b[0] = 'x'
	return 1, nil
}
