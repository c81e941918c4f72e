package proxy

import (
	"bytes"
	"encoding/binary"
	"net"
	"testing"

	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/lakeward/lakeward/internal/pgwire"
)

func TestEffectsOfStatements(t *testing.T) {
	t.Parallel()
	const both = makesSetting | leavesTraces
	for text, want := range map[string]effects{
		"SELECT 1": 0, "UPDATE accounts SET balance = 1": 0, "SELECT temp FROM weather": 0, "SELECT 'SET x'": 0,
		"BEGIN; SET LOCAL app.tenant = '7'; COMMIT": 0, "SET TRANSACTION READ ONLY": 0, "SET CONSTRAINTS ALL DEFERRED": 0,
		"SELECT pg_advisory_xact_lock(1)": 0, "SELECT set_config('a.b', 'c', true)": 0, "INSERT INTO listen VALUES (1)": 0,
		"SET search_path TO app": makesSetting, " \n/* hint */ set x to 1": makesSetting, "-- why\nRESET ALL": makesSetting,
		"SELECT 1; SET SESSION x = 1": makesSetting, "SELECT set_config('a.b', $1, false)": makesSetting, "SET/**/ x = 1": makesSetting,
		"DO $$ BEGIN SET x = 1; END $$": makesSetting,
		"CREATE TEMP TABLE t (i int)":   leavesTraces, "create local temporary view v as select 1": leavesTraces,
		"SELECT * INTO TEMP t FROM x": leavesTraces, "CREATE TABLE pg_temp.t (i int)": leavesTraces,
		"SELECT pg_try_advisory_lock(1)": leavesTraces, "LISTEN news": leavesTraces, "PREPARE a AS SELECT 1": leavesTraces,
		"DECLARE c CURSOR WITH HOLD FOR SELECT 1": leavesTraces, "LOAD 'x'": leavesTraces, "SET x = 1; LISTEN y": both,
	} {
		if got := effectsOf([]byte(text)); got != want {
			t.Errorf("%s: %b, want %b", text, got, want)
		}
	}
	for text, want := range map[string]string{
		"DEALLOCATE a": "a", "deallocate prepare \"A b\";": "A b", "DEALLOCATE ALL": "", "DEALLOCATE Ab": "ab",
		"DEALLOCATE a; DEALLOCATE b": "", "SELECT 1": "",
	} {
		if got, ok := deallocated([]byte(text)); got != want || ok != (want != "") {
			t.Errorf("%s: %q, %v", text, got, ok)
		}
	}
}

// follower is a client with a session on no instance.
type follower struct {
	c        *pooled
	b        *backend
	up, down []byte // what the instance and the client are told
	cut      []byte
}

func follow(t *testing.T) *follower {
	t.Helper()
	r := &route{shared: shared{pool: newPool()}}
	conn, other := net.Pipe()
	t.Cleanup(func() { conn.Close(); other.Close() })
	env := &environment{settings: map[string]string{}}
	f := &follower{
		c: &pooled{route: r, client: conn, named: map[string]*statement{}, env: env, birth: env, last: &pgwire.Error{}},
		b: &backend{route: r, env: env, birth: env, prepared: map[*statement]uint64{}, status: 'I'},
	}
	f.c.at = f.b
	f.b.client.Store(f.c)
	return f
}

func (f *follower) says(p []byte) error {
	tr := translation{c: f.c}
	rest, err := tr.read(append(f.cut, p...))
	f.cut = bytes.Clone(rest)
	f.up, f.down = append(f.up, tr.out...), append(f.down, tr.reply...)
	if tr.made {
		f.down = f.b.open.answers(f.down)
	}
	return err
}

func (f *follower) hears(p []byte) { f.down = append(f.down, f.b.follow(f.c, p)...) }

func pieces(b []byte, size int, do func([]byte) error) {
	for len(b) > 0 {
		n := min(size, len(b))
		if do(bytes.Clone(b[:n])) != nil {
			return
		}
		b = b[n:]
	}
}

// FuzzTransactionMode lets a client and a server say anything: nothing may panic, what the instance is told must be whole
// messages, and the network's packets must make no difference.
func FuzzTransactionMode(f *testing.F) {
	parse, bind, sync := &pgproto3.Parse{Name: "a", Query: "SELECT $1"}, &pgproto3.Bind{PreparedStatement: "a"}, &pgproto3.Sync{}
	again := &pgproto3.Parse{Name: "b", Query: "SELECT $1"}
	f.Add(bytesOf(f, parse, &pgproto3.Describe{ObjectType: 'S', Name: "a"}, bind, &pgproto3.Execute{}, again, sync,
		&pgproto3.Close{ObjectType: 'S', Name: "a"}, sync, &pgproto3.Query{String: "DEALLOCATE b"}, &pgproto3.Terminate{}),
		bytesOf(f, &pgproto3.ParseComplete{}, &pgproto3.ParameterDescription{}, &pgproto3.NoData{}, &pgproto3.BindComplete{},
			&pgproto3.CommandComplete{CommandTag: []byte("SELECT 1")}, &pgproto3.ReadyForQuery{TxStatus: 'I'}), uint8(3))
	f.Add(bytesOf(f, parse, bind, &pgproto3.Execute{}, sync, &pgproto3.CopyData{Data: []byte("x")}, &pgproto3.CopyDone{}, sync),
		bytesOf(f, &pgproto3.ErrorResponse{Severity: "ERROR", Code: "0A000"}, &pgproto3.ReadyForQuery{TxStatus: 'E'},
			&pgproto3.CopyInResponse{}, &pgproto3.ParameterStatus{Name: "TimeZone", Value: "UTC"}), uint8(1))
	f.Add([]byte("B\x00\x00\x00\x04Q\x00\x00\x00\x05\x00C\x00\x00\x00\x04D\x00\x00\x00\x05S"), []byte("Z\x00\x00\x00\x04E\x00\x00\x00\x04"), uint8(2))
	f.Fuzz(func(t *testing.T, up, down []byte, size uint8) {
		var told [2][2]string
		for i, n := range []int{len(up) + len(down) + 1, int(size%23) + 1} {
			one := follow(t)
			pieces(up, n, one.says)
			pieces(down, n, func(p []byte) error { one.hears(p); return nil })
			told[i] = [2]string{string(one.up), string(one.down)}
			mustBeWhole(t, one.up, one.c.rest)
		}
		if told[0] != told[1] {
			t.Errorf("at once the two were told\n%q\nand in pieces\n%q", told[0], told[1])
		}
	})
}

func mustBeWhole(t *testing.T, b []byte, rest int64) {
	t.Helper()
	for len(b) >= 5 {
		n := int64(binary.BigEndian.Uint32(b[1:])) + 1
		if n > int64(len(b)) {
			if n-int64(len(b)) != rest {
				t.Errorf("%d bytes of a message are missing, and %d to come", n-int64(len(b)), rest)
			}
			return
		}
		b = b[n:]
	}
	if len(b) > 0 {
		t.Errorf("%d bytes of a head", len(b))
	}
}
