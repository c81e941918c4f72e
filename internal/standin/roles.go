package standin

import (
	"cmp"
	"context"
	"errors"
	"slices"

	sdktime "github.com/databricks/databricks-sdk-go/common/types/time"
	"github.com/databricks/databricks-sdk-go/service/postgres"

	"github.com/lakeward/lakeward/internal/endpoint"
)

const maxRoles = 500 // of a branch

// wire returns a role as package endpoint knows it.
func (r *role) wire() endpoint.Role {
	return endpoint.Role{
		Name: r.Name, Identity: r.Identity, AuthMethod: r.AuthMethod, Superuser: r.Superuser,
		BypassRLS: r.BypassRLS, CreateDB: r.CreateDB, CreateRole: r.CreateRole,
	}
}

// set takes over everything but the name. It reports whether something has changed.
func (r *role) set(from endpoint.Role) bool {
	if from.AuthMethod == "" {
		from.AuthMethod = authMethodOf(from.Identity)
	}
	before := r.wire()
	r.Identity, r.AuthMethod, r.Superuser = from.Identity, from.AuthMethod, from.Superuser
	r.BypassRLS, r.CreateDB, r.CreateRole = from.BypassRLS, from.CreateDB, from.CreateRole
	changed := r.wire() != before
	if changed || r.Updated.IsZero() {
		r.Updated = now()
	}
	return changed
}

// authMethodOf returns how a role authenticates when nobody said anything.
func authMethodOf(identity string) string {
	if identity != "" {
		return endpoint.AuthOAuth
	}
	return endpoint.AuthPassword
}

func (l *Lakebase) createRole(r *request) (any, error) {
	var in postgres.Role
	if err := r.decode(&in); err != nil {
		return nil, err
	}
	id, replace, err := r.creation("role_id", derivedID)
	if err != nil {
		return nil, err
	}
	spec := cmp.Or(in.Spec, &postgres.RoleRoleSpec{})
	wanted, err := roleFrom(spec)
	if err != nil {
		return nil, err
	}
	l.refresh(r)
	return answer(l.submit(func(s *state) (*operation, error) {
		p, b, err := r.branchToChange(s)
		if err != nil {
			return nil, err
		}
		if id != "" && b.role(id) != nil && replace {
			return planRoleUpdate(p, b, b.role(id), wanted)
		}
		return l.planRole(p, b, wanted, id)
	}))
}

// planRole adds a role to a branch.
func (l *Lakebase) planRole(p *project, b *branch, wanted endpoint.Role, id string) (*operation, error) {
	if b.roleNamed(wanted.Name) != nil || id != "" && b.role(id) != nil {
		return nil, badRequest("role with that name already exists")
	}
	if len(b.Roles) >= maxRoles {
		return nil, overLimit("The branch has %d roles already, which is the limit.", maxRoles)
	}
	if err := l.mayChange(b); err != nil {
		return nil, err
	}
	added := b.addRole(wanted, id)
	added.Pending = true
	op := newOperation(createRole, p.under(b, "roles", added.ID)).of(p, b, added.ID)
	op.Role = added
	return op, nil
}

// mayChange refuses work that PostgreSQL must do when there is none and none is coming.
func (l *Lakebase) mayChange(b *branch) error {
	c := b.primary()
	if r := l.runner(c.UID); c.Disabled || r.phase == phaseFailed || r.condition().Down {
		return invalidState("the compute endpoint of branch '%s' is not running; start it first", b.ID)
	}
	return nil
}

// roleFrom checks the spec of a role.
func roleFrom(spec *postgres.RoleRoleSpec) (endpoint.Role, error) {
	wanted := endpoint.Role{
		Name: spec.PostgresRole, Identity: string(spec.IdentityType), AuthMethod: string(spec.AuthMethod),
		Superuser: slices.Contains(spec.MembershipRoles, postgres.RoleMembershipRoleDatabricksSuperuser),
	}
	if wanted.Identity == unspecifiedIdentity {
		wanted.Identity = ""
	}
	if a := spec.Attributes; a != nil {
		wanted.BypassRLS, wanted.CreateDB, wanted.CreateRole = a.Bypassrls, a.Createdb, a.Createrole
	}
	if err := checkIdentifier("role.spec.postgres_role", wanted.Name); err != nil {
		return wanted, err
	}
	return wanted, checkRole("role.spec.", wanted)
}

