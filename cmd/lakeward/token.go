package main

import (
	"context"
	"fmt"
	"io"
	"time"
)

type tokenCmd struct {
	Instance string `arg:"" help:"Name of the instance."`
}

// Run prints a fresh database token: the password of one login, for about an hour.
func (c tokenCmd) Run(ctx context.Context, a *app) error {
	s, err := a.session(ctx, c.Instance)
	if err != nil {
		return err
	}
	credential, err := s.workspace.Credential(ctx, s.instance)
	if err != nil {
		return err
	}
	return a.print(map[string]string{
		"user":    credential.User,
		"token":   credential.Token.Reveal(),
		"expires": credential.Expires.UTC().Format(time.RFC3339),
	}, func(w io.Writer) error {
		_, err := fmt.Fprintln(w, credential.Token.Reveal())
		return err
	})
}
