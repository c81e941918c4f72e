package main

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/lakeward/lakeward/internal/snippet"
)

type connectCmd struct {
	Instance string `arg:"" help:"Name of the instance."`
	As       string `help:"Print this piece of code alone: proxy, psql, go, sqlalchemy, django, node, jdbc or app." placeholder:"WHAT"`
	Proxy    string `help:"Where the proxy listens (default: 127.0.0.1:6432)." placeholder:"ADDR"`
}

// Run prints how to connect to an instance, in the words of the console. No token is in it.
func (c connectCmd) Run(ctx context.Context, a *app) error {
	s, err := a.session(ctx, c.Instance)
	if err != nil {
		return err
	}
	me, err := s.workspace.Me(ctx)
	if err != nil {
		return err
	}
	s.instance.Port = s.config.PortNumber()
	all := snippet.Make(snippet.Target{
		Instance: s.instance, User: me.UserName, Database: s.config.Database.Text, RootCAs: s.config.RootCAs.Text, Proxy: c.Proxy,
	})
	if c.As != "" {
		return c.one(a, all.Snippets)
	}
	return a.print(all, func(w io.Writer) error {
		err := fields(w, "host", all.Host, "port", fmt.Sprint(all.Port), "database", all.Database, "user", all.User,
			"sslmode", all.SSLMode, "authorities", all.RootCAs, "address", all.DSN, "through the proxy", all.ProxyDSN)
		for _, one := range all.Snippets {
			if err == nil {
				_, err = fmt.Fprintf(w, "\n── %s (--as %s)\n%s\n%s", one.Title, one.ID, one.Note, one.Text)
			}
		}
		return err
	})
}

// one prints a snippet as it is to be pasted.
func (c connectCmd) one(a *app, all []snippet.Snippet) error {
	var known []string
	for _, one := range all {
		if one.ID == c.As {
			return a.print(one, func(w io.Writer) error {
				_, err := io.WriteString(w, one.Text)
				return err
			})
		}
		known = append(known, one.ID)
	}
	return usagef("choose one of: "+strings.Join(known, ", "), "there is no piece of code called %q", c.As)
}
