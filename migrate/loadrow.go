package migrate

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"strconv"

	"zombiezen.com/go/sqlite"
)

// rowEncoder encodes whole rows.
type rowEncoder struct {
	columns []Column
	encode  []encodeFunc
	notNull []bool
	bigint  []bool      // whole numbers are stored as they are
	amend   []amendFunc // by OnMisfit
	misfits []misfit    // of the last row
	streams []int       // for each column -1, or the characters that a large text may have
	splices []splice    // of the last row
	err     error       // of reading a large value
}

// splice is a large value that belongs into the encoded row behind what stands there.
type splice struct {
	at    int
	large largeValue
}

// notStreamed marks columns that need a value as a whole.
const notStreamed = -1

// misfit is why a value cannot be held, and what was done about it.
type misfit struct {
	column string
	reason string
	did    Action
}

func newRowEncoder(t Table) (*rowEncoder, error) {
	e := &rowEncoder{columns: loadColumns(t)}
	for _, c := range e.columns {
		encode, err := newEncoder(c)
		if err != nil {
			return nil, fmt.Errorf("encode column %s.%s: %w", t.Name, c.Name, err)
		}
		e.encode = append(e.encode, encode)
		e.amend = append(e.amend, newAmend(c, encode))
		e.notNull = append(e.notNull, c.NotNull || t.inPrimaryKey(c.Target))
		e.streams = append(e.streams, streamed(c))
		e.bigint = append(e.bigint, c.Convert == ConvertInteger && c.Type == "bigint")
	}
	return e, nil
}

// append appends one row as a tuple of binary COPY and returns the values that do not fit, nil when all do. A row that is
// quarantined or ends the migration is not appended, and that is the only thing that is done about it.
func (e *rowEncoder) append(dst []byte, row []value) ([]byte, []misfit) {
	start := len(dst)
	e.splices = e.splices[:0]
	var misfits []misfit
	dst = binary.BigEndian.AppendUint16(dst, uint16(len(e.columns))) // a table has at most 1600 columns
	for i, encode := range e.encode {
		if e.bigint[i] && row[i].class == sqlite.TypeInteger { // by far the most values; the rest of the way takes longer
			dst = appendInt64(dst, row[i].i)
			continue
		}
		field := len(dst)
		var reason string
		v := row[i]
		if v.isLarge() {
			dst, reason = e.appendLarge(dst, i, &v)
		} else {
			dst, reason = encode(dst, v)
		}
		if reason == "" && e.notNull[i] && isNull(dst[field:]) {
			dst, reason = dst[:field], "NULL in a column that must not be NULL"
		}
		if reason == "" {
			continue
		}
		m := misfit{column: e.columns[i].Name, reason: reason}
		if dst, m.did = e.amend[i](dst, v); m.did == ActionQuarantined || m.did == actionFailed {
			e.misfits = append(e.misfits[:0], m)
			return dst[:start], e.misfits
		}
		misfits = append(e.misfits[:len(misfits)], m)
		e.misfits = misfits
	}
	return dst, misfits
}

// streamed returns how many characters a large value may have that goes to the target in pieces, or notStreamed.
func streamed(c Column) int {
	switch base, args := splitType(c.Type); {
	case c.Convert == ConvertText && base == "character varying" && len(args) > 0:
		return args[0]
	case c.Convert == ConvertText, c.Convert == ConvertBytes:
		return math.MaxInt
	}
	return notStreamed
}

// appendLarge appends the length of a large value and remembers what belongs behind it, or appends the value where the
// column needs it as a whole. A value that does not fit is held as far as a policy may want to mend it.
func (e *rowEncoder) appendLarge(dst []byte, i int, v *value) (_ []byte, reason string) {
	limit, c := e.streams[i], e.columns[i]
	if c.Convert == ConvertJSON && v.class == sqlite.TypeText {
		return e.appendLargeJSON(dst, v)
	}
	if limit == notStreamed {
		if e.err = cmp.Or(e.err, v.hold()); e.err != nil {
			return dst, ""
		}
		return e.encode[i](dst, *v)
	}
	size := v.large.size()
	if c.Convert == ConvertText {
		check, err := checkText(v.large)
		e.err = cmp.Or(e.err, err)
		if reason = check.problem(); reason == "" && check.chars > int64(limit) {
			reason = "longer than " + strconv.Itoa(limit) + " characters"
		}
	}
	if size > mostFieldBytes {
		reason = fmt.Sprintf("%d bytes are more than PostgreSQL holds", size)
	}
	if reason != "" {
		if c.OnMisfit == PolicyReplace {
			e.err = cmp.Or(e.err, v.hold())
		}
		return dst, reason
	}
	dst = appendLength(dst, int(size))
	e.splices = append(e.splices, splice{len(dst), v.large})
	return dst, ""
}

// appendLargeJSON appends the beginning of a JSON text, which is read once to be checked, and once more to be sent.
func (e *rowEncoder) appendLargeJSON(dst []byte, v *value) (_ []byte, reason string) {
	problem, err := largeJSONProblem(v.large)
	if problem != "" {
		shown := value{class: v.class}
		var startErr error
		shown.b, startErr = startOf(v.large)
		e.err = cmp.Or(e.err, err, startErr)
		return dst, refusal(shown, "JSON that PostgreSQL can hold") + ": " + problem
	}
	e.err = cmp.Or(e.err, err)
	dst = append(appendLength(dst, int(v.large.size())+1), 1) // the version of jsonb's binary format
	e.splices = append(e.splices, splice{len(dst), v.large})
	return dst, ""
}

// isNull reports whether a field of binary COPY is NULL: its length is -1.
func isNull(field []byte) bool { return int32(binary.BigEndian.Uint32(field)) < 0 }

// inPrimaryKey reports whether a column is part of the primary key.
func (t *Table) inPrimaryKey(target string) bool {
	return t.PrimaryKey != nil && slices.Contains(t.PrimaryKey.Columns, target)
}
