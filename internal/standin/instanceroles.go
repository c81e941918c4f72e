package standin

import (
	"net/http"

	"github.com/databricks/databricks-sdk-go/service/database"
	"github.com/databricks/databricks-sdk-go/service/postgres"

	"github.com/lakeward/lakeward/internal/endpoint"
)

// Roles of an instance are those of its default branch, called by their names. This API has no operations: a call
// returns when PostgreSQL has done it.

func (l *Lakebase) createInstanceRole(r *request) (any, error) {
	var in database.DatabaseInstanceRole
	if err := r.decode(&in); err != nil {
		return nil, err
	}
	wanted := endpoint.Role{
		Name: in.Name, Superuser: in.MembershipRole == database.DatabaseInstanceRoleMembershipRoleDatabricksSuperuser,
	}
	if in.IdentityType != database.DatabaseInstanceRoleIdentityTypePgOnly {
		wanted.Identity = string(in.IdentityType)
	}
	if a := in.Attributes; a != nil {
		wanted.BypassRLS, wanted.CreateDB, wanted.CreateRole = a.Bypassrls, a.Createdb, a.Createrole
	}
	if err := checkIdentifier("database_instance_role.name", wanted.Name); err != nil {
		return nil, err
	}
	if err := checkRole("database_instance_role.", wanted); err != nil {
		return nil, err
	}
	if err := l.refreshInstance(r); err != nil {
		return nil, err
	}
	err := l.await(r, func(s *state) (*operation, error) {
		p, err := r.instanceToChange(s)
		if err != nil {
			return nil, err
		}
		return l.planRole(p, p.defaultBranch(), wanted, "")
	})
	if err != nil {
		return nil, err
	}
	return l.instanceRole(r, in.Name)
}

// await submits an operation and waits for its end.
func (l *Lakebase) await(r *request, change func(*state) (*operation, error)) error {
	t, err := l.submit(change)
	if err != nil {
		return err
	}
	select {
	case <-t.done:
	case <-r.Context().Done():
		return r.Context().Err()
	}
	op := l.store.view().operation(t.op.Name)
	if op == nil || !op.Done {
		return invalidState("the local Lakebase is stopping")
	}
	if op.Code != "" {
		return &apiError{Status: statusOf(op.Code), Code: op.Code, Message: op.Message}
	}
	return nil
}

// statusOf returns the HTTP status that goes with the code of a failed operation.
func statusOf(code postgres.ErrorCode) int {
	switch code {
	case postgres.ErrorCodeAlreadyExists, postgres.ErrorCodeResourceConflict:
		return http.StatusConflict
	case postgres.ErrorCodeNotFound:
		return http.StatusNotFound
	case postgres.ErrorCodeBadRequest, postgres.ErrorCodeInvalidParameterValue, postgres.ErrorCodeInvalidState:
		return http.StatusBadRequest
	case postgres.ErrorCodeNotImplemented:
		return http.StatusNotImplemented
	}
	return http.StatusInternalServerError
}

// refreshInstance is refresh for an instance.
func (l *Lakebase) refreshInstance(r *request) error {
	p, err := r.instance(l.store.view())
	if err == nil {
		l.refreshBranch(r.Context(), p.defaultBranch())
	}
	return err
}

func (l *Lakebase) getInstanceRole(r *request) (any, error) {
	if err := l.refreshInstance(r); err != nil {
		return nil, err
	}
	return l.instanceRole(r, r.PathValue("role"))
}

func (l *Lakebase) instanceRole(r *request, name string) (any, error) {
	p, err := r.instance(l.store.view())
	if err != nil {
		return nil, err
	}
	found := p.defaultBranch().roleNamed(name)
	if found == nil {
		return nil, notFound("Role '%s' not found in database instance '%s'.", name, p.ID)
	}
	answer := instanceRoleAnswer(p, found)
	return &answer, nil
}

func (l *Lakebase) listInstanceRoles(r *request) (any, error) {
	if err := l.refreshInstance(r); err != nil {
		return nil, err
	}
	p, err := r.instance(l.store.view())
	if err != nil {
		return nil, err
	}
	var all []database.DatabaseInstanceRole
	for _, found := range p.defaultBranch().Roles {
		all = append(all, instanceRoleAnswer(p, found))
	}
	return list(r, all, func(r database.DatabaseInstanceRole) string { return r.Name },
		func(items []database.DatabaseInstanceRole, next string) database.ListDatabaseInstanceRolesResponse {
			return database.ListDatabaseInstanceRolesResponse{DatabaseInstanceRoles: items, NextPageToken: next}
		})
}

func (l *Lakebase) deleteInstanceRole(r *request) (any, error) {
	allowMissing, _, err := r.flag("allow_missing")
	if err != nil {
		return nil, err
	}
	if err := l.refreshInstance(r); err != nil {
		return nil, err
	}
	name, heir := r.PathValue("role"), r.URL.Query().Get("reassign_owned_to")
	if p, err := r.instance(l.store.view()); err == nil && allowMissing && p.defaultBranch().roleNamed(name) == nil {
		return nil, nil
	}
	return nil, l.await(r, func(s *state) (*operation, error) {
		p, err := r.instanceToChange(s)
		if err != nil {
			return nil, err
		}
		b := p.defaultBranch()
		found := b.roleNamed(name)
		if found == nil {
			return nil, notFound("Role '%s' not found in database instance '%s'.", name, p.ID)
		}
		if heir != "" && (heir == name || b.roleNamed(heir) == nil) {
			return nil, invalid("Field 'reassign_owned_to' must name another role of the instance, got '%s'.", heir)
		}
		if err := l.mayChange(b); err != nil {
			return nil, err
		}
		return planRoleDeletion(p, b, found, heir)
	})
}

func instanceRoleAnswer(p *project, r *role) database.DatabaseInstanceRole {
	attributes := func() *database.DatabaseInstanceRoleAttributes {
		return &database.DatabaseInstanceRoleAttributes{
			Bypassrls: r.BypassRLS, Createdb: r.CreateDB, Createrole: r.CreateRole,
			ForceSendFields: []string{"Bypassrls", "Createdb", "Createrole"},
		}
	}
	answer := database.DatabaseInstanceRole{
		Name: r.Name, InstanceName: p.ID, IdentityType: database.DatabaseInstanceRoleIdentityTypePgOnly,
		Attributes: attributes(), EffectiveAttributes: attributes(),
	}
	if r.Identity != "" {
		answer.IdentityType = database.DatabaseInstanceRoleIdentityType(r.Identity)
	}
	if r.Superuser {
		answer.MembershipRole = database.DatabaseInstanceRoleMembershipRoleDatabricksSuperuser
	}
	return answer
}
