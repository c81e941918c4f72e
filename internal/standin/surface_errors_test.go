package standin

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/databricks/databricks-sdk-go"
	"github.com/databricks/databricks-sdk-go/apierr"
	"github.com/databricks/databricks-sdk-go/common/types/duration"
	"github.com/databricks/databricks-sdk-go/common/types/fieldmask"
	sdktime "github.com/databricks/databricks-sdk-go/common/types/time"
	"github.com/databricks/databricks-sdk-go/service/database"
	"github.com/databricks/databricks-sdk-go/service/postgres"
)

// refusal is how the SDK sees that a call is refused.
type refusal struct {
	status  int
	code    string
	message string // a part of it
	is      []error
	traced  bool   // the message ends with a trace id
	reason  string // of the ErrorInfo, where there is one
}

// Refusals by what the SDK makes of their codes. It has no error of its own for NOT_FOUND and BAD_REQUEST: these go by their status.

func badParameter(message string) refusal {
	return refusal{
		status: 400, code: "INVALID_PARAMETER_VALUE", message: message,
		is: []error{databricks.ErrInvalidParameterValue, databricks.ErrBadRequest},
	}
}

func isRequired(field string) refusal {
	return badParameter("Field '" + field + "' is required, expected non-default value (not \"\")!")
}

func badCall(message string) refusal {
	return refusal{status: 400, code: "BAD_REQUEST", message: message, is: []error{databricks.ErrBadRequest}}
}

// itsParents refuses to delete what lives and dies with its parent.
func itsParents(message string) refusal {
	r := badCall(message)
	r.reason = "RESOURCE_CONFLICT"
	return r
}

func wrongState(message string) refusal {
	return refusal{status: 400, code: "INVALID_STATE", message: message, is: []error{databricks.ErrInvalidState, databricks.ErrBadRequest}}
}

func beyondLimit(message string) refusal {
	return refusal{status: 400, code: "QUOTA_EXCEEDED", message: message, is: []error{databricks.ErrBadRequest}}
}

func isNotFound(message string) refusal {
	return refusal{status: 404, code: "NOT_FOUND", message: message, is: []error{databricks.ErrNotFound}, traced: true}
}

func isThere(message string) refusal {
	return refusal{
		status: 409, code: "ALREADY_EXISTS", message: message,
		is: []error{databricks.ErrAlreadyExists, databricks.ErrResourceConflict},
	}
}

func isMissing(message string) refusal {
	return refusal{
		status: 501, code: "NOT_IMPLEMENTED", message: message + " is not implemented by the local Lakebase",
		is: []error{databricks.ErrNotImplemented},
	}
}

// check judges what a call of the SDK has ended with, and that the SDK has not repeated it.
func (want refusal) check(t *testing.T, name string, err error, calls []wireCall) {
	t.Helper()
	e, ok := errors.AsType[*apierr.APIError](err)
	if !ok {
		t.Errorf("%s: %v, want %d %s", name, err, want.status, want.code)
		return
	}
	if e.StatusCode != want.status || e.ErrorCode != want.code || !strings.Contains(e.Message, want.message) {
		t.Errorf("%s: %d %s %q,\nwant %d %s %q", name, e.StatusCode, e.ErrorCode, e.Message, want.status, want.code, want.message)
	}
	if strings.Contains(e.Message, " [TraceId: ") != want.traced {
		t.Errorf("%s: a trace id is in %q: want %t", name, e.Message, want.traced)
	}
	for _, is := range want.is {
		if !errors.Is(err, is) {
			t.Errorf("%s: %v is not %v", name, err, is)
		}
	}
	reason := ""
	if info := e.ErrorDetails().ErrorInfo; info != nil {
		reason = info.Reason
		if domain := "databricks.com"; !strings.HasSuffix(info.Domain, domain) ||
			info.Domain == domain && info.Metadata["declarative_context"] != "MANAGED_BY_PARENT" {
			t.Errorf("%s: its ErrorInfo is %+v", name, info)
		}
	}
	if reason != want.reason {
		t.Errorf("%s: the reason is %q, want %q", name, reason, want.reason)
	}
	if errors.Is(err, databricks.ErrResourceDoesNotExist) {
		t.Errorf("%s: %v is RESOURCE_DOES_NOT_EXIST, which Lakebase does not say", name, err)
	}
	if len(calls) != 1 {
		t.Errorf("%s: the SDK has called %d times", name, len(calls))
	}
}

// wrongCall is a call that must be refused.
type wrongCall struct {
	name string
	do   func() error
	want refusal
}

