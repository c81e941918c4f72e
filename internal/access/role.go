package access

import (
	"context"

	"github.com/lakeward/lakeward"
)

// asked is what the context of a request knows of who sent it.
type asked struct {
	gate *Gate
	who  Identity
}

// RoleOf returns what who sent the request that ctx belongs to may do. Where [Options.Manages] has to be asked and cannot
// be, they are a viewer, and the error says why.
func RoleOf(ctx context.Context) (Role, error) {
	a, ok := ctx.Value(identityKey{}).(*asked)
	if !ok {
		return Viewer, lakeward.Errorf(lakeward.KindUnauthenticated, "", "the request belongs to nobody")
	}
	return a.gate.role(ctx, a.who)
}

// role decides what somebody may do, whom the list does not name.
func (g *Gate) role(ctx context.Context, who Identity) (Role, error) {
	if who.Role == Administrator || g.o.Manages == nil {
		return who.Role, nil
	}
	manages, err := g.o.Manages(ctx, who.Name)
	switch {
	case err != nil:
		g.o.Log.WarnContext(ctx, "whether somebody may change things cannot be found out", "who", who.Name, "error", err)
		return Viewer, unknown(who, err)
	case manages:
		return Administrator, nil
	}
	return Viewer, nil
}

// unknown is the refusal of somebody whose role cannot be found out. It passes when the workspace answers again, or else
// somebody has to do something: it is no defect of the request, whatever kind of error the workspace has answered.
func unknown(who Identity, err error) error {
	kind, hint := lakeward.KindDenied, lakeward.HintOf(err)
	switch lakeward.KindOf(err) {
	case lakeward.KindUnavailable, lakeward.KindThrottled:
		kind = lakeward.KindUnavailable
	}
	const other = "name administrators with --admin or LAKEWARD_ADMINS"
	if hint == "" {
		hint = other
	} else {
		hint += "; or " + other
	}
	return lakeward.Errorf(kind, hint, "%s may look at things here, and whether also change them cannot be found out: %s",
		who.Name, NewProblem(err).Detail)
}
