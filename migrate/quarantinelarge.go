package migrate

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/jackc/pgx/v5"
)

// A quarantined value of more than quarantinedWhole bytes waits in a file until its chunk is written, and stands in pieces
// in a table beside the quarantine, so that neither memory nor the limits of jsonb matter.

// quarantineValues holds the pieces.
const quarantineValues = "lakeward_quarantine_values"

// createQuarantineValues returns the statement that makes the table in a schema.
func createQuarantineValues(schema string) string {
	return `CREATE TABLE IF NOT EXISTS ` + qualified(schema, quarantineValues) + ` (
		migration text NOT NULL,
		value uuid NOT NULL,
		place int NOT NULL,
		data bytea NOT NULL,
		PRIMARY KEY (value, place)
	);
	COMMENT ON TABLE ` + qualified(schema, quarantineValues) + ` IS ` + literal(
		"the values over 8 MB of "+quarantineTable+", in pieces: string_agg(data, '' ORDER BY place) of one value")
}

// keepQuarantineValues appends the staged pieces, where there are any, to those of earlier migrations.
func (s *stage) keepQuarantineValues() string {
	body := "BEGIN IF EXISTS (SELECT FROM " + qualified(s.name, quarantineValues) + ") THEN " + createQuarantineValues(s.into) + "; INSERT INTO " +
		qualified(s.into, quarantineValues) + " TABLE " + qualified(s.name, quarantineValues) + "; END IF; END"
	return "DO " + literal(body)
}

// heldValue is a value that is large and held all the same.
type heldValue []byte

func (h heldValue) size() int64 { return int64(len(h)) }

func (h heldValue) pieces(fn func([]byte) error) error { return fn(h) }

// spill keeps the large values of rejected rows.
type spill struct {
	folder string
	values []spilledValue
	files  []*os.File // of all values
	bytes  int64
	err    error
}

// spilledValue is one of them, in a file without a name.
type spilledValue struct {
	id   string
	file *os.File
	size int64
}

// keep copies a value and returns the name that it has in the quarantine.
func (s *spill) keep(l largeValue) string {
	var random [16]byte
	_, _ = rand.Read(random[:]) // it never fails
	v := spilledValue{id: fmt.Sprintf("%x-%x-%x-%x-%x", random[:4], random[4:6], random[6:8], random[8:10], random[10:])}
	file, err := os.CreateTemp(s.folder, "rejected-")
	if err == nil {
		_ = os.Remove(file.Name()) // where it cannot be, it goes with its folder
		v.file, s.files = file, append(s.files, file)
		err = l.pieces(func(piece []byte) error {
			n, err := file.Write(piece)
			v.size += int64(n)
			return err
		})
	}
	if err != nil {
		s.err = errors.Join(s.err, fmt.Errorf("keep a quarantined value: %w", err))
	}
	s.values, s.bytes = append(s.values, v), s.bytes+v.size
	return v.id
}

// take returns what was kept since the last time.
func (s *spill) take() ([]spilledValue, int64, error) {
	values, bytes, err := s.values, s.bytes, s.err
	s.values, s.bytes, s.err = nil, 0, nil
	return values, bytes, err
}

// close gives up the files, also those of chunks that were not written.
func (s *spill) close() {
	for _, file := range s.files {
		_ = file.Close() // of a value that was written it is closed already
	}
}

// writeSpilled adds large values to the quarantine of the staging schema.
func writeSpilled(ctx context.Context, conn *pgx.Conn, s *stage, values []spilledValue) error {
	for _, v := range values {
		if _, err := v.file.Seek(0, io.SeekStart); err != nil {
			return fmt.Errorf("read a quarantined value: %w", err)
		}
		piece, place, left := make([]byte, pgPieceBytes), -1, v.size
		next := func() ([]any, error) {
			if left == 0 {
				return nil, nil
			}
			n := min(left, pgPieceBytes)
			if _, err := io.ReadFull(v.file, piece[:n]); err != nil {
				return nil, err
			}
			left -= n
			place++
			return []any{s.id, v.id, place, piece[:n]}, nil
		}
		columns := []string{"migration", "value", "place", "data"}
		if _, err := conn.CopyFrom(ctx, pgx.Identifier{s.name, quarantineValues}, columns, pgx.CopyFromFunc(next)); err != nil {
			return fmt.Errorf("write a quarantined value: %w", err)
		}
		_ = v.file.Close() // it was only read since
	}
	return nil
}
