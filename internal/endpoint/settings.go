package endpoint

import (
	"maps"
	"strconv"

	"github.com/lakeward/lakeward/internal/pgproc"
)

const defaultMaxConnections = 100

// Room for locks is made for each connection, in memory that PostgreSQL touches when it starts: of an idle endpoint for a
// thousand connections it would be the larger part. Half of PostgreSQL's own choice leaves as much room in all as a server
// for a hundred connections has. A standby needs no less than its primary, also while that changes its size: so one figure
// serves all sizes. Predicate locks are everybody's own.
const (
	locksEach          = 32
	predicateLocks     = 6400 // in all
	predicateLocksEach = 10   // at least, which is the least that PostgreSQL takes
)

// server returns the configuration of the endpoint's PostgreSQL.
func (o *Options) server() pgproc.Config {
	settings := map[string]string{
		"max_connections": strconv.Itoa(o.maxConnections()),
		"wal_level":       "logical",
		"timezone":        "UTC",
		"log_timezone":    "UTC",

		// A laptop runs several of these beside its other programs; the page cache does the rest.
		"shared_buffers": "64MB",
		"max_wal_size":   "2GB",
		"wal_keep_size":  "256MB", // for a standby that was away for a while

		"max_locks_per_transaction":      strconv.Itoa(locksEach),
		"max_pred_locks_per_transaction": strconv.Itoa(max(predicateLocks/o.maxConnections(), predicateLocksEach)),

		"hot_standby_feedback": "on",
	}
	maps.Copy(settings, o.Settings)
	c := pgproc.Config{Binaries: o.Binaries, Dir: o.Dir, Settings: settings, Log: o.Log}
	if o.Follow != nil {
		c.Primary = primaryLink(o.Follow.options.Dir)
		for _, name := range ofThePrimary {
			theirs, set := o.Follow.config.Settings[name]
			n, err := strconv.Atoi(settings[name])
			if most, bad := strconv.Atoi(theirs); set && bad == nil && (err != nil || n < most) {
				settings[name] = theirs
			}
		}
	}
	if o.History != nil {
		c.Archive = o.History.wal()
	}
	return c
}

// ofThePrimary are settings of which a standby must have no less than its primary: else it applies nothing any more.
var ofThePrimary = []string{
	"max_connections", "max_locks_per_transaction", "max_prepared_transactions", "max_wal_senders", "max_worker_processes",
}

func (o *Options) maxConnections() int {
	if o.MaxConnections == 0 {
		return defaultMaxConnections
	}
	return o.MaxConnections
}
