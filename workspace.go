package lakeward

import (
	"context"
	"log/slog"
	"time"
)

// Workspace is what a session needs of a Databricks workspace: to find an instance by its name, and a credential to log
// in to it. Package databricks implements it over the REST API; the local Lakebase is reached through the same one.
// Implementations are safe for concurrent use.
type Workspace interface {
	// Instance returns the instance called name as the workspace knows it now. The error is KindNotFound when there
	// is none.
	Instance(ctx context.Context, name string) (Instance, error)

	// Credential mints a new credential for the workspace's identity on one instance. Every call mints; caching is
	// the [Rotator]'s work.
	Credential(ctx context.Context, instance Instance) (Credential, error)
}

// Credential is what an identity logs in to an instance with: a token that the workspace minted for it, good for a
// while. PostgreSQL checks it at login only: an open session outlives it.
type Credential struct {
	User    string    // the PostgreSQL role: a user's e-mail address or a service principal's application id
	Token   Secret    // the password
	Expires time.Time // when it stops being good for a login; usually one hour after it was minted
	Minted  time.Time // when a [Rotator] got it; zero where nobody has noted it
}

// Secret is a string that does not show itself: printed, logged or marshalled it reads "[secret]". Use [Secret.Reveal]
// where the value must leave the process. Do not print a struct that has one in an unexported field: package fmt cannot
// call methods there, and shows the value.
type Secret string

const redacted = "[secret]"

// Reveal returns the value itself.
func (s Secret) Reveal() string { return string(s) }

// String returns "[secret]", and "" for the empty Secret.
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return redacted
}

// GoString hides the value from %#v.
func (s Secret) GoString() string { return `lakeward.Secret("` + s.String() + `")` }

// LogValue hides the value from slog.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalText hides the value from encoding/json and its like.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }
