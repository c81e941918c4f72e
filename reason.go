package lakeward

import "errors"

// Reason says more closely than a [Kind] why there is no session, for programs that treat the cases differently.
type Reason string

// The reasons. An error that is about something else has none.
const (
	ReasonAsleep       Reason = "asleep"        // the instance is stopped, starting or failing over: it may answer in a while
	ReasonRoleMissing  Reason = "role_missing"  // PostgreSQL does not know the identity, or does not take its new token
	ReasonPassword     Reason = "password"      // the password of PostgreSQL's own is wrong
	ReasonGrantMissing Reason = "grant_missing" // the role is there and lacks a privilege
	ReasonPrincipal    Reason = "principal"     // the workspace does not accept the identity, or does not let it use the instance
	ReasonUnreachable  Reason = "unreachable"   // the instance or the workspace does not answer
	ReasonFull         Reason = "full"          // the instance has no connection left
	ReasonThrottled    Reason = "throttled"     // the workspace wants fewer requests
)

// ReasonOf returns why there is no session, or "".
func ReasonOf(err error) Reason {
	for inner := err; ; {
		e, ok := errors.AsType[*Error](inner)
		if !ok {
			break
		}
		if e.Reason != "" {
			return e.Reason
		}
		inner = e.Err
	}
	switch KindOf(err) { // of what the workspace says
	case KindThrottled:
		return ReasonThrottled
	case KindUnauthenticated, KindDenied:
		return ReasonPrincipal
	case KindUnavailable:
		return ReasonUnreachable
	}
	return ""
}

// because gives an error a reason.
func (e *Error) because(r Reason) *Error {
	e.Reason = r
	return e
}