func checkRefusals(t *testing.T, tap *wire, all []wrongCall) {
	t.Helper()
	for _, c := range all {
		var err error
		calls := tap.during(func() { err = c.do() })
		c.want.check(t, c.name, err, calls)
	}
}

// makeStopped makes an instance that never has a PostgreSQL: all that is decided without one can be tried on it.
func makeStopped(t *testing.T, w *databricks.WorkspaceClient, in database.DatabaseInstance) *database.DatabaseInstance {
	t.Helper()
	in.Stopped = true
	made, err := w.Database.CreateDatabaseInstance(t.Context(), database.CreateDatabaseInstanceRequest{DatabaseInstance: in})
	if err != nil {
		t.Fatal(err)
	}
	if in.ParentInstanceRef != nil {
		return made.Response // it waits for data of its parent
	}
	await(t, in.Name+" is stopped", func() bool {
		i, err := w.Database.GetDatabaseInstanceByName(t.Context(), in.Name)
		return err == nil && i.State == database.DatabaseInstanceStateStopped
	})
	return made.Response
}

func TestRefusalsOfTheAutoscalingAPI(t *testing.T) {
	t.Parallel()
	w, tap := tapped(t, start(t, folder(t)))
	makeStopped(t, w, database.DatabaseInstance{Name: "closed"})
	const project, branch = "projects/closed", "projects/closed/branches/production"
	const endpoint, owner = branch + "/endpoints/primary", branch + "/roles/admin"
	p, ctx := w.Postgres, t.Context()

	createProject := func(id string, in postgres.Project) func() error {
		return func() error {
			return second(p.CreateProject(ctx, postgres.CreateProjectRequest{ProjectId: id, Project: in}))
		}
	}
	updateProject := func(spec postgres.ProjectSpec, mask ...string) func() error {
		return func() error {
			return second(p.UpdateProject(ctx, postgres.UpdateProjectRequest{
				Name: project, Project: postgres.Project{Spec: &spec}, UpdateMask: fieldmask.FieldMask{Paths: mask},
			}))
		}
	}
	days := func(d float64) *duration.Duration { return duration.New(time.Duration(d * float64(day))) }
	checkRefusals(t, tap, []wrongCall{
		{"a project without an id", createProject("", postgres.Project{}), isRequired("project_id")},
		{
			"a project with a bad id", createProject("Shop", postgres.Project{}),
			badParameter("Field project_id must match pattern ^[a-z]([a-z0-9-]{0,61}[a-z0-9])?$, got 'Shop'."),
		},
		{"a project twice", createProject("closed", postgres.Project{}), isThere("project with such id already exists in the workspace")},
		{
			"another PostgreSQL", createProject("other", postgres.Project{Spec: &postgres.ProjectSpec{PgVersion: 9}}),
			badParameter("Field 'project.spec.pg_version' must be"),
		},
		{
			"two suspensions", createProject("other", postgres.Project{InitialEndpointSpec: &postgres.InitialEndpointSpec{
				NoSuspension: true, SuspendTimeoutDuration: duration.New(time.Hour),
			}}), badParameter("Only one of 'no_suspension' and 'suspend_timeout_duration' may be set."),
		},
		{"no display name", updateProject(postgres.ProjectSpec{}, "spec.display_name"), badParameter("must have 1 to 256 characters, got 0.")},
		{
			"a long display name", updateProject(postgres.ProjectSpec{DisplayName: strings.Repeat("ü", 257)}, "spec.display_name"),
			badParameter("must have 1 to 256 characters, got 257."),
		},
		{
			"a short retention", updateProject(postgres.ProjectSpec{HistoryRetentionDuration: days(1.99)}, "spec.history_retention_duration"),
			badParameter("must be between 172800s and 3024000s"),
		},
		{
			"a long retention", updateProject(postgres.ProjectSpec{HistoryRetentionDuration: days(35.01)}, "spec.history_retention_duration"),
			badParameter("must be between 172800s and 3024000s"),
		},
		{
			"somebody's branch as the default", updateProject(postgres.ProjectSpec{DefaultBranch: "projects/other/branches/production"}, "*"),
			badParameter("Field 'spec.default_branch' must name a branch of the project"),
		},
		{"an update without a mask", updateProject(postgres.ProjectSpec{DisplayName: "x"}), isRequired("update_mask")},
		{
			"an update of what is for good", updateProject(postgres.ProjectSpec{PgVersion: 17}, "spec.pg_version"),
			badParameter("Field 'spec.pg_version' of update_mask does not exist or cannot be updated."),
		},
		{"no project", func() error {
			return second(p.GetProject(ctx, postgres.GetProjectRequest{Name: "projects/none"}))
		}, isNotFound("project id not found [TraceId: ")},
		{"the end of no project", func() error {
			return second(p.DeleteProject(ctx, postgres.DeleteProjectRequest{Name: "projects/none"}))
		}, isNotFound("project id not found [TraceId: ")},
		{"no operation", func() error {
			return second(p.GetOperation(ctx, postgres.GetOperationRequest{Name: project + "/operations/none"}))
		}, isNotFound("operation not found")},
	})

	createBranch := func(id string, spec postgres.BranchSpec) func() error {
		return func() error {
			return second(p.CreateBranch(ctx, postgres.CreateBranchRequest{Parent: project, BranchId: id, Branch: postgres.Branch{Spec: &spec}}))
		}
	}
	const oneExpiry = "Exactly one of 'spec.ttl', 'spec.expire_time' and 'spec.no_expiry' must be set."
	checkRefusals(t, tap, []wrongCall{
		{"a branch without an id", createBranch("", postgres.BranchSpec{NoExpiry: true}), isRequired("branch_id")},
		{"a branch twice", createBranch("production", postgres.BranchSpec{NoExpiry: true}), isThere("branch with such id already exists")},
		{"a branch without an end", createBranch("b", postgres.BranchSpec{}), badParameter(oneExpiry)},
		{"a branch that says no to none", createBranch("b", postgres.BranchSpec{ForceSendFields: []string{"NoExpiry"}}), badParameter(oneExpiry)},
		{"a branch with two ends", createBranch("b", postgres.BranchSpec{Ttl: days(1), ExpireTime: sdktime.New(time.Now())}), badParameter(oneExpiry)},
		{"a branch of a month", createBranch("b", postgres.BranchSpec{Ttl: days(30.1)}), badParameter("within 30 days")},
		{
			"a branch of the past", createBranch("b", postgres.BranchSpec{ExpireTime: sdktime.New(time.Now().Add(-time.Hour))}),
			badParameter("in the future"),
		},
		{
			"a branch of no branch", createBranch("b", postgres.BranchSpec{NoExpiry: true, SourceBranch: project + "/branches/none"}),
			isNotFound("source branch not found"),
		},
		{"a branch of no project", func() error {
			return second(p.CreateBranch(ctx, postgres.CreateBranchRequest{
				Parent: "projects/none", BranchId: "b", Branch: postgres.Branch{Spec: &postgres.BranchSpec{NoExpiry: true}},
			}))
		}, isNotFound("project id not found [TraceId: ")},
		{"no branch", func() error {
			return second(p.GetBranch(ctx, postgres.GetBranchRequest{Name: project + "/branches/none"}))
		}, isNotFound("branch id not found [TraceId: ")},
		{"the end of the root", func() error {
			return second(p.DeleteBranch(ctx, postgres.DeleteBranchRequest{Name: branch}))
		}, itsParents("Cannot delete root branch '" + branch + "'. Root branches cannot be deleted independently.")},
		{"a root that expires", func() error {
			return second(p.UpdateBranch(ctx, postgres.UpdateBranchRequest{
				Name: branch, Branch: postgres.Branch{Spec: &postgres.BranchSpec{Ttl: days(1)}},
				UpdateMask: fieldmask.FieldMask{Paths: []string{"spec.expiration"}},
			}))
		}, badCall("A root branch cannot expire.")},
	})

	createEndpoint := func(id string, kind postgres.EndpointType) func() error {
		return func() error {
			return second(p.CreateEndpoint(ctx, postgres.CreateEndpointRequest{
				Parent: branch, EndpointId: id, Endpoint: postgres.Endpoint{Spec: &postgres.EndpointSpec{EndpointType: kind}},
			}))
		}
	}
	credential := func(in postgres.GenerateDatabaseCredentialRequest) func() error {
		return func() error { return second(p.GenerateDatabaseCredential(ctx, in)) }
	}
	checkRefusals(t, tap, []wrongCall{
		{"an endpoint without an id", createEndpoint("", postgres.EndpointTypeEndpointTypeReadOnly), isRequired("endpoint_id")},
		{"an endpoint without a type", createEndpoint("e", ""), isRequired("endpoint.spec.endpoint_type")},
		{"an endpoint of another type", createEndpoint("e", "ENDPOINT_TYPE_X"), badParameter("has the unknown value 'ENDPOINT_TYPE_X'")},
		{"an endpoint twice", createEndpoint("primary", postgres.EndpointTypeEndpointTypeReadWrite), isThere("endpoint with such id already exists")},
		{"a second one for writing", createEndpoint("e", postgres.EndpointTypeEndpointTypeReadWrite), badCall("can only have one")},
		{"no endpoint", func() error {
			return second(p.GetEndpoint(ctx, postgres.GetEndpointRequest{Name: branch + "/endpoints/none"}))
		}, isNotFound("endpoint id not found [TraceId: ")},
		{"the end of the one for writing", func() error {
			return second(p.DeleteEndpoint(ctx, postgres.DeleteEndpointRequest{Name: endpoint}))
		}, itsParents("Cannot delete read-write endpoint '" + endpoint + "'. Read-write endpoints cannot be deleted.")},
		{"a credential for nothing", credential(postgres.GenerateDatabaseCredentialRequest{}), isRequired("endpoint")},
		{"a credential for less than a name", credential(postgres.GenerateDatabaseCredentialRequest{Endpoint: "primary"}), isNotFound("endpoint not found")},
		{
			"a credential with two ends", credential(postgres.GenerateDatabaseCredentialRequest{
				Endpoint: endpoint, Ttl: duration.New(time.Hour), ExpireTime: sdktime.New(time.Now().Add(time.Hour)),
			}), badParameter("Only one of 'ttl' and 'expire_time' may be set."),
		},
		{
			"a credential for tables", credential(postgres.GenerateDatabaseCredentialRequest{Endpoint: endpoint, Claims: []postgres.RequestedClaims{{}}}),
			isMissing("a credential with Unity Catalog claims"),
		},
	})

	createRole := func(id string, spec postgres.RoleRoleSpec) func() error {
		return func() error {
			return second(p.CreateRole(ctx, postgres.CreateRoleRequest{Parent: branch, RoleId: id, Role: postgres.Role{Spec: &spec}}))
		}
	}
	deleteRole := func(id, heir string) func() error {
		return func() error {
			return second(p.DeleteRole(ctx, postgres.DeleteRoleRequest{Name: branch + "/roles/" + id, ReassignOwnedTo: heir}))
		}
	}
	const notRunning = "the compute endpoint of branch 'production' is not running; start it first"
	checkRefusals(t, tap, []wrongCall{
		{"a role without a name", createRole("r", postgres.RoleRoleSpec{}), isRequired("role.spec.postgres_role")},
		{"a role with a bad id", createRole("4711", postgres.RoleRoleSpec{PostgresRole: "r"}), badParameter("Field role_id must match pattern")},
		{"a role twice", createRole("r", postgres.RoleRoleSpec{PostgresRole: adminName}), badCall("role with that name already exists")},
		{"a role's id twice", createRole("admin", postgres.RoleRoleSpec{PostgresRole: "r"}), badCall("role with that name already exists")},
		{"a role of the system", createRole("r", postgres.RoleRoleSpec{PostgresRole: "databricks_superuser"}), badParameter("reserved")},
		{
			"nobody with OAuth", createRole("r", postgres.RoleRoleSpec{PostgresRole: "r", AuthMethod: postgres.RoleAuthMethodLakebaseOauthV1}),
			badParameter("LAKEBASE_OAUTH_V1 needs an identity_type"),
		},
		{
			"somebody with a password", createRole("r", postgres.RoleRoleSpec{
				PostgresRole: "r", IdentityType: postgres.RoleIdentityTypeUser, AuthMethod: postgres.RoleAuthMethodPgPasswordScramSha256,
			}), badParameter("PG_PASSWORD_SCRAM_SHA_256 is for roles without an identity_type."),
		},
		{"an unknown identity", createRole("r", postgres.RoleRoleSpec{PostgresRole: "r", IdentityType: "ROBOT"}), badParameter("has the unknown value 'ROBOT'")},
		{"an unknown way to log in", createRole("r", postgres.RoleRoleSpec{PostgresRole: "r", AuthMethod: "MAGIC"}), badParameter("has the unknown value 'MAGIC'")},
		{"a role without a PostgreSQL", createRole("r", postgres.RoleRoleSpec{PostgresRole: "r"}), wrongState(notRunning)},
		{"no role", func() error {
			return second(p.GetRole(ctx, postgres.GetRoleRequest{Name: branch + "/roles/none"}))
		}, isNotFound(`role not found; role_id:"none" [TraceId: `)},
		{"the end of the owner", deleteRole("admin", ""), itsParents("Cannot delete role 'admin'")},
		{"an heir that is nobody", deleteRole("admin", "none"), badParameter("must name another role of the branch, got 'none'")},
		{"an heir that is gone then", deleteRole("admin", "admin"), badParameter("must name another role of the branch, got 'admin'")},
		{"another name for a role", func() error {
			return second(p.UpdateRole(ctx, postgres.UpdateRoleRequest{Name: owner, UpdateMask: fieldmask.FieldMask{Paths: []string{"spec.postgres_role"}}}))
		}, badParameter("of update_mask does not exist or cannot be updated.")},
	})

	createDatabase := func(id, name, role string) func() error {
		return func() error {
			return second(p.CreateDatabase(ctx, postgres.CreateDatabaseRequest{
				Parent: branch, DatabaseId: id, Database: postgres.Database{Spec: &postgres.DatabaseDatabaseSpec{PostgresDatabase: name, Role: role}},
			}))
		}
	}
	checkRefusals(t, tap, []wrongCall{
		{"a database without a name", createDatabase("d", "", owner), isRequired("database.spec.postgres_database")},
		{"a database without an owner", createDatabase("d", "d", ""), isRequired("database.spec.role")},
		{"a database of nobody", createDatabase("d", "d", branch+"/roles/none"), isNotFound("role not found")},
		{
			"a database with a bad id", createDatabase("X", "d", owner),
			badParameter("Field database_id must match pattern ^[a-z]([a-z0-9-]{0,61}[a-z0-9])?$, got 'X'."),
		},
		{"a database twice", createDatabase("d", "databricks_postgres", owner), badCall("database with that name already exists")},
		{"a database's id twice", createDatabase("databricks-postgres", "d", owner), badCall("database with that name already exists")},
		{"a database of the system", createDatabase("d", "template1", owner), badParameter("reserved")},
		{"a long name", createDatabase("d", strings.Repeat("d", 64), owner), badParameter("at most 63 bytes")},
		{"a database without a PostgreSQL", createDatabase("d", "d", owner), wrongState(notRunning)},
		{"no database", func() error {
			return second(p.GetDatabase(ctx, postgres.GetDatabaseRequest{Name: branch + "/databases/none"}))
		}, isNotFound("database not found")},
	})
}

