package standin

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/databricks/databricks-sdk-go"
	"github.com/databricks/databricks-sdk-go/service/apps"
	"github.com/databricks/databricks-sdk-go/service/iam"
)

// permissions lists who may do what with an app, such as "user ana@example.com CAN_MANAGE", "group admins CAN_MANAGE inherited".
func permissions(p *apps.AppPermissions) []string {
	var all []string
	for _, a := range p.AccessControlList {
		who := "user " + a.UserName
		if a.GroupName != "" {
			who = "group " + a.GroupName
		} else if a.ServicePrincipalName != "" {
			who = "principal " + a.ServicePrincipalName
		}
		for _, given := range a.AllPermissions {
			line := who + " " + string(given.PermissionLevel)
			if given.Inherited {
				line += " inherited from " + strings.Join(given.InheritedFromObject, " ")
			}
			all = append(all, line)
		}
	}
	return all
}

func TestPermissionsOfAnAppSurviveARestart(t *testing.T) {
	t.Parallel()
	dir := folder(t)
	l := start(t, dir)
	w := userClient(t, l)
	ask := apps.GetAppPermissionsRequest{AppName: "helpdesk"}
	if _, err := w.Apps.GetPermissions(t.Context(), ask); !errors.Is(err, databricks.ErrResourceDoesNotExist) {
		t.Errorf("of an app that nobody has made: %v", err)
	}
	change := apps.AppPermissionsRequest{AppName: "helpdesk", AccessControlList: []apps.AppAccessControlRequest{
		{UserName: "bob@example.com", PermissionLevel: apps.AppPermissionLevelCanManage},
	}}
	if _, err := w.Apps.UpdatePermissions(t.Context(), change); !errors.Is(err, databricks.ErrResourceDoesNotExist) {
		t.Errorf("an update of an app that nobody has made: %v", err)
	}
	const inherited = "group admins CAN_MANAGE inherited from /apps/"
	set, err := w.Apps.SetPermissions(t.Context(), apps.AppPermissionsRequest{
		AppName: "helpdesk", AccessControlList: []apps.AppAccessControlRequest{
			{UserName: "ana@example.com", PermissionLevel: apps.AppPermissionLevelCanManage},
			{UserName: "bob@example.com", PermissionLevel: apps.AppPermissionLevelCanUse},
			{ServicePrincipalName: "robot", PermissionLevel: apps.AppPermissionLevelCanUse},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"user ana@example.com CAN_MANAGE", "user bob@example.com CAN_USE", "principal robot CAN_USE", inherited}
	if got := permissions(set); !slices.Equal(got, want) || set.ObjectId != "/apps/helpdesk" || set.ObjectType != "apps" {
		t.Errorf("set: %q of %s %s, want %q", got, set.ObjectType, set.ObjectId, want)
	}
	change.AccessControlList = append(change.AccessControlList,
		apps.AppAccessControlRequest{GroupName: "support", PermissionLevel: apps.AppPermissionLevelCanUse})
	updated, err := w.Apps.UpdatePermissions(t.Context(), change)
	if err != nil {
		t.Fatal(err)
	}
	want = []string{
		"user ana@example.com CAN_MANAGE", "user bob@example.com CAN_MANAGE", "principal robot CAN_USE", "group support CAN_USE", inherited,
	}
	if got := permissions(updated); !slices.Equal(got, want) {
		t.Errorf("updated: %q, want %q", got, want)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	w = userClient(t, start(t, dir))
	kept, err := w.Apps.GetPermissions(t.Context(), ask)
	if err != nil || !slices.Equal(permissions(kept), want) {
		t.Errorf("after a restart: %q %v, want %q", permissions(kept), err, want)
	}
	// A PUT replaces; one that names nobody leaves what is inherited.
	set, err = w.Apps.SetPermissions(t.Context(), apps.AppPermissionsRequest{AppName: "helpdesk"})
	if err != nil || !slices.Equal(permissions(set), []string{inherited}) {
		t.Errorf("set to nothing: %q %v", permissions(set), err)
	}
}

func TestPermissionsOfAnAppThatMakeNoSense(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, body string }{
		{"shop", `{"access_control_list":[{"user_name":"ana","permission_level":"IS_OWNER"}]}`},
		{"shop", `{"access_control_list":[{"user_name":"ana"}]}`},
		{"shop", `{"access_control_list":[{"permission_level":"CAN_USE"}]}`},
		{"shop", `{"access_control_list":[{"user_name":"ana","group_name":"b","permission_level":"CAN_USE"}]}`},
		{"Shop", `{}`},
	} {
		status, body := call(t, shared, "PUT", apiAppPermissions+c.name, bearer(shared), c.body)
		if status != 400 || !strings.Contains(body, `"INVALID_PARAMETER_VALUE"`) {
			t.Errorf("%s for %s: %d %s", c.body, c.name, status, body)
		}
	}
	for _, path := range []string{"shop/permissionLevels", "../jobs/1"} {
		if status, body := call(t, shared, "GET", apiAppPermissions+path, bearer(shared), ""); status == 200 {
			t.Errorf("%s: %d %s", path, status, body)
		}
	}
}

// TestPermissionsNeedGroupsOfUsers: an administrator learns in which groups somebody is, anybody else does not.
func TestPermissionsNeedGroupsOfUsers(t *testing.T) {
	t.Parallel()
	admin, principal := userClient(t, shared), principalClient(t, shared)
	filter := func(name string) iam.ListUsersRequest {
		return iam.ListUsersRequest{Filter: `userName eq "` + name + `"`}
	}
	found, err := admin.UsersV2.ListAll(t.Context(), filter("Admin@lakeward.local"))
	if err != nil || len(found) != 1 || found[0].UserName != adminName || len(found[0].Groups) != 2 || found[0].Groups[1].Display != "admins" {
		t.Errorf("the administrator: %+v, %v", found, err)
	}
	if all, err := admin.UsersV2.ListAll(t.Context(), iam.ListUsersRequest{}); err != nil || len(all) != 1 {
		t.Errorf("all users: %+v, %v", all, err)
	}
	if none, err := admin.UsersV2.ListAll(t.Context(), filter("bob@example.com")); err != nil || len(none) != 0 {
		t.Errorf("somebody who is not there: %+v, %v", none, err)
	}
	bare, err := principal.UsersV2.ListAll(t.Context(), filter(adminName))
	if err != nil || len(bare) != 1 || bare[0].UserName != "" || bare[0].Groups != nil || bare[0].DisplayName == "" {
		t.Errorf("seen by the service principal: %+v, %v", bare, err)
	}
	if _, err := admin.UsersV2.ListAll(t.Context(), iam.ListUsersRequest{Filter: `displayName co "a"`}); !errors.Is(err, databricks.ErrNotImplemented) {
		t.Errorf("another filter: %v", err)
	}
}
