package endpoint

import (
	"context"
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
)

// passwordFits reports whether a password is the one that a role has in PostgreSQL, as a login by SCRAM would find out: the
// gate has the password itself, over TLS.
func (e *Endpoint) passwordFits(ctx context.Context, role, password string) (fits bool, err error) {
	const sql = `SELECT coalesce(rolpassword, '') FROM pg_catalog.pg_authid
		WHERE rolname = $1 AND rolcanlogin AND NOT rolsuper AND coalesce(rolvaliduntil > now(), true)`
	err = e.lookUp(ctx, func(conn *pgx.Conn) error {
		var verifier string
		err := conn.QueryRow(ctx, sql, role).Scan(&verifier)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		fits = err == nil && scramFits(verifier, password)
		return err
	})
	return fits, err
}

// scramFits checks a password against SCRAM-SHA-256$ITERATIONS:SALT$STORED:SERVER, as PostgreSQL keeps it.
func scramFits(verifier, password string) bool {
	parts := strings.Split(verifier, "$")
	if len(parts) != 3 || parts[0] != "SCRAM-SHA-256" {
		return false
	}
	iterations, salt, _ := strings.Cut(parts[1], ":")
	stored, _, _ := strings.Cut(parts[2], ":")
	n, err := strconv.Atoi(iterations)
	if err != nil || n < 1 {
		return false
	}
	rawSalt, err := base64.StdEncoding.DecodeString(salt)
	if err != nil {
		return false
	}
	want, err := base64.StdEncoding.DecodeString(stored)
	if err != nil {
		return false
	}
	salted, err := pbkdf2.Key(sha256.New, password, rawSalt, n, sha256.Size)
	if err != nil {
		return false
	}
	mac := hmac.New(sha256.New, salted)
	mac.Write([]byte("Client Key"))
	got := sha256.Sum256(mac.Sum(nil))
	return hmac.Equal(got[:], want)
}