const unspecifiedIdentity = "IDENTITY_TYPE_UNSPECIFIED"

// checkRole refuses what no role can be. Its fields are called as in the API that was asked, in front of which stands where.
func checkRole(where string, r endpoint.Role) error {
	if !slices.Contains([]string{"", "USER", "SERVICE_PRINCIPAL", "GROUP"}, r.Identity) {
		return invalid("Field '%sidentity_type' has the unknown value '%s'.", where, r.Identity)
	}
	switch r.AuthMethod {
	case "", endpoint.AuthNone:
	case endpoint.AuthOAuth:
		if r.Identity == "" {
			return invalid("LAKEBASE_OAUTH_V1 needs an identity_type: the role must be somebody's.")
		}
	case endpoint.AuthPassword:
		if r.Identity != "" {
			return invalid("PG_PASSWORD_SCRAM_SHA_256 is for roles without an identity_type.")
		}
	default:
		return invalid("Field '%sauth_method' has the unknown value '%s'.", where, r.AuthMethod)
	}
	return nil
}

func (l *Lakebase) updateRole(r *request) (any, error) {
	var in postgres.Role
	if err := r.decode(&in); err != nil {
		return nil, err
	}
	m, err := r.mask(true, "spec.attributes.bypassrls", "spec.attributes.createdb", "spec.attributes.createrole",
		"spec.membership_roles", "spec.auth_method")
	if err != nil {
		return nil, err
	}
	spec := cmp.Or(in.Spec, &postgres.RoleRoleSpec{})
	l.refresh(r)
	return answer(l.submit(func(s *state) (*operation, error) {
		p, b, found, err := r.role(s)
		if err != nil {
			return nil, err
		}
		wanted := found.wire()
		applyRole(&wanted, spec, m)
		return planRoleUpdate(p, b, found, wanted)
	}))
}

// applyRole changes what the mask names.
func applyRole(wanted *endpoint.Role, spec *postgres.RoleRoleSpec, m mask) {
	a := cmp.Or(spec.Attributes, &postgres.RoleAttributes{})
	for path, set := range map[string]func(){
		"spec.attributes.bypassrls":  func() { wanted.BypassRLS = a.Bypassrls },
		"spec.attributes.createdb":   func() { wanted.CreateDB = a.Createdb },
		"spec.attributes.createrole": func() { wanted.CreateRole = a.Createrole },
		"spec.auth_method":           func() { wanted.AuthMethod = string(spec.AuthMethod) },
		"spec.membership_roles": func() {
			wanted.Superuser = slices.Contains(spec.MembershipRoles, postgres.RoleMembershipRoleDatabricksSuperuser)
		},
	} {
		if m.has(path) {
			set()
		}
	}
}

func planRoleUpdate(p *project, b *branch, found *role, wanted endpoint.Role) (*operation, error) {
	if wanted.Name != found.Name || wanted.Identity != found.Identity {
		return nil, invalid("The name and the identity of a role cannot be updated.")
	}
	if err := checkRole("role.spec.", wanted); err != nil {
		return nil, err
	}
	op := newOperation(updateRole, p.under(b, "roles", found.ID)).of(p, b, found.ID)
	op.Role = &role{ID: found.ID, Name: found.Name}
	op.Role.set(wanted)
	return op, nil
}

func (l *Lakebase) deleteRole(r *request) (any, error) {
	heir := r.URL.Query().Get("reassign_owned_to")
	l.refresh(r)
	return answer(l.submit(func(s *state) (*operation, error) {
		p, b, found, err := r.role(s)
		if err != nil {
			return nil, err
		}
		var heirName string
		if heir != "" {
			h := find(b.Roles, func(o *role) bool {
				return o.Name == heir || o.ID == heir || p.under(b, "roles", o.ID) == heir
			})
			if h == nil || h == found {
				return nil, invalid("Field 'reassign_owned_to' must name another role of the branch, got '%s'.", heir)
			}
			heirName = h.Name
		}
		return planRoleDeletion(p, b, found, heirName)
	}))
}

