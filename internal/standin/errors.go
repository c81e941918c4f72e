package standin

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/databricks/databricks-sdk-go/service/postgres"

	"github.com/lakeward/lakeward"
)

// apiError is an error as Databricks' REST APIs send it: an HTTP status, a code that the SDKs map to a typed error, and
// a message.
type apiError struct {
	Status  int
	Code    postgres.ErrorCode
	Message string
	Traced  bool       // the real service adds the request's trace id to this message
	Info    *errorInfo // an additional google.rpc.ErrorInfo
}

// errorInfo is the google.rpc.ErrorInfo that accompanies refusals to delete what belongs to its parent.
type errorInfo struct {
	Type     string            `json:"@type"`
	Reason   string            `json:"reason"`
	Domain   string            `json:"domain"`
	Metadata map[string]string `json:"metadata,omitempty"`
}

func (e *apiError) Error() string { return string(e.Code) + ": " + e.Message }

// invalid refuses a value of the request.
func invalid(format string, args ...any) *apiError {
	return &apiError{
		Status: http.StatusBadRequest, Code: postgres.ErrorCodeInvalidParameterValue,
		Message: fmt.Sprintf(format, args...),
	}
}

// required refuses a request that lacks a field, in the words of the real service.
func required(field string) *apiError {
	return invalid(`Field '%s' is required, expected non-default value (not "")!`, field)
}

func badRequest(format string, args ...any) *apiError {
	return &apiError{
		Status: http.StatusBadRequest, Code: postgres.ErrorCodeBadRequest,
		Message: fmt.Sprintf(format, args...),
	}
}

// invalidState refuses a call that the resource's state forbids for now.
func invalidState(format string, args ...any) *apiError {
	return &apiError{
		Status: http.StatusBadRequest, Code: postgres.ErrorCodeInvalidState,
		Message: fmt.Sprintf(format, args...),
	}
}

// overLimit refuses one resource too many. Its status is 400 and not 429, which every SDK would retry for minutes.
func overLimit(format string, args ...any) *apiError {
	return &apiError{
		Status: http.StatusBadRequest, Code: postgres.ErrorCodeQuotaExceeded,
		Message: fmt.Sprintf(format, args...),
	}
}

func notFound(format string, args ...any) *apiError {
	return &apiError{
		Status: http.StatusNotFound, Code: postgres.ErrorCodeNotFound,
		Message: fmt.Sprintf(format, args...), Traced: true,
	}
}

func alreadyExists(format string, args ...any) *apiError {
	return &apiError{
		Status: http.StatusConflict, Code: postgres.ErrorCodeAlreadyExists,
		Message: fmt.Sprintf(format, args...),
	}
}

// notImplemented names a part of the real APIs that the local Lakebase does not have. SDKs do not retry it.
func notImplemented(thing string) *apiError {
	return &apiError{
		Status: http.StatusNotImplemented, Code: postgres.ErrorCodeNotImplemented,
		Message: thing + " is not implemented by the local Lakebase",
	}
}

// managedByParent refuses to delete what lives and dies with its parent.
func managedByParent(format string, args ...any) *apiError {
	e := badRequest(format, args...)
	e.Info = &errorInfo{
		Type: "type.googleapis.com/google.rpc.ErrorInfo", Reason: "RESOURCE_CONFLICT", Domain: "databricks.com",
		Metadata: map[string]string{"declarative_context": "MANAGED_BY_PARENT"},
	}
	return e
}

// asAPIError gives every error the shape in which a client sees it.
func asAPIError(err error) *apiError {
	if e, ok := errors.AsType[*apiError](err); ok {
		return e
	}
	e := &apiError{Status: http.StatusInternalServerError, Code: postgres.ErrorCodeInternalError, Message: err.Error()}
	switch lakeward.KindOf(err) {
	case lakeward.KindConflict:
		e.Status, e.Code = http.StatusConflict, postgres.ErrorCodeResourceConflict
	case lakeward.KindNotFound:
		e.Status, e.Code = http.StatusNotFound, postgres.ErrorCodeNotFound
	case lakeward.KindInvalid:
		e.Status, e.Code = http.StatusBadRequest, postgres.ErrorCodeInvalidParameterValue
	case lakeward.KindUnsupported:
		e.Status, e.Code = http.StatusNotImplemented, postgres.ErrorCodeNotImplemented
	}
	if hint := lakeward.HintOf(err); hint != "" {
		e.Message += "; " + hint
	}
	return e
}

// proto returns the error as the SDK's own struct, which is also what a failed operation carries.
func (e *apiError) proto(trace string) *postgres.DatabricksServiceExceptionWithDetailsProto {
	p := &postgres.DatabricksServiceExceptionWithDetailsProto{ErrorCode: e.Code, Message: harmless.Replace(e.Message)}
	if e.Traced && trace != "" {
		p.Message += " [TraceId: " + trace + "]"
	}
	if e.Info != nil {
		if b, err := json.Marshal(e.Info); err == nil {
			p.Details = append(p.Details, b)
		}
	}
	return p
}

// harmless rewords what would make the SDKs take an error for a transient one and retry it for five minutes.
var harmless = strings.NewReplacer("deadline exceeded", "time limit reached", "Timed out after ", "Gave up after ")
