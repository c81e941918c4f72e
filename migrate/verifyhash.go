package migrate

import (
	"context"
	"encoding/binary"
	"math"
	"math/big"
	"math/bits"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/lakeward/lakeward"
)

// Rows are compared by the hashes of 64 bits that PostgreSQL has for its types. They are those of partitioning, so that no
// version can change them.

// hashText is hashtextextended(text, seed) on a little-endian server: Bob Jenkins' lookup3.
func hashText(text []byte, seed uint64) uint64 {
	a := 0x9e3779b9 + uint32(len(text)) + 3923095
	b, c := a, a
	if seed != 0 {
		a, b, c = mix(a+uint32(seed>>32), b+uint32(seed), c)
	}
	for ; len(text) >= 12; text = text[12:] {
		x, y, z := binary.LittleEndian.Uint32(text), binary.LittleEndian.Uint32(text[4:]), binary.LittleEndian.Uint32(text[8:])
		a, b, c = mix(a+x, b+y, c+z)
	}
	var tail [12]byte // the lowest byte of its third word stays free for the length
	if n := copy(tail[:8], text); n < len(text) {
		copy(tail[9:], text[n:])
	}
	a += binary.LittleEndian.Uint32(tail[:])
	b += binary.LittleEndian.Uint32(tail[4:])
	c += binary.LittleEndian.Uint32(tail[8:])
	b, c = final(a, b, c)
	return uint64(b)<<32 | uint64(c)
}

// hashWord is hashText of the four bytes of a number, the lowest first.
func hashWord(word uint32, seed uint64) uint64 {
	const start = 0x9e3779b9 + 4 + 3923095
	a, b, c := uint32(start&math.MaxUint32), uint32(start&math.MaxUint32), uint32(start&math.MaxUint32)
	if seed != 0 {
		a, b, c = mix(a+uint32(seed>>32), b+uint32(seed), c)
	}
	b, c = final(a+word, b, c)
	return uint64(b)<<32 | uint64(c)
}

func mix(a, b, c uint32) (uint32, uint32, uint32) {
	a = (a - c) ^ bits.RotateLeft32(c, 4)
	c += b
	b = (b - a) ^ bits.RotateLeft32(a, 6)
	a += c
	c = (c - b) ^ bits.RotateLeft32(b, 8)
	b += a
	a = (a - c) ^ bits.RotateLeft32(c, 16)
	c += b
	b = (b - a) ^ bits.RotateLeft32(a, 19)
	a += c
	c = (c - b) ^ bits.RotateLeft32(b, 4)
	b += a
	return a, b, c
}

func final(a, b, c uint32) (uint32, uint32) {
	c = (c ^ b) - bits.RotateLeft32(b, 14)
	a = (a ^ c) - bits.RotateLeft32(c, 11)
	b = (b ^ a) - bits.RotateLeft32(a, 25)
	c = (c ^ b) - bits.RotateLeft32(b, 16)
	a = (a ^ c) - bits.RotateLeft32(c, 4)
	b = (b ^ a) - bits.RotateLeft32(a, 14)
	c = (c ^ b) - bits.RotateLeft32(b, 24)
	return b, c
}

// hashProbe calls every function that a comparison may.
const hashProbe = `SELECT hashtextextended($1::text COLLATE "C", hashint8extended($2, timestamp_hash_extended('2000-01-01 00:00:01',
	hashfloat8extended(1.5, hash_record_extended(ROW('\x0102'::bytea), uuid_hash_extended('00000000-0000-0000-0000-000000000001', 1))))))`

// checkHash makes sure that the server computes the same hashes.
func checkHash(ctx context.Context, conn *pgx.Conn) error {
	const text, number = "a text that is longer than one round of the hash", -7 << 33
	var theirs int64
	if err := conn.QueryRow(ctx, hashProbe, text, int64(number)).Scan(&theirs); err != nil {
		return err
	}
	h := hashText([]byte(strings.Repeat("\x00", 15)+"\x01"), 1)
	h = hashText([]byte("\x01\x02"), h)
	h = hashText(littleEndian(math.Float64bits(1.5)), h)
	h = hashWord(folded(1_000_000), h)
	h = hashWord(folded(number), h)
	if uint64(theirs) != hashText([]byte(text), h) {
		return lakeward.Errorf(lakeward.KindUnsupported, "verify against a server on a little-endian machine",
			"the target computes hashes in another way")
	}
	return nil
}

// buckets is the number of groups into which the rows of a table fall by the hash of their key: few enough to keep a
// sum for each, enough to narrow a difference down to a few rows.
const buckets = 4096

// tally is what is kept of a table: for each bucket the number of rows and the sum of their hashes, modulo 2^64.
type tally struct {
	rows  int64
	count [buckets]int64
	sum   [buckets]uint64
}

// add counts one row.
func (t *tally) add(key, row uint64) {
	t.rows++
	t.count[key%buckets]++
	t.sum[key%buckets] += row
}

// set takes one bucket as the target has summed it up.
func (t *tally) set(bucket int, count int64, sum *big.Int) {
	t.rows += count
	t.count[bucket] = count
	t.sum[bucket] = new(big.Int).Mod(sum, new(big.Int).Lsh(big.NewInt(1), 64)).Uint64()
}

// total returns the sum over all buckets.
func (t *tally) total() (sum uint64) {
	for _, s := range t.sum {
		sum += s
	}
	return sum
}

// merge adds the sums of other rows of the same table.
func (t *tally) merge(other *tally) {
	t.rows += other.rows
	for i := range buckets {
		t.count[i] += other.count[i]
		t.sum[i] += other.sum[i]
	}
}

// differing returns the buckets that are not the same.
func (t *tally) differing(other *tally) []int {
	var found []int
	for i := range buckets {
		if t.count[i] != other.count[i] || t.sum[i] != other.sum[i] {
			found = append(found, i)
		}
	}
	return found
}
