package standin

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	sdktime "github.com/databricks/databricks-sdk-go/common/types/time"
	"github.com/databricks/databricks-sdk-go/service/database"
	"github.com/databricks/databricks-sdk-go/service/postgres"
	"github.com/golang-jwt/jwt/v5"

	"github.com/lakeward/lakeward"
)

const (
	issuer        = "lakeward"
	minCredential = 5 * time.Minute
	maxCredential = time.Hour
	keySize       = 32
)

// tokenMaker issues and checks the tokens of one workspace: for its REST API and, as database credentials, for its
// endpoints. What a token is for stands in its audience.
type tokenMaker struct{ key []byte }

type claims struct {
	jwt.RegisteredClaims
	Epoch int64 `json:"epoch,omitempty"`
}

// loadTokenMaker reads the key of the workspace, and makes one at the first start.
func loadTokenMaker(dir string) (*tokenMaker, error) {
	path := filepath.Join(dir, "token.key")
	key, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		key = make([]byte, keySize)
		rand.Read(key) // never fails, see crypto/rand
		err = writeFile(path, key, false)
	}
	if err == nil && len(key) != keySize {
		return nil, lakeward.Errorf(lakeward.KindInvalid,
			"remove the file; the next start writes a new one, and database tokens of before end",
			"token key %s is damaged: it does not hold %d bytes", path, keySize)
	}
	if err != nil {
		return nil, fmt.Errorf("load token key: %w", err)
	}
	return &tokenMaker{key: key}, nil
}

func (m *tokenMaker) issue(subject string, audience []string, ttl time.Duration, epoch int64) (string, time.Time, error) {
	issued := time.Now().UTC().Truncate(time.Second)
	expires := issued.Add(ttl)
	token, err := jwt.NewWithClaims(jwt.SigningMethodHS256, claims{
		RegisteredClaims: jwt.RegisteredClaims{
			Issuer: issuer, Subject: subject, Audience: audience, ID: randomHex(8),
			IssuedAt: jwt.NewNumericDate(issued), ExpiresAt: jwt.NewNumericDate(expires),
		},
		Epoch: epoch,
	}).SignedString(m.key)
	if err != nil {
		return "", time.Time{}, fmt.Errorf("sign token: %w", err)
	}
	return token, expires, nil
}

// check returns the subject of a token that is good for the audience now.
func (m *tokenMaker) check(token, audience string, epoch int64) (subject string, err error) {
	var c claims
	_, err = jwt.ParseWithClaims(token, &c, func(*jwt.Token) (any, error) { return m.key, nil },
		jwt.WithValidMethods([]string{jwt.SigningMethodHS256.Alg()}), jwt.WithIssuer(issuer),
		jwt.WithAudience(audience), jwt.WithExpirationRequired())
	if err != nil {
		return "", err
	}
	if c.Epoch < epoch && !isWorkspace(c.Audience) {
		return "", jwt.ErrTokenExpired
	}
	return c.Subject, nil
}

// isWorkspace reports whether a token is for the REST API.
func isWorkspace(audience []string) bool {
	return slices.ContainsFunc(audience, func(a string) bool { return strings.HasPrefix(a, workspaceAudience) })
}

// mint makes a database credential of an identity for endpoints.
func (l *Lakebase) mint(who string, endpoints []string, ttl time.Duration) (string, time.Time, error) {
	return l.tokens.issue(who, endpoints, ttl, l.store.view().Epoch)
}

// verify judges the password of a login. It is asked at login only: an open session outlives its credential.
func (l *Lakebase) verify(endpointUID, user, password string) error {
	s := l.store.view()
	if p, b, c := s.computeByUID(endpointUID); c == nil || c.Disabled || b.away(p) != "" {
		return errors.New("the endpoint is disabled")
	}
	subject, err := l.tokens.check(password, endpointUID, s.Epoch)
	if err != nil {
		return err
	}
	if subject != user && !s.inGroup(subject, user) {
		return fmt.Errorf("the credential is %s's", subject)
	}
	if l.runner(endpointUID).phase == phaseActive && l.faults.refuses() {
		return errors.New("this refusal was asked for")
	}
	return nil
}

// credential answers POST /api/2.0/postgres/credentials.
func (l *Lakebase) credential(r *request) (any, error) {
	var in postgres.GenerateDatabaseCredentialRequest
	if err := r.decode(&in); err != nil {
		return nil, err
	}
	if len(in.Claims) > 0 {
		return nil, notImplemented("a credential with Unity Catalog claims")
	}
	if in.Endpoint == "" {
		return nil, required("endpoint")
	}
	uid, err := l.store.view().endpointUID(in.Endpoint)
	if err != nil {
		return nil, err
	}
	ttl, err := l.credentialTTL(&in)
	if err != nil {
		return nil, err
	}
	token, expires, err := l.mint(r.caller.Name, []string{uid}, l.faults.lifetime(ttl))
	if err != nil {
		return nil, err
	}
	return &postgres.DatabaseCredential{Token: token, ExpireTime: sdktime.New(expires)}, nil
}

// credentialTTL returns how long a credential shall live.
func (l *Lakebase) credentialTTL(in *postgres.GenerateDatabaseCredentialRequest) (time.Duration, error) {
	var ttl time.Duration
	switch {
	case in.Ttl != nil && in.ExpireTime != nil:
		return 0, invalid("Only one of 'ttl' and 'expire_time' may be set.")
	case in.Ttl != nil:
		ttl = in.Ttl.AsDuration()
	case in.ExpireTime != nil:
		ttl = time.Until(in.ExpireTime.AsTime()).Round(time.Second)
	default:
		return l.tokenTTL, nil
	}
	if ttl < minCredential || ttl > maxCredential {
		return 0, invalid("Field 'ttl' must be between 300s and 3600s, got %ds.", int64(ttl.Seconds()))
	}
	return min(ttl, l.tokenTTL), nil
}

// endpointUID returns the uid of the endpoint with a full resource name.
func (s *state) endpointUID(name string) (uid string, err error) {
	away := ""
	s.computes(func(p *project, b *branch, c *compute) bool {
		if p.under(b, "endpoints", c.ID) == name {
			uid, away = c.UID, b.away(p)
		}
		return uid == ""
	})
	switch {
	case uid == "":
		return "", notFound("endpoint not found; endpoint:%q", name)
	case away != "":
		return "", notFound("endpoint not found; endpoint:%q: %s", name, away)
	}
	return uid, nil
}

// instanceCredential answers POST /api/2.0/database/credentials: one credential for several instances.
func (l *Lakebase) instanceCredential(r *request) (any, error) {
	var in database.GenerateDatabaseCredentialRequest
	if err := r.decode(&in); err != nil {
		return nil, err
	}
	if len(in.Claims) > 0 {
		return nil, notImplemented("a credential with Unity Catalog claims")
	}
	if len(in.InstanceNames) == 0 {
		return nil, required("instance_names")
	}
	s := l.store.view()
	var audience []string
	for _, name := range in.InstanceNames {
		p, err := s.instance(name)
		if err != nil {
			return nil, err
		}
		audience = append(audience, p.UID)
		for _, c := range p.defaultBranch().Computes {
			audience = append(audience, c.UID)
		}
	}
	token, expires, err := l.mint(r.caller.Name, slices.Compact(audience), l.faults.lifetime(l.tokenTTL))
	if err != nil {
		return nil, err
	}
	return &database.DatabaseCredential{Token: token, ExpirationTime: expires.Format(time.RFC3339)}, nil
}
