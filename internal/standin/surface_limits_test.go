package standin

import (
	"fmt"
	"testing"

	"github.com/databricks/databricks-sdk-go/service/database"
	"github.com/databricks/databricks-sdk-go/service/iam"
	"github.com/databricks/databricks-sdk-go/service/oauth2"
	"github.com/databricks/databricks-sdk-go/service/postgres"
)

// TestOneTooMany reaches the limits that docs/local.md names, most of them in the state alone: nothing runs here.
func TestOneTooMany(t *testing.T) {
	t.Parallel()
	l := startLimited(t, Limits{Projects: 1})
	w, tap := tapped(t, l)
	p, ctx := w.Postgres, t.Context()
	makeStopped(t, w, database.DatabaseInstance{Name: "closed"})
	const parent, production = "projects/closed", "projects/closed/branches/production"
	createInstance := func() error {
		return second(w.Database.CreateDatabaseInstance(ctx, database.CreateDatabaseInstanceRequest{
			DatabaseInstance: database.DatabaseInstance{Name: "more"},
		}))
	}
	createReader := func(id string) error {
		return second(p.CreateEndpoint(ctx, postgres.CreateEndpointRequest{
			Parent: production, EndpointId: id, Endpoint: postgres.Endpoint{Spec: &postgres.EndpointSpec{
				EndpointType: postgres.EndpointTypeEndpointTypeReadOnly, Disabled: true,
			}},
		}))
	}
	for n := range maxReplicas {
		if err := createReader(fmt.Sprintf("r%d", n)); err != nil {
			t.Fatal(err)
		}
	}
	var principal string
	err := l.store.update(func(s *state) error {
		b := s.project("closed").defaultBranch()
		for n := range maxBranches - 1 {
			other := &branch{ID: fmt.Sprintf("b%d", n), Computes: []*compute{{ID: primaryEndpoint, UID: fmt.Sprintf("ep-%d", n), Disabled: true}}}
			s.project("closed").Branches = append(s.project("closed").Branches, other)
		}
		for n := range maxRoles - 1 {
			b.Roles = append(b.Roles, &role{ID: fmt.Sprintf("r%d", n), Name: fmt.Sprintf("r%d", n)})
			b.Databases = append(b.Databases, &pgdb{ID: fmt.Sprintf("d%d", n), Name: fmt.Sprintf("d%d", n)})
		}
		for len(s.Identities) < maxPrincipals {
			s.Identities = append(s.Identities, newPrincipal("one of many"))
		}
		last := &s.Identities[len(s.Identities)-1]
		for range maxSecrets {
			last.addSecret()
		}
		principal = last.ID
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	checkRefusals(t, tap, []wrongCall{
		{"a project", func() error {
			return second(p.CreateProject(ctx, postgres.CreateProjectRequest{ProjectId: "more"}))
		}, beyondLimit("The workspace has 1 projects already, which is the limit.")},
		{"an instance where projects are few", createInstance, beyondLimit("The workspace has 1 projects already, which is the limit.")},
		{"a branch", func() error {
			return second(p.CreateBranch(ctx, postgres.CreateBranchRequest{
				Parent: parent, BranchId: "more", Branch: postgres.Branch{Spec: &postgres.BranchSpec{NoExpiry: true}},
			}))
		}, beyondLimit("The project has 500 branches already, which is the limit.")},
		{"a reader", func() error { return createReader("more") }, beyondLimit("The branch has 6 read-only endpoints already, which is the limit.")},
		{"a role", func() error {
			return second(p.CreateRole(ctx, postgres.CreateRoleRequest{
				Parent: production, Role: postgres.Role{Spec: &postgres.RoleRoleSpec{PostgresRole: "more"}},
			}))
		}, beyondLimit("The branch has 500 roles already, which is the limit.")},
		{"a role of an instance", func() error {
			return second(w.Database.CreateDatabaseInstanceRole(ctx, database.CreateDatabaseInstanceRoleRequest{
				InstanceName: "closed", DatabaseInstanceRole: database.DatabaseInstanceRole{Name: "more"},
			}))
		}, beyondLimit("The branch has 500 roles already, which is the limit.")},
		{"a database", func() error {
			return second(p.CreateDatabase(ctx, postgres.CreateDatabaseRequest{
				Parent: production, Database: postgres.Database{Spec: &postgres.DatabaseDatabaseSpec{PostgresDatabase: "more", Role: production + "/roles/admin"}},
			}))
		}, beyondLimit("The branch has 500 databases already, which is the limit.")},
		{"a service principal", func() error {
			return second(w.ServicePrincipalsV2.Create(ctx, iam.CreateServicePrincipalRequest{DisplayName: "more"}))
		}, beyondLimit("The workspace has 1000 identities already, which is the limit.")},
		{"a secret", func() error {
			return second(w.ServicePrincipalSecretsProxy.Create(ctx, oauth2.CreateServicePrincipalSecretRequest{ServicePrincipalId: principal}))
		}, beyondLimit("The service principal has 5 secrets already, which is the limit.")},
	})
	if l := (Limits{}).withDefaults(); l.Projects != 1000 || l.Instances != 10 || l.Connections != 1000 {
		t.Errorf("Lakebase's own limits are %+v", l)
	}
}
