package access

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net"
	"net/http"
	"net/url"
	"os"
	"sync"
	"time"

	"github.com/lakeward/lakeward"
)

// LinkPath is where the one-time link points.
const LinkPath = "/login"

// How long a link waits to be followed, and how long a session lasts.
const (
	linkLife    = time.Hour
	sessionLife = 12 * time.Hour
)

// sessions are the links and sessions that are good. Links end with the process. Sessions are kept in a file, where there
// is one, so that a page which is open while the server is started again goes on. Only hashes of the secrets are kept: the
// file opens no door, and finding one takes no time that depends on how much of a guess is right.
type sessions struct {
	file  string
	mu    sync.Mutex
	links map[[sha256.Size]byte]time.Time // when it ends
	open  map[[sha256.Size]byte]time.Time
}

// load reads the sessions of an earlier process. A file that cannot be read costs its sessions, and nothing else.
func (s *sessions) load() {
	if s.file == "" {
		return
	}
	text, err := os.ReadFile(s.file)
	kept := map[string]time.Time{}
	if err != nil || json.Unmarshal(text, &kept) != nil {
		return
	}
	s.open = map[[sha256.Size]byte]time.Time{}
	for name, ends := range kept {
		if sum, err := hex.DecodeString(name); err == nil && len(sum) == sha256.Size && time.Now().Before(ends) {
			s.open[[sha256.Size]byte(sum)] = ends
		}
	}
}

// save writes the open sessions into the file. s.mu is held.
func (s *sessions) save() error {
	if s.file == "" {
		return nil
	}
	kept := map[string]time.Time{}
	for sum, ends := range s.open {
		kept[hex.EncodeToString(sum[:])] = ends
	}
	text, err := json.Marshal(kept)
	if err != nil {
		return err
	}
	next := s.file + ".next"
	if err := os.WriteFile(next, text, 0o600); err != nil {
		return err
	}
	return os.Rename(next, s.file)
}

// Link returns a link below the server's address, such as http://127.0.0.1:8080, that lets one browser in once.
func (g *Gate) Link(address string) string {
	secret := rand.Text() + rand.Text()
	g.sessions.mu.Lock()
	defer g.sessions.mu.Unlock()
	put(&g.sessions.links, secret, linkLife)
	return address + LinkPath + "?token=" + url.QueryEscape(secret)
}

// follow turns a link into a session.
func (g *Gate) follow(w http.ResponseWriter, r *http.Request) {
	session, ok := "", false
	if r.Method == http.MethodGet { // whoever only looks whether the link works does not use it up
		var err error
		session, ok, err = g.sessions.exchange(r.URL.Query().Get("token"))
		if err != nil {
			g.o.Log.WarnContext(r.Context(), "the session ends with this process: it could not be written", "error", err)
		}
	}
	if !ok {
		refuse(w, r, lakeward.Errorf(lakeward.KindUnauthenticated, "start the server again for another link",
			"the link has been used, or is too old"))
		return
	}
	http.SetCookie(w, &http.Cookie{
		Name: cookieName(r), Value: session, Path: "/", MaxAge: int(sessionLife.Seconds()),
		HttpOnly: true, SameSite: http.SameSiteStrictMode, Secure: r.TLS != nil,
	})
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

// exchange turns a link into a session. An error says that the session could not be kept in the file; it is open all the same.
func (s *sessions) exchange(link string) (session string, ok bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	key := sha256.Sum256([]byte(link))
	ends, ok := s.links[key]
	delete(s.links, key)
	if !ok || time.Now().After(ends) {
		return "", false, nil
	}
	session = rand.Text() + rand.Text()
	put(&s.open, session, sessionLife)
	return session, true, s.save()
}

// known says whether a request belongs to a session.
func (s *sessions) known(r *http.Request) bool {
	cookie, err := r.Cookie(cookieName(r))
	if err != nil {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return time.Now().Before(s.open[sha256.Sum256([]byte(cookie.Value))])
}

// put keeps a secret's hash, and drops those that have ended.
func put(in *map[[sha256.Size]byte]time.Time, secret string, life time.Duration) {
	now := time.Now()
	if *in == nil {
		*in = map[[sha256.Size]byte]time.Time{}
	}
	for key, ends := range *in {
		if now.After(ends) {
			delete(*in, key)
		}
	}
	(*in)[sha256.Sum256([]byte(secret))] = now.Add(life)
}

// cookieName has the port in it: browsers send a cookie to all ports of a host, and two servers must not end each other's
// sessions.
func cookieName(r *http.Request) string {
	name := "lakeward"
	if _, port, err := net.SplitHostPort(r.Host); err == nil {
		name += "_" + port
	}
	return name
}
