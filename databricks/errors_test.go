package databricks

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"testing"

	"github.com/databricks/databricks-sdk-go/apierr"
	"github.com/databricks/databricks-sdk-go/config"

	"github.com/lakeward/lakeward"
)

func TestExplainGivesEachErrorItsKind(t *testing.T) {
	t.Parallel()
	api := func(code string, status int, message string) error {
		return &apierr.APIError{ErrorCode: code, StatusCode: status, Message: message}
	}
	tests := map[string]struct {
		err  error
		want lakeward.Kind
	}{
		"no such project":      {api("NOT_FOUND", 404, "project id not found"), lakeward.KindNotFound},
		"no such API":          {api("ENDPOINT_NOT_FOUND", 404, "No API found"), lakeward.KindNotFound},
		"not implemented":      {api("NOT_IMPLEMENTED", 501, "later"), lakeward.KindUnsupported},
		"a bad value":          {api("INVALID_PARAMETER_VALUE", 400, "bad"), lakeward.KindInvalid},
		"a duplicate":          {api("ALREADY_EXISTS", 409, "project with such id already exists"), lakeward.KindConflict},
		"a duplicate as 400":   {api("BAD_REQUEST", 400, "database with that name already exists"), lakeward.KindConflict},
		"an unfitting state":   {api("INVALID_STATE", 400, "instance is stopped"), lakeward.KindConflict},
		"one too many":         {api("QUOTA_EXCEEDED", 400, "10 instances"), lakeward.KindConflict},
		"a wrong token":        {api("UNAUTHENTICATED", 401, "invalid token"), lakeward.KindUnauthenticated},
		"no permission":        {api("PERMISSION_DENIED", 403, "no"), lakeward.KindDenied},
		"too many requests":    {api("", 429, "slow down"), lakeward.KindThrottled},
		"a proxy's 502":        {api("", 502, "bad gateway"), lakeward.KindUnavailable},
		"a defect over there":  {api("INTERNAL_ERROR", 500, "oops"), lakeward.KindInternal},
		"no credentials":       {fmt.Errorf("default auth: %w", config.ErrCannotConfigureDefault), lakeward.KindUnauthenticated},
		"a host without a DNS": {&url.Error{Op: "Get", URL: "x", Err: errors.New("no such host")}, lakeward.KindUnavailable},
		"time out":             {context.DeadlineExceeded, lakeward.KindUnavailable},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := explain(test.err, "create instance %s", "shop")
			if got := lakeward.KindOf(err); got != test.want {
				t.Errorf("kind %s, want %s", got, test.want)
			}
			if !errors.Is(err, test.err) {
				t.Errorf("%v has lost its cause", err)
			}
			if got, want := err.Error(), "create instance shop: "+test.err.Error(); got != want {
				t.Errorf("error %q, want %q", got, want)
			}
		})
	}
}

func TestExplainLeavesACancelledCallAlone(t *testing.T) {
	t.Parallel()
	err := explain(&url.Error{Op: "Get", URL: "x", Err: context.Canceled}, "list instances")
	if _, ok := errors.AsType[*lakeward.Error](err); ok || !errors.Is(err, context.Canceled) {
		t.Errorf("error %#v", err)
	}
}
