package migrate

import (
	"context"
	"fmt"

	"zombiezen.com/go/sqlite"
)

// mostKeyBits bounds the memory of all key sets together: 16 MB.
const mostKeyBits = 16 << 23

// keyBits is the integer key of a table, a bit for each number between its lowest and highest. Rows that refer to it are
// looked up while they are profiled, which is many times faster than to ask SQLite for every one.
type keyBits struct {
	lowest   int64
	bits     []uint64
	complete bool // every row of the table has been read
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
	counted bool  // the parent was complete before the child was read
	missing int64 // values that are no key of the parent
}

// linkKeys makes key sets for the tables that foreign keys refer to by their rowid, as far as memory allows.
func (p *planner) linkKeys(ctx context.Context) error {
	room := uint64(mostKeyBits)
	for _, t := range p.tables {
		for i, fk := range t.source.foreignKeys {
			parent, from, to, reason := p.refersTo(t, fk)
			if reason != "" || len(from) != 1 || to[0] != parent.source.rowidAlias {
				continue
			}
			key := parent.profiles[to[0]]
			if key.keys == nil {
				set, err := p.newKeyBits(ctx, parent, &room)
				if err != nil {
					return err
				}
				key.keys = set
			}
			child := t.profiles[from[0]]
			if child.references == nil {
				child.references = map[int]*reference{}
			}
			child.references[i] = &reference{to: key.keys}
		}
	}
	return nil
}

// newKeyBits makes the empty set for the keys of a table; one without bits when they spread too far.
func (p *planner) newKeyBits(ctx context.Context, t *tablePlanner, room *uint64) (*keyBits, error) {
	set := &keyBits{}
	var bounds [2]int64
	for i, fn := range []string{"min", "max"} { // each alone is answered by one look at the end of the table
		query := "SELECT " + fn + "(" + t.RowID + ") FROM main." + sourceName(t.Name)
		err := readRows(ctx, p.conn, query, func(row []value) error {
			if row[0].class == sqlite.TypeInteger {
				bounds[i] = row[0].i
			}
			return nil
		})
		if err != nil {
			return nil, fmt.Errorf("read the keys of %s: %w", t.Name, err)
		}
	}
	if span := uint64(bounds[1]) - uint64(bounds[0]); span < *room {
		*room -= span
		set.lowest, set.bits = bounds[0], make([]uint64, span/64+1)
	}
	return set, nil
}

// parentsFirst returns the tables in an order in which most stand behind those that they refer to.
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
	for _, t := range p.tables {
		visit(t)
	}
	return order
}

// begin and end of a scan: a child counts against parents that are complete by then.
func (p *profile) begin() {
	for _, r := range p.references {
		r.counted = r.to.complete && r.to.bits != nil
		if r.counted {
			p.counting = append(p.counting, r)
		}
	}
}

func (p *profile) end() {
	if p.keys != nil {
		p.keys.complete = true
	}
	p.countFormats()
}