// TestRefusalsOfABranchAndAnEndpoint: the default branch need not be the root, and an endpoint is there until it has gone.
func TestRefusalsOfABranchAndAnEndpoint(t *testing.T) {
	t.Parallel()
	l := start(t, folder(t))
	w, tap := tapped(t, l)
	makeStopped(t, w, database.DatabaseInstance{Name: "closed"})
	const project, dev = "projects/closed", "projects/closed/branches/dev"
	err := l.store.update(func(s *state) error {
		p := s.project("closed")
		p.Branches = append(p.Branches, &branch{
			ID: "dev", Source: project + "/branches/production", Computes: []*compute{
				{ID: primaryEndpoint, UID: "ep-1", Disabled: true}, {ID: "leaving", UID: "ep-2", ReadOnly: true, Disabled: true, Deleting: true},
			},
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	_, err = w.Postgres.UpdateProject(t.Context(), postgres.UpdateProjectRequest{
		Name: project, UpdateMask: fieldmask.FieldMask{Paths: []string{"spec.default_branch"}},
		Project: postgres.Project{Spec: &postgres.ProjectSpec{DefaultBranch: dev}},
	})
	if err != nil {
		t.Fatal(err)
	}
	remove := func(name string) func() error {
		return func() error {
			return second(w.Postgres.DeleteBranch(t.Context(), postgres.DeleteBranchRequest{Name: name}))
		}
	}
	checkRefusals(t, tap, []wrongCall{
		{"the end of the default branch", remove(dev), badCall("Cannot delete branch '" + dev + "': it is the project's default branch.")},
		{"the end of the root", remove(project + "/branches/production"), itsParents("Cannot delete root branch")},
		{"an endpoint that is leaving", func() error {
			return second(w.Postgres.CreateEndpoint(t.Context(), postgres.CreateEndpointRequest{
				Parent: dev, EndpointId: "leaving", ReplaceExisting: true,
				Endpoint: postgres.Endpoint{Spec: &postgres.EndpointSpec{EndpointType: postgres.EndpointTypeEndpointTypeReadOnly}},
			}))
		}, badCall("endpoint reconciliation still in progress")},
	})
}
