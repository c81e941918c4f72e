package standin

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"

	"github.com/google/uuid"

	"github.com/lakeward/lakeward"
)

// WorkspaceFile is what DIR/workspace.json holds: where the local Lakebase of that folder answers, and the secrets of its
// two identities. Only the folder's owner may read it.
type WorkspaceFile struct {
	Host         string `json:"host"` // URL of the REST API
	Token        string `json:"token"`
	WorkspaceID  string `json:"workspace_id"`
	UserName     string `json:"user_name"`     // of the administrator, whose token Token is
	ClientID     string `json:"client_id"`     // of the service principal
	ClientSecret string `json:"client_secret"` // of the service principal
	CAFile       string `json:"ca_file"`       // certificate authority of the endpoints
	Port         int    `json:"port"`          // of the endpoints: the APIs have no field for it

	Name string `json:"name,omitempty"` // of a named workspace, mostly its region
}

const (
	workspaceName = "workspace.json"

	// adminName is an e-mail address, as users of Databricks have, and the same on every machine, so that what belongs
	// to this role in a dump finds its owner on the next one.
	adminName = "admin@lakeward.local"
)

// ReadWorkspace reads the workspace file of a folder. Whether the local Lakebase runs is not known from it.
func ReadWorkspace(dir string) (WorkspaceFile, error) {
	var w WorkspaceFile
	path := filepath.Join(dir, workspaceName)
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return w, lakeward.Errorf(lakeward.KindNotFound, "start one with: lakeward up",
			"there is no local Lakebase in %s", dir)
	}
	if err != nil {
		return w, lakeward.Errorf(lakeward.KindDenied,
			"work as the user who started the local Lakebase, or choose another folder with --dir or LAKEWARD_DIR",
			"read workspace: %w", err)
	}
	err = json.Unmarshal(text, &w)
	if err == nil && w.Host == "" { // such as null or {}
		err = errors.New("it names no host")
	}
	if err != nil {
		return w, lakeward.Errorf(lakeward.KindInvalid, "remove the file; the next start writes a new one",
			"workspace file %s is damaged: %w", path, err)
	}
	return w, nil
}

// settleWorkspace makes the workspace at the first start, and writes the workspace file. Secrets are made anew when the
// file is lost, because the state has only their hashes.
func (l *Lakebase) settleWorkspace() error {
	w, err := ReadWorkspace(l.dir)
	if err != nil && lakeward.KindOf(err) != lakeward.KindNotFound && lakeward.KindOf(err) != lakeward.KindInvalid {
		return err
	}
	s := l.store.view()
	user, principal := s.first(typeUser), s.first(typeServicePrincipal)
	if user == nil || principal == nil || !same(user.SecretHash, hashOf(w.Token)) ||
		!same(principal.SecretHash, hashOf(w.ClientSecret)) {
		w.Token, w.ClientSecret = patPrefix+randomHex(16), secretPrefix+randomHex(16)
		err := l.store.update(func(s *state) error {
			s.furnish(hashOf(w.Token), hashOf(w.ClientSecret))
			return nil
		})
		if err != nil {
			return err
		}
		s = l.store.view()
	}
	w.Host, w.WorkspaceID, w.CAFile, w.Port = l.host, s.Workspace, l.ca.Path(), l.port
	if w.Name = ""; filepath.Base(filepath.Dir(l.dir)) == workspacesFolder {
		w.Name = filepath.Base(l.dir)
	}
	w.UserName, w.ClientID = s.first(typeUser).Name, s.first(typeServicePrincipal).Name
	text, err := json.MarshalIndent(w, "", "  ")
	if err != nil {
		return fmt.Errorf("encode workspace: %w", err)
	}
	if err := writeFile(filepath.Join(l.dir, workspaceName), append(text, '\n'), l.fast); err != nil {
		return fmt.Errorf("write workspace: %w", err)
	}
	l.workspace = w
	return nil
}

func (s *state) first(kind string) *identity {
	for i := range s.Identities {
		if s.Identities[i].Type == kind {
			return &s.Identities[i]
		}
	}
	return nil
}

// furnish makes sure that there is a workspace with its identities, and gives them these secrets.
func (s *state) furnish(tokenHash, secretHash string) {
	if s.Workspace == "" {
		s.Workspace = strconv.FormatInt(1e15+rand.Int64N(9e15), 10) // 16 digits, as real ones have
	}
	if s.first(typeUser) == nil {
		s.Identities = append(s.Identities, identity{
			Name: adminName, Type: typeUser, ID: strconv.FormatInt(1e15+rand.Int64N(9e15), 10), Display: "Administrator",
		})
	}
	if s.first(typeServicePrincipal) == nil {
		s.Identities = append(s.Identities, identity{
			Name: uuid.NewString(), Type: typeServicePrincipal, ID: strconv.FormatInt(1e15+rand.Int64N(9e15), 10),
			Display: "Application",
		})
	}
	s.first(typeUser).SecretHash, s.first(typeServicePrincipal).SecretHash = tokenHash, secretHash
}
