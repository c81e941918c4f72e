package migrate

import (
	"cmp"
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"github.com/lakeward/lakeward"
)

// A table is copied in pieces of about this size, each by one worker and one transaction.
const pgChunkBytes = 64 << 20

// pgFreezeBytes is the size from which it pays to write the first piece of a table frozen: nobody has to visit its rows
// again, which would write each of its pages a second time. The table must be emptied by the same transaction, so that
// the others who load it have to wait for that.
const pgFreezeBytes = 1 << 20

// pgToEnd is the last page of a chunk that goes on to the table's end.
const pgToEnd = -1

// pgChunk is a range of a table's pages.
type pgChunk struct {
	table       *pgLoading
	first, last int64 // pages; last may be pgToEnd
	freeze      bool  // the table is empty: write its rows frozen
}

// where is the condition for the chunk's rows.
func (c pgChunk) where() string {
	var conditions []string
	if c.first > 0 {
		conditions = append(conditions, fmt.Sprintf("ctid >= '(%d,0)'", c.first))
	}
	if c.last != pgToEnd {
		conditions = append(conditions, fmt.Sprintf("ctid < '(%d,0)'", c.last+1))
	}
	if len(conditions) == 0 {
		return ""
	}
	return " WHERE " + strings.Join(conditions, " AND ")
}

// pgLoaded is what a load did.
type pgLoaded struct {
	rows, quarantined, bytes int64
}

// pgLoading is a table that is being loaded, by several workers at once.
type pgLoading struct {
	*pgTable
	into    string // qualified name in the staging
	spaces  []pgSpace
	binary  bool
	renames bool // values name objects, which have other names in the staging

	frozen chan struct{} // closed when the chunk that is written frozen is there; nil where there is none

	mu    sync.Mutex
	meter *meter
	left  int // chunks
	done  pgLoaded
	all   func(*pgTable) // is told when nothing is left
}

// progress adds to what the table's events say.
func (t *pgLoading) progress(rows, bytes int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.meter.rows += rows
	t.meter.bytes += bytes
	t.meter.tick()
}

// finish accounts for a chunk.
func (t *pgLoading) finish(l pgLoaded) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.done.rows += l.rows
	t.done.bytes += l.bytes
	t.done.quarantined += l.quarantined
	t.meter.rejected = t.done.quarantined
	if t.left--; t.left == 0 {
		t.meter.rows, t.meter.bytes = t.done.rows+t.done.quarantined, t.done.bytes
		t.meter.done()
		t.all(t.pgTable)
	}
}

// load copies the rows of all tables, those of the largest first, except for what is kept of an earlier run. It says so
// when all rows of a table are there.
func (m *pgMigration) load(ctx context.Context, kept map[uint32][]pgKept, loaded func(*pgTable)) error {
	var chunks []pgChunk
	var total int64
	for _, t := range m.catalog.tables {
		total += t.Bytes
	}
	loading := make([]*pgLoading, len(m.catalog.tables))
	for i := range m.catalog.tables {
		t := &pgLoading{pgTable: &m.catalog.tables[i], all: loaded}
		t.into = qualified(m.stage.stageOf(t.Schema), t.Name)
		t.binary, t.spaces = pgBinary(t.Types), m.stage.Spaces
		t.renames = slices.ContainsFunc(t.Types, pgNamesObject.MatchString)
		t.meter = m.journal.meter(t.label(), t.Rows)
		loading[i] = t
		missing := m.missing(t, kept[t.OID], (total-t.Bytes)/int64(max(m.Jobs-1, 1)))
		t.left = len(missing)
		for _, k := range kept[t.OID] {
			t.done.rows, t.done.bytes, t.done.quarantined = t.done.rows+k.Rows, t.done.bytes+k.Bytes, t.done.quarantined+k.Quarantined
		}
		if t.left == 0 {
			t.left++
			t.finish(pgLoaded{})
		}
		chunks = append(chunks, missing...)
	}
	slices.SortStableFunc(chunks, pgChunk.compare)
	if err := eachPair(ctx, m, chunks, m.copyChunk); err != nil {
		return err
	}
	for _, t := range loading {
		r := m.report.table(Table{Name: t.label(), Target: t.label()})
		r.Read, r.Loaded, r.Quarantined, r.Bytes = t.done.rows+t.done.quarantined, t.done.rows, t.done.quarantined, t.done.bytes
		m.rejected += t.done.quarantined
	}
	return nil
}

