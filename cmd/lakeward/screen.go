package main

import (
	"fmt"
	"io"
	"net"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/lakeward/lakeward"
	"github.com/lakeward/lakeward/internal/config"
	"github.com/lakeward/lakeward/internal/daemon"
	"github.com/lakeward/lakeward/migrate"
)

// readyInfo is what `up --json` and `local --json` print when everything answers.
type readyInfo struct {
	Ready     bool           `json:"ready"`
	Host      string         `json:"host"`
	Dir       string         `json:"dir"`
	RootCAs   string         `json:"root_cas"`
	Workspace string         `json:"workspace_id"`
	User      string         `json:"user"`
	Server    *servingInfo   `json:"server,omitempty"`
	Demo      *demoReadyInfo `json:"demo,omitempty"`
}

// servingInfo says where the server answers.
type servingInfo struct {
	Address string `json:"address"`
	Link    string `json:"link,omitempty"` // works once
	Store   string `json:"store"`
	App     string `json:"app,omitempty"`
}

func servingOf(s *daemon.Serving) *servingInfo {
	if s == nil {
		return nil
	}
	return &servingInfo{Address: s.Address, Link: s.Link, Store: s.Store, App: s.App}
}

type demoReadyInfo struct {
	Instance   lakeward.Instance `json:"instance"`
	DSN        string            `json:"dsn"` // without the password
	Source     string            `json:"source"`
	Fresh      bool              `json:"fresh"`
	Tables     int               `json:"tables"`
	Rows       int64             `json:"rows"`
	Verdict    migrate.Verdict   `json:"verdict"`
	ReportFile string            `json:"report_file"`
}

func readyOf(r daemon.Ready) readyInfo {
	info := readyInfo{
		Ready: true, Host: r.Workspace.Host, Dir: r.Dir, RootCAs: r.Workspace.CAFile,
		Workspace: r.Workspace.WorkspaceID, User: r.Workspace.UserName, Server: servingOf(r.Serving),
	}
	if d := r.Demo; d != nil {
		info.Demo = &demoReadyInfo{
			Instance: d.Instance, DSN: dsn(d, "", r.Workspace.CAFile), Source: d.Source, Fresh: d.Fresh, Tables: d.Tables,
			Rows: d.Rows, Verdict: d.Report.Outcome(), ReportFile: d.ReportFile,
		}
		info.Demo.Instance.Port = d.Port
	}
	return info
}

// dsn is the address that any PostgreSQL client takes.
func dsn(d *daemon.Demo, password, roots string) string {
	host := d.Instance.Host
	if d.Port != lakeward.DefaultPort {
		host = net.JoinHostPort(host, strconv.Itoa(d.Port))
	}
	if password != "" {
		password = ":" + password
	}
	return "postgres://" + url.QueryEscape(d.User) + password + "@" + host + "/" + d.Instance.Database +
		"?sslmode=verify-full&sslrootcert=" + (&url.URL{Path: roots}).EscapedPath()
}

// screen is what a person sees when everything answers: what was migrated and proven, and how to connect.
type screen struct {
	daemon.Ready
	command string // how this program is called, with the flags that lead it here
}

func (s screen) write(w io.Writer) error {
	var b strings.Builder
	if s.Demo != nil {
		s.migrated(&b)
	} else {
		fmt.Fprintf(&b, "\nThe local Lakebase is running.\n\n")
	}
	if s.Demo != nil {
		s.instance(&b)
	}
	if s.Serving != nil && s.Serving.Link != "" {
		line(&b, "console", s.Serving.Link)
		line(&b, "", "the link works once; start it again for another")
	} else if s.Serving != nil {
		line(&b, "console", s.Serving.Address)
	}
	line(&b, "workspace", s.Workspace.Host+" as "+s.Workspace.UserName)
	line(&b, "data", s.Dir)
	fmt.Fprintln(&b)
	if s.Demo != nil {
		s.connect(&b)
	} else {
		line(&b, "create", s.command+" instance create NAME")
		line(&b, "SDKs, CLI", `eval "$(`+s.command+` local env)"`)
	}
	fmt.Fprintf(&b, "\nCtrl-C stops everything; the data stays.\n")
	_, err := io.WriteString(w, b.String())
	return err
}

