package lakeward

import (
	"errors"
	"fmt"
)

// Kind says what the caller of a failed call can do about it. The command line turns it into an exit code, a server
// into an HTTP status; both do so in one switch each.
type Kind string

// The kinds of errors. An error without one is KindInternal.
const (
	KindInternal        Kind = "internal"        // a defect or an unforeseen failure
	KindInvalid         Kind = "invalid"         // the input is wrong; the same call will fail again
	KindNotFound        Kind = "not_found"       // no such instance, branch, database, role, file
	KindUnauthenticated Kind = "unauthenticated" // the workspace or PostgreSQL does not accept the credentials
	KindDenied          Kind = "denied"          // the identity is known and may not do this
	KindConflict        Kind = "conflict"        // it exists already, or is in a state that forbids the call
	KindUnavailable     Kind = "unavailable"     // unreachable, starting, or stopped; the same call may succeed later
	KindThrottled       Kind = "throttled"       // too many requests; the same call will succeed later
	KindUnsupported     Kind = "unsupported"     // the other side does not implement it
)

// Error is the error of Lakeward's public packages: what happened, to which thing, and what to do next.
type Error struct {
	Kind    Kind
	Message string // what happened, to which thing; one line without a full stop
	Hint    string // what to do next, for everything the user can mend; one line, may be empty
	Err     error  // the cause; may be nil
	Reason  Reason // why there is no session, if that is what it is about
}

// Error returns the message and the cause on one line. The hint is not part of it: whoever shows the error shows the
// hint on a line of its own (see [HintOf]).
func (e *Error) Error() string {
	switch {
	case e.Err == nil:
		return e.Message
	case e.Message == "":
		return e.Err.Error()
	}
	return e.Message + ": " + e.Err.Error()
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Fault is one of the things that are wrong with an input which may be wrong in many places, such as a plan.
type Fault struct {
	Path  string `json:"path"`  // of the place in the input: $.tables[0].columns[2].type
	Where string `json:"where"` // the same for people: table customers, column age
	What  string `json:"what"`  // one sentence
}

// FaultsOf returns everything that err names as wrong with an input; nothing where it names no places.
func FaultsOf(err error) []Fault {
	if f, ok := errors.AsType[interface {
		error
		Faults() []Fault
	}](err); ok {
		return f.Faults()
	}
	return nil
}

// Errorf makes an Error of a kind with a hint. The message is formatted as by [fmt.Errorf], %w included: the wrapped
// error stays reachable for [errors.Is] and [errors.As].
func Errorf(kind Kind, hint, format string, args ...any) *Error {
	return &Error{Kind: kind, Hint: hint, Err: fmt.Errorf(format, args...)}
}

// KindOf returns the kind of the outermost Error in err's chain, and KindInternal when there is none.
func KindOf(err error) Kind {
	if e, ok := errors.AsType[*Error](err); ok && e.Kind != "" {
		return e.Kind
	}
	return KindInternal
}

// HintOf returns the first hint in err's chain, or "".
func HintOf(err error) string {
	for err != nil {
		e, ok := errors.AsType[*Error](err)
		if !ok {
			return ""
		}
		if e.Hint != "" {
			return e.Hint
		}
		err = e.Err
	}
	return ""
}
