package proxy

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"slices"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgproto3"
)

// luggage is what a session holds between two transactions, and takes along to another one.
type luggage struct {
	settings [][2]string
	prepared []preparedStatement
	channels []string
	stays    string // what cannot be taken along; then the session stays or ends
}

type preparedStatement struct {
	name, text string
	types      []uint32
	sql        bool // made by PREPARE
}

// firstOwnType is the first oid of a type that an instance has made itself: on another one it means something else.
const firstOwnType = 16384

// settingsMade asks a session which settings have been made in it.
const settingsMade = `
SELECT 'setting', name, setting, NULL, NULL FROM pg_catalog.pg_settings
 WHERE source = 'session' AND name NOT LIKE 'transaction\_%'
UNION ALL SELECT 'setting', 'role', pg_catalog.current_setting('role'), NULL, NULL
 WHERE pg_catalog.current_setting('role') <> 'none'`

// inventory asks a session what it holds. Everything is qualified, because the session may have any search_path.
const inventory = settingsMade + `
UNION ALL SELECT 'prepared', name, statement, parameter_types::pg_catalog.oid[]::pg_catalog.text, from_sql::pg_catalog.text
 FROM pg_catalog.pg_prepared_statements
UNION ALL SELECT 'channel', c, NULL, NULL, NULL FROM pg_catalog.pg_listening_channels() c
UNION ALL SELECT 'stays', 'temporary tables or types', NULL, NULL, NULL
 WHERE EXISTS (SELECT FROM pg_catalog.pg_class WHERE relnamespace = pg_catalog.pg_my_temp_schema())
    OR EXISTS (SELECT FROM pg_catalog.pg_type WHERE typnamespace = pg_catalog.pg_my_temp_schema())
    OR EXISTS (SELECT FROM pg_catalog.pg_proc WHERE pronamespace = pg_catalog.pg_my_temp_schema())
UNION ALL SELECT 'stays', 'an advisory lock', NULL, NULL, NULL FROM pg_catalog.pg_locks
 WHERE locktype = 'advisory' AND pid = pg_catalog.pg_backend_pid()
UNION ALL SELECT 'stays', 'an open cursor', NULL, NULL, NULL FROM pg_catalog.pg_cursors`

// pack takes down what the session holds.
func (s *session) pack(up *upstream) (l luggage, err error) {
	s.mu.Lock()
	custom := s.sent.custom
	s.mu.Unlock()
	switch {
	case s.who.Params["replication"] != "":
		return luggage{stays: "a replication connection"}, nil
	case custom:
		return luggage{stays: "a setting of the application's own"}, nil
	}
	f := s.frontend(up)
	f.SendQuery(&pgproto3.Query{String: inventory})
	if err := f.Flush(); err != nil {
		return l, fmt.Errorf("ask session what it holds: %w", err)
	}
	rows, err := answers(f, up, s.client)
	if err == nil {
		err = s.unasked(f)
	}
	if err != nil {
		return l, fmt.Errorf("ask session what it holds: %w", err)
	}
	for _, r := range rows {
		switch r[0] {
		case "setting":
			l.settings = append(l.settings, [2]string{r[1], r[2]})
		case "channel":
			l.channels = append(l.channels, r[1])
		case "stays":
			l.stays = r[1]
		case "prepared":
			p := preparedStatement{name: r[1], text: r[2], sql: r[4] == "true"}
			for t := range strings.SplitSeq(strings.Trim(r[3], "{}"), ",") {
				oid, _ := strconv.ParseUint(t, 10, 32)
				if oid >= firstOwnType {
					l.stays = "a prepared statement with a parameter of a type of the database's own"
				}
				if t != "" {
					p.types = append(p.types, uint32(oid))
				}
			}
			l.prepared = append(l.prepared, p)
		}
	}
	return l, nil
}

