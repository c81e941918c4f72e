package migrate

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/lakeward/lakeward"
)

// A large object belongs to no schema, and everybody would see it at once. So its pieces, of this size, wait in a table
// of the staging for the swap. The last piece is a shorter one, which may be empty.
const pgPieceBytes = 1 << 20

// loadLargeObjects copies the large objects into the staging, always all of them: nothing tells a plain role whether
// one has changed since an earlier run.
func (m *pgMigration) loadLargeObjects(ctx context.Context) error {
	objects := m.catalog.largeObjects
	if len(objects) == 0 {
		return nil
	}
	if err := m.freeLargeObjects(ctx); err != nil {
		return err
	}
	if _, err := m.stage.conn.Exec(ctx, "TRUNCATE "+m.stage.table("large_object")); err != nil {
		return fmt.Errorf("empty the staged large objects: %w", err)
	}
	return eachPair(ctx, m, objects, func(ctx context.Context, src, dst *pgx.Conn, o pgLargeObject) error {
		if err := m.copyLargeObject(ctx, src, dst, o.OID); err != nil {
			return fmt.Errorf("copy large object %d: %w", o.OID, err)
		}
		return nil
	})
}

// freeLargeObjects refuses numbers that the target has given to large objects of its own.
func (m *pgMigration) freeLargeObjects(ctx context.Context) error {
	var taken int64
	err := m.stage.conn.QueryRow(ctx, "SELECT count(*) FROM pg_largeobject_metadata WHERE oid = ANY ($1)", m.largeObjectIDs()).Scan(&taken)
	if err != nil {
		return fmt.Errorf("look for large objects on the target: %w", err)
	}
	if taken > 0 {
		return lakeward.Errorf(lakeward.KindConflict, "migrate into another database, or remove them there with lo_unlink",
			"the target has %s with numbers that the source uses too", plural(taken, "large object"))
	}
	return nil
}

func (m *pgMigration) largeObjectIDs() []uint32 {
	ids := make([]uint32, len(m.catalog.largeObjects))
	for i, o := range m.catalog.largeObjects {
		ids[i] = o.OID
	}
	return ids
}

func (m *pgMigration) copyLargeObject(ctx context.Context, src, dst *pgx.Conn, oid uint32) error {
	return pgx.BeginFunc(ctx, dst, func(tx pgx.Tx) error {
		for place := int64(0); ; place += pgPieceBytes {
			var piece []byte
			if err := src.QueryRow(ctx, "SELECT lo_get($1, $2, $3)", oid, place, pgPieceBytes).Scan(&piece); err != nil {
				return err
			}
			if _, err := tx.Exec(ctx, "INSERT INTO "+m.stage.table("large_object")+" VALUES ($1, $2, $3)", oid, place, piece); err != nil {
				return err
			}
			if len(piece) < pgPieceBytes {
				return nil
			}
		}
	})
}

// compareLargeObjects compares digests of every piece, read anew from the source, with what target computes of the same
// pieces: of those in the staging, or of the large objects themselves.
func (m *pgMigration) compareLargeObjects(ctx context.Context, source, target *pgx.Conn, staged bool) (*TableReport, error) {
	report := &TableReport{Name: "large objects", Target: "large objects"}
	digest := "md5(lo_get(oid, place, 1048576))"
	for ids := range slices.Chunk(m.largeObjectIDs(), 500) {
		for _, oid := range ids {
			report.Read++
			same, err := true, error(nil)
			for place, more := int64(0), true; more && same; place += pgPieceBytes {
				var want, got string
				err = source.QueryRow(ctx, `SELECT md5(piece), length(piece) = 1048576 FROM lo_get($1, $2, 1048576) piece`, oid, place).Scan(&want, &more)
				if err != nil {
					return nil, fmt.Errorf("read large object %d of the source: %w", oid, err)
				}
				sql := "SELECT " + digest + " FROM (SELECT $1::oid AS oid, $2::bigint AS place) o WHERE oid IN (SELECT oid FROM pg_largeobject_metadata)"
				if staged {
					sql = "SELECT md5(data) FROM " + m.stage.table("large_object") + " WHERE oid = $1 AND place = $2"
				}
				err = target.QueryRow(ctx, sql, oid, place).Scan(&got)
				if err != nil && !errors.Is(err, pgx.ErrNoRows) {
					return nil, fmt.Errorf("read large object %d of the target: %w", oid, err)
				}
				same = err == nil && want == got
			}
			if err == nil {
				report.Loaded++
			}
			if same {
				report.Verified++
				continue
			}
			report.Differing++
			if len(report.Differences) < differencesKept {
				report.Differences = append(report.Differences, Difference{Table: report.Name, Kind: Changed, Key: fmt.Sprintf("oid=%d", oid), Column: "data"})
			}
		}
	}
	return report, nil
}

// makeLargeObjects gives the target the large objects, in the transaction of the swap, and compares them there with the
// pieces that have been compared with the source.
func (m *pgMigration) makeLargeObjects(ctx context.Context, tx pgx.Tx) error {
	if len(m.catalog.largeObjects) == 0 {
		return nil
	}
	pieces := m.stage.table("large_object")
	for _, sql := range []string{
		"SELECT count(lo_create(oid)) FROM (SELECT DISTINCT oid FROM " + pieces + ") o",
		"SELECT count(*) FROM (SELECT lo_put(oid, place, data) FROM " + pieces + " ORDER BY oid, place OFFSET 0) o",
	} {
		if _, err := tx.Exec(ctx, sql); err != nil {
			return fmt.Errorf("make the large objects: %w", err)
		}
	}
	var different int64
	err := tx.QueryRow(ctx, "SELECT count(*) FROM "+pieces+" WHERE lo_get(oid, place, 1048576) <> data").Scan(&different)
	if err != nil {
		return fmt.Errorf("compare the large objects: %w", err)
	}
	if different > 0 {
		return lakeward.Errorf(lakeward.KindInternal, "the target was left as it was; please report this",
			"%s of large objects are not those of the source", plural(different, "piece"))
	}
	for _, o := range m.catalog.largeObjects {
		if o.Comment == "" {
			continue
		}
		sql := fmt.Sprintf("COMMENT ON LARGE OBJECT %d IS %s", o.OID, literal(o.Comment))
		if _, err := tx.Exec(ctx, sql); err != nil {
			return explainStatement(sql, err)
		}
	}
	return nil
}
