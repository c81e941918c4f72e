package databricks_test

import (
	"slices"
	"strings"
	"testing"

	sdk "github.com/databricks/databricks-sdk-go"
	"github.com/databricks/databricks-sdk-go/service/apps"

	"github.com/lakeward/lakeward"
	"github.com/lakeward/lakeward/databricks"
)

func TestWhoManagesAnApp(t *testing.T) {
	t.Parallel()
	l := start(t)
	f := l.Workspace()
	ws := open(t, l)
	client, err := sdk.NewWorkspaceClient(&sdk.Config{Host: f.Host, Token: f.Token})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.Apps.SetPermissions(t.Context(), apps.AppPermissionsRequest{
		AppName: "helpdesk", AccessControlList: []apps.AppAccessControlRequest{
			{UserName: "ana@example.com", PermissionLevel: apps.AppPermissionLevelCanManage},
			{UserName: "bob@example.com", PermissionLevel: apps.AppPermissionLevelCanUse},
			{GroupName: "support", PermissionLevel: apps.AppPermissionLevelCanUse},
			{GroupName: "ops", PermissionLevel: apps.AppPermissionLevelCanManage},
			{ServicePrincipalName: "robot", PermissionLevel: apps.AppPermissionLevelCanManage},
		},
	}); err != nil {
		t.Fatal(err)
	}
	users, groups, err := ws.AppManagers(t.Context(), "helpdesk")
	if err != nil || !slices.Equal(users, []string{"ana@example.com"}) || !slices.Equal(groups, []string{"ops", "admins"}) {
		t.Errorf("managers: users %q, groups %q, %v; admins inherit it", users, groups, err)
	}
	for user, want := range map[string]bool{
		"Ana@example.com": true, f.UserName: true, // through the group admins
		"bob@example.com": false, "robot": false, "ops": false, "": false, `x" or userName eq "` + f.UserName: false,
	} {
		if got, err := ws.ManagesApp(t.Context(), "helpdesk", user); got != want || err != nil {
			t.Errorf("%q manages the app: %t, %v", user, got, err)
		}
	}
	for _, name := range []string{"none", "", "../jobs/1"} {
		want := lakeward.KindInvalid
		if name == "none" {
			want = lakeward.KindNotFound
		}
		got, err := ws.ManagesApp(t.Context(), name, "ana@example.com")
		expectKind(t, err, want)
		if got {
			t.Errorf("ana manages app %q", name)
		}
	}

	// A service principal is no workspace admin, and does not see who is in which group.
	principal, err := databricks.Open(t.Context(), databricks.Config{
		Host: f.Host, ClientID: f.ClientID, ClientSecret: lakeward.Secret(f.ClientSecret),
	})
	if err != nil {
		t.Fatal(err)
	}
	if got, err := principal.ManagesApp(t.Context(), "helpdesk", "ana@example.com"); !got || err != nil {
		t.Errorf("ana, seen by the service principal: %t, %v", got, err)
	}
	got, err := principal.ManagesApp(t.Context(), "helpdesk", f.UserName)
	expectKind(t, err, lakeward.KindDenied)
	if got || err == nil || !strings.Contains(lakeward.HintOf(err), "group") {
		t.Errorf("a manager through a group that cannot be seen: %t, %v, %q", got, err, lakeward.HintOf(err))
	}
}
