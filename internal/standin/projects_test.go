package standin

import (
	"errors"
	"strings"
	"testing"

	"github.com/databricks/databricks-sdk-go"
	"github.com/databricks/databricks-sdk-go/service/iam"
	"github.com/databricks/databricks-sdk-go/service/postgres"
)

var meRequest = iam.MeRequest{}

func TestProjectFromSignInToQuery(t *testing.T) {
	t.Parallel()
	w := userClient(t, shared)
	op, err := w.Postgres.CreateProject(t.Context(), postgres.CreateProjectRequest{
		ProjectId: "shop", Project: postgres.Project{Spec: &postgres.ProjectSpec{DisplayName: "The shop"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	discard(t, w, "shop")
	p, err := op.Wait(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if p.Status.DisplayName != "The shop" || p.Status.Owner != "admin@lakeward.local" ||
		p.Status.PgVersion != shared.binaries.Major || p.Status.DefaultBranch != "projects/shop/branches/production" {
		t.Errorf("project is %+v", p.Status)
	}
	if s := p.Status; s.HistoryRetentionDuration.AsDuration() != 7*day || s.EnablePgNativeLogin || len(s.CustomTags) != 0 ||
		s.DefaultEndpointSettings.AutoscalingLimitMinCu != 1 || s.DefaultEndpointSettings.AutoscalingLimitMaxCu != 1 ||
		s.DefaultEndpointSettings.NoSuspension || s.DefaultEndpointSettings.SuspendTimeoutDuration.AsDuration() != day {
		t.Errorf("a project about which nobody said anything is %+v with %+v", s, s.DefaultEndpointSettings)
	}
	e := primaryOf(t, w, p.Status.DefaultBranch)
	if s := e.Status; s.AutoscalingLimitMinCu != 1 || s.AutoscalingLimitMaxCu != 1 || s.SuspendTimeoutDuration.AsDuration() != day ||
		s.EndpointType != postgres.EndpointTypeEndpointTypeReadWrite || s.Group != nil || s.Hosts.ReadOnlyHost != "" {
		t.Errorf("its endpoint is %+v", s)
	}
	if e.Status.CurrentState != postgres.EndpointStatusStateActive {
		t.Errorf("the project is made, and its endpoint is %s", e.Status.CurrentState)
	}
	conn := connect(t, shared, w, e)
	if got := value[string](t, conn, "SELECT current_user::text"); got != "admin@lakeward.local" {
		t.Errorf("current_user is %s", got)
	}
	if got := value[string](t, conn, "SHOW max_connections"); got != "209" {
		t.Errorf("an endpoint of 1 CU has max_connections %s, want 209", got)
	}
}

func TestProjectNamesAreChecked(t *testing.T) {
	t.Parallel()
	w := userClient(t, shared)
	for _, id := range []string{"", "Shop", "1shop", "shop-", "sh_op", strings.Repeat("a", 64)} {
		_, err := w.Postgres.CreateProject(t.Context(), postgres.CreateProjectRequest{ProjectId: id})
		if !errors.Is(err, databricks.ErrInvalidParameterValue) {
			t.Errorf("id %q: %v, want INVALID_PARAMETER_VALUE", id, err)
		}
	}
}
