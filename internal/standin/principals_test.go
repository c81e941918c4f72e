package standin

import (
	"encoding/json"
	"errors"
	"net/http"
	"testing"

	"github.com/databricks/databricks-sdk-go"
	"github.com/databricks/databricks-sdk-go/common/types/fieldmask"
	"github.com/databricks/databricks-sdk-go/service/iam"
	"github.com/databricks/databricks-sdk-go/service/oauth2"
	"github.com/databricks/databricks-sdk-go/service/postgres"
)

func TestServicePrincipalsAndTheirSecrets(t *testing.T) {
	t.Parallel()
	w := userClient(t, shared)
	made, err := w.ServicePrincipalsV2.Create(t.Context(), iam.CreateServicePrincipalRequest{DisplayName: "reports"})
	if err != nil || made.ApplicationId == "" || made.Id == "" {
		t.Fatalf("%+v, %v", made, err)
	}
	secret, err := w.ServicePrincipalSecretsProxy.Create(t.Context(),
		oauth2.CreateServicePrincipalSecretRequest{ServicePrincipalId: made.Id})
	if err != nil {
		t.Fatal(err)
	}
	signIn := func() (*databricks.WorkspaceClient, error) {
		c := client(t, &databricks.Config{
			Host: shared.Workspace().Host, ClientID: made.ApplicationId, ClientSecret: secret.Secret, AuthType: "oauth-m2m",
		})
		_, err := c.CurrentUser.Me(t.Context(), meRequest)
		return c, err
	}
	principal, err := signIn()
	if err != nil {
		t.Fatal(err)
	}
	if got := me(t, principal); got != made.ApplicationId {
		t.Errorf("signed in as %s", got)
	}
	_, err = principal.ServicePrincipalsV2.Create(t.Context(), iam.CreateServicePrincipalRequest{DisplayName: "more"})
	if !errors.Is(err, databricks.ErrPermissionDenied) {
		t.Errorf("a service principal makes another: %v", err)
	}

	// Its role comes from the API, or from SQL.
	branch := makeProject(t, w, "principals").Status.DefaultBranch
	e := primaryOf(t, w, branch)
	if _, err := login(t, shared, e.Status.Hosts.Host, made.ApplicationId, token(t, principal, e.Name), "postgres"); code(err) != "28P01" {
		t.Errorf("a login without a role: %v", err)
	}
	exec(t, connect(t, shared, w, e), "SELECT databricks_create_role('"+made.ApplicationId+"', 'SERVICE_PRINCIPAL')")
	connect(t, shared, principal, e)

	found, err := w.ServicePrincipalsV2.ListAll(t.Context(), iam.ListServicePrincipalsRequest{
		Filter: `applicationId eq "` + made.ApplicationId + `"`,
	})
	if err != nil || len(found) != 1 || found[0].DisplayName != "reports" {
		t.Errorf("found %+v, %v", found, err)
	}
	if err := w.ServicePrincipalSecretsProxy.Delete(t.Context(), oauth2.DeleteServicePrincipalSecretRequest{
		ServicePrincipalId: made.Id, SecretId: secret.Id,
	}); err != nil {
		t.Fatal(err)
	}
	if _, err := signIn(); err == nil {
		t.Error("a secret that was deleted lets its service principal in")
	}
	if err := w.ServicePrincipalsV2.Delete(t.Context(), iam.DeleteServicePrincipalRequest{Id: made.Id}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.ServicePrincipalsV2.Get(t.Context(), iam.GetServicePrincipalRequest{Id: made.Id}); !errors.Is(err, databricks.ErrNotFound) {
		t.Errorf("deleted: %v", err)
	}
}

// A group logs in as the group, whoever of its members it is.
func TestMembersOfAGroupLogInAsTheGroup(t *testing.T) {
	t.Parallel()
	w, principal := userClient(t, shared), principalClient(t, shared)
	branch := makeProject(t, w, "groups").Status.DefaultBranch
	makeRole(t, w, branch, "all-users", postgres.RoleRoleSpec{PostgresRole: "users", IdentityType: postgres.RoleIdentityTypeGroup})
	makeRole(t, w, branch, "all-admins", postgres.RoleRoleSpec{PostgresRole: "admins", IdentityType: postgres.RoleIdentityTypeGroup})
	e := primaryOf(t, w, branch)
	host := e.Status.Hosts.Host
	conn, err := login(t, shared, host, "users", token(t, principal, e.Name), "postgres")
	if err != nil {
		t.Fatal(err)
	}
	if got := value[string](t, conn, "SELECT current_user"); got != "users" {
		t.Errorf("the session is %s's", got)
	}
	if _, err := login(t, shared, host, "admins", token(t, principal, e.Name), "postgres"); code(err) != "28P01" {
		t.Errorf("who is no administrator logs in as their group: %v", err)
	}
}

func TestNativePasswords(t *testing.T) {
	t.Parallel()
	w := userClient(t, shared)
	p := makeProject(t, w, "native")
	e := primaryOf(t, w, p.Status.DefaultBranch)
	makeRole(t, w, p.Status.DefaultBranch, "plain", postgres.RoleRoleSpec{
		PostgresRole: "plain", MembershipRoles: []postgres.RoleMembershipRole{postgres.RoleMembershipRoleDatabricksSuperuser},
	})
	exec(t, connect(t, shared, w, e), "ALTER ROLE plain PASSWORD 'p4ss wörd'")
	try := func(password string) string {
		_, err := login(t, shared, e.Status.Hosts.Host, "plain", password, "postgres")
		if err == nil {
			return ""
		}
		return code(err)
	}
	native := func(on bool) {
		op, err := w.Postgres.UpdateProject(t.Context(), postgres.UpdateProjectRequest{
			Name: p.Name, UpdateMask: fieldmask.FieldMask{Paths: []string{"spec.enable_pg_native_login"}},
			Project: postgres.Project{Spec: &postgres.ProjectSpec{EnablePgNativeLogin: on}},
		})
		if err != nil {
			t.Fatal(err)
		}
		if changed, err := op.Wait(t.Context()); err != nil || changed.Status.EnablePgNativeLogin != on {
			t.Fatalf("%+v, %v", changed, err)
		}
	}
	if got := try("p4ss wörd"); got != "28P01" {
		t.Errorf("native login is off, and a password gives %q", got)
	}
	native(true)
	if got := try("p4ss wörd"); got != "" {
		t.Errorf("native login is on, and a password gives %s", got)
	}
	if got := try("another"); got != "28P01" {
		t.Errorf("another password gives %q", got)
	}
	connect(t, shared, w, e) // tokens go on
	native(false)
	if got := try("p4ss wörd"); got != "28P01" {
		t.Errorf("native login is off again, and a password gives %q", got)
	}
}

func TestEnvironmentOfAnApp(t *testing.T) {
	t.Parallel()
	l := startLimited(t, Limits{})
	makeProject(t, userClient(t, l), "shop")
	environment := func() map[string]string {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, l.Workspace().Host+"/lakeward/apps/shop/environment", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+l.Workspace().Token)
		response, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		var answer AppEnvironment
		if err := json.NewDecoder(response.Body).Decode(&answer); err != nil || response.StatusCode != http.StatusOK {
			t.Fatalf("%s, %v", response.Status, err)
		}
		return answer.Variables
	}
	env := environment()
	if again := environment(); again["PGUSER"] != env["PGUSER"] {
		t.Errorf("the app has become another: %s, %s", env["PGUSER"], again["PGUSER"])
	}
	app := client(t, &databricks.Config{
		Host: env["DATABRICKS_HOST"], ClientID: env["DATABRICKS_CLIENT_ID"], ClientSecret: env["DATABRICKS_CLIENT_SECRET"],
	})
	conn, err := login(t, l, env["PGHOST"], env["PGUSER"], token(t, app, env["LAKEBASE_ENDPOINT"]), env["PGDATABASE"])
	if err != nil {
		t.Fatal(err)
	}
	exec(t, conn, "CREATE SCHEMA own; CREATE TABLE own.t (n int)")
	if _, err := conn.Exec(t.Context(), "CREATE TABLE public.t (n int)"); code(err) != "42501" {
		t.Errorf("a table in a schema that is not the app's: %v", err)
	}
}
