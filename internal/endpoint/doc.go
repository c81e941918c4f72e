// Package endpoint runs one endpoint of the local Lakebase: a PostgreSQL behind TLS and a token check.
//
// From the outside it is Lakebase: plaintext is refused, the password is a token that somebody else judges
// ([Options.Verify]), only roles that are linked to an identity of the workspace may log in. From the inside too: the
// owner is no superuser, databricks_superuser and databricks_create_role() exist.
//
// A role is linked to an identity by a security label of the provider databricks_auth, which is how Lakebase does it.
// Labels of roles are cluster-wide, belong to the role itself and so follow it through copies and end with it; and they
// cannot be forged: PostgreSQL refuses SECURITY LABEL for a provider that no loaded module implements, and nobody but
// the real superuser, who cannot log in through the gate, may write to its catalogs. The label repeats the role's name,
// so that a renamed role loses its link.
//
// A PostgreSQL that dies is started again. An [Endpoint] owns its goroutines; they have ended when [Endpoint.Done] is
// closed. The package decides nothing about instances, tokens and addresses.
package endpoint
