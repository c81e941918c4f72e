package standin

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/databricks/databricks-sdk-go"
	sdktime "github.com/databricks/databricks-sdk-go/common/types/time"
	"github.com/databricks/databricks-sdk-go/service/postgres"
	"github.com/jackc/pgx/v5"

	"github.com/lakeward/lakeward/internal/endpoint"
	"github.com/lakeward/lakeward/internal/pgproc"
)

func historyOf(l *Lakebase, branch string) *endpoint.History {
	return l.history(l.store.view().branchByName(branch))
}

// awaitHistory returns when moments from now on can be reached.
func awaitHistory(t *testing.T, l *Lakebase, branch string) {
	t.Helper()
	await(t, "history of "+branch, func() bool {
		copies, err := historyOf(l, branch).Copies()
		if err != nil {
			t.Fatal(err)
		}
		return len(copies) > 0
	})
}

// entry is a committed transaction: what the one who committed it knows about it.
type entry struct {
	id         int
	before     time.Time  // the COMMIT was sent
	after      time.Time  // it was answered
	lsn, ended pgproc.LSN // of the log, before and after the COMMIT
}

// scribble writes numbered rows from several sessions until stop is called, which returns what was committed.
func scribble(t *testing.T, l *Lakebase, w *databricks.WorkspaceClient, e *postgres.Endpoint) (stop func() []entry) {
	t.Helper()
	const writers = 3
	ctx, cancel := context.WithCancel(t.Context())
	written := make([][]entry, writers)
	var working sync.WaitGroup
	for n := range writers {
		conn := connect(t, l, w, e)
		working.Go(func() {
			for id := n; ctx.Err() == nil; id += writers {
				made, err := write(t.Context(), conn, id)
				if err != nil {
					t.Errorf("write: %v", err)
					return
				}
				written[n] = append(written[n], made)
			}
		})
	}
	return func() (all []entry) {
		cancel()
		working.Wait()
		for _, some := range written {
			all = append(all, some...)
		}
		return all
	}
}

func write(ctx context.Context, conn *pgx.Conn, id int) (made entry, err error) {
	made.id = id
	tx, err := conn.Begin(ctx)
	if err != nil {
		return made, err
	}
	if err = tx.QueryRow(ctx, "INSERT INTO entries VALUES ($1) RETURNING pg_current_wal_insert_lsn()::text", id).Scan(
		&made.lsn); err != nil {
		return made, err
	}
	made.before = time.Now()
	if err := tx.Commit(ctx); err != nil {
		return made, err
	}
	made.after = time.Now()
	return made, conn.QueryRow(ctx, "SELECT pg_current_wal_insert_lsn()::text").Scan(&made.ended)
}

// rowsOf returns which entries a branch has.
func rowsOf(t *testing.T, conn *pgx.Conn) map[int]bool {
	t.Helper()
	rows, err := conn.Query(t.Context(), "SELECT id FROM entries")
	if err != nil {
		t.Fatal(err)
	}
	ids, err := pgx.CollectRows(rows, pgx.RowTo[int])
	if err != nil {
		t.Fatal(err)
	}
	found := map[int]bool{}
	for _, id := range ids {
		found[id] = true
	}
	return found
}

// committed asks for the commit times that PostgreSQL itself has noted.
func committed(t *testing.T, conn *pgx.Conn) map[int]time.Time {
	t.Helper()
	found := map[int]time.Time{}
	rows, err := conn.Query(t.Context(), "SELECT id, pg_xact_commit_timestamp(xmin) FROM entries")
	if err != nil {
		t.Fatal(err)
	}
	var id int
	var at time.Time
	if _, err := pgx.ForEachRow(rows, []any{&id, &at}, func() error { found[id] = at; return nil }); err != nil {
		t.Fatal(err)
	}
	return found
}

// makeHistory makes a project whose PostgreSQL notes the time of each commit.
func makeHistory(t *testing.T, w *databricks.WorkspaceClient, id string) *postgres.Project {
	t.Helper()
	return makeProjectWith(t, w, id, &postgres.ProjectDefaultEndpointSettings{
		PgSettings: map[string]string{"track_commit_timestamp": "on"},
	})
}

// TestBranchesOfRandomMoments compares the rows of branches with what was committed at their moments, while more is being
// committed. LAKEWARD_MOMENTS says how many.
func TestBranchesOfRandomMoments(t *testing.T) {
	t.Parallel()
	moments := 6
	if text := os.Getenv("LAKEWARD_MOMENTS"); text != "" {
		var err error
		if moments, err = strconv.Atoi(text); err != nil {
			t.Fatal(err)
		}
	}
	w := userClient(t, shared)
	p := makeHistory(t, w, "past")
	source := primaryOf(t, w, p.Status.DefaultBranch)
	conn := connect(t, shared, w, source)
	exec(t, conn, "CREATE TABLE entries (id int)")
	awaitHistory(t, shared, p.Status.DefaultBranch)
	from := time.Now()
	var first pgproc.LSN
	if err := first.Scan(value[string](t, conn, "SELECT pg_current_wal_insert_lsn()::text")); err != nil {
		t.Fatal(err)
	}
	stop := scribble(t, shared, w, source)
	type branch struct {
		at   time.Time
		lsn  pgproc.LSN
		rows map[int]bool
	}
	var branches []branch
	for n := range moments {
		spec := postgres.BranchSpec{NoExpiry: true}
		var b branch
		if n%2 == 0 {
			b.at = from.Add(rand.N(time.Since(from))).Truncate(time.Microsecond)
			spec.SourceBranchTime = sdktime.New(b.at)
		} else {
			var last pgproc.LSN
			if err := last.Scan(value[string](t, conn, "SELECT pg_current_wal_insert_lsn()::text")); err != nil {
				t.Fatal(err)
			}
			b.lsn = first + rand.N(last-first)
			spec.SourceBranchLsn = b.lsn.String()
		}
		name := makeBranch(t, w, p.Name, fmt.Sprintf("moment-%d", n), spec).Name
		b.rows = rowsOf(t, connect(t, shared, w, primaryOf(t, w, name)))
		branches = append(branches, b)
		if err := dropBranch(t, w, name); err != nil {
			t.Fatal(err)
		}
	}
	all := stop()
	times := committed(t, conn)
	if len(times) != len(all) {
		t.Fatalf("%d rows for %d commits", len(times), len(all))
	}
	for _, b := range branches {
		found := 0
		for _, e := range all {
			has := b.rows[e.id]
			if has {
				found++
			}
			if b.lsn != 0 {
				if has && e.lsn >= b.lsn || !has && e.ended <= b.lsn {
					t.Errorf("at %s: the transaction between %s and %s is there: %t", b.lsn, e.lsn, e.ended, has)
				}
				continue
			}
			at := times[e.id]
			if has && at.After(b.at) || !has && !e.after.After(b.at) || !has && !at.After(b.at) && !overtaken(e, b.at, all, times) {
				t.Errorf("at %s: the transaction of %s, answered at %s, is there: %t", b.at, at, e.after, has)
			}
		}
		if found != len(b.rows) {
			t.Errorf("%d rows, of which %d were written", len(b.rows), found)
		}
		t.Logf("%s %s: %d of %d transactions", wireMoment(b.at), b.lsn, found, len(all))
	}
}

// overtaken reports whether a transaction with a later time may stand in the log in front of this one.
func overtaken(e entry, at time.Time, all []entry, times map[int]time.Time) bool {
	for _, other := range all {
		if times[other.id].After(at) && other.lsn < e.ended && e.lsn < other.ended {
			return true
		}
	}
	return false
}
