package standin

import (
	"cmp"
	"net/http"
	"regexp"
	"slices"

	"github.com/databricks/databricks-sdk-go/service/apps"
	"github.com/databricks/databricks-sdk-go/service/postgres"
)

// Of Databricks Apps there is who may do what with one: the local Lakebase runs none. An app exists once permissions were
// set for it. Every identity of the workspace may set them, for anybody: most people who could be named are not here.

const (
	apiAppPermissions = "/api/2.0/permissions/apps/"
	maxApps           = 100 // of a workspace
)

// appOf is an app of Databricks Apps.
type appOf struct {
	Name   string     `json:"name"`
	Grants []appGrant `json:"grants"`
}

// appGrant is a permission that somebody was given on an app. One of the names is set.
type appGrant struct {
	User      string                  `json:"user,omitempty"`
	Group     string                  `json:"group,omitempty"`
	Principal string                  `json:"service_principal,omitempty"`
	Level     apps.AppPermissionLevel `json:"level"`
}

func (l *Lakebase) appRoutes(api func(string, handler)) {
	api("GET "+apiAppPermissions+"{name}", l.getAppPermissions)
	api("PUT "+apiAppPermissions+"{name}", l.setAppPermissions)
	api("PATCH "+apiAppPermissions+"{name}", l.updateAppPermissions)
}

func (s *state) app(name string) (*appOf, error) {
	if a := find(s.Apps, func(a *appOf) bool { return a.Name == name }); a != nil {
		return a, nil
	}
	return nil, &apiError{
		Status: http.StatusNotFound, Code: postgres.ErrorCodeResourceDoesNotExist,
		Message: "App '" + name + "' does not exist. In the local Lakebase, an app exists once its permissions were set with PUT.",
	}
}

func (l *Lakebase) getAppPermissions(r *request) (any, error) {
	a, err := l.store.view().app(r.PathValue("name"))
	if err != nil {
		return nil, err
	}
	return a.permissions(), nil
}

var appName = regexp.MustCompile(`^[a-z0-9-]{2,30}$`)

// setAppPermissions replaces all permissions that were given.
func (l *Lakebase) setAppPermissions(r *request) (any, error) {
	name := r.PathValue("name")
	grants, err := r.appGrants()
	if err != nil {
		return nil, err
	}
	if !appName.MatchString(name) {
		return nil, invalid("App name must contain only lowercase letters, numbers, and dashes, and have 2 to 30 characters, got '%s'.", name)
	}
	set := &appOf{Name: name}
	for _, g := range grants {
		set.give(g)
	}
	return set.permissions(), l.store.update(func(s *state) error {
		if found, err := s.app(name); err == nil {
			*found = *set
			return nil
		}
		if len(s.Apps) >= maxApps {
			return overLimit("The workspace has %d apps already, which is the limit.", maxApps)
		}
		s.Apps = append(s.Apps, set)
		return nil
	})
}

// updateAppPermissions adds permissions. Who has one already gets the new one in its place.
func (l *Lakebase) updateAppPermissions(r *request) (any, error) {
	grants, err := r.appGrants()
	if err != nil {
		return nil, err
	}
	var answer *apps.AppPermissions
	err = l.store.update(func(s *state) error {
		a, err := s.app(r.PathValue("name"))
		if err != nil {
			return err
		}
		for _, g := range grants {
			a.give(g)
		}
		answer = a.permissions()
		return nil
	})
	return answer, err
}

// appGrants reads what a request gives to whom.
func (r *request) appGrants() ([]appGrant, error) {
	var in apps.AppPermissionsRequest
	if err := r.decode(&in); err != nil {
		return nil, err
	}
	var grants []appGrant
	for _, a := range in.AccessControlList {
		g := appGrant{User: a.UserName, Group: a.GroupName, Principal: a.ServicePrincipalName, Level: a.PermissionLevel}
		named := 0
		for _, name := range []string{g.User, g.Group, g.Principal} {
			if name != "" {
				named++
			}
		}
		if named != 1 {
			return nil, invalid("Exactly one of user_name, group_name, service_principal_name must be given.")
		}
		if !slices.Contains(a.PermissionLevel.Values(), a.PermissionLevel) {
			return nil, invalid("'%s' is not a permission level of an app; those are CAN_MANAGE and CAN_USE.", a.PermissionLevel)
		}
		grants = append(grants, g)
	}
	return grants, nil
}

func (a *appOf) give(g appGrant) {
	for i, old := range a.Grants {
		if old.User == g.User && old.Group == g.Group && old.Principal == g.Principal {
			a.Grants[i] = g
			return
		}
	}
	a.Grants = append(a.Grants, g)
}

// permissions are those that were given, and that of the workspace's administrators, who manage every app.
func (a *appOf) permissions() *apps.AppPermissions {
	out := &apps.AppPermissions{ObjectId: "/apps/" + a.Name, ObjectType: "apps"}
	inherited := apps.AppPermission{
		PermissionLevel: apps.AppPermissionLevelCanManage, Inherited: true, InheritedFromObject: []string{"/apps/"},
	}
	admins := apps.AppAccessControlResponse{GroupName: adminsGroup, AllPermissions: []apps.AppPermission{inherited}}
	for _, g := range a.Grants {
		given := apps.AppPermission{PermissionLevel: g.Level, ForceSendFields: []string{"Inherited"}}
		if g.Group == adminsGroup {
			admins.AllPermissions = append(admins.AllPermissions, given)
			continue
		}
		out.AccessControlList = append(out.AccessControlList, apps.AppAccessControlResponse{
			UserName: g.User, GroupName: g.Group, ServicePrincipalName: g.Principal,
			DisplayName: cmp.Or(g.User, g.Principal), AllPermissions: []apps.AppPermission{given},
		})
	}
	out.AccessControlList = append(out.AccessControlList, admins)
	return out
}
