package standin

import (
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/databricks/databricks-sdk-go/service/iam"
	"github.com/databricks/databricks-sdk-go/service/oauth2"
	"github.com/databricks/databricks-sdk-go/service/postgres"
	"github.com/google/uuid"
)

// Service principals of the workspace, as SCIM has them, and their OAuth secrets. The administrator makes them.

const (
	apiPrincipals = "/api/2.0/preview/scim/v2/ServicePrincipals"
	apiSecrets    = "/api/2.0/accounts/servicePrincipals/{id}/credentials/secrets"

	maxSecrets     = 5 // of a service principal
	maxPrincipals  = 1000
	secretLifetime = 730 * day
)

// secret of a service principal; only its hash is kept.
type secret struct {
	ID      string    `json:"id"`
	Hash    string    `json:"hash"`
	Created time.Time `json:"created"`
}

func (l *Lakebase) principalRoutes(api func(string, handler)) {
	api("POST "+apiPrincipals, l.asAdmin(l.createPrincipal))
	api("GET "+apiPrincipals, l.listPrincipals)
	api("GET "+apiPrincipals+"/{id}", l.getPrincipal)
	api("DELETE "+apiPrincipals+"/{id}", l.asAdmin(l.deletePrincipal))
	api("POST "+apiSecrets, l.asAdmin(l.createSecret))
	api("GET "+apiSecrets, l.asAdmin(l.listSecrets))
	api("DELETE "+apiSecrets+"/{secret}", l.asAdmin(l.deleteSecret))
}

// asAdmin lets nobody but the administrator pass.
func (l *Lakebase) asAdmin(h handler) handler {
	return func(r *request) (any, error) {
		if r.caller.Name != l.workspace.UserName {
			return nil, &apiError{
				Status: http.StatusForbidden, Code: postgres.ErrorCodePermissionDenied,
				Message: "Only the administrator of the workspace may do this.",
			}
		}
		return h(r)
	}
}

// knows reports whether a secret is one of the identity's.
func (i *identity) knows(text string) bool {
	hash := hashOf(text)
	return same(i.SecretHash, hash) || slices.ContainsFunc(i.Secrets, func(s secret) bool { return same(s.Hash, hash) })
}

// addSecret gives a service principal one more secret, in place of its oldest when it has as many as it may.
func (i *identity) addSecret() (secret, string) {
	text := secretPrefix + randomHex(16)
	added := secret{ID: uuid.NewString(), Hash: hashOf(text), Created: now()}
	if len(i.Secrets) >= maxSecrets {
		i.Secrets = slices.Clone(i.Secrets[1:])
	}
	i.Secrets = append(i.Secrets, added)
	return added, text
}

func newPrincipal(display string) identity {
	return identity{
		Name: uuid.NewString(), Type: typeServicePrincipal, Display: display,
		ID: strconv.FormatInt(1e15+rand.Int64N(9e15), 10),
	}
}

// principal returns the service principal with the id.
func (s *state) principal(id string) (*identity, error) {
	at := slices.IndexFunc(s.Identities, func(i identity) bool { return i.Type == typeServicePrincipal && i.ID == id })
	if at < 0 {
		return nil, notFound("Service principal with id %s not found.", id)
	}
	return &s.Identities[at], nil
}

func (i *identity) asPrincipal() iam.ServicePrincipal {
	return iam.ServicePrincipal{
		Schemas: []iam.ServicePrincipalSchema{iam.ServicePrincipalSchemaUrnIetfParamsScimSchemasCore20ServicePrincipal},
		Id:      i.ID, ApplicationId: i.Name, DisplayName: i.Display, Active: true,
		Groups: []iam.ComplexValue{{Display: usersGroup, Value: "1"}},
	}
}

func (l *Lakebase) createPrincipal(r *request) (any, error) {
	var in iam.ServicePrincipal
	if err := r.decode(&in); err != nil {
		return nil, err
	}
	made := newPrincipal(in.DisplayName)
	if in.ApplicationId != "" {
		id, err := uuid.Parse(in.ApplicationId)
		if err != nil {
			return nil, invalid("Field 'applicationId' must be a UUID, got '%s'.", in.ApplicationId)
		}
		made.Name = id.String()
	}
	if made.Display == "" {
		made.Display = made.Name
	}
	err := l.store.update(func(s *state) error {
		if s.identity(made.Name) != nil {
			return alreadyExists("Service principal with application id %s already exists.", made.Name)
		}
		if len(s.Identities) >= maxPrincipals {
			return overLimit("The workspace has %d identities already, which is the limit.", maxPrincipals)
		}
		s.Identities = append(s.Identities, made)
		return nil
	})
	return made.asPrincipal(), err
}

