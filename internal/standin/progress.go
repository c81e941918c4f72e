package standin

import (
	"encoding/json"
	"fmt"

	"github.com/databricks/databricks-sdk-go/service/postgres"

	"github.com/lakeward/lakeward/internal/pgproc"
)

// copying is how far the copy is from which a branch is made. On a file system that can share blocks, it is over at once.
type copying struct {
	Done  int64 `json:"copied_bytes"`
	Total int64 `json:"total_bytes"`
}

// progressTag tells how far an instance is that is yet to be made: its API has no operations.
const progressTag = "lakeward:progress"

func (c copying) String() string {
	if c.Done >= c.Total {
		return "replaying the log"
	}
	return fmt.Sprintf("copied %d of %d MB", c.Done>>20, c.Total>>20)
}

// progress notes how far the copy for an endpoint is.
func (l *Lakebase) progress(uid string) pgproc.Progress {
	return func(done, total int64) {
		l.setRunner(uid, func(r *runner) {
			if total != r.copying.Total || done > r.copying.Done {
				r.copying = copying{done, total}
			}
		})
	}
}

// copyingOf returns how far the copy is that a branch is made from; it is zero when there is none.
func (l *Lakebase) copyingOf(b *branch) copying {
	if b == nil || b.Ready {
		return copying{}
	}
	return l.runner(b.primary().UID).copying
}

// operationAnswer is the operation as a client sees it, with how far it is.
func (l *Lakebase) operationAnswer(o *operation) *postgres.Operation {
	w := o.wire()
	if o.Done || o.Kind != createBranch && o.Kind != createProject {
		return w
	}
	_, b := l.store.view().branchByName("projects/" + o.Project + "/branches/" + o.Branch)
	progress := l.copyingOf(b)
	if progress.Total == 0 {
		return w
	}
	metadata := struct {
		Type     string  `json:"@type"`
		Progress copying `json:"progress"`
		Text     string  `json:"progress_text"`
	}{o.metadataType(), progress, progress.String()}
	if text, err := json.Marshal(metadata); err == nil {
		w.Metadata = text
	}
	return w
}
