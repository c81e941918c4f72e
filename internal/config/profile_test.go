package config_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lakeward/lakeward"
	"github.com/lakeward/lakeward/internal/config"
)

func TestWriteProfile(t *testing.T) {
	t.Parallel()
	const mine = "[lake]\nhost  = http://127.0.0.1:8432\ntoken = dapi-new\n"
	tests := map[string]struct{ before, after string }{
		"makes the file":        {"", mine},
		"adds to what is there": {"[a]\nhost = https://a\n", "[a]\nhost = https://a\n\n" + mine},
		"ends a last line":      {"[a]\nhost = https://a", "[a]\nhost = https://a\n\n" + mine},
		"replaces its own, and nothing else": {
			"; kept\n[a]\nhost = https://a\n\n[lake]\nhost = http://127.0.0.1:8432/\ntoken = dapi-old\nauth_type = x\n\n# of b\n[b]\nhost = https://b\n",
			"; kept\n[a]\nhost = https://a\n\n" + mine + "\n# of b\n[b]\nhost = https://b\n",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "databrickscfg")
			if test.before != "" {
				write(t, path, test.before)
			}
			if err := config.WriteProfile(path, "lake", "http://127.0.0.1:8432", "dapi-new"); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.after, read(t, path)); diff != "" {
				t.Error(diff)
			}
			info, err := os.Stat(path)
			if err != nil {
				t.Fatal(err)
			}
			if info.Mode().Perm() != 0o600 {
				t.Errorf("mode %v: others may read the token", info.Mode())
			}
		})
	}
}

func TestWriteProfileKeepsOtherHosts(t *testing.T) {
	t.Parallel()
	const before = "[lake]\nhost = https://production\ntoken = dapi-precious\n"
	path := filepath.Join(t.TempDir(), "databrickscfg")
	write(t, path, before)
	err := config.WriteProfile(path, "lake", "http://127.0.0.1:8432", "dapi-new")
	if lakeward.KindOf(err) != lakeward.KindConflict {
		t.Fatalf("got %v, want a conflict", err)
	}
	if diff := cmp.Diff(before, read(t, path)); diff != "" {
		t.Error(diff)
	}
}

func TestWriteProfileFollowsLinks(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	real, link := filepath.Join(dir, "real"), filepath.Join(dir, "link")
	write(t, real, "[a]\nhost = https://a\n")
	if err := os.Symlink(real, link); err != nil {
		t.Fatal(err)
	}
	if err := config.WriteProfile(link, "lake", "http://h", "t"); err != nil {
		t.Fatal(err)
	}
	info, err := os.Lstat(link)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode()&os.ModeSymlink == 0 {
		t.Error("the link became a file")
	}
	if diff := cmp.Diff("[a]\nhost = https://a\n\n[lake]\nhost  = http://h\ntoken = t\n", read(t, real)); diff != "" {
		t.Error(diff)
	}
}
