package migrate

import (
	"cmp"
	"context"
	"fmt"
	"slices"
)

// mostKeyBits bounds the memory of all key sets together: 16 MB.
const mostKeyBits = 16 << 23

// keyBits is the integer key of a table, a bit for each number between its lowest and highest. Rows that refer to it are
// looked up while they are profiled, which is many times faster than to ask SQLite for every one.
type keyBits struct {
	lowest int64
	bits   []uint64
}

func (s *keyBits) add(key int64) {
	if at := uint64(key - s.lowest); at < uint64(len(s.bits))*64 {
		s.bits[at/64] |= 1 << (at % 64)
	}
}

func (s *keyBits) has(key int64) bool {
	at := uint64(key - s.lowest)
	return at < uint64(len(s.bits))*64 && s.bits[at/64]&(1<<(at%64)) != 0
}

// reference is a foreign key of one column, seen from the column's profile.
type reference struct {
	to      *keyBits
	missing int64 // values that are no key of the parent
}

// readBounds finds the lowest and highest rowid of every table, which tell how large it may be.
func (p *planner) readBounds(ctx context.Context) error {
	for _, t := range p.tables {
		if t.RowID == "" {
			continue
		}
		// Each alone is one look at an end of the table.
		for fn, bound := range map[string]*int64{"min": &t.lowest, "max": &t.highest} {
			query := "SELECT " + fn + "(" + t.RowID + ") FROM main." + sourceName(t.Name)
			n, err := p.count(ctx, query)
			if err != nil {
				return fmt.Errorf("read the keys of %s: %w", t.Name, err)
			}
			*bound = n
		}
	}
	return nil
}

// span returns how far the rowids of a table spread.
func (t *tablePlanner) span() uint64 { return uint64(t.highest) - uint64(t.lowest) }

// linkKeys makes key sets for the tables that foreign keys refer to by their rowid, as far as memory allows. A foreign
// key is counted if its parent is read before its child.
func (p *planner) linkKeys(order []*tablePlanner) {
	room := uint64(mostKeyBits)
	for at, t := range order {
		for _, fk := range t.source.foreignKeys {
			parent, from, to, reason := p.refersTo(t, fk)
			if reason != "" || len(from) != 1 || to[0] != parent.source.rowidAlias {
				continue
			}
			key := parent.profiles[to[0]]
			if key.keys == nil {
				key.keys = parent.newKeyBits(&room)
			}
			if key.keys.bits != nil && slices.Contains(order[:at], parent) {
				child := t.profiles[from[0]]
				child.counting = append(child.counting, &reference{to: key.keys})
			}
		}
	}
}

// newKeyBits makes the empty set for the keys of a table; one without bits when they spread too far.
func (t *tablePlanner) newKeyBits(room *uint64) *keyBits {
	set := &keyBits{lowest: t.lowest}
	if span := t.span(); span < *room {
		*room -= span
		set.bits = make([]uint64, span/64+1)
	}
	return set
}

// parentsFirst returns the tables in an order in which most stand behind those that they refer to, and the largest
// otherwise come first.
func (p *planner) parentsFirst() []*tablePlanner {
	var order []*tablePlanner
	seen := map[*tablePlanner]bool{}
	var visit func(t *tablePlanner)
	visit = func(t *tablePlanner) {
		if seen[t] {
			return
		}
		seen[t] = true
		for _, fk := range t.source.foreignKeys {
			if parent := p.table(fk.table); parent != nil {
				visit(parent)
			}
		}
		order = append(order, t)
	}
	bySpan := func(a, b *tablePlanner) int { return cmp.Compare(b.span(), a.span()) }
	for _, t := range slices.SortedStableFunc(slices.Values(p.tables), bySpan) {
		visit(t)
	}
	return order
}

// end follows the last value.
func (p *profile) end() {
	p.countFormats()
	p.summarise()
}