// eachPair hands every item to fn, with a session of the source that sees the snapshot and one of the target.
func eachPair[T any](ctx context.Context, m *pgMigration, items []T, fn func(ctx context.Context, src, dst *pgx.Conn, item T) error) error {
	var next atomic.Int64
	group, ctx := errgroup.WithContext(ctx)
	for range min(m.Jobs, len(items)) {
		group.Go(func() error {
			src, err := m.snapshot.Connect(ctx)
			if err != nil {
				return err
			}
			defer closeSession(ctx, src)
			dst, err := pgTargetSession(ctx, m.worker())
			if err != nil {
				return err
			}
			defer closeSession(ctx, dst)
			for i := next.Add(1); i <= int64(len(items)); i = next.Add(1) {
				if err := fn(ctx, src, dst, items[i-1]); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return group.Wait()
}

// pgTargetSession opens a session of the target that reads values as the source writes them.
func pgTargetSession(ctx context.Context, target Target) (*pgx.Conn, error) {
	conn, err := session(ctx, target)
	if err != nil {
		return nil, err
	}
	const settings = `SET client_encoding = 'UTF8'; SET IntervalStyle = 'postgres'; SET row_security = off;
		SET check_function_bodies = off; SET lc_monetary = 'C'`
	if _, err := conn.Exec(ctx, settings); err != nil {
		closeSession(ctx, conn)
		return nil, fmt.Errorf("set up a session on the target: %w", err)
	}
	return conn, nil
}

// compare orders chunks: those that others wait for come first, then those of the largest tables.
func (c pgChunk) compare(d pgChunk) int {
	switch {
	case c.freeze == d.freeze:
		return cmp.Compare(d.table.Bytes, c.table.Bytes)
	case c.freeze:
		return -1
	}
	return 1
}

// missing cuts what is not kept of a table into chunks. The first one of an empty table is larger than the others, and
// written frozen. It has no more bytes than each other worker has of other tables meanwhile. Servers before 14 cannot
// read a range of pages without reading them all.
func (m *pgMigration) missing(t *pgLoading, kept []pgKept, meanwhile int64) (chunks []pgChunk) {
	pages, size := max(t.Pages, 1), cmp.Or(m.chunk, pgChunkBytes)
	first, step := pages, pages
	if frozen := min(cmp.Or(m.chunk, frozenBytes), max(meanwhile, 2*size)); m.snapshot.major >= 14 && t.Bytes > 2*size {
		first, step = max(min(pages*frozen/t.Bytes, pages), 1), max(pages*size/t.Bytes, 1)
	}
	cut := func(at, end int64) {
		for ; at < end; at += step {
			chunks = append(chunks, pgChunk{table: t, first: at, last: min(at+step, end) - 1})
		}
	}
	at := int64(0)
	if len(kept) == 0 && t.Bytes/pages*first >= pgFreezeBytes {
		chunks, at = append(chunks, pgChunk{table: t, last: first - 1, freeze: true}), first
		t.frozen = make(chan struct{})
	}
	for _, k := range kept {
		cut(at, k.First)
		if k.Last == pgToEnd {
			return chunks
		}
		at = k.Last + 1
	}
	if t.frozen == nil || at < pages {
		cut(at, max(pages, at+1))
	}
	chunks[len(chunks)-1].last = pgToEnd
	return chunks
}

// copyChunk copies one chunk and records it, in one transaction. When the target does not take a row of it, it is taken
// apart until that row is found.
func (m *pgMigration) copyChunk(ctx context.Context, src, dst *pgx.Conn, c pgChunk) error {
	if c.freeze {
		defer close(c.table.frozen)
	} else if c.table.frozen != nil {
		select {
		case <-c.table.frozen:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	var done pgLoaded
	err := pgx.BeginFunc(ctx, dst, func(tx pgx.Tx) (err error) {
		if c.freeze {
			if _, err := tx.Exec(ctx, "TRUNCATE ONLY "+c.table.into); err != nil {
				return explainStatement("TRUNCATE "+c.table.into, err)
			}
		}
		if done, err = m.copyRange(ctx, src, dst, c.table, c.where(), c.freeze); err != nil {
			return err
		}
		return m.recordChunk(ctx, tx, c, done)
	})
	if pgRefuses(err) {
		done, err = m.sift(ctx, src, dst, c)
	}
	if err != nil {
		return err
	}
	c.table.finish(done)
	return nil
}

func (m *pgMigration) recordChunk(ctx context.Context, tx pgx.Tx, c pgChunk, done pgLoaded) error {
	_, err := tx.Exec(ctx, "INSERT INTO "+m.stage.table("chunk")+" VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
		c.table.Schema, c.table.Name, c.first, c.last, m.snapshot.xmin, c.table.FileNode, done.rows, done.bytes, done.quarantined)
	if err != nil {
		return fmt.Errorf("record the progress: %w", err)
	}
	return nil
}

// copyRange streams rows from one server to the other. The source's transaction survives a failure.
func (m *pgMigration) copyRange(ctx context.Context, src, dst *pgx.Conn, t *pgLoading, where string, freeze bool) (done pgLoaded, err error) {
	if _, err := src.Exec(ctx, "SAVEPOINT piece"); err != nil {
		return done, fmt.Errorf("read %s: %w", t.label(), err)
	}
	read, write := t.copyStatements(where, freeze)
	pipe := newPgPipe(ctx.Done())
	group := errgroup.Group{}
	var sent, stored int64
	group.Go(func() error {
		tag, err := src.PgConn().CopyTo(ctx, &pgProgress{pipe, t, src, pgCopiedRows(src), 0}, read)
		sent = tag.RowsAffected()
		pipe.close(err)
		if err != nil {
			return fmt.Errorf("read %s: %w", t.label(), err)
		}
		return nil
	})
	tag, writeErr := dst.PgConn().CopyFrom(ctx, pipe, write)
	stored = tag.RowsAffected()
	pipe.abandon()
	readErr := group.Wait()
	_, err = src.Exec(ctx, "ROLLBACK TO SAVEPOINT piece; RELEASE SAVEPOINT piece")
	switch {
	case sqlState(readErr) == "42501": // insufficient_privilege
		return done, lakeward.Errorf(lakeward.KindDenied,
			"migrate as a role that reads every row: a member of pg_read_all_data, with BYPASSRLS where row security is forced",
			"%w", readErr)
	case readErr != nil:
		return done, readErr
	case writeErr != nil:
		return done, fmt.Errorf("copy into %s: %w", t.label(), writeErr)
	case err != nil:
		return done, fmt.Errorf("read %s: %w", t.label(), err)
	case sent != stored:
		return done, fmt.Errorf("copy into %s: the source sent %d rows, the target stored %d", t.label(), sent, stored)
	}
	return pgLoaded{rows: stored, bytes: pipe.bytes}, nil
}

// copyStatements returns the COPY of the source and that of the target.
func (t *pgLoading) copyStatements(where string, freeze bool) (read, write string) {
	var options []string
	if t.binary {
		options = append(options, "FORMAT binary")
	}
	columns := ""
	if len(t.Columns) > 0 {
		columns = " " + nameList(t.Columns)
	}
	name := qualified(t.Schema, t.Name)
	read = "COPY " + name + columns + " TO STDOUT" + pgCopyOptions(options)
	if where != "" || t.renames {
		fields := make([]string, len(t.Columns))
		for i, c := range t.Columns {
			if fields[i] = quoteName(c); pgNamesObject.MatchString(t.Types[i]) {
				fields[i] = t.renamed(fields[i] + "::text")
			}
		}
		read = "COPY (SELECT " + strings.Join(fields, ", ") + " FROM ONLY " + name + where + ") TO STDOUT" + pgCopyOptions(options)
	}
	if freeze {
		options = append(options, "FREEZE")
	}
	return read, "COPY " + t.into + columns + " FROM STDIN" + pgCopyOptions(options)
}

// pgNamesObject are types whose values name an object with its schema.
var pgNamesObject = regexp.MustCompile(`^b:reg(class|type|proc|procedure|oper|operator|config|dictionary|collation)$`)

// renamed returns the SQL expression of a text with names of objects, by the names that they have in the staging.
func (t *pgLoading) renamed(expr string) string {
	for _, space := range t.spaces {
		pattern := "'(^|[^[:alnum:]_$\"])' || regexp_replace(quote_ident(" + literal(space.Schema) + "), '([^[:alnum:]_])', '\\\\\\1', 'g') || '[.]'"
		expr = "regexp_replace(" + expr + ", " + pattern + ", '\\1" + space.Stage + ".', 'g')"
	}
	return expr
}

func pgCopyOptions(options []string) string {
	if len(options) == 0 {
		return ""
	}
	return " (" + strings.Join(options, ", ") + ")"
}

// pgUnportable are types whose binary form means nothing to another database.
var pgUnportable = regexp.MustCompile(`^b:(reg[a-z]+|aclitem|pg_node_tree|pg_ndistinct|pg_dependencies|pg_mcv_list|pg_ddl_command)?$`)

// pgBinary reports whether the binary form of values of these types is the same in every database. Arrays name the type
// of their elements by a number, which is PostgreSQL's own only for built-in types, and composite types do the same.
func pgBinary(types []string) bool {
	for _, t := range types {
		for part := range strings.FieldsSeq(t) {
			switch {
			case part == "d:", part == "e:":
			case strings.HasPrefix(part, "d:"):
			case pgUnportable.MatchString(part), strings.HasSuffix(part, ":"), strings.HasPrefix(part, "c:"), strings.HasPrefix(part, "p:"):
				return false
			}
		}
	}
	return true
}

// pgRefuses reports whether an error is about the values of a row.
func pgRefuses(err error) bool {
	state := sqlState(err)
	return strings.HasPrefix(state, "22") || strings.HasPrefix(state, "23")
}

// pgMessage returns what PostgreSQL says about an error.
func pgMessage(err error) string {
	if e := pgErrorOf(err); e != nil {
		return e.Message
	}
	return err.Error()
}
