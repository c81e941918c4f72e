package main

import (
	"strings"
	"testing"

	"github.com/lakeward/lakeward/internal/config"
)

// What the screen says to call leads to the Lakebase that it is about, whatever the shell's environment names.
func TestScreenNamesTheLakebase(t *testing.T) {
	t.Parallel()
	for want, c := range map[string]struct {
		flags config.Flags
		env   map[string]string
	}{
		"":                {},
		"--dir /srv/lake": {flags: config.Flags{Dir: "/srv/lake"}},
		"--dir /env/lake": {env: map[string]string{"LAKEWARD_DIR": "/env/lake"}},
		"--workspace eu":  {flags: config.Flags{LocalWorkspace: "eu"}},
		"--dir /srv/lake/workspaces/eu --workspace eu": {flags: config.Flags{Dir: "/srv/lake", LocalWorkspace: "eu"}},
	} {
		getenv := func(name string) string {
			if name == "HOME" {
				return "/home/u"
			}
			return c.env[name]
		}
		a := &app{flags: c.flags, getenv: getenv}
		dir, err := config.LocalDir(c.flags, a.getenv)
		if err != nil {
			t.Fatal(err)
		}
		got := strings.TrimSpace(strings.TrimPrefix(a.prefix(dir), program()))
		if got != want {
			t.Errorf("for %s: %q, want %q", dir, got, want)
		}
	}
}
