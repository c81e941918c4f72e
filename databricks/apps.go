package databricks

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/databricks/databricks-sdk-go/service/apps"
	"github.com/databricks/databricks-sdk-go/service/iam"

	"github.com/lakeward/lakeward"
)

// AppManagers returns the users and the groups that have CAN_MANAGE on a Databricks App, given on the app or inherited.
// There may be service principals that have it too; they are no people and left out.
func (w *Workspace) AppManagers(ctx context.Context, app string) (users, groups []string, err error) {
	// The SDK puts the name into a path as it is.
	if app == "" || strings.ContainsFunc(app, func(r rune) bool { return r <= ' ' || strings.ContainsRune("/?#%.", r) }) {
		return nil, nil, lakeward.Errorf(lakeward.KindInvalid, "name the app as Databricks Apps lists it", "%q is not the name of an app", app)
	}
	p, err := w.client.Apps.GetPermissions(ctx, apps.GetAppPermissionsRequest{AppName: app})
	if err != nil {
		err = explain(err, "read the permissions of app %s", app)
		e, ok := errors.AsType[*lakeward.Error](err)
		switch {
		case ok && e.Kind == lakeward.KindDenied:
			e.Hint = "give CAN MANAGE on app " + app + " to the identity that the server runs as"
		case ok && e.Kind == lakeward.KindNotFound:
			e.Hint = "check the name of the app; databricks apps list shows what there is"
		}
		return nil, nil, err
	}
	for _, a := range p.AccessControlList {
		manages := slices.ContainsFunc(a.AllPermissions, func(p apps.AppPermission) bool {
			return p.PermissionLevel == apps.AppPermissionLevelCanManage
		})
		switch {
		case !manages:
		case a.UserName != "":
			users = append(users, a.UserName)
		case a.GroupName != "":
			groups = append(groups, a.GroupName)
		}
	}
	return users, groups, nil
}

// ManagesApp says whether a user has CAN_MANAGE on a Databricks App, directly or through a group. Groups are looked up
// only for who does not have it directly: only workspace admins may see who is in which.
func (w *Workspace) ManagesApp(ctx context.Context, app, user string) (bool, error) {
	users, groups, err := w.AppManagers(ctx, app)
	if err != nil {
		return false, err
	}
	if slices.ContainsFunc(users, func(u string) bool { return strings.EqualFold(u, user) }) {
		return true, nil
	}
	if len(groups) == 0 {
		return false, nil
	}
	in, err := w.groupsOf(ctx, user)
	return slices.ContainsFunc(in, func(g string) bool { return slices.Contains(groups, g) }), err
}

// groupsOf returns the groups of a user. The list of a group's members does not help: it has ids and display names, and
// anybody can choose a display name.
func (w *Workspace) groupsOf(ctx context.Context, user string) ([]string, error) {
	if user == "" || strings.ContainsAny(user, "\"\\") || strings.ContainsFunc(user, isControl) {
		return nil, nil // nobody is called so, and it could be read as another filter
	}
	found, err := w.client.UsersV2.ListAll(ctx, iam.ListUsersRequest{
		Filter: `userName eq "` + user + `"`, Attributes: "userName,groups",
	})
	if err != nil {
		err = explain(err, "look up the groups of %s", user)
		if e, ok := errors.AsType[*lakeward.Error](err); ok && e.Kind == lakeward.KindDenied {
			e.Hint = groupsHint
		}
		return nil, err
	}
	var groups []string
	for _, u := range found {
		switch {
		case u.UserName == "":
			return nil, lakeward.Errorf(lakeward.KindDenied, groupsHint, "look up the groups of %s: the workspace does not show them", user)
		case strings.EqualFold(u.UserName, user):
			for _, g := range u.Groups {
				groups = append(groups, g.Display)
			}
		}
	}
	return groups, nil
}

const groupsHint = "give CAN MANAGE to the person and not to a group, or run the server as a workspace admin, who may see groups"
