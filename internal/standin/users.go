package standin

import (
	"slices"
	"strconv"
	"strings"

	"github.com/databricks/databricks-sdk-go/service/iam"
)

// The groups of every workspace.
const (
	usersGroup  = "users"
	adminsGroup = "admins" // the user of the local Lakebase is in it, the service principal is not
)

// me answers who calls, as SCIM does.
func (l *Lakebase) me(r *request) (any, error) { return r.caller.scim(), nil }

func (i *identity) scim() iam.User {
	u := iam.User{
		Schemas:     []iam.UserSchema{iam.UserSchemaUrnIetfParamsScimSchemasCore20User},
		Id:          i.ID,
		UserName:    i.Name,
		DisplayName: i.Display,
		Active:      true,
		Groups:      []iam.ComplexValue{{Display: usersGroup, Value: "1"}},
	}
	if i.Type == typeUser {
		u.Emails = []iam.ComplexValue{{Value: i.Name, Primary: true, Type: "work"}}
		u.Groups = append(u.Groups, iam.ComplexValue{Display: adminsGroup, Value: "2"})
	}
	return u
}

// inGroup reports whether an identity is in a group, as which it may log in where the group has a role.
func (s *state) inGroup(who, group string) bool {
	i := s.identity(who)
	return i != nil && slices.ContainsFunc(i.scim().Groups, func(g iam.ComplexValue) bool { return g.Display == group })
}

// users lists the users of the workspace. Who is no administrator sees their ids and display names only.
func (l *Lakebase) users(r *request) (any, error) {
	wanted, err := userFilter(r.URL.Query().Get("filter"))
	if err != nil {
		return nil, err
	}
	from, err := r.startIndex()
	if err != nil {
		return nil, err
	}
	answer := iam.ListUsersResponse{
		Schemas:    []iam.ListResponseSchema{iam.ListResponseSchemaUrnIetfParamsScimApiMessages20ListResponse},
		StartIndex: int64(from), ForceSendFields: []string{"TotalResults", "ItemsPerPage"},
	}
	s := l.store.view()
	for k := range s.Identities {
		i := &s.Identities[k]
		if i.Type != typeUser || wanted != "" && !strings.EqualFold(wanted, i.Name) {
			continue
		}
		if answer.TotalResults++; answer.TotalResults < int64(from) {
			continue
		}
		u := i.scim()
		if r.caller.Type != typeUser {
			u = iam.User{Id: u.Id, DisplayName: u.DisplayName}
		}
		answer.Resources = append(answer.Resources, u)
	}
	answer.ItemsPerPage = int64(len(answer.Resources))
	return answer, nil
}

func (r *request) startIndex() (int, error) {
	text := r.URL.Query().Get("startIndex")
	if text == "" {
		return 1, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		return 0, invalid("startIndex must be a positive number, got '%s'.", text)
	}
	return n, nil
}

// userFilter reads the filter of a list of users. Of SCIM's language there is userName eq "…".
func userFilter(filter string) (name string, err error) {
	if filter == "" {
		return "", nil
	}
	if words := strings.SplitN(filter, " ", 3); len(words) == 3 && words[0] == "userName" && words[1] == "eq" {
		if name, err := strconv.Unquote(words[2]); err == nil && name != "" {
			return name, nil
		}
	}
	return "", notImplemented("a filter other than userName eq \"…\"")
}
