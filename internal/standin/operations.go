package standin

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"path"
	"slices"
	"time"

	"github.com/databricks/databricks-sdk-go/service/postgres"
)

// Every change of a resource is an operation: it is recorded together with the change that it is to bring about, in one
// write, and done afterwards. An operation that a crash or a stop interrupted is done again at the next start, from its
// beginning; every kind is written so that this ends well.

type operationKind string

const (
	createProject   operationKind = "create_project"
	updateProject   operationKind = "update_project"
	deleteProject   operationKind = "delete_project"
	undeleteProject operationKind = "undelete_project"
	createBranch    operationKind = "create_branch"
	updateBranch    operationKind = "update_branch"
	deleteBranch    operationKind = "delete_branch"
	undeleteBranch  operationKind = "undelete_branch"
	createSnapshot  operationKind = "create_snapshot"
	deleteSnapshot  operationKind = "delete_snapshot"
	createEndpoint  operationKind = "create_endpoint"
	updateEndpoint  operationKind = "update_endpoint"
	deleteEndpoint  operationKind = "delete_endpoint"
	createRole      operationKind = "create_role"
	updateRole      operationKind = "update_role"
	deleteRole      operationKind = "delete_role"
	createDatabase  operationKind = "create_database"
	updateDatabase  operationKind = "update_database"
	deleteDatabase  operationKind = "delete_database"
)

// metadataTypes are the names of the operations' metadata on the wire.
var metadataTypes = map[operationKind]string{
	createProject: "Project", updateProject: "Project", deleteProject: "Project", undeleteProject: "Project",
	createBranch: "Branch", updateBranch: "Branch", deleteBranch: "Branch", undeleteBranch: "Branch",
	createSnapshot: "Snapshot", deleteSnapshot: "Snapshot",
	createEndpoint: "Endpoint", updateEndpoint: "Endpoint", deleteEndpoint: "Endpoint",
	createRole: "Role", updateRole: "Role", deleteRole: "Role",
	createDatabase: "Database", updateDatabase: "Database", deleteDatabase: "Database",
}

type operation struct {
	Name     string        `json:"name"` // <resource>/operations/<id>
	Kind     operationKind `json:"kind"`
	Project  string        `json:"project"` // ids of what it is about
	Branch   string        `json:"branch,omitempty"`
	ID       string        `json:"id,omitempty"`       // of the snapshot, endpoint, role or database
	Role     *role         `json:"role,omitempty"`     // as it shall be
	Database *pgdb         `json:"database,omitempty"` // as it shall be
	Heir     string        `json:"heir,omitempty"`     // the role that takes over what a dropped one owns
	Created  time.Time     `json:"created"`

	Done     bool               `json:"done,omitempty"`
	Finished time.Time          `json:"finished,omitzero"`
	Code     postgres.ErrorCode `json:"error_code,omitempty"`
	Message  string             `json:"error_message,omitempty"`
	Response json.RawMessage    `json:"response,omitempty"`
}

const (
	keepOperations = 24 * time.Hour // finished ones
	mostOperations = 500            // finished ones
)

// emptyResponse is what a finished deletion carries.
const emptyResponse = `{"@type":"type.googleapis.com/google.protobuf.Empty"}`

func newOperation(kind operationKind, resource string) *operation {
	return &operation{Name: resource + "/operations/" + randomHex(8), Kind: kind, Created: now()}
}

func (o *operation) of(p *project, b *branch, id string) *operation {
	o.Project, o.ID = p.ID, id
	if b != nil {
		o.Branch = b.ID
	}
	return o
}

func (o *operation) metadataType() string {
	return "type.googleapis.com/databricks.postgres.v1." + metadataTypes[o.Kind] + "OperationMetadata"
}

// wire returns the operation as the SDK's own struct.
func (o *operation) wire() *postgres.Operation {
	w := &postgres.Operation{Name: o.Name, Done: o.Done, ForceSendFields: []string{"Done"}}
	w.Metadata = json.RawMessage(`{"@type":"` + o.metadataType() + `"}`)
	switch {
	case o.Code != "":
		w.Error = (&apiError{Code: o.Code, Message: o.Message}).proto("")
	case o.Done:
		w.Response = o.Response
	}
	return w
}

// finish records how the operation ended.
func (o *operation) finish(response any, err error) {
	o.Done, o.Finished = true, now()
	if err != nil {
		e := asAPIError(err)
		o.Code, o.Message = e.Code, e.Message
		return
	}
	if response == nil {
		o.Response = json.RawMessage(emptyResponse)
		return
	}
	b, err := json.Marshal(response)
	if err != nil {
		o.Code, o.Message = postgres.ErrorCodeInternalError, err.Error()
		return
	}
	o.Response = b
}

func (s *state) operation(name string) *operation {
	return find(s.Operations, func(o *operation) bool { return o.Name == name })
}

// failed is when the last operation on something failed; the zero time if it did not.
func (s *state) failed(name string) time.Time {
	for _, o := range slices.Backward(s.Operations) {
		if path.Dir(path.Dir(o.Name)) == name && o.Done {
			if o.Code == "" {
				break
			}
			return o.Finished
		}
	}
	return time.Time{}
}

// forget drops finished operations that are old or too many.
func (s *state) forget() {
	deadline := now().Add(-keepOperations)
	s.Operations = slices.DeleteFunc(s.Operations, func(o *operation) bool {
		return o.Done && o.Finished.Before(deadline)
	})
	finished := 0
	for _, o := range slices.Backward(s.Operations) {
		if o.Done {
			finished++
		}
	}
	s.Operations = slices.DeleteFunc(s.Operations, func(o *operation) bool {
		drop := o.Done && finished > mostOperations
		if drop {
			finished--
		}
		return drop
	})
}

