package config

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/lakeward/lakeward"
)

// ProfilePath returns the file that Databricks profiles stand in: DATABRICKS_CONFIG_FILE, else ~/.databrickscfg.
func ProfilePath(getenv func(string) string) (string, error) {
	path := cmp.Or(getenv("DATABRICKS_CONFIG_FILE"), "~/.databrickscfg")
	rest, ok := strings.CutPrefix(path, "~")
	if !ok {
		return path, nil
	}
	home := getenv("HOME")
	if home == "" {
		return "", lakeward.Errorf(lakeward.KindInvalid, "set DATABRICKS_CONFIG_FILE to the file's path",
			"cannot tell where Databricks profiles are: HOME is not set")
	}
	return filepath.Join(home, rest), nil
}

// WriteProfile puts a profile for host into the file at path, which it makes if need be. The rest of the file stays as
// it is. A profile of that name for another host is not overwritten.
func WriteProfile(path, name, host string, token lakeward.Secret) error {
	if name == "" || strings.ContainsAny(name, "[]\r\n") {
		return lakeward.Errorf(lakeward.KindInvalid, "use letters, digits and hyphens", "%q cannot be a profile's name", name)
	}
	if target, err := filepath.EvalSymlinks(path); err == nil {
		path = target // a profile file that is linked from elsewhere stays linked
	}
	file, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("read Databricks profiles: %w", err)
	}
	if old, found := readProfile(file, name); found && strings.TrimRight(old["host"], "/") != host {
		return lakeward.Errorf(lakeward.KindConflict, "choose another name for --write-profile",
			"profile %q in %s belongs to another host (%s)", name, path, cmp.Or(old["host"], "none"))
	}
	section := fmt.Sprintf("[%s]\nhost  = %s\ntoken = %s\n", name, host, token.Reveal())
	return writeFile(path, replaceProfile(file, name, section))
}

// readProfile returns the keys of one section of a profile file.
func readProfile(file []byte, name string) (keys map[string]string, found bool) {
	keys = map[string]string{}
	var inside bool
	for line := range strings.Lines(string(file)) {
		line = strings.TrimSpace(line)
		if section, ok := sectionName(line); ok {
			inside = section == name
			found = found || inside
			continue
		}
		key, value, ok := strings.Cut(line, "=")
		if inside && ok && !strings.HasPrefix(line, "#") && !strings.HasPrefix(line, ";") {
			keys[strings.TrimSpace(key)] = strings.TrimSpace(value)
		}
	}
	return keys, found
}

// replaceProfile puts section in the place of the section called name, or at the end. Blank lines and comments stay.
func replaceProfile(file []byte, name, section string) []byte {
	var out bytes.Buffer
	var inside, done bool
	for line := range bytes.Lines(file) {
		text := strings.TrimSpace(string(line))
		if current, ok := sectionName(text); ok {
			if inside = current == name; inside && !done {
				out.WriteString(section)
				done = true
			}
		}
		if !inside || text == "" || text[0] == '#' || text[0] == ';' {
			out.Write(line)
		}
	}
	if !done {
		if out.Len() > 0 && !bytes.HasSuffix(file, []byte("\n")) {
			out.WriteString("\n")
		}
		if out.Len() > 0 {
			out.WriteString("\n")
		}
		out.WriteString(section)
	}
	return out.Bytes()
}

func sectionName(line string) (string, bool) {
	inner, ok := strings.CutPrefix(line, "[")
	if !ok {
		return "", false
	}
	name, _, ok := strings.Cut(inner, "]")
	return strings.TrimSpace(name), ok
}

// writeFile replaces path in one step. The file holds tokens: only its owner may read it.
func writeFile(path string, data []byte) (err error) {
	tmp, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*") // mode 0600
	if err != nil {
		return fmt.Errorf("write Databricks profiles: %w", err)
	}
	defer func() {
		if err != nil {
			os.Remove(tmp.Name())
		}
	}()
	if _, err = tmp.Write(data); err != nil {
		tmp.Close()
		return fmt.Errorf("write Databricks profiles: %w", err)
	}
	if err = errors.Join(tmp.Sync(), tmp.Close()); err != nil {
		return fmt.Errorf("write Databricks profiles: %w", err)
	}
	return os.Rename(tmp.Name(), path)
}
