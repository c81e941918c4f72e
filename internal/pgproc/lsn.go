package pgproc

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/lakeward/lakeward"
)

// LSN is a position in the write-ahead log: how many bytes had been written to it since the beginning.
type LSN uint64

// ParseLSN reads a position as PostgreSQL writes it, such as 0/16B3748.
func ParseLSN(text string) (LSN, error) {
	high, low, ok := strings.Cut(text, "/")
	h, err1 := strconv.ParseUint(high, 16, 32)
	l, err2 := strconv.ParseUint(low, 16, 32)
	if !ok || err1 != nil || err2 != nil {
		return 0, lakeward.Errorf(lakeward.KindInvalid, "write it as PostgreSQL does, such as 0/16B3748",
			"%q is no position in the write-ahead log", text)
	}
	return LSN(h<<32 | l), nil
}

// String returns the position as PostgreSQL writes it.
func (l LSN) String() string { return fmt.Sprintf("%X/%X", uint64(l)>>32, uint32(l)) }

// UnmarshalText reads what String wrote.
func (l *LSN) UnmarshalText(text []byte) (err error) {
	*l, err = ParseLSN(string(text))
	return err
}

// MarshalText returns what String does.
func (l LSN) MarshalText() ([]byte, error) { return []byte(l.String()), nil }

// Scan reads a position out of a row; cast it to text.
func (l *LSN) Scan(value any) error {
	text, ok := value.(string)
	if !ok {
		return fmt.Errorf("%T is no position in the write-ahead log", value)
	}
	return l.UnmarshalText([]byte(text))
}
