package databricks

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/databricks/databricks-sdk-go/apierr"
	"github.com/databricks/databricks-sdk-go/config"
	"github.com/databricks/databricks-sdk-go/service/postgres"

	"github.com/lakeward/lakeward"
)

// explain turns an error of the SDK into one with a kind and a hint. The format says what was tried.
func explain(err error, format string, args ...any) error {
	tried := fmt.Sprintf(format, args...)
	if own, ok := errors.AsType[*lakeward.Error](err); ok {
		return &lakeward.Error{Kind: own.Kind, Hint: own.Hint, Message: tried, Err: own}
	}
	kind := classify(err)
	if kind == "" {
		return fmt.Errorf("%s: %w", tried, err)
	}
	return &lakeward.Error{Kind: kind, Hint: hints[kind], Message: tried, Err: err}
}

// hints are what helps with an error of a kind, whatever was tried.
var hints = map[lakeward.Kind]string{
	lakeward.KindUnauthenticated: "check the token, or the client id and secret (lakeward config shows what is used)",
	lakeward.KindDenied:          "ask a workspace admin, or the instance's creator, for the permission CAN MANAGE",
	lakeward.KindConflict:        "see what there is, and in which state (lakeward instance list)",
	lakeward.KindUnavailable:     "check the network and DATABRICKS_HOST, then try again",
	lakeward.KindThrottled:       "try again in a minute",
	lakeward.KindUnsupported:     "this workspace does not offer it",
}

// classify returns the kind of an error of the SDK, and "" for one that says nothing about the workspace.
func classify(err error) lakeward.Kind {
	if e, ok := errors.AsType[*apierr.APIError](err); ok {
		return kindOf(e.ErrorCode, e.StatusCode, e.Message)
	}
	switch {
	case errors.Is(err, apierr.ErrUnauthenticated), errors.Is(err, apierr.ErrBadRequest): // says the token endpoint
		return lakeward.KindUnauthenticated
	case errors.Is(err, config.ErrCannotConfigureDefault):
		return lakeward.KindUnauthenticated
	case errors.Is(err, context.Canceled):
		return ""
	}
	if _, ok := errors.AsType[*url.Error](err); ok || errors.Is(err, context.DeadlineExceeded) {
		return lakeward.KindUnavailable
	}
	return lakeward.KindInternal
}

// kindOf classifies an answer by its error code, which says more, and otherwise by its status.
func kindOf(code string, status int, message string) lakeward.Kind {
	switch code {
	case "INVALID_STATE", "ABORTED", "ALREADY_EXISTS", "RESOURCE_ALREADY_EXISTS", "RESOURCE_CONFLICT":
		return lakeward.KindConflict
	case "RESOURCE_EXHAUSTED", "QUOTA_EXCEEDED", "RESOURCE_LIMIT_EXCEEDED":
		return lakeward.KindConflict // one too many: deleting something helps, waiting does not
	case "RESOURCE_DOES_NOT_EXIST", "NOT_FOUND":
		return lakeward.KindNotFound
	case "FEATURE_DISABLED", "NOT_IMPLEMENTED":
		return lakeward.KindUnsupported
	}
	switch status {
	case http.StatusBadRequest:
		if strings.Contains(message, "already exists") || strings.Contains(message, "not unique") {
			return lakeward.KindConflict
		}
		return lakeward.KindInvalid
	case http.StatusUnauthorized:
		return lakeward.KindUnauthenticated
	case http.StatusForbidden:
		if strings.Contains(message, "Invalid access token") { // not 401, for a personal access token
			return lakeward.KindUnauthenticated
		}
		return lakeward.KindDenied
	case http.StatusNotFound:
		return lakeward.KindNotFound
	case http.StatusConflict:
		return lakeward.KindConflict
	case http.StatusTooManyRequests:
		return lakeward.KindThrottled
	case http.StatusNotImplemented:
		return lakeward.KindUnsupported
	case http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return lakeward.KindUnavailable
	}
	return lakeward.KindInternal
}

// answered reports whether err is what a host answered, and not the lack of an answer.
func answered(err error) bool {
	if _, ok := errors.AsType[*url.Error](err); ok {
		return false
	}
	return err != nil && !errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, context.Canceled)
}

// absent reports whether an API does not know the object, or is not there itself.
func absent(err error) bool {
	kind := lakeward.KindOf(err)
	return kind == lakeward.KindNotFound || kind == lakeward.KindUnsupported
}

// operationError is the error of a failed operation, which the API reports inside a successful answer.
func operationError(e *postgres.DatabricksServiceExceptionWithDetailsProto, tried string) error {
	kind := kindOf(string(e.ErrorCode), 0, e.Message)
	return &lakeward.Error{Kind: kind, Hint: hints[kind], Message: tried, Err: errors.New(e.Message)}
}
