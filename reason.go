package lakeward

import "errors"

// Reason says more closely than a [Kind] why there is no session, for programs that treat the cases differently.
type Reason string

// The reasons. An error that is about something else has none.
const (
	ReasonAsleep       Reason = "asleep"        // the instance is stopped, starting or failing over: it may answer in a while
	ReasonRoleMissing  Reason = "role_missing"  // PostgreSQL does not know the identity, or does not take its new token
	ReasonGrantMissing Reason = "grant_missing" // the role is there and lacks a privilege
	ReasonPrincipal    Reason = "principal"     // the workspace does not accept the identity, or does not let it use the instance
	ReasonUnreachable  Reason = "unreachable"   // nobody answers there
	ReasonFull         Reason = "full"          // the instance has no connection left
	ReasonThrottled    Reason = "throttled"     // the workspace wants fewer requests
)

// ReasonOf returns why there is no session, or "".
func ReasonOf(err error) Reason {
	for {
		e, ok := errors.AsType[*Error](err)
		if !ok {
			return ""
		}
		if e.Reason != "" {
			return e.Reason
		}
		switch e.Kind {
		case KindThrottled:
			return ReasonThrottled
		case KindUnauthenticated, KindDenied:
			return ReasonPrincipal
		}
		err = e.Err
	}
}

// because gives an error a reason.
func (e *Error) because(r Reason) *Error {
	e.Reason = r
	return e
}
