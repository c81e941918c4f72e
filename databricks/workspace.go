package databricks

import (
	"context"
	"net/http"
	"os"
	"strconv"
	"sync"
	"time"

	sdk "github.com/databricks/databricks-sdk-go"
	"github.com/databricks/databricks-sdk-go/config"
	"github.com/databricks/databricks-sdk-go/service/iam"

	"github.com/lakeward/lakeward"
)

// Config says which workspace to open and as whom. What it leaves empty comes from where every Databricks SDK looks:
// the DATABRICKS_… variables, then a profile in ~/.databrickscfg.
type Config struct {
	Host string

	// Token is a personal access token.
	Token lakeward.Secret

	// ClientID and ClientSecret belong to a service principal.
	ClientID     string
	ClientSecret lakeward.Secret

	// Profile is a section of ~/.databrickscfg. Whoever names one here means it: the DATABRICKS_… variables, which
	// every SDK lets win over a profile, are not asked then.
	Profile string
}

const (
	contactTimeout = 10 * time.Second // of the first contact
	retryBudget    = 30               // seconds that the SDK spends on calls that are throttled or time out
)

// Workspace is a Databricks workspace and the identity that talks to it. It is safe for concurrent use.
type Workspace struct {
	client    *sdk.WorkspaceClient
	projects  projects
	instances instances

	mu       sync.Mutex
	identity *Identity // as the workspace told it; it does not change
}

var _ lakeward.Workspace = (*Workspace)(nil)

// Open finds the workspace and makes sure that it answers. Whether it accepts the identity shows with the first call,
// such as [Workspace.Me].
func Open(ctx context.Context, c Config) (*Workspace, error) {
	cfg := &config.Config{
		Host:                c.Host,
		Token:               c.Token.Reveal(),
		ClientID:            c.ClientID,
		ClientSecret:        c.ClientSecret.Reveal(),
		Profile:             c.Profile,
		RetryTimeoutSeconds: retryBudget,
		HTTPTransport:       transport{http.DefaultTransport},
	}
	if c.Profile != "" {
		cfg.Loaders = []config.Loader{config.ConfigFile}
		cfg.ConfigFile = os.Getenv("DATABRICKS_CONFIG_FILE") // says where profiles are, and not which one is meant
	}
	// Say which of the two is meant, or the SDK objects when the environment holds the other one.
	switch {
	case c.Token != "":
		cfg.AuthType = "pat"
	case c.ClientID != "":
		cfg.AuthType = "oauth-m2m"
	}
	var silent error // the host did not answer
	cfg.HostMetadataResolver = func(_ context.Context, host string) (metadata *config.HostMetadata, _ error) {
		metadata, silent = greet(ctx, cfg, host)
		return metadata, nil
	}
	client, err := sdk.NewWorkspaceClient((*sdk.Config)(cfg))
	switch {
	case silent != nil:
		return nil, silent
	case cfg.Host == "" && (err == nil || cfg.Profile == ""):
		return nil, lakeward.Errorf(lakeward.KindInvalid,
			"set DATABRICKS_HOST and DATABRICKS_TOKEN, or name a profile; a local one starts with: lakeward up",
			"no Databricks workspace is configured")
	case err != nil:
		return nil, lakeward.Errorf(lakeward.KindInvalid, "check the DATABRICKS_… variables and ~/.databrickscfg",
			"configure the workspace: %w", err)
	}
	return &Workspace{client: client, projects: projects{client.Postgres}, instances: instances{client.Database}}, nil
}

// Host returns the workspace's address.
func (w *Workspace) Host() string { return w.client.Config.Host }

// Identity is who the workspace takes us for.
type Identity struct {
	UserName    string `json:"user_name"` // an e-mail address, or a service principal's application id
	DisplayName string `json:"display_name,omitempty"`
	WorkspaceID string `json:"workspace_id"`
}

// Me returns the identity that the workspace sees. It asks once.
func (w *Workspace) Me(ctx context.Context) (Identity, error) {
	w.mu.Lock()
	known := w.identity
	w.mu.Unlock()
	if known != nil {
		return *known, nil
	}
	user, err := w.client.CurrentUser.Me(ctx, iam.MeRequest{})
	if err != nil {
		return Identity{}, explain(err, "sign in to %s", w.Host())
	}
	id := Identity{UserName: user.UserName, DisplayName: user.DisplayName, WorkspaceID: w.client.Config.WorkspaceID}
	if id.WorkspaceID == "" {
		n, err := w.client.CurrentWorkspaceID(ctx)
		if err != nil {
			return Identity{}, explain(err, "read the workspace id of %s", w.Host())
		}
		id.WorkspaceID = strconv.FormatInt(n, 10)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.identity = &id
	return id, nil
}
