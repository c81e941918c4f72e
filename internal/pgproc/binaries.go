package pgproc

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"

	"github.com/lakeward/lakeward"
)

// MinVersion is the oldest major version of PostgreSQL that Lakeward works with.
const MinVersion = 15

const hintInstall = "install PostgreSQL 15 or newer (Debian, Ubuntu: sudo apt-get install postgresql), " +
	"or set LAKEWARD_PG_BIN to the folder with its initdb and postgres"

// Binaries is one installation of PostgreSQL's programs.
type Binaries struct {
	Dir     string // the folder with postgres, initdb, pg_basebackup, …
	Major   int    // 15
	Version string // "15.14"
}

// Find returns the installation to use: the one in LAKEWARD_PG_BIN when that is set, else the first usable one of PATH
// and /usr/lib/postgresql, newest first.
func Find() (Binaries, error) {
	if dir := os.Getenv("LAKEWARD_PG_BIN"); dir != "" {
		b, err := inspect(dir)
		if err != nil {
			return Binaries{}, lakeward.Errorf(lakeward.KindOf(err), hintInstall, "LAKEWARD_PG_BIN=%s: %w", dir, err)
		}
		return b, nil
	}
	return firstUsable(installed())
}

// Path returns the path of a program of the installation.
func (b Binaries) Path(program string) string { return filepath.Join(b.Dir, program) }

// firstUsable returns the first folder with a supported PostgreSQL. When there is none, a version that was found and
// is too old explains more than "not installed".
func firstUsable(dirs []string) (Binaries, error) {
	var tooOld error
	for _, dir := range dirs {
		b, err := inspect(dir)
		if err == nil {
			return b, nil
		}
		if lakeward.KindOf(err) == lakeward.KindUnsupported && tooOld == nil {
			tooOld = err
		}
	}
	if tooOld != nil {
		return Binaries{}, tooOld
	}
	return Binaries{}, lakeward.Errorf(lakeward.KindNotFound, hintInstall, "PostgreSQL is not installed")
}

// installed lists the folders that may hold PostgreSQL, best first. Links are followed: a lone postgres linked into
// PATH leads to the folder with the rest of the tools.
func installed() []string {
	var dirs []string
	if p, err := exec.LookPath("postgres"); err == nil {
		if real, err := filepath.EvalSymlinks(p); err == nil {
			dirs = append(dirs, filepath.Dir(real))
		}
	}
	debian, _ := filepath.Glob("/usr/lib/postgresql/*/bin") // the pattern is well-formed, there is no other error
	slices.SortFunc(debian, func(a, b string) int { return cmp.Compare(debianMajor(b), debianMajor(a)) })
	return append(dirs, debian...)
}

func debianMajor(bin string) int {
	n, _ := strconv.Atoi(filepath.Base(filepath.Dir(bin))) // a folder that is not a number sorts last
	return n
}

var versionPattern = regexp.MustCompile(`\(PostgreSQL\) ((\d+)\S*)`)

func inspect(dir string) (Binaries, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return Binaries{}, err
	}
	b := Binaries{Dir: dir}
	if _, err := os.Stat(b.Path("initdb")); err != nil {
		return Binaries{}, fmt.Errorf("look for PostgreSQL: %w", err)
	}
	out, err := exec.Command(b.Path("postgres"), "--version").Output()
	if err != nil {
		return Binaries{}, fmt.Errorf("ask %s for its version: %w", b.Path("postgres"), err)
	}
	m := versionPattern.FindSubmatch(out)
	if m == nil {
		return Binaries{}, errors.New("unknown answer to postgres --version: " + strconv.Quote(string(out)))
	}
	b.Version = string(m[1])
	if b.Major, err = strconv.Atoi(string(m[2])); err != nil {
		return Binaries{}, fmt.Errorf("read version %q: %w", m[1], err)
	}
	if b.Major < MinVersion {
		return Binaries{}, lakeward.Errorf(lakeward.KindUnsupported, hintInstall,
			"unsupported version: PostgreSQL %s in %s; %d or newer is needed", b.Version, dir, MinVersion)
	}
	return b, nil
}
