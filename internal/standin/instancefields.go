package standin

import (
	"slices"

	"github.com/databricks/databricks-sdk-go/service/database"
	"github.com/databricks/databricks-sdk-go/service/postgres"
)

// What the answers of the Database instance API have beside what is in effect: the input fields as a client has set them.
// Who keeps a configuration, as Terraform does, compares it with these.

// echoed are the input fields that every answer has once a client has set them.
const (
	echoedRetention = "retention_window_in_days"
	echoedLogin     = "enable_pg_native_login"
)

// note remembers which of them a change has set. It is nil for a project that was not made through this API.
func (i *instance) note(m mask) {
	if i == nil {
		return
	}
	for _, field := range []string{echoedRetention, echoedLogin} {
		if m.has(field) && m.provided(field) && !slices.Contains(i.Given, field) {
			i.Given = append(i.Given, field)
		}
	}
}

// echo adds them to an answer.
func (i *instance) echo(answer *database.DatabaseInstance) {
	if i == nil {
		return
	}
	if slices.Contains(i.Given, echoedRetention) {
		answer.RetentionWindowInDays = answer.EffectiveRetentionWindowInDays
	}
	if slices.Contains(i.Given, echoedLogin) {
		answer.ForceSendFields = append(answer.ForceSendFields, "EnablePgNativeLogin") // also when it is false
	}
}

// changedInstance answers a change. No other answer has custom_tags, as on Databricks.
func (l *Lakebase) changedInstance(name string) (any, error) {
	s := l.store.view()
	p, err := s.instance(name)
	if err != nil {
		return nil, err
	}
	answer := l.instanceAnswer(s, p)
	answer.CustomTags = instanceTags(wireTags(p))
	return answer, nil
}

// instanceTags gives tags the type of this API.
func instanceTags(tags []postgres.ProjectCustomTag) (all []database.CustomTag) {
	for _, t := range tags {
		all = append(all, database.CustomTag{Key: t.Key, Value: t.Value})
	}
	return all
}
