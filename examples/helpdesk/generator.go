package helpdesk

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"time"

	"zombiezen.com/go/sqlite"
)

// generator writes the rows. It keeps the first error and does nothing after it.
type generator struct {
	conn *sqlite.Conn
	rng  *rand.Rand
	err  error

	organizations, customers, agents, tickets int // how many; keys count from 1, agents come before customers

	messages, attachments, notifications int64 // keys given so far
}

// insert writes one row. Arguments are nil, bool, int, int64, float64, string or []byte.
func (g *generator) insert(table string, values ...any) {
	if g.err != nil {
		return
	}
	query := "INSERT INTO " + table + " VALUES (?"
	for range values[1:] {
		query += ",?"
	}
	stmt, err := g.conn.Prepare(query + ")") // prepared once: the connection keeps it
	if err != nil {
		g.err = fmt.Errorf("write %s: %w", table, err)
		return
	}
	for i, v := range values {
		bind(stmt, i+1, v)
	}
	if _, err := stmt.Step(); err != nil {
		g.err = fmt.Errorf("write %s: %w", table, err)
		return
	}
	g.err = stmt.Reset()
}

func bind(stmt *sqlite.Stmt, i int, v any) {
	switch v := v.(type) {
	case nil:
		stmt.BindNull(i)
	case bool:
		stmt.BindBool(i, v)
	case int:
		stmt.BindInt64(i, int64(v))
	case int64:
		stmt.BindInt64(i, v)
	case float64:
		stmt.BindFloat(i, v)
	case string:
		stmt.BindText(i, v)
	case []byte:
		stmt.BindBytes(i, v)
	}
}

// chance is true once in n times.
func (g *generator) chance(n int) bool { return g.rng.IntN(n) == 0 }

// between returns a number of lo to hi.
func (g *generator) between(lo, hi int) int { return lo + g.rng.IntN(hi-lo+1) }

// pick returns one of the words.
func (g *generator) pick(words []string) string { return words[g.rng.IntN(len(words))] }

// sometimes returns v once in n times, and nil otherwise.
func (g *generator) sometimes(n int, v any) any {
	if g.chance(n) {
		return v
	}
	return nil
}

// agent and customer return keys of users. A few are far busier than most.
func (g *generator) agent() int    { return 1 + g.skewed(g.agents) }
func (g *generator) customer() int { return 1 + g.agents + g.skewed(g.customers) }

func (g *generator) skewed(n int) int {
	f := g.rng.Float64()
	return int(f * f * float64(n))
}

// organizationOf is the organization of a customer: neighbours work together.
func (g *generator) organizationOf(customer int) int {
	return 1 + (customer-g.agents-1)*g.organizations/g.customers
}

// hex returns n random bytes in hexadecimal.
func (g *generator) hex(n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(g.rng.Uint32())
	}
	return hex.EncodeToString(b)
}

// object is JSON with its keys in order.
func (g *generator) object(fields map[string]any) string {
	b, err := json.Marshal(fields)
	if err != nil && g.err == nil {
		g.err = fmt.Errorf("write JSON: %w", err)
	}
	return string(b)
}

// epoch is when the help desk opened.
func epoch() time.Time { return time.Date(2019, time.March, 4, 7, 30, 0, 0, time.UTC) }

// moment returns a time in the first days after the epoch.
func (g *generator) moment(days int) time.Time {
	return epoch().Add(time.Duration(g.rng.Int64N(int64(days)*24*int64(time.Hour/time.Microsecond))) * time.Microsecond)
}

// later returns a time up to some hours after t.
func (g *generator) later(t time.Time, hours int) time.Time {
	return t.Add(time.Duration(g.rng.IntN(hours*3600)+1) * time.Second)
}

// The spellings of a time that several versions of one application leave in one column. All mean UTC.
const (
	spaced   = "2006-01-02 15:04:05"
	fraction = "2006-01-02 15:04:05.000"
	tee      = "2006-01-02T15:04:05"
	zulu     = "2006-01-02T15:04:05Z"
	micros   = "2006-01-02T15:04:05.000000Z"
	day      = "2006-01-02"
)

// stamp spells t the way the application did in that year.
func stamp(t time.Time) string {
	switch t.Year() {
	case 2019, 2020:
		return t.Format(spaced)
	case 2021:
		return t.Format(tee)
	case 2022:
		return t.Format(fraction)
	}
	return t.Format(zulu)
}
