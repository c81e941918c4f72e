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
}

// misfit is why a row cannot be held.
type misfit struct {
	column string
	reason string
}

func newRowEncoder(t Table) (*rowEncoder, error) {
	e := &rowEncoder{columns: loadColumns(t)}
	for _, c := range e.columns {
		encode, err := newEncoder(c)
		if err != nil {
			return nil, fmt.Errorf("encode column %s.%s: %w", t.Name, c.Name, err)
		}
		e.encode = append(e.encode, encode)
		e.notNull = append(e.notNull, c.NotNull || t.inPrimaryKey(c.Target))
	}
	return e, nil
}

// append appends one row as a tuple of binary COPY, or returns dst as it was and why the row does not fit.
func (e *rowEncoder) append(dst []byte, row []value) ([]byte, *misfit) {
	start := len(dst)
	dst = binary.BigEndian.AppendUint16(dst, uint16(len(e.columns))) // a table has at most 1600 columns
	for i, encode := range e.encode {
		field := len(dst)
		var reason string
		if dst, reason = encode(dst, row[i]); reason == "" && e.notNull[i] && isNull(dst[field:]) {
			reason = "NULL in a column that must not be NULL"
		}
		if reason != "" {
			return dst[:start], &misfit{column: e.columns[i].Name, reason: reason}
		}
	}
	return dst, nil
}

// isNull reports whether a field of binary COPY is NULL: its length is -1.
func isNull(field []byte) bool { return int32(binary.BigEndian.Uint32(field)) < 0 }

// inPrimaryKey reports whether a column is part of the primary key.
func (t *Table) inPrimaryKey(target string) bool {
	return t.PrimaryKey != nil && slices.Contains(t.PrimaryKey.Columns, target)
}
