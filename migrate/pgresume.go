package migrate

import (
	"context"
	"fmt"
	"math"

	"github.com/jackc/pgx/v5"

	"github.com/lakeward/lakeward"
)

// pgKept is a chunk that an earlier run has loaded.
type pgKept struct {
	Schema, Name string
	First, Last  int64
	Horizon      int64
	FileNode     int64
	Rows         int64
	Bytes        int64
	Quarantined  int64
}

// keptChunks returns the chunks of an earlier run that need not be copied again, by table. A snapshot ends with the
// process that took it, so that each chunk must be proven to look the same in the new one: the table has not been
// written anew, the chunk has as many rows as before, and none of them is younger than the old snapshot. What fails the
// proof is loaded again, with its table.
func (m *pgMigration) keptChunks(ctx context.Context) (map[uint32][]pgKept, error) {
	rows, err := m.stage.conn.Query(ctx, `
		SELECT schema, name, first, last, horizon, file_node, rows, bytes, quarantined FROM `+m.stage.table("chunk")+` ORDER BY schema, name, first`)
	if err != nil {
		return nil, fmt.Errorf("read the progress: %w", err)
	}
	all, err := pgx.CollectRows(rows, pgx.RowToStructByName[pgKept])
	if err != nil {
		return nil, fmt.Errorf("read the progress: %w", err)
	}
	var probes []pgChunk
	kept, tables := map[uint32][]pgKept{}, map[[2]string]*pgLoading{}
	for i := range m.catalog.tables {
		t := &m.catalog.tables[i]
		tables[[2]string{t.Schema, t.Name}] = &pgLoading{pgTable: t}
	}
	for _, k := range all {
		t := tables[[2]string{k.Schema, k.Name}]
		kept[t.OID] = append(kept[t.OID], k)
		if len(kept[t.OID]) == 1 {
			probes = append(probes, pgChunk{table: t})
		}
	}
	changed := make(chan *pgLoading, len(probes))
	err = eachPair(ctx, m, probes, func(ctx context.Context, src, _ *pgx.Conn, c pgChunk) error {
		for _, k := range kept[c.table.OID] {
			same, err := m.unchanged(ctx, src, c.table, k)
			if err != nil {
				return err
			}
			if !same {
				changed <- c.table
				return nil
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	close(changed)
	var again []*pgLoading
	for t := range changed {
		again = append(again, t)
		delete(kept, t.OID)
	}
	if len(all) > 0 {
		m.journal.info(fmt.Sprintf("going on where an earlier run ended: %s with rows are loaded already",
			plural(int64(len(kept)), "table")))
	}
	return kept, m.empty(ctx, again)
}

// unchanged proves that a chunk has the rows that it had in the snapshot it was loaded from. A row that is visible now
// and was not then was written by a transaction that had not ended then, and whose number is not below the old
// snapshot's xmin. With none of them, the rows are some of those of then, and as many rows are all of them.
//
// Numbers of transactions in rows have 32 bits. One that is frozen may look younger than it is, which costs a copy; a
// young one never looks older while less than 2^31 transactions have passed, which is tested first.
func (m *pgMigration) unchanged(ctx context.Context, src *pgx.Conn, t *pgLoading, k pgKept) (bool, error) {
	if k.FileNode != t.FileNode || m.snapshot.xmin < k.Horizon || m.snapshot.xmin-k.Horizon >= math.MaxInt32 {
		return false, nil
	}
	var rows, young int64
	err := src.QueryRow(ctx, fmt.Sprintf(`
		SELECT count(*), count(*) FILTER (WHERE xmin::text::bigint >= 3 AND
			(xmin::text::bigint - $1 %% 4294967296 + 4294967296) %% 4294967296 < 2147483648)
		FROM ONLY %s%s`, qualified(t.Schema, t.Name), pgChunk{first: k.First, last: k.Last}.where()), k.Horizon).Scan(&rows, &young)
	if err != nil {
		return false, fmt.Errorf("compare %s with what an earlier run has loaded: %w", t.label(), err)
	}
	return young == 0 && rows == k.Rows+k.Quarantined, nil
}

// empty takes back what was loaded of some tables. Foreign keys between staged tables stand in the way, and are made
// again later.
func (m *pgMigration) empty(ctx context.Context, tables []*pgLoading) error {
	if len(tables) == 0 {
		return nil
	}
	steps, err := m.stage.steps(ctx)
	if err != nil {
		return err
	}
	err = pgx.BeginFunc(ctx, m.stage.conn, func(tx pgx.Tx) error {
		for _, s := range steps {
			if s.Kind != "foreign" {
				continue
			}
			drop := "ALTER TABLE " + qualified(m.stage.stageOf(s.Schema), s.Relation) + " DROP CONSTRAINT IF EXISTS " + quoteName(s.Name)
			if _, err := tx.Exec(ctx, drop); err != nil {
				return explainStatement(drop, err)
			}
		}
		for _, t := range tables {
			if _, err := tx.Exec(ctx, "TRUNCATE ONLY "+qualified(m.stage.stageOf(t.Schema), t.Name)); err != nil {
				return explainStatement("TRUNCATE "+t.label(), err)
			}
			batch := &pgx.Batch{}
			batch.Queue("DELETE FROM "+m.stage.table("chunk")+" WHERE schema = $1 AND name = $2", t.Schema, t.Name)
			batch.Queue("DELETE FROM "+m.stage.table(quarantineTable)+" WHERE table_name = $1", t.label())
			if err := tx.SendBatch(ctx, batch).Close(); err != nil {
				return fmt.Errorf("take back %s: %w", t.label(), err)
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, t := range tables {
		m.journal.event(lakeward.Event{
			Type: lakeward.EventInfo, Table: t.label(), Message: "has changed since an earlier run loaded it, and is loaded again",
		})
	}
	return nil
}
