// Package snippet writes how to connect to an instance in the languages of those who do: what the console's Connect view
// shows and `lakeward connect` prints. No snippet holds a token: each says where a fresh one comes from.
package snippet

import (
	"cmp"
	"net"
	"net/url"
	"strconv"
	"strings"

	"github.com/lakeward/lakeward"
)

// DefaultProxy is where the proxy listens unless it is told otherwise.
const DefaultProxy = "127.0.0.1:6432"

// Target is what snippets lead to.
type Target struct {
	Instance lakeward.Instance
	User     string // the PostgreSQL role: that of the workspace's identity
	Database string // empty means the instance's
	RootCAs  string // a file with the authorities of a local Lakebase; empty means the system's
	Proxy    string // where the proxy listens; empty means DefaultProxy
}

// Connection is all that it takes to connect.
type Connection struct {
	Instance string `json:"instance" example:"shop"`
	Host     string `json:"host" example:"ep-shop.database.us-east-1.cloud.databricks.com"`
	Port     int    `json:"port" example:"5432"`
	Database string `json:"database" example:"databricks_postgres"`
	User     string `json:"user" example:"ana@example.com" doc:"The role of the server's identity; the password is a token, good for logins for about an hour"`
	SSLMode  string `json:"ssl_mode" example:"verify-full"`
	RootCAs  string `json:"root_cas,omitempty" doc:"A file with the authorities to trust, of a local Lakebase; without it the system's"`

	DSN          string `json:"dsn" example:"postgres://ana%40example.com@ep-shop.database.us-east-1.cloud.databricks.com:5432/databricks_postgres?sslmode=verify-full&sslrootcert=system" doc:"Without a password: put a token there, or into PGPASSWORD"`
	ProxyDSN     string `json:"proxy_dsn" example:"postgres://app@127.0.0.1:6432/databricks_postgres?sslmode=disable" doc:"The address that the proxy gives; it needs no token"`
	ProxyCommand string `json:"proxy_command" example:"lakeward proxy shop" doc:"Starts the proxy"`
	TokenCommand string `json:"token_command" example:"lakeward token shop" doc:"Prints a token"`

	Snippets []Snippet `json:"snippets" nullable:"false"`
}

// Snippet is a text to paste.
type Snippet struct {
	ID       string `json:"id" example:"psql" doc:"proxy, psql, go, sqlalchemy, django, node, jdbc or app"`
	Title    string `json:"title" example:"psql"`
	Language string `json:"language" example:"shell" doc:"For highlighting: shell, go, python, javascript, java or yaml"`
	Note     string `json:"note,omitempty" doc:"What whoever pastes it should know; one or two sentences"`
	Text     string `json:"text" example:"lakeward psql shop"`
}

// Make writes everything about a target.
func Make(t Target) Connection {
	w := newWriter(t)
	return Connection{
		Instance: w.name, Host: w.host, Port: w.port, Database: w.database, User: w.user, SSLMode: "verify-full",
		RootCAs: t.RootCAs, DSN: w.dsn(), ProxyDSN: w.proxyDSN(), ProxyCommand: w.proxyCommand(),
		TokenCommand: "lakeward token " + shell(w.name),
		Snippets: []Snippet{
			w.throughProxy(), w.psql(), w.golang(), w.sqlalchemy(), w.django(), w.node(), w.jdbc(), w.app(),
		},
	}
}

// writer has everything in the form that snippets want it in.
type writer struct {
	Target
	name, host, database, user, roots string
	port                              int
	proxyHost, proxyPort              string
}

func newWriter(t Target) writer {
	i := t.Instance
	w := writer{
		Target: t, name: i.Name, host: i.Host, user: t.User, roots: cmp.Or(t.RootCAs, "system"),
		database: cmp.Or(t.Database, i.Database, lakeward.DefaultDatabase), port: cmp.Or(i.Port, lakeward.DefaultPort),
	}
	var err error
	if w.proxyHost, w.proxyPort, err = net.SplitHostPort(cmp.Or(t.Proxy, DefaultProxy)); err != nil {
		w.proxyHost, w.proxyPort, _ = net.SplitHostPort(DefaultProxy)
	}
	return w
}

func (w writer) dsn() string {
	return w.address(w.user, w.host, strconv.Itoa(w.port), "sslmode=verify-full&sslrootcert="+url.QueryEscape(w.roots))
}

func (w writer) proxyDSN() string {
	return w.address("app", w.proxyHost, w.proxyPort, "sslmode=disable")
}

func (w writer) address(user, host, port, query string) string {
	// In front of the host an @ must be escaped, which url.User leaves to be.
	name := strings.ReplaceAll(url.QueryEscape(user), "+", "%20")
	return "postgres://" + name + "@" + net.JoinHostPort(host, port) + "/" + url.PathEscape(w.database) + "?" + query
}

func (w writer) proxyCommand() string {
	command := "lakeward proxy " + shell(w.name)
	if listen := net.JoinHostPort(w.proxyHost, w.proxyPort); listen != DefaultProxy {
		command += " --listen " + listen
	}
	return command
}