func (l *Lakebase) getPrincipal(r *request) (any, error) {
	found, err := l.store.view().principal(r.PathValue("id"))
	if err != nil {
		return nil, err
	}
	return found.asPrincipal(), nil
}

func (l *Lakebase) listPrincipals(r *request) (any, error) {
	field, wanted, err := principalFilter(r.URL.Query().Get("filter"))
	if err != nil {
		return nil, err
	}
	from, err := r.startIndex()
	if err != nil {
		return nil, err
	}
	answer := iam.ListServicePrincipalResponse{
		Schemas:    []iam.ListResponseSchema{iam.ListResponseSchemaUrnIetfParamsScimApiMessages20ListResponse},
		StartIndex: int64(from), ForceSendFields: []string{"TotalResults", "ItemsPerPage"},
	}
	for _, i := range l.store.view().Identities {
		value := map[string]string{"": "", "applicationId": i.Name, "displayName": i.Display}[field]
		if i.Type != typeServicePrincipal || value != wanted {
			continue
		}
		if answer.TotalResults++; answer.TotalResults >= int64(from) {
			answer.Resources = append(answer.Resources, i.asPrincipal())
		}
	}
	answer.ItemsPerPage = int64(len(answer.Resources))
	return answer, nil
}

// principalFilter reads the filter of a list of service principals. Of SCIM's language there is FIELD eq "…".
func principalFilter(filter string) (field, value string, err error) {
	if filter == "" {
		return "", "", nil
	}
	if words := strings.SplitN(filter, " ", 3); len(words) == 3 && words[1] == "eq" {
		value, bad := strconv.Unquote(words[2])
		if bad != nil {
			value = words[2]
		}
		if words[0] == "applicationId" || words[0] == "displayName" {
			return words[0], value, nil
		}
	}
	return "", "", notImplemented("a filter other than applicationId eq \"…\" and displayName eq \"…\"")
}

// deletePrincipal takes the identity away. Its role in PostgreSQL stays, as in Lakebase, and lets nobody in any more.
func (l *Lakebase) deletePrincipal(r *request) (any, error) {
	return nil, l.store.update(func(s *state) error {
		found, err := s.principal(r.PathValue("id"))
		if err != nil {
			return err
		}
		if found.Name == l.workspace.ClientID {
			return badRequest("The service principal that the local Lakebase comes with cannot be deleted.")
		}
		s.Identities = slices.DeleteFunc(s.Identities, func(i identity) bool { return i.ID == found.ID })
		return nil
	})
}

func (l *Lakebase) createSecret(r *request) (any, error) {
	var answer oauth2.CreateServicePrincipalSecretResponse
	err := l.store.update(func(s *state) error {
		found, err := s.principal(r.PathValue("id"))
		if err != nil {
			return err
		}
		if len(found.Secrets) >= maxSecrets {
			return overLimit("The service principal has %d secrets already, which is the limit.", maxSecrets)
		}
		added, text := found.addSecret()
		answer = oauth2.CreateServicePrincipalSecretResponse{
			Id: added.ID, Secret: text, SecretHash: added.Hash, Status: "ACTIVE",
			CreateTime: added.Created.Format(time.RFC3339), UpdateTime: added.Created.Format(time.RFC3339),
			ExpireTime: added.Created.Add(secretLifetime).Format(time.RFC3339),
		}
		return nil
	})
	return answer, err
}

func (l *Lakebase) listSecrets(r *request) (any, error) {
	found, err := l.store.view().principal(r.PathValue("id"))
	if err != nil {
		return nil, err
	}
	var answer oauth2.ListServicePrincipalSecretsResponse
	for _, s := range found.Secrets {
		answer.Secrets = append(answer.Secrets, oauth2.SecretInfo{
			Id: s.ID, SecretHash: s.Hash, Status: "ACTIVE",
			CreateTime: s.Created.Format(time.RFC3339), UpdateTime: s.Created.Format(time.RFC3339),
			ExpireTime: s.Created.Add(secretLifetime).Format(time.RFC3339),
		})
	}
	return answer, nil
}

func (l *Lakebase) deleteSecret(r *request) (any, error) {
	return nil, l.store.update(func(s *state) error {
		found, err := s.principal(r.PathValue("id"))
		if err != nil {
			return err
		}
		left := slices.DeleteFunc(slices.Clone(found.Secrets), func(s secret) bool { return s.ID == r.PathValue("secret") })
		if len(left) == len(found.Secrets) {
			return notFound("Secret with id %s not found.", r.PathValue("secret"))
		}
		found.Secrets = left
		return nil
	})
}