func line(w io.Writer, label, text string) {
	if text != "" {
		fmt.Fprintf(w, "  %-10s %s\n", label, text)
	}
}

// migrated says what the migration did and what its comparison found.
func (s screen) migrated(w io.Writer) {
	d, r := s.Demo, s.Demo.Report
	var read, verified, quarantined int64
	for _, t := range r.Tables {
		read, verified, quarantined = read+t.Read, verified+t.Verified, quarantined+t.Quarantined
	}
	if d.Fresh {
		fmt.Fprintf(w, "\nThe example is migrated and proven.\n\n")
	} else {
		fmt.Fprintf(w, "\nThe example is still there: %s, %s.\n\n", plural(int64(d.Tables), "table"), plural(d.Rows, "row"))
	}
	when := "in " + seconds(time.Duration(r.Seconds*float64(time.Second)))
	if !d.Fresh {
		when = "on " + r.Started.Local().Format("2006-01-02 15:04")
	}
	line(w, "migrated", fmt.Sprintf("%s, %s, %s from %s %s", plural(int64(len(r.Tables)), "table"),
		plural(int64(len(r.Views)), "view"), plural(read, "row"), d.Source, when))
	line(w, "proven", fmt.Sprintf("%s compared value by value: %s", plural(verified, "row"), r.Outcome()))
	line(w, "kept", orphans(r))
	if quarantined > 0 {
		line(w, "set aside", plural(quarantined, "row")+" in lakeward_quarantine: "+firstQuarantined(r))
	}
	line(w, "report", d.ReportFile)
}

func orphans(r *migrate.Report) string {
	var parts []string
	for _, o := range r.Orphans {
		parts = append(parts, fmt.Sprintf("%s of %s without %s", plural(o.Rows, "row"), o.Table, o.Parent))
	}
	return strings.Join(parts, ", ")
}

func firstQuarantined(r *migrate.Report) string {
	for _, t := range r.Tables {
		for _, q := range t.Quarantine {
			return fmt.Sprintf("%s %s, %s: %s", q.Table, q.Key, q.Column, q.Reason)
		}
	}
	return "the report names them"
}

func (s screen) instance(w io.Writer) {
	i := s.Demo.Instance
	line(w, "instance", fmt.Sprintf("%s, %s, PostgreSQL %s", i.Name, i.Status, i.PostgresVersion))
	line(w, "endpoint", net.JoinHostPort(i.Host, strconv.Itoa(s.Demo.Port))+", database "+i.Database)
}

func (s screen) connect(w io.Writer) {
	name := s.Demo.Instance.Name
	token := "$(" + s.command + " token " + name + ")"
	line(w, "psql", s.command+" psql "+name)
	line(w, "", "")
	line(w, "any client", `PGPASSWORD=`+token+` psql "`+dsn(s.Demo, "", s.Workspace.CAFile)+`"`)
	line(w, "DSN", dsn(s.Demo, "TOKEN", s.Workspace.CAFile))
	line(w, "Go", `eval "$(`+s.command+` local env)", then`)
	line(w, "", "ws, err := databricks.Open(ctx, databricks.Config{})")
	line(w, "", `pool, err := lakeward.NewConnector(ws, "`+name+`", lakeward.ConnectOptions{}).Pool(ctx)`)
}

// prefix is how to call this program so that it finds the local Lakebase in dir, also in another shell.
func (a *app) prefix(dir string) string {
	command, name := program(), a.flags.LocalWorkspace
	usual, err := config.LocalDir(config.Flags{LocalWorkspace: name}, a.getenv)
	if err != nil || usual != dir || a.getenv("LAKEWARD_DIR") != "" {
		command += " --dir " + quote(dir)
	}
	if name != "" {
		command += " --workspace " + name
	}
	return command
}