// unpack makes the luggage again in a new session.
func (s *session) unpack(up *upstream, l luggage) error {
	f := s.frontend(up)
	var script strings.Builder
	for _, set := range l.settings {
		fmt.Fprintf(&script, "SELECT pg_catalog.set_config(%s, %s, false);", literal(set[0]), literal(set[1]))
	}
	for _, c := range l.channels {
		fmt.Fprintf(&script, "LISTEN %s;", pgx.Identifier{c}.Sanitize())
	}
	rounds := 0
	ask := func(text string) {
		f.SendQuery(&pgproto3.Query{String: text})
		rounds++
	}
	if script.Len() > 0 {
		ask(script.String())
	}
	for _, p := range l.prepared {
		if p.sql {
			ask(p.text)
			continue
		}
		f.SendParse(&pgproto3.Parse{Name: p.name, Query: p.text, ParameterOIDs: p.types})
		f.SendSync(&pgproto3.Sync{})
		rounds++
	}
	if rounds == 0 {
		return s.tellParams(up)
	}
	// The answers are short and the server takes all of this before it waits for anybody to read them.
	if err := f.Flush(); err != nil {
		return err
	}
	for range rounds {
		if _, err := answers(f, up, s.client); err != nil {
			return err
		}
	}
	if err := s.unasked(f); err != nil {
		return err
	}
	return s.tellParams(up)
}

// tellParams tells the client which parameters are different now.
func (s *session) tellParams(up *upstream) error {
	var changed []message
	for _, name := range slices.Sorted(maps.Keys(up.params)) {
		if value := up.params[name]; s.params[name] != value {
			s.params = withParam(s.params, name, value)
			changed = append(changed, &pgproto3.ParameterStatus{Name: name, Value: value})
		}
	}
	if len(changed) == 0 {
		return nil
	}
	return send(s.client, changed...)
}

// literal quotes a text whatever standard_conforming_strings says.
func literal(text string) string {
	return "E'" + strings.NewReplacer(`\`, `\\`, `'`, `''`).Replace(text) + "'"
}

// exchange reads the answer to one query in a session that no client has.
func exchange(up *upstream) (rows [][]string, err error) {
	f := pgproto3.NewFrontend(waiting{up}, io.Discard)
	rows, err = answers(f, up, nobody{})
	for err == nil && f.ReadBufferLen() > 0 {
		_, err = f.Receive()
	}
	return rows, err
}

// nobody listens.
type nobody struct{ net.Conn }

func (nobody) Write(b []byte) (int, error) { return len(b), nil }

// answers reads the answer to one query. What the server says unasked goes to the client.
func answers(f *pgproto3.Frontend, up *upstream, client net.Conn) (rows [][]string, err error) {
	var failed error
	for {
		m, err := f.Receive()
		if err != nil {
			return nil, err
		}
		switch m := m.(type) {
		case *pgproto3.DataRow:
			row := make([]string, len(m.Values))
			for i, v := range m.Values {
				row[i] = string(v)
			}
			rows = append(rows, row)
		case *pgproto3.ParameterStatus:
			up.params = withParam(up.params, m.Name, m.Value)
		case *pgproto3.NotificationResponse:
			if err := send(client, m); err != nil {
				return nil, err
			}
		case *pgproto3.ErrorResponse:
			failed = errors.New(m.Message + " (SQLSTATE " + m.Code + ")")
		case *pgproto3.ReadyForQuery:
			return rows, failed
		}
	}
}

// unasked passes on what has been read beyond an answer.
func (s *session) unasked(f *pgproto3.Frontend) error {
	for f.ReadBufferLen() > 0 {
		m, err := f.Receive()
		if err != nil {
			return err
		}
		if _, ready := m.(*pgproto3.ReadyForQuery); ready {
			continue
		}
		if err := send(s.client, m); err != nil {
			return err
		}
	}
	return nil
}

func (s *session) frontend(up *upstream) *pgproto3.Frontend {
	return pgproto3.NewFrontend(waiting{up}, up.conn)
}

// waiting reads from an upstream and waits where it must.
type waiting struct{ up *upstream }

func (w waiting) Read(b []byte) (int, error) {
	for {
		n, err := w.up.conn.Read(b)
		if n > 0 || !errors.Is(err, errDry) {
			return n, err
		}
		if err := w.up.wire.fill(); err != nil {
			return 0, err
		}
	}
}
