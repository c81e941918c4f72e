package standin

import (
	"cmp"
	"slices"
	"strconv"
	"time"

	"github.com/databricks/databricks-sdk-go/service/database"
	"github.com/databricks/databricks-sdk-go/service/postgres"
)

// The Database instance API is the second face of the same objects: an instance is the project of that name, with its
// default branch and that branch's primary endpoint.

func (l *Lakebase) instanceRoutes(api func(pattern string, h handler)) {
	const (
		instances = apiDatabase + "instances"
		one       = instances + "/{name}"
		roles     = one + "/roles"
	)
	api("POST "+instances, l.createInstance)
	api("GET "+instances, l.listInstances)
	api("GET "+instances+":findByUid", l.findInstance)
	api("GET "+one, l.getInstance)
	api("PATCH "+one, l.updateInstance)
	api("DELETE "+one, l.deleteInstance)
	api("POST "+roles, l.createInstanceRole)
	api("GET "+roles, l.listInstanceRoles)
	api("GET "+roles+"/{role}", l.getInstanceRole)
	api("DELETE "+roles+"/{role}", l.deleteInstanceRole)
	api("POST "+apiDatabase+"credentials", l.instanceCredential)
	for pattern, thing := range map[string]string{
		apiDatabase + "catalogs":       "a Unity Catalog catalog of a database",
		apiDatabase + "catalogs/":      "a Unity Catalog catalog of a database",
		apiDatabase + "tables":         "a database table in Unity Catalog",
		apiDatabase + "tables/":        "a database table in Unity Catalog",
		apiDatabase + "synced_tables":  "a synced table",
		apiDatabase + "synced_tables/": "a synced table",
		one + "/catalogs":              "listing the catalogs of an instance",
		one + "/synced_tables":         "listing the synced tables of an instance",
	} {
		api(pattern, func(*request) (any, error) { return nil, notImplemented(thing) })
	}
}

// instance returns the project that is the instance of that name.
func (s *state) instance(name string) (*project, error) {
	switch p := s.project(name); {
	case p == nil:
		return nil, notFound("Database instance '%s' not found.", name)
	case p.Deleted != nil:
		return nil, notFound("Database instance '%s' not found: %s", name, p.Deleted.about(p.name()))
	default:
		return p, nil
	}
}

func (r *request) instance(s *state) (*project, error) { return s.instance(r.PathValue("name")) }

// instanceToChange is instance for calls that change it.
func (r *request) instanceToChange(s *state) (*project, error) {
	p, err := r.instance(s)
	if err == nil && p.Deleting {
		return nil, invalidState("Database instance '%s' is being deleted.", p.ID)
	}
	return p, err
}

func (l *Lakebase) createInstance(r *request) (any, error) {
	var in database.DatabaseInstance
	if err := r.decode(&in); err != nil {
		return nil, err
	}
	switch {
	case in.Name == "":
		return nil, required("database_instance.name")
	case !instanceName.MatchString(in.Name):
		return nil, invalid("Field 'database_instance.name' must match pattern %s, got '%s'.", instanceName, in.Name)
	}
	m, err := r.wholeBody()
	if err != nil {
		return nil, err
	}
	in.Capacity = cmp.Or(in.Capacity, defaultCapacity)
	units, err := unitsOf(in.Capacity)
	if err != nil {
		return nil, err
	}
	from, err := l.checkParentMoment(r, in.ParentInstanceRef)
	if err != nil {
		return nil, err
	}
	settings := computeSettings{MinCU: units, MaxCU: units, NoSuspension: true} // instances are not suspended
	_, err = l.submit(func(s *state) (*operation, error) {
		parent, err := parentOf(s, in.ParentInstanceRef)
		if err != nil {
			return nil, err
		}
		bp := blueprint{id: in.Name, owner: r.caller, settings: settings, instance: &instance{}, parent: parent, from: from}
		if parent != nil {
			bp.instance.Parent = parent.ID
		}
		p, err := l.plan(s, bp)
		if err != nil {
			return nil, asInstance(err, s.holder(in.Name))
		}
		p.defaultBranch().primary().MaxConnections = l.limits.Connections
		if err := applyInstance(p, &in, m); err != nil {
			return nil, err
		}
		return newOperation(createProject, p.name()).of(p, p.Branches[0], ""), nil
	})
	if err != nil {
		return nil, err
	}
	return l.changedInstance(in.Name)
}

// asInstance gives the refusal of a name that another one holds the words of this API, which cannot undelete it.
func asInstance(err error, holder *project) error {
	if e := asAPIError(err); e.Code == postgres.ErrorCodeAlreadyExists && holder.Deleted == nil {
		return alreadyExists("Database instance '%s' already exists.", holder.ID)
	}
	return err
}

// instancesOf returns the projects that were made through this API.
func instancesOf(s *state) []*project {
	return slices.DeleteFunc(s.live(), func(p *project) bool { return p.Instance == nil })
}

