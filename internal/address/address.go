// Package address reads the addresses of PostgreSQL databases, and takes the passwords out of them.
package address

import (
	"errors"
	"net/url"
	"regexp"
	"strings"
)

// IsPostgres says whether a name is the address of a PostgreSQL, and not that of a file or an instance.
func IsPostgres(name string) bool {
	return strings.HasPrefix(name, "postgres://") || strings.HasPrefix(name, "postgresql://")
}

// WithoutPassword returns an address that leads to the same database, and has none of the passwords that there can be
// before the host and among the parameters. What is not the address of a PostgreSQL stays as it is. One in which it is
// not sure which part is a password is refused, by an error that does not quote it.
func WithoutPassword(address string) (string, error) {
	if !IsPostgres(address) {
		return address, nil
	}
	return clean(address)
}

// Shown is an address for the eyes of people, in any form that a PostgreSQL's address may have. Where it is not sure which
// part is a password, all but the scheme is left out. The name of a file stays as it is.
func Shown(address string) string {
	scheme := schemes.FindString(address)
	if scheme == "" {
		return passwords.ReplaceAllString(address, "${1}***")
	}
	shown, err := clean(address)
	if err != nil {
		return scheme + "***"
	}
	return shown
}

// Database is what makes two addresses the same database: no passwords and no parameters.
func Database(address string) string {
	shown, _, _ := strings.Cut(Shown(address), "?")
	return shown
}

// HasPassword says whether a text names a password in the way of a PostgreSQL's keywords.
func HasPassword(text string) bool { return passwords.MatchString(text) }

var (
	schemes = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9+.:-]*://`)

	// passwords finds the secrets in the keywords of an address, or in the parameters of one that is a URL.
	passwords = regexp.MustCompile(`(?i)((?:ssl)?password\s*=\s*)('(?:[^'\\]|\\.)*'?|[^\s&]+)`)
	passfile  = regexp.MustCompile(`(?i)^passfile\s*=`)
)

// clean takes the passwords out of a URL.
func clean(address string) (string, error) {
	u, err := url.Parse(address)
	if err != nil {
		return "", errors.New("not an address of a PostgreSQL") // the parser's error quotes what it does not understand
	}
	// A password with a slash, a question mark or a hash that is not escaped ends up behind the host.
	if strings.Contains(u.Path+u.RawQuery+u.Fragment, "@") {
		return "", errors.New("an @ behind the host must be written as %40, and in a password also /, ? and #")
	}
	if u.User != nil {
		u.User = url.User(u.User.Username())
	}
	u.RawQuery, u.Fragment = withoutSecrets(u.RawQuery), ""
	return u.String(), nil
}

// withoutSecrets leaves out the parameters that are secrets, or lead to one, and keeps the others as they were written.
func withoutSecrets(query string) string {
	var kept []string
	for pair := range strings.SplitSeq(query, "&") {
		plain, err := url.QueryUnescape(pair)
		if err == nil && pair != "" && !passwords.MatchString(plain) && !passfile.MatchString(plain) {
			kept = append(kept, pair)
		}
	}
	return strings.Join(kept, "&")
}
