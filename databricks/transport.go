package databricks

import (
	"cmp"
	"context"
	"errors"
	"net"
	"net/http"
	"net/url"
	"syscall"

	"github.com/databricks/databricks-sdk-go/config"

	"github.com/lakeward/lakeward"
)

// transport reports a closed port at once. The SDK takes "connection refused" for a passing trouble and would try again
// for minutes, without a word.
type transport struct{ base http.RoundTripper }

// RoundTrip implements [http.RoundTripper].
func (t transport) RoundTrip(r *http.Request) (*http.Response, error) {
	response, err := t.base.RoundTrip(r)
	if err != nil && errors.Is(err, syscall.ECONNREFUSED) {
		return nil, refused(r.URL.Hostname(), r.URL.Host)
	}
	return response, err
}

func refused(name, host string) error {
	hint := "check DATABRICKS_HOST"
	if ip := net.ParseIP(name); name == "localhost" || ip != nil && ip.IsLoopback() {
		hint = "start the local Lakebase: lakeward up"
	}
	return &lakeward.Error{Kind: lakeward.KindUnavailable, Hint: hint, Message: "nothing listens at " + host}
}

// greet makes the first contact with the host that the SDK has found, and returns what it says about itself, which may
// be nothing.
//
// The SDK would do this while it reads its configuration, where it knows no context, takes no failure for an error, and
// warns on standard error.
func greet(ctx context.Context, cfg *config.Config, host string) (*config.HostMetadata, error) {
	ctx, cancel := context.WithTimeout(ctx, contactTimeout)
	defer cancel()
	metadata, err := cfg.DefaultHostMetadataResolver()(ctx, host)
	if answered(err) {
		return nil, nil // a workspace need not serve it
	}
	if failed, ok := errors.AsType[*url.Error](err); ok {
		err = failed.Err // without the address, which it names twice
	}
	if err != nil {
		return nil, lakeward.Errorf(lakeward.KindUnavailable, cmp.Or(lakeward.HintOf(err), hints[lakeward.KindUnavailable]),
			"reach the workspace %s: %w", host, err)
	}
	if metadata.OIDCEndpoint == "" {
		metadata.OIDCEndpoint = host + "/oidc" // where it is when nothing else is said
	}
	return metadata, nil
}
