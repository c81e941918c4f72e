package databricks

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/databricks/databricks-sdk-go/service/database"

	"github.com/lakeward/lakeward"
)

// instances is the Database instance API, /api/2.0/database.
type instances struct{ api database.DatabaseInterface }

// instanceSizeLimit is how much data an instance may hold. The API has no field for it; the documentation says it.
const instanceSizeLimit = 2 << 40

// get implements family.
func (d instances) get(ctx context.Context, r reference) (lakeward.Instance, error) {
	i, err := d.api.GetDatabaseInstance(ctx, database.GetDatabaseInstanceRequest{Name: r.project})
	if err != nil {
		return lakeward.Instance{}, err
	}
	return fromInstance(cmp.Or(i.Name, r.project), *i), nil
}

// fromInstance describes a database instance. What was asked for is in one set of fields, what holds in the effective
// ones; an old backend leaves those out.
func fromInstance(name string, d database.DatabaseInstance) lakeward.Instance {
	i := lakeward.Instance{
		Name:            name,
		UID:             d.Uid,
		State:           string(d.State),
		Status:          lakeward.StatusOf(string(d.State), false),
		Host:            d.ReadWriteDns,
		ReadOnlyHost:    d.ReadOnlyDns,
		Port:            lakeward.DefaultPort,
		Database:        lakeward.DefaultDatabase,
		Capacity:        cmp.Or(d.EffectiveCapacity, d.Capacity),
		Nodes:           cmp.Or(d.EffectiveNodeCount, d.NodeCount, 1),
		SizeLimit:       instanceSizeLimit,
		RetentionDays:   cmp.Or(d.EffectiveRetentionWindowInDays, d.RetentionWindowInDays),
		PostgresVersion: strings.TrimPrefix(d.PgVersion, "PG_VERSION_"),
		Creator:         d.Creator,
	}
	for _, t := range d.EffectiveCustomTags {
		i.Tags = tagged(i.Tags, t.Key, t.Value)
	}
	if units, ok := unitsOf(i.Capacity); ok {
		i.MinCU, i.MaxCU = units, units
	}
	if created, err := time.Parse(time.RFC3339, d.CreationTime); err == nil {
		i.Created = created
	}
	return i
}

// tagged adds a tag to those of an instance, of which there may be none yet.
func tagged(tags map[string]string, key, value string) map[string]string {
	if tags == nil {
		tags = map[string]string{}
	}
	tags[key] = value
	return tags
}

// list implements family.
func (d instances) list(ctx context.Context) ([]lakeward.Instance, error) {
	all, err := d.api.ListDatabaseInstancesAll(ctx, database.ListDatabaseInstancesRequest{PageSize: 100})
	if err != nil {
		return nil, err
	}
	found := make([]lakeward.Instance, len(all))
	for k, i := range all {
		found[k] = fromInstance(i.Name, i)
	}
	return found, nil
}

// credential implements family.
func (d instances) credential(ctx context.Context, i lakeward.Instance) (lakeward.Credential, error) {
	c, err := d.api.GenerateDatabaseCredential(ctx, database.GenerateDatabaseCredentialRequest{
		InstanceNames: []string{i.Name},
	})
	if err != nil {
		return lakeward.Credential{}, err
	}
	expires, err := time.Parse(time.RFC3339, c.ExpirationTime)
	if err != nil {
		return lakeward.Credential{}, fmt.Errorf("read the credential's expiry: %w", err)
	}
	return lakeward.Credential{Token: lakeward.Secret(c.Token), Expires: expires}, nil
}

// create implements family. The API has no operations: the instance's state tells.
func (d instances) create(ctx context.Context, s Spec) ([]string, error) {
	_, err := d.api.CreateDatabaseInstance(ctx, database.CreateDatabaseInstanceRequest{
		DatabaseInstance: database.DatabaseInstance{
			Name:                  s.Name,
			Capacity:              s.Capacity,
			RetentionWindowInDays: s.RetentionDays,
			NodeCount:             s.Nodes,
			ParentInstanceRef:     s.parent(),
		},
	})
	return nil, err
}

// parent returns what a new instance is made a copy of, or nil.
func (s Spec) parent() *database.DatabaseInstanceRef {
	if s.From == "" {
		return nil
	}
	ref := &database.DatabaseInstanceRef{Name: s.From, Lsn: s.LSN}
	if !s.At.IsZero() {
		ref.BranchTime = s.At.UTC().Format(time.RFC3339Nano)
	}
	return ref
}

// change implements family. Stopping and starting are changes of a field.
func (d instances) change(ctx context.Context, i lakeward.Instance, c change) ([]string, error) {
	changed := database.DatabaseInstance{
		Name:                  i.Name,
		Capacity:              c.spec.Capacity,
		RetentionWindowInDays: c.spec.RetentionDays,
		NodeCount:             c.spec.Nodes,
	}
	var mask []string
	if c.stopped != nil {
		changed.Stopped = *c.stopped
		changed.ForceSendFields = []string{"Stopped"}
		mask = append(mask, "stopped")
	}
	if changed.Capacity != "" {
		mask = append(mask, "capacity")
	}
	if changed.RetentionWindowInDays != 0 {
		mask = append(mask, "retention_window_in_days")
	}
	if changed.NodeCount != 0 {
		mask = append(mask, "node_count")
	}
	_, err := d.api.UpdateDatabaseInstance(ctx, database.UpdateDatabaseInstanceRequest{
		Name: i.Name, DatabaseInstance: changed, UpdateMask: strings.Join(mask, ","),
	})
	return nil, err
}

// remove implements family.
func (d instances) remove(ctx context.Context, i lakeward.Instance) ([]string, error) {
	return nil, d.api.DeleteDatabaseInstance(ctx, database.DeleteDatabaseInstanceRequest{Name: i.Name, Purge: true})
}