// checkParentMoment reads from which moment of its parent a new instance shall be, and refuses one that cannot be reached.
func (l *Lakebase) checkParentMoment(r *request, ref *database.DatabaseInstanceRef) (*moment, error) {
	m, err := parentMoment(ref)
	if err != nil || m == nil {
		return nil, err
	}
	parent, err := parentOf(l.store.view(), ref)
	if err != nil {
		return nil, err
	}
	return m, l.checkMoment(r.Context(), parent, parent.defaultBranch(), m, instanceFields)
}

// parentOf returns the project that a new instance shall be a copy of, or nil.
func parentOf(s *state, ref *database.DatabaseInstanceRef) (*project, error) {
	if ref == nil {
		return nil, nil
	}
	p := find(s.Projects, func(p *project) bool { return p.ID == ref.Name || ref.Name == "" && p.UID == ref.Uid })
	if p == nil || p.Deleting {
		return nil, notFound("Database instance '%s' not found.", cmp.Or(ref.Name, ref.Uid))
	}
	return s.instance(p.ID)
}

// applyInstance changes what the mask names.
func applyInstance(p *project, in *database.DatabaseInstance, m mask) error {
	c := p.defaultBranch().primary()
	if m.has("capacity") {
		units, err := unitsOf(cmp.Or(in.Capacity, defaultCapacity))
		if err != nil {
			return err
		}
		c.Settings.MinCU, c.Settings.MaxCU = units, units
	}
	if m.has("retention_window_in_days") {
		p.Retention = defaultRetention
		if in.RetentionWindowInDays != 0 || m.provided("retention_window_in_days") {
			p.Retention = time.Duration(in.RetentionWindowInDays) * day
		}
		if in.RetentionWindowInDays > 365 || checkRetention(p.Retention) != nil {
			return invalid("Field 'retention_window_in_days' must be between 2 and 35, got %d.", in.RetentionWindowInDays)
		}
	}
	if err := applyNodes(c, in, m); err != nil {
		return err
	}
	if m.has("enable_pg_native_login") {
		p.NativeLogin = in.EnablePgNativeLogin
	}
	if m.has("usage_policy_id") {
		p.BudgetPolicy = in.UsagePolicyId
	}
	if m.has("custom_tags") {
		p.Tags = nil
		for _, t := range in.CustomTags {
			p.Tags = append(p.Tags, tag{t.Key, t.Value})
		}
	}
	if m.has("stopped") {
		c.Disabled = in.Stopped
	}
	p.Instance.note(m)
	return nil
}

func (l *Lakebase) updateInstance(r *request) (any, error) {
	var in database.DatabaseInstance
	if err := r.decode(&in); err != nil {
		return nil, err
	}
	m, err := r.mask(false, "name", "capacity", "retention_window_in_days", "node_count", "enable_readable_secondaries",
		"enable_pg_native_login", "usage_policy_id", "custom_tags", "stopped")
	if err != nil {
		return nil, err
	}
	_, err = l.submit(func(s *state) (*operation, error) {
		p, err := r.instanceToChange(s)
		if err != nil {
			return nil, err
		}
		if err := applyInstance(p, &in, m); err != nil {
			return nil, err
		}
		b := p.defaultBranch()
		c := b.primary()
		p.Updated, c.Updated = now(), now()
		return newOperation(updateEndpoint, p.under(b, "endpoints", c.ID)).of(p, b, c.ID), nil
	})
	if err != nil {
		return nil, err
	}
	return l.changedInstance(r.PathValue("name"))
}

func (l *Lakebase) deleteInstance(r *request) (any, error) {
	force, _, err := r.flag("force")
	if err != nil {
		return nil, err
	}
	purge, given, err := r.flag("purge")
	if err != nil {
		return nil, err
	}
	if given && !purge {
		return nil, invalid("Field 'purge' must be true or absent: an instance can only be deleted for good.")
	}
	name := r.PathValue("name")
	if _, err := r.instanceToChange(l.store.view()); err != nil {
		return nil, err
	}
	// Descendants first, each in an operation of its own.
	for _, child := range descendants(l.store.view(), name) {
		if !force {
			return nil, badRequest(
				"Database instance '%s' has child instances, such as '%s'; delete them first, or set force.", name, child,
			)
		}
		if err := l.deleteOne(child); err != nil {
			return nil, err
		}
	}
	return nil, l.deleteOne(name)
}

func (l *Lakebase) deleteOne(name string) error {
	_, err := l.submit(func(s *state) (*operation, error) {
		p, err := s.instance(name)
		if err != nil {
			return nil, err
		}
		if p.Deleting {
			return nil, invalidState("Database instance '%s' is being deleted.", name)
		}
		return planDeletion(p, true)
	})
	return err
}

// descendants returns the names of the instances made from an instance, the youngest generation first.
func descendants(s *state, name string) (names []string) {
	for _, p := range s.live() {
		if p.Instance != nil && p.Instance.Parent == name && !p.Deleting && p.ID != name {
			names = append(names, append(descendants(s, p.ID), p.ID)...)
		}
	}
	return names
}

