package standin

import (
	"net/http"
	"sync"

	"github.com/databricks/databricks-sdk-go/service/postgres"
)

// faults are the failures that a test asked for.
type faults struct {
	mu     sync.Mutex
	status []int
}

// FailNext makes the next calls of the REST API fail with these HTTP statuses, one each.
func (l *Lakebase) FailNext(status ...int) {
	l.faults.mu.Lock()
	defer l.faults.mu.Unlock()
	l.faults.status = append(l.faults.status, status...)
}

// ExpireCredentials makes every database credential that was issued until now an expired one. Open sessions stay.
func (l *Lakebase) ExpireCredentials() error {
	return l.store.update(func(s *state) error {
		s.Epoch++
		return nil
	})
}

var faultCodes = map[int]postgres.ErrorCode{
	http.StatusUnauthorized:        postgres.ErrorCodeUnauthenticated,
	http.StatusForbidden:           postgres.ErrorCodePermissionDenied,
	http.StatusNotFound:            postgres.ErrorCodeNotFound,
	http.StatusConflict:            postgres.ErrorCodeResourceConflict,
	http.StatusTooManyRequests:     postgres.ErrorCodeRequestLimitExceeded,
	http.StatusInternalServerError: postgres.ErrorCodeInternalError,
	http.StatusServiceUnavailable:  postgres.ErrorCodeTemporarilyUnavailable,
}

// next returns the failure of the call that has just begun, or nil.
func (f *faults) next() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.status) == 0 {
		return nil
	}
	status := f.status[0]
	f.status = f.status[1:]
	code, ok := faultCodes[status]
	if !ok {
		code = postgres.ErrorCodeUnknown
	}
	return &apiError{Status: status, Code: code, Message: "this failure was asked for"}
}
