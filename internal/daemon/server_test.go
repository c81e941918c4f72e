package daemon_test

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	sdk "github.com/databricks/databricks-sdk-go"
	"github.com/databricks/databricks-sdk-go/service/apps"

	"github.com/lakeward/lakeward/internal/config"
	"github.com/lakeward/lakeward/internal/daemon"
	"github.com/lakeward/lakeward/lakewardtest"
)

// serveApp serves as a Databricks App of that name until the test ends, and returns the address.
func serveApp(t *testing.T, l *lakewardtest.Lakebase, app string, admins ...string) string {
	t.Helper()
	env := l.Env()
	env["DATABRICKS_APP_NAME"], env["DATABRICKS_APP_PORT"], env["LAKEWARD_DIR"] = app, "8000", t.TempDir()
	getenv := func(name string) string { return env[name] }
	c, err := config.Resolve(config.Flags{}, getenv)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ready, ended := make(chan string, 1), make(chan error, 1)
	go func() {
		ended <- daemon.Serve(ctx, daemon.ServerOptions{
			Config: c, Getenv: getenv, Listen: "127.0.0.1:0", Administrators: admins, Version: "test",
			Log:   slog.New(slog.NewTextHandler(t.Output(), nil)),
			Ready: func(s daemon.Serving) error { ready <- s.Address; return nil },
		})
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("the server ended with %v", err)
		}
	})
	select {
	case address := <-ready:
		return address
	case err := <-ended:
		ended <- nil
		t.Fatal(err)
	case <-time.After(time.Minute):
		t.Fatal("the server is not ready within a minute")
	}
	return ""
}

// ask sends a request as somebody whom Databricks Apps have forwarded.
func ask(t *testing.T, who, method, url string) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("X-Forwarded-Email", who)
	r.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(text)
}

// TestWhoManagesTheAppMayChangeThings sets permissions as a person does in the workspace, and looks at what the server lets
// whom do.
func TestWhoManagesTheAppMayChangeThings(t *testing.T) {
	t.Parallel()
	l := lakewardtest.Start(t)
	client, err := sdk.NewWorkspaceClient(&sdk.Config{Host: l.Host, Token: l.Token.Reveal()})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.Apps.SetPermissions(t.Context(), apps.AppPermissionsRequest{
		AppName: "helpdesk", AccessControlList: []apps.AppAccessControlRequest{
			{UserName: "max@example.com", PermissionLevel: apps.AppPermissionLevelCanManage},
			{UserName: "bob@example.com", PermissionLevel: apps.AppPermissionLevelCanUse},
		},
	}); err != nil {
		t.Fatal(err)
	}
	const permission = "/api/database-management/check-permission"
	check := func(t *testing.T, server, who string, administrator bool, status int, says string) {
		t.Helper()
		// What is sent says nothing useful: an administrator is told that it is not valid, who is none is not heard.
		if got, text := ask(t, who, http.MethodPost, server+"/api/migrate"); got != status || !strings.Contains(text, says) {
			t.Errorf("%s changes something: %d %s, want %d that says %q", who, got, text, status, says)
		}
		got, text := ask(t, who, http.MethodGet, server+permission)
		if got != http.StatusOK || strings.Contains(text, `"has_permission":true`) != administrator {
			t.Errorf("%s asks what they may do: %d %s, want %t", who, got, text, administrator)
		}
	}

	listless := serveApp(t, l, "helpdesk")
	check(t, listless, "max@example.com", true, http.StatusUnprocessableEntity, "")
	check(t, listless, "admin@lakeward.local", true, http.StatusUnprocessableEntity, "") // through the group admins
	check(t, listless, "bob@example.com", false, http.StatusForbidden, "ask an administrator")
	check(t, listless, "eve@example.com", false, http.StatusForbidden, "ask an administrator")
	if status, text := ask(t, "bob@example.com", http.MethodGet, listless+"/api/operations"); status != http.StatusOK {
		t.Errorf("who may use the app may not look: %d %s", status, text)
	}

	// The workspace knows no app of this name: the list alone decides, and the others are told why.
	other := serveApp(t, l, "unknown", "ana@example.com")
	check(t, other, "ana@example.com", true, http.StatusUnprocessableEntity, "")
	check(t, other, "max@example.com", false, http.StatusForbidden, "read the permissions of app unknown")
	if _, text := ask(t, "max@example.com", http.MethodGet, other+permission); !strings.Contains(text, "read the permissions of app unknown") {
		t.Errorf("who asks what they may do is not told why nobody knows: %s", text)
	}
}

// TestNobodyIsAnAdministratorOfASilentWorkspace has a workspace that answers until the server is there, and no more then.
func TestNobodyIsAnAdministratorOfASilentWorkspace(t *testing.T) {
	t.Parallel()
	l := lakewardtest.Start(t)
	door := newDoor(t, strings.TrimPrefix(l.Host, "http://"))
	behind := *l
	behind.Host = "http://" + door.Addr().String()
	server := serveApp(t, &behind, "helpdesk", "ana@example.com")
	door.shut()
	began := time.Now()
	status, text := ask(t, "max@example.com", http.MethodPost, server+"/api/migrate")
	if status != http.StatusServiceUnavailable || !strings.Contains(text, "LAKEWARD_ADMINS") {
		t.Errorf("%d %s, want 503 that says what helps", status, text)
	}
	if took := time.Since(began); took > 30*time.Second { // the limit is 5 s, and the machine may be busy
		t.Errorf("it took %s", took)
	}
	if status, text := ask(t, "ana@example.com", http.MethodPost, server+"/api/migrate"); status != http.StatusUnprocessableEntity {
		t.Errorf("who is in the list: %d %s", status, text)
	}
}

// door relays connections to an address until it is shut: then it takes them and stays silent.
type door struct {
	net.Listener
	closed chan struct{}
}

func newDoor(t *testing.T, address string) *door {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	d := &door{l, make(chan struct{})}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			from, err := l.Accept()
			if err != nil {
				return
			}
			go d.relay(t.Context(), from, address)
		}
	}()
	return d
}

func (d *door) shut() { close(d.closed) }

func (d *door) relay(ctx context.Context, from net.Conn, address string) {
	defer from.Close()
	to, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
	if err != nil {
		return
	}
	defer to.Close()
	go func() { _, _ = io.Copy(from, to) }()
	go d.pass(from, to)
	<-ctx.Done()
}

// pass hands over what comes until the door is shut.
func (d *door) pass(from, to net.Conn) {
	buffer := make([]byte, 32<<10)
	for {
		n, err := from.Read(buffer)
		select {
		case <-d.closed:
			return
		default:
		}
		if err != nil {
			return
		}
		if _, err := to.Write(buffer[:n]); err != nil {
			return
		}
	}
}
