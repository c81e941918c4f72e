package standin

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/databricks/databricks-sdk-go/service/files"
)

func TestRefusalsOfTheFilesAPI(t *testing.T) {
	t.Parallel()
	l := start(t, folder(t))
	w, tap := tapped(t, l)
	f, ctx := w.Files, t.Context()
	volume := makeVolume(t, w, "v")
	upload(t, w, volume+"/dir/file", "0123")
	put := func(path string) func() error {
		return func() error { return f.Upload(ctx, files.UploadRequest{FilePath: path, Contents: http.NoBody}) }
	}
	list := func(in files.ListDirectoryContentsRequest) func() error {
		return func() error { return second(f.ListDirectoryContentsAll(ctx, in)) }
	}
	noFile := func(message, reason string) refusal {
		r := isNotFound(message)
		r.traced, r.reason = false, reason
		return r
	}
	notEmpty := badParameter("The directory '" + volume + "/dir' is not empty.")
	notEmpty.reason = "FILES_API_DIRECTORY_IS_NOT_EMPTY"
	checkRefusals(t, tap, []wrongCall{
		{"a file outside of volumes", put("/tmp/x"), badParameter("The path '/tmp/x' is not in a volume")},
		{"a file of no catalog", put("/Volumes/none/default/v/x"), noFile("Catalog 'none' does not exist.", "")},
		{"a file of no schema", put("/Volumes/main/none/v/x"), noFile("Schema 'main.none' does not exist.", "")},
		{"a file of no volume", put("/Volumes/main/default/none/x"), noFile("Volume 'main.default.none' does not exist.", "")},
		{"a file in the place of a folder", put(volume + "/dir"), isThere("The given path points to an existing file or directory at '" + volume + "/dir'.")},
		{"a file below a file", put(volume + "/dir/file/x"), isThere("The given path points to an existing file")},
		{"a file that is there", func() error {
			return f.Upload(ctx, files.UploadRequest{FilePath: volume + "/dir/file", Contents: http.NoBody, ForceSendFields: []string{"Overwrite"}})
		}, isThere("The given path points to an existing file")},
		{"a folder in the place of a file", func() error {
			return f.CreateDirectory(ctx, files.CreateDirectoryRequest{DirectoryPath: volume + "/dir/file"})
		}, isThere("The given path points to an existing file at '" + volume + "/dir/file'.")},
		{"no file", func() error { return second(f.DownloadByFilePath(ctx, volume+"/none")) }, noFile("The file being accessed is not found", "FILES_API_FILE_IS_NOT_FOUND")},
		{"the end of a folder as a file", func() error { return f.DeleteByFilePath(ctx, volume+"/dir") }, noFile("The file being accessed is not found", "FILES_API_FILE_IS_NOT_FOUND")},
		{"no folder", list(files.ListDirectoryContentsRequest{DirectoryPath: volume + "/none"}), noFile("The directory being accessed is not found", "FILES_API_DIRECTORY_IS_NOT_FOUND")},
		{"the end of a file as a folder", func() error { return f.DeleteDirectoryByDirectoryPath(ctx, volume+"/dir/file") }, noFile("The directory being accessed is not found", "FILES_API_DIRECTORY_IS_NOT_FOUND")},
		{"the end of a folder with a file", func() error { return f.DeleteDirectoryByDirectoryPath(ctx, volume+"/dir") }, notEmpty},
		{"the end of a volume as a folder", func() error { return f.DeleteDirectoryByDirectoryPath(ctx, volume) }, badParameter("The root directory of a volume cannot be deleted")},
		{"pages of less than nothing", list(files.ListDirectoryContentsRequest{DirectoryPath: volume, PageSize: -1}), badParameter("Field 'page_size' must be a number from 0 to 1000, got '-1'.")},
		{"a page of another list", list(files.ListDirectoryContentsRequest{DirectoryPath: volume, PageToken: "x"}), badParameter("Field 'page_token' is not a token of this list.")},
	})
	if status, answer := call(t, l, "PUT", "/api/2.0/fs/files"+volume+"/x?overwrite=maybe", bearer(l), ""); status != 400 || !strings.Contains(answer, "Field 'overwrite'") {
		t.Errorf("overwrite=maybe: %d %s", status, answer)
	}
	// What the SDK writes, and what is answered where there is nothing to say.
	for _, c := range tap.during(func() {
		err := errors.Join(
			f.Upload(ctx, files.UploadRequest{FilePath: volume + "/c d/ü+%.db", Contents: http.NoBody, Overwrite: true}), put(volume+"/c d/ü+%.db")(),
			f.CreateDirectory(ctx, files.CreateDirectoryRequest{DirectoryPath: volume + "/e"}), f.DeleteDirectoryByDirectoryPath(ctx, volume+"/e"),
			f.GetDirectoryMetadataByDirectoryPath(ctx, volume+"/c d"), f.DeleteByFilePath(ctx, volume+"/c d/ü+%.db"),
		)
		if err != nil {
			t.Error(err)
		}
	}) {
		if want := map[bool]int{true: http.StatusOK, false: http.StatusNoContent}[c.Method == http.MethodHead]; c.status != want {
			t.Errorf("%s %s: %d, want %d", c.Method, c.URL, c.status, want)
		}
	}
}

// TestAFolderOfManyFiles: a page has a thousand of them at most, whatever is asked for.
func TestAFolderOfManyFiles(t *testing.T) {
	t.Parallel()
	l := start(t, folder(t))
	w, tap := tapped(t, l)
	path := makeVolume(t, w, "many")
	v, err := w.Volumes.ReadByName(t.Context(), "main.default.many")
	if err != nil {
		t.Fatal(err)
	}
	const many = 1001
	for n := range many {
		if err := os.WriteFile(filepath.Join(l.volumes.path(v.VolumeId), fmt.Sprint(n)), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for size, pages := range map[int64]int{0: 2, 5000: 2, 400: 3} {
		var names []string
		calls := tap.during(func() {
			all, err := w.Files.ListDirectoryContentsAll(t.Context(), files.ListDirectoryContentsRequest{DirectoryPath: path, PageSize: size})
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range all {
				names = append(names, e.Name)
			}
		})
		slices.Sort(names)
		if got := len(slices.Compact(names)); got != many || len(calls) != pages {
			t.Errorf("pages of %d: %d files in %d pages, want %d in %d", size, got, len(calls), many, pages)
		}
	}
}
