package migrate

import "encoding/binary"

// sameShape reports whether two texts have digits in the same places and the same bytes between them.
func sameShape(a, b []byte) bool {
	if len(a) != len(b) {
		return false
	}
	for ; len(a) >= 8; a, b = a[8:], b[8:] {
		if !sameShape8(binary.LittleEndian.Uint64(a), binary.LittleEndian.Uint64(b)) {
			return false
		}
	}
	for i := range a {
		if a[i] != b[i] && (!isDigit(a[i]) || !isDigit(b[i])) {
			return false
		}
	}
	return true
}

// Eight bytes are looked at together, as one word: the times of a column are most of what a plan reads.
const (
	lowBits  = 0x7f7f7f7f7f7f7f7f
	highBits = 0x8080808080808080
)

// sameShape8 is sameShape of eight bytes.
func sameShape8(a, b uint64) bool {
	difference := a ^ b
	differs := (difference&lowBits + lowBits | difference) & highBits
	return differs&^(digits8(a)&digits8(b)) == 0
}

// digits8 returns the highest bit of each byte that is a digit.
func digits8(w uint64) uint64 {
	x := w ^ 0x3030303030303030 // digits become 0 to 9
	return ^(x&lowBits + 0x7676767676767676 | x) & highBits
}

func isDigit(b byte) bool { return '0' <= b && b <= '9' }
