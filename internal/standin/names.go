package standin

import (
	"crypto/rand"
	"encoding/hex"
	"regexp"
	"strings"
	"time"
	"unicode/utf8"
)

// Names of resources are paths: projects/{p}/branches/{b}/endpoints/{e}.

var (
	resourceID   = regexp.MustCompile(`^[a-z]([a-z0-9-]{0,61}[a-z0-9])?$`)
	instanceName = regexp.MustCompile(`^[a-zA-Z]([a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?$`)
	notIDChars   = regexp.MustCompile(`[^a-z0-9]+`)
	settingName  = regexp.MustCompile(`^[a-zA-Z_][a-zA-Z0-9_]*(\.[a-zA-Z_][a-zA-Z0-9_]*)?$`)
)

// servicePrefix begins the ids of service principals' roles.
const servicePrefix = "sp-"

// checkID checks an id that a client chose. field is how the API calls it.
func checkID(field, id string) error {
	if id == "" {
		return required(field)
	}
	if !resourceID.MatchString(id) {
		return invalid("Field %s must match pattern %s, got '%s'.", field, resourceID, id)
	}
	return nil
}

// checkIdentifier checks the name of a role or a database of PostgreSQL. Names with the prefixes of PostgreSQL and of
// Lakebase belong to the system.
func checkIdentifier(field, name string) error {
	switch {
	case name == "":
		return required(field)
	case len(name) > 63:
		return invalid("Field '%s' must be at most 63 bytes long, got %d.", field, len(name))
	case !utf8.ValidString(name) || strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || r == 0x7f }):
		return invalid("Field '%s' must not contain control characters.", field)
	case systemName(name):
		return invalid("Field '%s' is reserved for the system, got '%s'.", field, name)
	}
	return nil
}

// systemName reports whether a role or a database of that name is not the user's.
func systemName(name string) bool {
	switch name {
	case "cloud_admin", "postgres", "public", "none", "template0", "template1":
		return true
	}
	return strings.HasPrefix(name, "pg_") || strings.HasPrefix(name, "databricks_")
}

// deriveID makes a resource id from the name of a role or database that was not given one, such as one made by SQL or
// the owner's: the local part of an e-mail address, sp-<application id>.
func deriveID(name string, taken func(string) bool) string {
	local, _, _ := strings.Cut(strings.ToLower(name), "@")
	id := strings.Trim(notIDChars.ReplaceAllString(local, "-"), "-")
	switch {
	case id == "":
		id = "role"
	case id[0] < 'a' || id[0] > 'z':
		id = servicePrefix + id
	}
	id = strings.TrimRight(id[:min(len(id), 54)], "-")
	for candidate := id; ; candidate = id + "-" + randomHex(4) {
		if !taken(candidate) {
			return candidate
		}
	}
}

// randomHex returns 2·n hexadecimal digits.
func randomHex(n int) string {
	b := make([]byte, n)
	rand.Read(b) // never fails, see crypto/rand
	return hex.EncodeToString(b)
}

// now is the time as the APIs show it: UTC, without a monotonic clock, in microseconds.
func now() time.Time { return time.Now().UTC().Truncate(time.Microsecond) }
