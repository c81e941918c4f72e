package migrate

import (
	"encoding/binary"
	"encoding/hex"
	"math"
	"slices"

	"zombiezen.com/go/sqlite"
)

// The rows of a table are compared by hashes, which are computed twice: here from the file, in verifysql.go on the target
// by the hash functions of its types. Each column's hash has the hash of the columns before it as its seed, so that
// values cannot change places without notice. What is hashed is the form of a value, with the same bytes on both sides.
// Nothing here may call the encoders of the load: a mistake that both made would not be seen.
//
//	smallint, integer, bigint, boolean  the number; its upper half goes into the seed as well, because PostgreSQL's hash of
//	                                    a bigint forgets which half is which
//	timestamp without time zone, time   the microseconds, whose hash forgets it too; no mistake moves a time by a multiple
//	                                    of 4294.967296 seconds and as many microseconds
//	double precision                    the number, and another one for -0, which PostgreSQL hashes as 0. In a generated
//	                                    column it counts as 0, for SQLite has a file hold it as that or computes it anew
//	date, timestamp with time zone      \x and the hexadecimal digits of PostgreSQL's binary form
//	numeric                             text, without trailing zeros
//	text, character varying, bytea      the bytes
//	jsonb                               as PostgreSQL prints it
//	uuid                                sixteen bytes
//	inet                                \x and its binary form
//	interval                            its microseconds, as text
//	NULL                                a value that nobody has

// form is how the values of a column are hashed.
type form struct {
	kind   formKind
	append canonFunc // appends the form; false for a value that the column cannot hold
	absent []byte    // the form of NULL
}

type formKind int

const (
	hashedBytes formKind = iota
	hashedNumber
	hashedTime
	hashedFloat
)

// What stands for NULL.
const (
	absentText   = "\u2205 e6b1c2a8d94f4c7b8a0d3f5e7c916b24"
	absentUUID   = "e6b1c2a8-d94f-4c7b-8a0d-3f5e7c916b24"
	absentNumber = -7046029254386353131
	absentFloat  = -7.046029254386353e-131
	negativeZero = -3.141592653589793e-131 // hashed in place of -0
	absentTime   = 25_627_777_777          // 07:07:07.777777
)

// newForm returns the form of a column's values.
func newForm(c Column) (form, error) {
	base, args := typeParts(c.Type)
	f := form{absent: []byte(absentText)}
	switch c.Convert {
	case ConvertInteger:
		bits := integerBits(base)
		f.number(func(v value) (int64, bool) { return heldInteger(v, bits) })
	case ConvertBoolean:
		f.number(func(v value) (int64, bool) {
			truth, ok := heldBoolean(v)
			if truth {
				return 1, ok
			}
			return 0, ok
		})
	case ConvertReal:
		f.kind, f.append, f.absent = hashedFloat, realForm, littleEndian(math.Float64bits(absentFloat))
		if c.Generated != "" {
			f.append = computedForm
		}
	case ConvertText:
		f.append = func(dst []byte, v value) ([]byte, bool) {
			text, ok := heldText(v, args)
			return append(dst, text...), ok
		}
	case ConvertBytes:
		f.append = func(dst []byte, v value) ([]byte, bool) { return append(dst, heldBytes(v)...), true }
	case ConvertUUID:
		f.append = uuidForm
		f.absent, _ = uuidForm(nil, value{class: sqlite.TypeText, b: []byte(absentUUID)})
	default:
		return f.text(c, base, args)
	}
	return f, nil
}

// text makes the form of a type that is hashed as text, or as a time.
func (f form) text(c Column, base string, args []int) (form, error) {
	if base == "time without time zone" || base == "timestamp without time zone" {
		held, err := timeOf(c.Convert, args)
		f.number(held)
		f.kind, f.absent = hashedTime, littleEndian(absentTime)
		return f, err
	}
	canon, err := newCanon(c)
	f.append = canon
	if c.Convert == ConvertJSON {
		f.append = func(dst []byte, v value) ([]byte, bool) {
			out, ok := canon(dst, v)
			if ok {
				out = out[:len(out)-1] // the mark that ends it among other texts
			}
			return out, ok
		}
	}
	return f, err
}

// number makes the form of what is hashed as a number.
func (f *form) number(held func(v value) (int64, bool)) {
	f.kind, f.absent = hashedNumber, littleEndian(uint64(absent()))
	f.append = func(dst []byte, v value) ([]byte, bool) {
		i, ok := held(v)
		return binary.LittleEndian.AppendUint64(dst, uint64(i)), ok
	}
}

// absent is absentNumber as a variable, because the constant is none of a uint64.
func absent() int64 { return absentNumber }

func littleEndian(bits uint64) []byte { return binary.LittleEndian.AppendUint64(nil, bits) }

func realForm(dst []byte, v value) ([]byte, bool) {
	f, ok := heldReal(v)
	return binary.LittleEndian.AppendUint64(dst, math.Float64bits(f)), ok
}

// computedForm is realForm without -0.
func computedForm(dst []byte, v value) ([]byte, bool) {
	f, ok := heldReal(v)
	if f == 0 {
		f = 0
	}
	return binary.LittleEndian.AppendUint64(dst, math.Float64bits(f)), ok
}

func uuidForm(dst []byte, v value) ([]byte, bool) {
	if v.class == sqlite.TypeBlob {
		return append(dst, v.b...), len(v.b) == 16
	}
	text, ok := canonUUID(nil, v)
	text = slices.DeleteFunc(text, func(c byte) bool { return c == '-' })
	dst, err := hex.AppendDecode(dst, text)
	return dst, ok && err == nil
}

// hash continues a row's hash with the form of one value.
func (f *form) hash(bytes []byte, seed uint64) uint64 {
	switch f.kind {
	case hashedNumber:
		i := int64(binary.LittleEndian.Uint64(bytes))
		return hashWord(folded(i), seed^uint64(i>>32))
	case hashedTime:
		return hashWord(folded(int64(binary.LittleEndian.Uint64(bytes))), seed)
	case hashedFloat:
		switch number := math.Float64frombits(binary.LittleEndian.Uint64(bytes)); {
		case number == 0 && math.Signbit(number):
			return hashText(littleEndian(math.Float64bits(negativeZero)), seed)
		case number == 0:
			return seed
		}
	}
	return hashText(bytes, seed)
}

// folded is what hashint8extended makes of a number before it hashes it.
func folded(i int64) uint32 {
	if i < 0 {
		return uint32(i) ^ ^uint32(i>>32)
	}
	return uint32(i) ^ uint32(i>>32)
}
