package standin

import (
	"context"
	"slices"
	"strconv"

	"github.com/lakeward/lakeward"
	"github.com/lakeward/lakeward/internal/endpoint"
)

// apiAppEnvironment answers with what a Databricks App finds in its environment when an instance is its resource. The
// platform does this when it deploys an app; no API of Databricks has such a path.
const apiAppEnvironment = "/lakeward/apps/{instance}/environment"

// AppEnvironment is what an app finds, by the names of the variables.
type AppEnvironment struct {
	Variables map[string]string `json:"variables"`
}

// createAppEnvironment makes what the platform would: a service principal of the app, a secret of it, a role of it in the
// instance that may connect to the database and create in it. Each call makes another secret; the last few are good.
func (l *Lakebase) createAppEnvironment(r *request) (any, error) {
	p, err := r.instanceNamed(l.store.view(), r.PathValue("instance"))
	if err != nil {
		return nil, err
	}
	var app identity
	var password string
	err = l.store.update(func(s *state) error {
		display := "app " + p.ID
		at := slices.IndexFunc(s.Identities, func(i identity) bool { return i.Type == typeServicePrincipal && i.Display == display })
		if at < 0 {
			at = len(s.Identities)
			s.Identities = append(s.Identities, newPrincipal(display))
		}
		_, password = s.Identities[at].addSecret()
		app = s.Identities[at]
		return nil
	})
	if err != nil {
		return nil, err
	}
	if err := l.admitApp(r, p.ID, app.Name); err != nil {
		return nil, err
	}
	c := p.defaultBranch().primary()
	return AppEnvironment{Variables: map[string]string{
		"PGHOST": c.Host.String(), "PGPORT": strconv.Itoa(l.port), "PGDATABASE": lakeward.DefaultDatabase, "PGUSER": app.Name,
		"PGSSLMODE": "require", "PGAPPNAME": p.ID,
		"DATABRICKS_HOST": l.host, "DATABRICKS_CLIENT_ID": app.Name, "DATABRICKS_CLIENT_SECRET": password,
		"DATABRICKS_WORKSPACE_ID": l.store.view().Workspace, "DATABRICKS_APP_NAME": p.ID, "DATABRICKS_APP_PORT": "8000",
		"LAKEBASE_ENDPOINT": p.under(p.defaultBranch(), "endpoints", c.ID),
	}}, nil
}

// admitApp gives a service principal its role, unless it has one, and its rights.
func (l *Lakebase) admitApp(r *request, project, app string) error {
	p := l.store.view().project(project)
	l.refreshBranch(r.Context(), p.defaultBranch())
	if l.store.view().project(project).defaultBranch().roleNamed(app) == nil {
		err := l.await(r, func(s *state) (*operation, error) {
			p, err := s.instance(project)
			if err != nil {
				return nil, err
			}
			return l.planRole(p, p.defaultBranch(), endpoint.Role{Name: app, Identity: typeServicePrincipal}, servicePrefix+app)
		})
		if err != nil {
			return err
		}
	}
	return l.inQueue(r.Context(), p.defaultBranch().primary().UID, func(ctx context.Context) error {
		return l.withPrimary(ctx, p.branchName(p.defaultBranch()), func(e *endpoint.Endpoint) error {
			return e.GrantDatabase(ctx, lakeward.DefaultDatabase, app)
		})
	})
}

// inQueue does something in the queue of an endpoint's project and waits for its end.
func (l *Lakebase) inQueue(ctx context.Context, uid string, do func(context.Context) error) error {
	result := make(chan error, 1)
	l.queueMu.Lock()
	l.enqueueFor(uid, func(ctx context.Context) { result <- do(ctx) })
	l.queueMu.Unlock()
	select {
	case err := <-result:
		return err
	case <-ctx.Done():
		return ctx.Err()
	case <-l.stopping:
		return invalidState("the local Lakebase is stopping")
	}
}

func (r *request) instanceNamed(s *state, name string) (*project, error) {
	p, err := s.instance(name)
	if err == nil && p.Deleting {
		return nil, invalidState("Database instance '%s' is being deleted.", name)
	}
	return p, err
}
