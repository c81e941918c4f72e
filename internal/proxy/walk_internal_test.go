package proxy

import (
	"bytes"
	"net"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/lakeward/lakeward/internal/pgwire"
)

func bytesOf(t testing.TB, messages ...message) (out []byte) {
	t.Helper()
	var err error
	for _, m := range messages {
		if out, err = m.Encode(out); err != nil {
			t.Fatal(err)
		}
	}
	return out
}

// TestTheServersStreamIsFollowedInAnyPieces also looks for what only seems to be a message.
func TestTheServersStreamIsFollowedInAnyPieces(t *testing.T) {
	t.Parallel()
	decoy := []byte("Z\x00\x00\x00\x05I")
	stream := bytesOf(t,
		&pgproto3.DataRow{Values: [][]byte{decoy, nil, bytes.Repeat(decoy, 1000)}}, &pgproto3.EmptyQueryResponse{},
		&pgproto3.ReadyForQuery{TxStatus: 'T'},
		&pgproto3.ParameterStatus{Name: "TimeZone", Value: "Asia/Tokyo"},
		&pgproto3.DataRow{Values: [][]byte{decoy}}, &pgproto3.ReadyForQuery{TxStatus: 'I'})
	for _, size := range []int{1, 2, 3, 4, 5, 6, 7, 100, 4096, len(stream)} {
		var param string
		d := downWalk{param: func(name, value string) { param += name + "=" + value }}
		var ready uint64
		for rest := stream; len(rest) > 0; {
			n := min(size, len(rest))
			ready += d.read(rest[:n])
			rest = rest[n:]
		}
		if ready != 2 || d.status != 'I' || !d.between() || param != "TimeZone=Asia/Tokyo" {
			t.Errorf("in pieces of %d: %d answers, status %q, parameter %s", size, ready, d.status, param)
		}
	}
}

func TestTheClientsStreamIsFollowed(t *testing.T) {
	t.Parallel()
	query, sync := &pgproto3.Query{String: "SELECT 1"}, &pgproto3.Sync{}
	parse, bind, execute := &pgproto3.Parse{Query: "SELECT 1"}, &pgproto3.Bind{}, &pgproto3.Execute{}
	for name, c := range map[string]struct {
		messages []message
		asked    uint64
		open     bool // something is still to come
	}{
		"a query":                        {[]message{query}, 1, false},
		"two queries":                    {[]message{query, query}, 2, false},
		"extended":                       {[]message{parse, bind, execute, sync}, 1, false},
		"extended without sync":          {[]message{query, parse, bind, execute}, 1, true},
		"an unnamed statement is parsed": {[]message{parse, sync}, 1, true},
		"a named statement is parsed":    {[]message{&pgproto3.Parse{Name: "a"}, sync}, 1, false},
		"copy":                           {[]message{query, &pgproto3.CopyData{Data: []byte("x")}, &pgproto3.CopyDone{}}, 1, false},
		"extended copy, as libpq does":   {[]message{parse, bind, execute, sync, &pgproto3.CopyDone{}, sync}, 1, false},
	} {
		stream := bytesOf(t, c.messages...)
		for _, size := range []int{1, 3, 5, len(stream)} {
			var u upWalk
			for rest := stream; len(rest) > 0; {
				n := min(size, len(rest))
				u.read(rest[:n], 0)
				rest = rest[n:]
			}
			if u.asked != c.asked || (u.dirty || u.bare) != c.open || !u.between() {
				t.Errorf("%s, in pieces of %d: %d asked, dirty %v, bare %v", name, size, u.asked, u.dirty, u.bare)
			}
		}
	}
}

func TestSettingsOfApplicationsAreFound(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		"SET app.tenant = '7'":                              true,
		"select 1; set session app.tenant to 7":             true,
		"SET LOCAL \"app\".tenant = 7":                      true,
		"SET /* x */ app.tenant = 7":                        true,
		"SELECT set_config('app.tenant', $1, false)":        true,
		"SELECT set_config($1, $2, $3)":                     true,
		"SELECT SET_CONFIG('app.tenant', '7', false)":       true,
		"SELECT set_config('app.tenant', $1, true)":         false,
		"SET search_path TO app, public":                    false,
		"SELECT set_config('search_path', 'a.b', false)":    false,
		"UPDATE accounts SET balance = balance + 1.5":       false,
		"SELECT offset_x.y FROM offset_x":                   false,
		"INSERT INTO t VALUES ('a') ON CONFLICT DO NOTHING": false,
	} {
		if got := makesCustomSetting([]byte(text)); got != want {
			t.Errorf("%s: %v", text, got)
		}
		padded := bytesOf(t, &pgproto3.Query{String: strings.Repeat(" ", 1000) + text + strings.Repeat(" ", 1000)})
		for _, size := range []int{10, 64, 1000} { // of network packets
			var u upWalk
			for rest := padded; len(rest) > 0; {
				n := min(size, len(rest))
				u.read(rest[:n], 0)
				rest = rest[n:]
			}
			if want && !u.custom {
				t.Errorf("%s, in pieces of %d: overlooked", text, size)
			}
		}
	}
}

// FuzzGreeting sends anything to a proxy that wants a password: it must neither panic nor let anybody in.
func FuzzGreeting(f *testing.F) {
	f.Add(bytesOf(f, &pgproto3.SSLRequest{}, &pgproto3.GSSEncRequest{},
		&pgproto3.StartupMessage{ProtocolVersion: 196608, Parameters: map[string]string{"user": "app"}},
		&pgproto3.SASLInitialResponse{AuthMechanism: scramName, Data: []byte("n,,n=,r=abc")},
		&pgproto3.SASLResponse{Data: []byte("c=biws,r=abc,p=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=")}))
	f.Add(bytesOf(f, &pgproto3.StartupMessage{ProtocolVersion: 3<<16 | 9999, Parameters: map[string]string{"user": "a", "_pq_.x": "1"}}))
	f.Add(bytesOf(f, &pgproto3.CancelRequest{ProcessID: 1, SecretKey: []byte("secret")}))
	f.Fuzz(func(t *testing.T, b []byte) {
		client, server := net.Pipe()
		go func() {
			go func() { _, _ = client.Write(b); client.Close() }()
			buffer := make([]byte, 1024)
			for {
				if _, err := client.Read(buffer); err != nil {
					return
				}
			}
		}()
		defer server.Close()
		r := &route{config: RouteConfig{Password: "a password that no input holds"}}
		g, err := greet(t.Context(), server, r)
		if err == nil && g.cancel == nil {
			t.Error("let in")
		}
		_ = pgwire.CodeCancel
	})
}
