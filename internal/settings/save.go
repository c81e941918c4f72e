package settings

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/lakeward/lakeward"
	"github.com/lakeward/lakeward/internal/address"
)

// Beside the settings themselves the store keeps the source with its password, encrypted, and the instances whose mirrors
// do not know yet.
const (
	sealedSource = "source_sealed"
	pending      = "mirror_pending"
)

// saveFor bounds the writing of one mirror.
const saveFor = 15 * time.Second

// Save changes settings in the store and in the mirror; an empty value removes one. A change that leaves Lakebase switched
// on is made in both places or not at all: what the mirror did not learn would be lost with the next redeploy. To switch
// it off must work also when the instance does not answer; [Settings.Settle] tells the mirror later.
//
// What flags, the environment or the file say about the choice of the database cannot be changed here, and is refused
// instead of having no effect. What an instance is like, whoever has looked at it may save.
func (s *Settings) Save(ctx context.Context, actor string, changes map[string]string) error {
	s.saving.Lock()
	defer s.saving.Unlock()
	changes = maps.Clone(changes)
	if kind, ok := changes[DatabaseType]; ok {
		changes[DatabaseType] = canonicalType(kind)
	}
	if err := s.checkChanges(changes); err != nil {
		return err
	}
	stored, err := s.stored(ctx)
	if err != nil {
		return err
	}
	before, layers, broken := s.resolve(ctx, []layer{s.flags, s.env, s.file, stored})
	values := s.valuesAfter(before, layers, changes)
	after := before
	for name, text := range values {
		if _, fixed := s.fixed(name); !fixed {
			after.field(name).Text = text
		}
	}
	if after.On() {
		values[Enabled] = "true" // also where only the environment's pointer has said so until now
		if after.Instance.Text == "" {
			if broken != nil {
				return broken
			}
			return lakeward.Errorf(lakeward.KindInvalid, "name one that exists (lakeward instance list), or create one",
				"Lakebase cannot be switched on without an instance")
		}
	}
	if values[Instance] == "" {
		values[Instance] = after.Instance.Text
	}
	return s.write(ctx, actor, before, after, stored, values)
}

func (s *Settings) checkChanges(changes map[string]string) error {
	if s.o.Store == nil {
		return lakeward.Errorf(lakeward.KindUnavailable, "name one with --store", "there is no store to save the configuration in")
	}
	for _, name := range slices.Sorted(maps.Keys(changes)) {
		if err := check(name, changes[name]); err != nil {
			return err
		}
		if v, fixed := s.fixed(name); fixed && !slices.Contains(ofInstance, name) && differ(name, v.Text, changes[name]) {
			return lakeward.Errorf(lakeward.KindConflict, "change it there, or take it out there",
				"%s is fixed by %s, which says %s", name, v.Origin, v)
		}
	}
	return nil
}

// differ says whether two values contradict each other. An endpoint may be told as a path or as its host, and the address
// of a source with or without what is not shown of it.
func differ(name, one, other string) bool {
	switch {
	case name == Endpoint && isPath(one) != isPath(other):
		return false
	case name == Source && address.IsPostgres(one) && address.IsPostgres(other):
		return address.Database(one) != address.Database(other)
	}
	return one != other
}

// fixed returns what flags, the environment or the file say.
func (s *Settings) fixed(name string) (Value, bool) {
	return first([]layer{s.flags, s.env, s.file}, name)
}

// valuesAfter are what store and mirror shall hold: what the mirror had, what the store has, and the changes.
func (s *Settings) valuesAfter(before Lakebase, layers []layer, changes map[string]string) map[string]string {
	values := map[string]string{}
	for _, l := range slices.Backward(layers[3:]) { // the mirror, where it was read, and then the store
		for name, v := range l.values {
			values[name] = v.Text
		}
	}
	if next := changes[Instance]; next != "" && next != before.Instance.Text {
		for _, name := range ofInstance { // they tell of the instance before
			values[name] = ""
		}
	}
	maps.Copy(values, changes)
	return values
}

// write brings the values to where they belong.
func (s *Settings) write(ctx context.Context, actor string, before, after Lakebase, stored layer, values map[string]string) error {
	kept := map[string]string{}
	full := values[Source]
	values[Source], _ = address.WithoutPassword(full) // it was checked
	switch {
	case full != values[Source]:
		kept[sealedSource] = s.o.Store.Seal([]byte(full))
	case full != stored.values[Source].Text:
		kept[sealedSource] = ""
	}
	for name, text := range values {
		if stored.values[name].Text != text {
			kept[name] = text
		}
	}
	var instances []string // that must know; the one before must not take itself for the app's any more
	for _, i := range []string{after.Instance.Text, before.Instance.Text} {
		if i != "" && s.o.Workspace != nil && !slices.Contains(instances, i) {
			instances = append(instances, i)
		}
	}
	if after.On() && len(instances) > 0 {
		if err := s.tell(ctx, instances[0], actor, values); err != nil {
			return err
		}
		instances = instances[1:]
	}
	kept[pending] = strings.Join(instances, " ")
	if err := s.o.Store.PutSettings(ctx, actor, kept); err != nil {
		return err
	}
	return s.settle(ctx)
}

// Settle tells the mirrors what they could not be told when it was saved. One that still cannot be reached is tried again
// by the next call.
func (s *Settings) Settle(ctx context.Context) error {
	s.saving.Lock()
	defer s.saving.Unlock()
	return s.settle(ctx)
}

func (s *Settings) settle(ctx context.Context) error {
	all, err := s.o.Store.Settings(ctx)
	waiting := strings.Fields(all[pending].Value)
	if err != nil || len(waiting) == 0 || s.o.Workspace == nil {
		return err
	}
	values := map[string]string{}
	for _, name := range names {
		if v, ok := all[name]; ok {
			values[name] = v.Value
		}
	}
	var left []string
	for _, instance := range waiting {
		err := s.tell(ctx, instance, all[pending].Actor, values)
		switch lakeward.KindOf(err) {
		case lakeward.KindNotFound: // an instance that is gone misleads nobody
		default:
			if err != nil {
				s.o.Log.WarnContext(ctx, "the instance could not be told of its configuration yet", "instance", instance, "error", err)
				left = append(left, instance)
			}
		}
	}
	if len(left) == len(waiting) {
		return nil
	}
	return s.o.Store.PutSettings(ctx, all[pending].Actor, map[string]string{pending: strings.Join(left, " ")})
}

// tell writes one mirror.
func (s *Settings) tell(ctx context.Context, instance, actor string, values map[string]string) error {
	ctx, cancel := context.WithTimeout(ctx, saveFor)
	defer cancel()
	if err := s.writeMirror(ctx, instance, actor, values); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.mirrors, instance) // it says something else now
	s.found, s.searched = "", time.Time{}
	return nil
}

// Migrated notes that a database was migrated into an instance, when that is the one that the application uses.
func (s *Settings) Migrated(ctx context.Context, actor, instance string, at time.Time) error {
	l, err := s.Load(ctx)
	if err != nil || l.Instance.Text != instance {
		return err
	}
	return s.Save(ctx, actor, map[string]string{MigratedAt: at.UTC().Format(time.RFC3339)})
}