func planRoleDeletion(p *project, b *branch, found *role, heir string) (*operation, error) {
	if found.Name == p.Owner {
		return nil, managedByParent("Cannot delete role '%s': it owns the project.", found.ID)
	}
	op := newOperation(deleteRole, p.under(b, "roles", found.ID)).of(p, b, found.ID)
	op.Role, op.Heir = found, heir
	return op, nil
}

// performRole does to PostgreSQL what the operation says. Doing it twice does no harm.
func (l *Lakebase) performRole(ctx context.Context, op *operation) (settlement, error) {
	name := "projects/" + op.Project + "/branches/" + op.Branch
	err := l.withPrimary(ctx, name, func(e *endpoint.Endpoint) error {
		switch op.Kind {
		case createRole:
			if err := e.CreateRole(ctx, op.Role.wire()); err == nil || !errors.Is(err, endpoint.ErrExists) {
				return err
			}
			return e.AlterRole(ctx, op.Role.wire()) // made before a crash
		case updateRole:
			return e.AlterRole(ctx, op.Role.wire())
		}
		if err := e.DropRole(ctx, op.Role.Name, op.Heir); !errors.Is(err, endpoint.ErrNotExist) {
			return err
		}
		return nil
	})
	return func(s *state, err error) any {
		p, b := s.branchByName(name)
		if b == nil {
			return nil
		}
		found := b.role(op.ID)
		switch {
		case found == nil:
			return nil
		case op.Kind == createRole && err != nil, op.Kind == deleteRole && err == nil:
			b.Roles = without(b.Roles, found)
			return nil
		case err == nil:
			found.Pending = false
			found.set(op.Role.wire())
		}
		return roleAnswer(p, b, found)
	}, err
}

// withPrimary calls do with the running primary of a branch.
func (l *Lakebase) withPrimary(ctx context.Context, branchName string, do func(*endpoint.Endpoint) error) error {
	p, b := l.store.view().branchByName(branchName)
	if b == nil {
		return notFound("branch id not found")
	}
	e, err := l.awake(ctx, p, b, b.primary())
	if err != nil {
		return err
	}
	return do(e)
}

func (l *Lakebase) getRole(r *request) (any, error) {
	l.refresh(r)
	p, b, found, err := r.role(l.store.view())
	if err != nil {
		return nil, err
	}
	return roleAnswer(p, b, found), nil
}

func (l *Lakebase) listRoles(r *request) (any, error) {
	l.refresh(r)
	p, b, err := r.branch(l.store.view())
	if err != nil {
		return nil, err
	}
	var all []postgres.Role
	for _, found := range b.Roles {
		all = append(all, *roleAnswer(p, b, found))
	}
	return list(r, all, func(r postgres.Role) string { return r.RoleId },
		func(items []postgres.Role, next string) postgres.ListRolesResponse {
			return postgres.ListRolesResponse{Roles: items, NextPageToken: next}
		})
}

func roleAnswer(p *project, b *branch, r *role) *postgres.Role {
	status := &postgres.RoleRoleStatus{
		RoleId: r.ID, PostgresRole: r.Name, AuthMethod: postgres.RoleAuthMethod(r.AuthMethod),
		IdentityType: postgres.RoleIdentityType(cmp.Or(r.Identity, unspecifiedIdentity)),
		Attributes: &postgres.RoleAttributes{
			Bypassrls: r.BypassRLS, Createdb: r.CreateDB, Createrole: r.CreateRole,
			ForceSendFields: []string{"Bypassrls", "Createdb", "Createrole"},
		},
	}
	if r.Superuser {
		status.MembershipRoles = []postgres.RoleMembershipRole{postgres.RoleMembershipRoleDatabricksSuperuser}
	}
	return &postgres.Role{
		Name: p.under(b, "roles", r.ID), RoleId: r.ID, Parent: p.branchName(b), Status: status,
		CreateTime: sdktime.New(r.Created), UpdateTime: sdktime.New(r.Updated),
	}
}