// task is an operation that was submitted.
type task struct {
	op   *operation
	done <-chan struct{} // closed when it has been worked on, for good or until the next start
}

// submit changes the state and records the operation that makes it true. Operations of one project are done one after
// the other, in the order in which they were submitted.
func (l *Lakebase) submit(change func(*state) (*operation, error)) (task, error) {
	l.queueMu.Lock()
	defer l.queueMu.Unlock()
	var op *operation
	err := l.store.update(func(s *state) (err error) {
		if op, err = change(s); err != nil {
			return err
		}
		if err := l.addressReaders(s); err != nil {
			return err
		}
		s.forget()
		s.Operations = append(s.Operations, op)
		return nil
	})
	if err != nil {
		return task{}, err
	}
	l.wakeJanitor()
	return task{op: op, done: l.schedule(op)}, nil
}

// submitDone is submit for a change of the state that is all there is to do.
func (l *Lakebase) submitDone(change func(*state) (*operation, any, error)) (task, error) {
	var op *operation
	err := l.store.update(func(s *state) (err error) {
		var response any
		if op, response, err = change(s); err != nil {
			return err
		}
		op.finish(response, nil)
		s.forget()
		s.Operations = append(s.Operations, op)
		return nil
	})
	l.wakeJanitor()
	return task{op: op, done: closed}, err
}

var closed = func() chan struct{} { c := make(chan struct{}); close(c); return c }()

// schedule puts an operation at the end of its projects' queues. The caller holds queueMu.
func (l *Lakebase) schedule(op *operation) <-chan struct{} {
	projects := []string{op.Project}
	if p, b := l.store.view().branchByName("projects/" + op.Project + "/branches/" + op.Branch); b != nil {
		projects = queuesOf(p, b)
	}
	done := l.enqueue(projects, func(ctx context.Context) { l.work(ctx, op) })
	l.tasks[op.Name] = done
	return done
}

// queuesOf returns the projects that are busy while there is work on a branch: its own and, while it is yet to be copied
// from there, another one.
func queuesOf(p *project, b *branch) []string {
	projects := []string{p.ID}
	if p.Instance != nil && p.Instance.Parent != "" && !b.Ready {
		projects = append(projects, p.Instance.Parent)
	}
	return projects
}

// enqueue runs do after everything that was enqueued before for any of these projects. The caller holds queueMu.
func (l *Lakebase) enqueue(projects []string, do func(context.Context)) <-chan struct{} {
	var before []<-chan struct{}
	done := make(chan struct{})
	for _, p := range projects {
		if tail := l.tails[p]; tail != nil {
			before = append(before, tail)
		}
		l.tails[p] = done
	}
	job := func(ctx context.Context) {
		defer close(done)
		for _, b := range before {
			<-b
		}
		if ctx.Err() == nil {
			do(ctx)
		}
	}
	select {
	case l.jobs <- job:
	case <-l.stopping:
		close(done)
	}
	return done
}

// patience is how long a call that asks for an operation waits for its end. Clients that ask in a loop pause longer and
// longer in between; most operations are over sooner than the first pause.
const patience = 2 * time.Second

// shortPatience is how long asking for an instance waits for the end of its creation: who asks at once, as the SDK's waiter
// does, asks again after more than a second.
const shortPatience = 700 * time.Millisecond

// awaitOperation waits a little for the end of an operation.
func (l *Lakebase) awaitOperation(ctx context.Context, name string, patience time.Duration) {
	l.queueMu.Lock()
	done, ok := l.tasks[name]
	l.queueMu.Unlock()
	if !ok {
		return
	}
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-done:
	case <-timer.C:
	case <-ctx.Done():
	case <-l.stopping:
	}
}

// work does an operation and records its end. An operation that was interrupted stays undone.
func (l *Lakebase) work(ctx context.Context, op *operation) {
	settle, err := l.perform(ctx, op)
	if ctx.Err() != nil {
		return
	}
	saveErr := l.store.update(func(s *state) error {
		var response any
		if settle != nil {
			response = settle(s, err)
		}
		if o := s.operation(op.Name); o != nil {
			o.finish(response, err)
		}
		return nil
	})
	l.queueMu.Lock()
	delete(l.tasks, op.Name)
	l.queueMu.Unlock()
	l.wakeJanitor()
	level := slog.LevelInfo
	if err != nil || saveErr != nil {
		level = slog.LevelWarn
	}
	l.log.Log(ctx, level, "operation finished",
		"operation", op.Name, "kind", string(op.Kind), "err", errors.Join(err, saveErr))
}

// settlement changes the state once the work of an operation is over, and returns the response. err is the work's.
type settlement func(s *state, err error) (response any)

// perform does what an operation is about.
func (l *Lakebase) perform(ctx context.Context, op *operation) (settlement, error) {
	switch op.Kind {
	case createProject, createBranch, createEndpoint, updateEndpoint:
		return l.performCompute(ctx, op)
	case deleteProject:
		return l.performDeleteProject(ctx, op)
	case deleteBranch:
		return l.performDeleteBranch(ctx, op)
	case undeleteProject, undeleteBranch:
		return nil, l.align(ctx, op)
	case createSnapshot:
		return l.performCreateSnapshot(ctx, op)
	case deleteSnapshot:
		return l.performDeleteSnapshot(op)
	case deleteEndpoint:
		return l.performDeleteEndpoint(ctx, op)
	case createRole, updateRole, deleteRole:
		return l.performRole(ctx, op)
	case createDatabase, updateDatabase, deleteDatabase:
		return l.performDatabase(ctx, op)
	}
	return nil, badRequest("operation %s is of a kind that this version does not know", op.Kind)
}
