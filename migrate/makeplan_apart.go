package migrate

import (
	"context"
	"fmt"
	"hash/maphash"
	"math/bits"
	"slices"
	"strings"

	"zombiezen.com/go/sqlite"

	"github.com/lakeward/lakeward/internal/dialect"
)

// keepApart sees to it that values which a unique key keeps apart in SQLite stay so: 't' and 'true' do not as booleans,
// nor do two spellings of one moment, or '{"a":1}' and '{"a": 1}' as jsonb. Columns that would make them equal become
// text; a key that is broken even so stays behind.
func (p *planner) keepApart(ctx context.Context) error {
	for range 3 { // foreign keys pass a change on
		changed := false
		for _, t := range p.tables {
			for i := range t.source.indexes {
				did, err := p.keepKeyApart(ctx, t, &t.source.indexes[i])
				if err != nil {
					return err
				}
				changed = changed || did
			}
		}
		if !changed {
			return nil
		}
		p.agreeOnKeys()
	}
	return nil
}

// keepKeyApart looks at one unique key, and reports whether it changed the type of a column.
func (p *planner) keepKeyApart(ctx context.Context, t *tablePlanner, ix *sourceIndex) (changed bool, err error) {
	var merging []int
	for _, part := range ix.parts {
		if part.column < 0 {
			return false, nil // PostgreSQL will tell
		}
		if t.merges(part.column) {
			merging = append(merging, part.column)
		}
	}
	if !ix.unique || len(merging) == 0 {
		return false, nil
	}
	equal, err := p.countEqual(ctx, t, ix)
	if err != nil || equal == 0 {
		return false, err
	}
	for _, i := range merging {
		c := &t.Columns[i]
		if c.Convert != ConvertText && t.profiles[i].misfits(toText) == 0 {
			t.decide(i, choice{target: toText, evidence: fmt.Sprintf("unique, and %s would be equal as %s: %s",
				countOf(equal, "value", "values"), c.Type, classes(t.profiles[i]))})
			changed = true
		}
	}
	if !changed {
		ix.broken = equal
	}
	return changed, nil
}

// merges reports whether the conversion of a column could make different values equal.
func (t *tablePlanner) merges(i int) bool {
	c, found := t.Columns[i], t.profiles[i]
	classes := 0
	for _, n := range []int64{found.numbers(), found.Text, found.Blob} {
		if n > 0 {
			classes++
		}
	}
	if classes > 1 {
		return true
	}
	switch c.Convert {
	case ConvertInteger, ConvertReal, ConvertDecimal:
		return found.Text > 0 || found.overReal > 0 && c.Convert == ConvertReal || c.Convert == ConvertDecimal && found.overDigits > 0
	case ConvertText, ConvertBytes:
		return false
	case ConvertBoolean:
		return found.Text > 0
	case ConvertEpoch, ConvertEpochMS, ConvertEpochUS:
		return found.Integer < found.values()
	case ConvertUUID:
		return found.Text > 0
	case ConvertDate, ConvertTime, ConvertTimestamp:
		return found.timeForm() == "" || found.cut > 0
	}
	return found.values() > 0
}

// countEqual counts the rows whose key becomes one that an earlier row has. A first reading finds, in little memory, the
// keys that may be there twice; a second one, which is rarely needed, counts those.
func (p *planner) countEqual(ctx context.Context, t *tablePlanner, ix *sourceIndex) (equal int64, err error) {
	seen := make([]uint64, min(max(64, nextPower(uint64(t.Rows))), mostSeenWords)) // a word for each row
	suspects := map[uint64]int64{}
	err = p.eachKey(ctx, t, ix, func(h uint64) {
		word, bit := h/64%uint64(len(seen)), uint64(1)<<(h%64)
		if seen[word]&bit != 0 {
			suspects[h] = 0
		}
		seen[word] |= bit
	})
	if err != nil || len(suspects) == 0 {
		return 0, err
	}
	err = p.eachKey(ctx, t, ix, func(h uint64) {
		if n, ok := suspects[h]; ok {
			suspects[h] = n + 1
		}
	})
	for _, n := range suspects {
		equal += max(n-1, 0)
	}
	return equal, err
}

// mostSeenWords bounds the memory of countEqual: 16 MB.
const mostSeenWords = 2 << 20

func nextPower(n uint64) uint64 { return 1 << bits.Len64(n) }

// eachKey calls fn with a hash of the key of each row as PostgreSQL will compare it. Keys with NULL are equal to nothing,
// and rows for the quarantine do not arrive.
func (p *planner) eachKey(ctx context.Context, t *tablePlanner, ix *sourceIndex, fn func(uint64)) error {
	var columns []string
	var encode []encodeFunc
	for _, part := range ix.parts {
		c := t.Columns[part.column]
		one, err := newEncoder(c)
		if err != nil {
			return fmt.Errorf("encode column %s.%s: %w", t.Name, c.Name, err)
		}
		columns, encode = append(columns, sourceName(c.Name)), append(encode, one)
	}
	where := ""
	if ix.partial {
		if parsed, err := dialect.ParseCreateIndex(ix.sql); err == nil {
			where = " WHERE " + parsed.WhereText
		}
	}
	var key, field []byte
	query := "SELECT " + strings.Join(columns, ", ") + " FROM main." + sourceName(t.Name) + where
	err := readRows(ctx, p.conn, query, func(row []value) error {
		key = key[:0]
		for i, part := range ix.parts {
			var reason string
			if field, reason = encode[i](field[:0], row[i]); reason != "" || isNull(field) {
				return nil
			}
			key = append(key, t.compared(part, field)...)
		}
		fn(maphash.Bytes(p.seed, key))
		return nil
	})
	if err != nil {
		return fmt.Errorf("compare the keys of %s: %w", t.Name, err)
	}
	return nil
}

// compared returns a field of binary COPY as PostgreSQL compares it.
func (t *tablePlanner) compared(part sourceIndexPart, field []byte) []byte {
	c := t.Columns[part.column]
	switch base, _ := splitType(c.Type); {
	case base == "jsonb":
		if canonical, ok := canonJSON(nil, value{class: sqlite.TypeText, b: field[5:]}); ok {
			return append(canonical, 0)
		}
	case base == "numeric":
		field = slices.Clone(field)
		field[4+6], field[4+7] = 0, 0 // how many digits it shows does not count
	case t.folds(part.column, part.collation) && sameName(part.collation, "NOCASE"):
		field = slices.Clone(field)
		for i := range field[4:] {
			field[4+i] = lowerASCII(field[4+i])
		}
	}
	return field
}
