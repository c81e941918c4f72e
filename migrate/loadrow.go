package migrate

import (
	"encoding/binary"
	"fmt"
	"slices"
)

// rowEncoder encodes whole rows.
type rowEncoder struct {
	columns []Column
	encode  []encodeFunc
	notNull []bool
	amend   []amendFunc // by OnMisfit
	misfits []misfit    // of the last row
}

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
	}
	return e, nil
}

// append appends one row as a tuple of binary COPY and returns the values that do not fit, nil when all do. A row that is
// quarantined or ends the migration is not appended, and that is the only thing that is done about it.
func (e *rowEncoder) append(dst []byte, row []value) ([]byte, []misfit) {
	start := len(dst)
	var misfits []misfit
	dst = binary.BigEndian.AppendUint16(dst, uint16(len(e.columns))) // a table has at most 1600 columns
	for i, encode := range e.encode {
		field := len(dst)
		var reason string
		if dst, reason = encode(dst, row[i]); reason == "" && e.notNull[i] && isNull(dst[field:]) {
			dst, reason = dst[:field], "NULL in a column that must not be NULL"
		}
		if reason == "" {
			continue
		}
		m := misfit{column: e.columns[i].Name, reason: reason}
		if dst, m.did = e.amend[i](dst, row[i]); m.did == ActionQuarantined || m.did == actionFailed {
			e.misfits = append(e.misfits[:0], m)
			return dst[:start], e.misfits
		}
		misfits = append(e.misfits[:len(misfits)], m)
		e.misfits = misfits
	}
	return dst, misfits
}

// isNull reports whether a field of binary COPY is NULL: its length is -1.
func isNull(field []byte) bool { return int32(binary.BigEndian.Uint32(field)) < 0 }

// inPrimaryKey reports whether a column is part of the primary key.
func (t *Table) inPrimaryKey(target string) bool {
	return t.PrimaryKey != nil && slices.Contains(t.PrimaryKey.Columns, target)
}
