package pgwire

import (
	"net"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"
)

// SQLSTATEs that the gate itself answers with.
const (
	codeProtocolViolation   = "08P01"
	codeUnsupported         = "0A000"
	codeInvalidAuth         = "28000"
	codeInvalidPassword     = "28P01"
	codeAdminShutdown       = "57P01"
	codeCannotConnectNow    = "57P03"
	severityFatal           = "FATAL"
	messageShutdown         = "terminating connection due to administrator command"
	messageCannotConnectNow = "the database system is not accepting connections"
)

// Error is what a client is told when it is refused: an ErrorResponse of severity FATAL.
type Error struct {
	Code    string // SQLSTATE
	Message string
	Detail  string
	Hint    string
	Err     error // the cause, for the log; the client is never told
}

// Error returns the message, the code and the cause on one line.
func (e *Error) Error() string {
	s := e.Message + " (SQLSTATE " + e.Code + ")"
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// violation is the error of a client that does not speak the protocol.
func violation(message string) *Error { return &Error{Code: codeProtocolViolation, Message: message} }

// Tell sends e to the client. The connection is about to be closed, so whether it arrives does not matter to us.
func (e *Error) Tell(conn net.Conn) {
	packet, err := (&pgproto3.ErrorResponse{
		Severity:            severityFatal,
		SeverityUnlocalized: severityFatal,
		Code:                e.Code,
		Message:             e.Message,
		Detail:              e.Detail,
		Hint:                e.Hint,
	}).Encode(nil)
	if err != nil {
		return
	}
	_ = conn.SetWriteDeadline(time.Now().Add(farewell))
	_, _ = conn.Write(packet)
}
