package standin

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/databricks/databricks-sdk-go"
	"github.com/databricks/databricks-sdk-go/common/types/duration"
	"github.com/databricks/databricks-sdk-go/service/database"
	"github.com/databricks/databricks-sdk-go/service/postgres"
)

func TestLimitsOfTheWorkspaceCanBeSet(t *testing.T) {
	t.Parallel()
	limits := Limits{}
	for name, value := range map[string]string{
		"instances": "1", "connections": "20", "logical-size": "40000000", "suspend": "400ms", "projects": "2",
	} {
		if err := limits.Set(name, value); err != nil {
			t.Fatal(err)
		}
	}
	if limits.Set("instances", "none") == nil || limits.Set("suspend", "1ms") == nil || limits.Set("weather", "1") == nil {
		t.Error("a limit that is none was accepted")
	}
	l := startLimited(t, limits)
	w := userClient(t, l)
	create := func(name string) error {
		wait, err := w.Database.CreateDatabaseInstance(t.Context(), database.CreateDatabaseInstanceRequest{
			DatabaseInstance: database.DatabaseInstance{Name: name, Capacity: "CU_1"},
		})
		if err == nil {
			_, err = wait.Get()
		}
		return err
	}
	if err := create("first"); err != nil {
		t.Fatal(err)
	}
	if err := create("second"); !errors.Is(err, databricks.ErrBadRequest) || !strings.Contains(err.Error(), "1 database instances already") {
		t.Errorf("an instance too many: %v", err)
	}

	// The instance is a project as well. The least timeout is one that may be asked for, and less is refused.
	project := func(id string, suspend time.Duration) error {
		op, err := w.Postgres.CreateProject(t.Context(), postgres.CreateProjectRequest{
			ProjectId: id, Project: postgres.Project{Spec: &postgres.ProjectSpec{
				DefaultEndpointSettings: &postgres.ProjectDefaultEndpointSettings{SuspendTimeoutDuration: duration.New(suspend)},
			}},
		})
		if err == nil {
			_, err = op.Wait(t.Context())
		}
		return err
	}
	if err := project("restless", 399*time.Millisecond); !errors.Is(err, databricks.ErrInvalidParameterValue) ||
		!strings.Contains(err.Error(), "must be between 0.4s and 604800s") {
		t.Errorf("a timeout too short: %v", err)
	}
	if err := project("other", 400*time.Millisecond); err != nil {
		t.Fatal(err)
	}
	if err := project("third", time.Hour); !errors.Is(err, databricks.ErrBadRequest) || !strings.Contains(err.Error(), "2 projects already") {
		t.Errorf("a project too many: %v", err)
	}

	e := primaryOf(t, w, "projects/first/branches/production")
	conn := connect(t, l, w, e)
	if got := value[string](t, conn, "SHOW max_connections"); got != "20" {
		t.Errorf("max_connections is %s", got)
	}
	sessions, err := 1, error(nil)
	for ; err == nil && sessions < 30; sessions++ {
		_, err = login(t, l, e.Status.Hosts.Host, me(t, w), token(t, w, e.Name), "postgres")
	}
	if code(err) != "53300" {
		t.Errorf("session %d: %v, want too_many_connections", sessions, err)
	}

	exec(t, conn, "CREATE TABLE big AS SELECT repeat(md5(n::text), 30) AS v FROM generate_series(1, 40000) n")
	await(t, "writes are refused", func() bool {
		_, err := conn.Exec(t.Context(), "INSERT INTO big VALUES ('')")
		return code(err) == "25006"
	})
	exec(t, conn, "BEGIN READ WRITE")
	exec(t, conn, "DROP TABLE big")
	exec(t, conn, "COMMIT")
	await(t, "writes go on", func() bool {
		_, err := conn.Exec(t.Context(), "CREATE TABLE IF NOT EXISTS small ()")
		return err == nil
	})
}
