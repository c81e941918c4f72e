package api

import (
	"context"
	"encoding/json"

	"github.com/lakeward/lakeward"
	"github.com/lakeward/lakeward/internal/store"
)

// cut makes a page of one more than were wanted, the newest first, and says whether there are older and newer ones.
func cut[T any](all []T, limit int, before, after bool) (page []T, older, newer bool) {
	more := len(all) > limit
	switch {
	case more && after:
		all = all[1:]
	case more:
		all = all[:limit]
	}
	if after {
		return all, len(all) > 0, more
	}
	return all, more, before && len(all) > 0
}

// oneWay refuses a page that is before and after something.
func oneWay(before, after bool) error {
	if before && after {
		return lakeward.Errorf(lakeward.KindInvalid, "leave one of them out", "a page is either before or after something")
	}
	return nil
}

func (s *server) operationPage(ctx context.Context, in *operationFilter) (out operationList, err error) {
	if err := oneWay(in.Before != "", in.After != ""); err != nil {
		return out, err
	}
	all, err := s.Store.Operations(ctx, store.Filter{
		Kind: in.Kind, State: store.State(in.State), Instance: in.Instance, Text: in.Text, Before: in.Before, After: in.After, Limit: in.Limit + 1,
	})
	page, older, newer := cut(all, in.Limit, in.Before != "", in.After != "")
	out.Operations = append([]store.Operation{}, page...)
	if older {
		out.Older = page[len(page)-1].ID
	}
	if newer {
		out.Newer = page[0].ID
	}
	for n := range out.Operations {
		if in.Brief {
			shorten(&out.Operations[n])
		}
	}
	return out, err
}

// longInput is an input that has a plan in it.
const longInput = 4 << 10

// shorten leaves out what a list does not show.
func shorten(o *store.Operation) {
	o.Result = nil
	var fields map[string]json.RawMessage
	if len(o.Input) <= longInput || json.Unmarshal(o.Input, &fields) != nil {
		return
	}
	delete(fields, "plan")
	if short, err := json.Marshal(fields); err == nil {
		o.Input = short
	}
}