func (l *Lakebase) getInstance(r *request) (any, error) {
	name := r.PathValue("name")
	creation := find(l.store.view().Operations, func(o *operation) bool {
		return o.Kind == createProject && o.Project == name && !o.Done
	})
	if creation != nil {
		l.awaitOperation(r.Context(), creation.Name, shortPatience)
	}
	return l.instanceByName(name)
}

func (l *Lakebase) instanceByName(name string) (*database.DatabaseInstance, error) {
	s := l.store.view()
	p, err := s.instance(name)
	if err != nil {
		return nil, err
	}
	return l.instanceAnswer(s, p), nil
}

func (l *Lakebase) findInstance(r *request) (any, error) {
	uid := r.URL.Query().Get("uid")
	if uid == "" {
		return nil, required("uid")
	}
	s := l.store.view()
	p := find(s.live(), func(p *project) bool { return p.UID == uid })
	if p == nil {
		return nil, notFound("Database instance with uid '%s' not found.", uid)
	}
	return l.instanceAnswer(s, p), nil
}

func (l *Lakebase) listInstances(r *request) (any, error) {
	s := l.store.view()
	var all []database.DatabaseInstance
	for _, p := range s.live() {
		all = append(all, *l.instanceAnswer(s, p))
	}
	return list(r, all, func(i database.DatabaseInstance) string { return i.Name },
		func(items []database.DatabaseInstance, next string) database.ListDatabaseInstancesResponse {
			return database.ListDatabaseInstancesResponse{DatabaseInstances: items, NextPageToken: next}
		})
}

// instanceStates are the phases in the words of the Database instance API. It has none for a failure; every client
// passes an unknown word on, and a word that promises nothing is better than one that lets it wait.
var instanceStates = map[phase]database.DatabaseInstanceState{
	phaseStarting: database.DatabaseInstanceStateStarting,
	phaseUpdating: database.DatabaseInstanceStateUpdating,
	phaseFailover: database.DatabaseInstanceStateFailingOver,
	phaseActive:   database.DatabaseInstanceStateAvailable,
	phaseIdle:     database.DatabaseInstanceStateAvailable, // who connects gets in
	phaseWeak:     database.DatabaseInstanceStateAvailable,
	phaseStopped:  database.DatabaseInstanceStateStopped,
	phaseFailed:   "DEGRADED",
	phaseDeleting: database.DatabaseInstanceStateDeleting,
}

func (l *Lakebase) instanceAnswer(s *state, p *project) *database.DatabaseInstance {
	b := p.defaultBranch()
	c := b.primary()
	capacity := capacityOf(c.Settings)
	i := &database.DatabaseInstance{
		Name: p.ID, Uid: p.UID, Creator: p.Owner, CreationTime: p.Created.Format(time.RFC3339),
		State: instanceStates[l.phaseOf(p, b, c)], Capacity: capacity, EffectiveCapacity: capacity,
		PgVersion: "PG_VERSION_" + strconv.Itoa(p.PgVersion), ReadWriteDns: c.Host.String(),
		ReadOnlyDns: c.readHost(), EffectiveNodeCount: c.nodes(), EffectiveEnableReadableSecondaries: c.readable(),
		EffectiveRetentionWindowInDays: int(p.Retention / day), EffectiveStopped: c.Disabled,
		EnablePgNativeLogin: p.NativeLogin, EffectiveEnablePgNativeLogin: p.NativeLogin,
		UsagePolicyId: p.BudgetPolicy, EffectiveUsagePolicyId: p.BudgetPolicy,
		ForceSendFields: []string{
			"EffectiveEnablePgNativeLogin", "EffectiveEnableReadableSecondaries", "EffectiveStopped",
		},
	}
	i.EffectiveCustomTags = instanceTags(l.tags(p))
	p.Instance.echo(i)
	i.ParentInstanceRef, i.ChildInstanceRefs = s.refs(p)
	return i
}

// refs returns how the Database instance API shows the parent and the children of an instance.
func (s *state) refs(p *project) (parent *database.DatabaseInstanceRef, children []database.DatabaseInstanceRef) {
	if p.Instance != nil && p.Instance.Parent != "" {
		ref := refTo(p, p.Instance.Parent, "")
		if parent := s.project(p.Instance.Parent); parent != nil {
			ref.Uid = parent.UID
		}
		parent = &ref
	}
	for _, child := range s.live() {
		if child.Instance != nil && child.Instance.Parent == p.ID {
			children = append(children, refTo(child, child.ID, child.UID))
		}
	}
	return parent, children
}

// refTo names an instance at one end of the relation between a child and its parent. What was asked for is shown as it was
// asked, and what came of it in any case.
func refTo(child *project, name, uid string) database.DatabaseInstanceRef {
	ref := database.DatabaseInstanceRef{Name: name, Uid: uid}
	root := child.branch(rootBranch)
	if root == nil {
		return ref
	}
	ref.EffectiveLsn = root.forkPosition()
	if m := root.Moment; m != nil && m.LSN != 0 {
		ref.Lsn = m.LSN.String()
	} else if m != nil {
		ref.BranchTime = wireMoment(m.Time)
	}
	return ref
}
