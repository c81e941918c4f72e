package proxy

import "encoding/binary"

// deathHint is for a client whose session the server ends: PostgreSQL says only that an administrator has ordered that, also
// when its instance fails over or goes to sleep.
const deathHint = "The instance failed over, was stopped or went to sleep, or somebody has ended the session. " +
	"Connect again: the proxy waits until it answers."

// unexplained reports whether an ErrorResponse with this body ends the session by order, and gives no hint.
func unexplained(body []byte) bool {
	return errorField(body, 'V') == "FATAL" && errorField(body, 'C') == "57P01" && errorField(body, 'H') == ""
}

// explained appends an ErrorResponse with the hint.
func explained(out, message []byte) []byte {
	at := len(out)
	out = append(out, message[:len(message)-1]...) // without the end of the fields
	out = append(append(append(out, 'H'), deathHint...), 0, 0)
	binary.BigEndian.PutUint32(out[at+1:], uint32(len(out)-at-1))
	return out
}
