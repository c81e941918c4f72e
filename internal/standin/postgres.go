package standin

import (
	"github.com/databricks/databricks-sdk-go/service/postgres"
)

// postgresRoutes are those of the Autoscaling API, the core model. Names of resources are paths, so every depth is a
// pattern of its own.
func (l *Lakebase) postgresRoutes(api func(pattern string, h handler)) {
	const (
		projects  = apiPostgres + "projects"
		aProject  = projects + "/{project}"
		branches  = aProject + "/branches"
		snapshots = aProject + "/snapshots"
		aSnapshot = snapshots + "/{snapshot}"
		aBranch   = branches + "/{branch}"
		endpoints = aBranch + "/endpoints"
		roles     = aBranch + "/roles"
		databases = aBranch + "/databases"
	)
	for collection, h := range map[string]struct{ create, list, get, update, remove handler }{
		projects:  {l.createProject, l.listProjects, l.getProject, l.updateProject, l.deleteProject},
		branches:  {l.createBranch, l.listBranches, l.getBranch, l.updateBranch, l.deleteBranch},
		endpoints: {l.createEndpoint, l.listEndpoints, l.getEndpoint, l.updateEndpoint, l.deleteEndpoint},
		roles:     {l.createRole, l.listRoles, l.getRole, l.updateRole, l.deleteRole},
		databases: {l.createDatabase, l.listDatabases, l.getDatabase, l.updateDatabase, l.deleteDatabase},
	} {
		one := collection + "/{id}"
		switch collection {
		case projects:
			one = aProject
		case branches:
			one = aBranch
		}
		api("POST "+collection, h.create)
		api("GET "+collection, h.list)
		api("GET "+one, h.get)
		api("PATCH "+one, h.update)
		api("DELETE "+one, h.remove)
		api("GET "+one+"/operations/{operation}", l.getOperation)
	}
	api("POST "+snapshots, l.createSnapshot)
	api("GET "+snapshots, l.listSnapshots)
	api("GET "+aSnapshot, l.getSnapshot)
	api("DELETE "+aSnapshot, l.deleteSnapshot)
	api("GET "+aSnapshot+"/operations/{operation}", l.getOperation)
	api("POST "+apiPostgres+"credentials", l.credential)
	api("POST "+aProject+"/undelete", l.undeleteProject)
	api("POST "+aBranch+"/undelete", l.undeleteBranch)
	for pattern, thing := range map[string]string{
		aBranch + "/snapshot-schedule":                        "a snapshot schedule",
		databases + "/{id}/data-api":                          "the Data API",
		databases + "/{id}/cdf-configs":                       "change data feed",
		databases + "/{id}/cdf-configs/":                      "change data feed",
		databases + "/{id}/cdf-statuses":                      "change data feed",
		databases + "/{id}/cdf-statuses/":                     "change data feed",
		apiPostgres + "catalogs":                              "a Unity Catalog catalog of a database",
		apiPostgres + "catalogs/":                             "a Unity Catalog catalog of a database",
		apiPostgres + "synced_tables":                         "a synced table",
		apiPostgres + "synced_tables/":                        "a synced table",
		"GET " + endpoints + "/{id}/operations":               "listing operations",
		"GET " + aProject + "/operations":                     "listing operations",
		"GET " + aBranch + "/operations":                      "listing operations",
		"POST " + aProject + "/operations/{operation}/cancel": "cancelling an operation",
	} {
		api(pattern, func(*request) (any, error) { return nil, notImplemented(thing) })
	}
}

// getOperation answers for an operation of any resource, also of one that the operation has deleted.
func (l *Lakebase) getOperation(r *request) (any, error) {
	name := r.URL.Path[len(apiPostgres):]
	l.awaitOperation(r.Context(), name, patience)
	op := l.store.view().operation(name)
	if op == nil {
		return nil, notFound("operation not found; operation:%q", name)
	}
	return l.operationAnswer(op), nil
}

// answer is what a call that submits an operation returns.
func answer(t task, err error) (any, error) {
	if err != nil {
		return nil, err
	}
	return t.op.wire(), nil
}

// Looking resources up, in the words of the real service.

func (r *request) project(s *state) (*project, error) {
	p, err := r.projectOrDeleted(s)
	if err == nil && p.Deleted != nil {
		return nil, notFound("Project with name '%s' not found: %s", p.name(), p.Deleted.about(p.name()))
	}
	return p, err
}

func (r *request) branch(s *state) (*project, *branch, error) {
	p, b, err := r.branchOrDeleted(s)
	if err == nil && b.Deleted != nil {
		return nil, nil, notFound("Branch with name '%s' not found: %s", p.branchName(b), b.Deleted.about(p.branchName(b)))
	}
	return p, b, err
}

// branchToChange is branch for calls that change something in it.
func (r *request) branchToChange(s *state) (*project, *branch, error) {
	p, b, err := r.branch(s)
	if err != nil {
		return nil, nil, err
	}
	if p.Deleting || b.Deleting {
		return nil, nil, notFound("branch id not found")
	}
	return p, b, nil
}

func (r *request) endpoint(s *state) (*project, *branch, *compute, error) {
	p, b, err := r.branch(s)
	if err != nil {
		return nil, nil, nil, err
	}
	if c := b.compute(r.PathValue("id")); c != nil {
		return p, b, c, nil
	}
	return nil, nil, nil, notFound("endpoint id not found")
}

func (r *request) role(s *state) (*project, *branch, *role, error) {
	p, b, err := r.branch(s)
	if err != nil {
		return nil, nil, nil, err
	}
	id := r.PathValue("id")
	if found := b.role(id); found != nil {
		return p, b, found, nil
	}
	return nil, nil, nil, notFound("role not found; role_id:%q", id)
}

func (r *request) database(s *state) (*project, *branch, *pgdb, error) {
	p, b, err := r.branch(s)
	if err != nil {
		return nil, nil, nil, err
	}
	id := r.PathValue("id")
	if found := b.database(id); found != nil {
		return p, b, found, nil
	}
	return nil, nil, nil, notFound("database not found; database_id:%q", id)
}

// idPolicy says where the id of a new resource comes from.
type idPolicy int

const (
	chosenID  idPolicy = iota // the client chooses it
	derivedID                 // the client may choose it, else it is derived from the name: empty here
)

// creation reads the id that a client chose for what it creates, and whether that may replace what has the id already.
func (r *request) creation(field string, policy idPolicy) (id string, replace bool, err error) {
	id = r.URL.Query().Get(field)
	if id != "" || policy == chosenID {
		if err := checkID(field, id); err != nil {
			return "", false, err
		}
	}
	replace, _, err = r.flag("replace_existing")
	return id, replace, err
}

// list answers a list request. wrap builds the SDK's response of a page.
func list[T, R any](r *request, items []T, key func(T) string, wrap func([]T, string) R) (any, error) {
	part, next, err := page(items, key, r.URL.Query())
	if err != nil {
		return nil, err
	}
	return wrap(part, next), nil
}

func projectList(items []postgres.Project, next string) postgres.ListProjectsResponse {
	return postgres.ListProjectsResponse{Projects: items, NextPageToken: next}
}
