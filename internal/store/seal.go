package store

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"database/sql"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/lakeward/lakeward"
)

// keySize is that of AES-256.
const keySize = 32

// KeyVariable is the environment variable that names the key, in base64, to those that have no file to keep one in.
const KeyVariable = "LAKEWARD_STORE_KEY"

// openSealer finds the key and proves that it is the one that this store's secrets were sealed with.
func (s *Store) openSealer(ctx context.Context, o Options) error {
	key := o.Key
	if len(key) == 0 {
		var err error
		if key, err = readKey(o.KeyFile); err != nil {
			return err
		}
	}
	if len(key) != keySize {
		return lakeward.Errorf(lakeward.KindInvalid, "make one with: openssl rand -base64 32",
			"the store's key has %d bytes and not %d", len(key), keySize)
	}
	s.key = key
	block, err := aes.NewCipher(key)
	if err != nil {
		return err
	}
	if s.sealer, err = cipher.NewGCMWithRandomNonce(block); err != nil {
		return err
	}
	proof := s.Seal([]byte("lakeward"))
	err = s.write(ctx, "note the key", func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, `INSERT INTO meta (name, value) VALUES ('key', $1) ON CONFLICT (name) DO NOTHING`, proof); err != nil {
			return err
		}
		return tx.QueryRowContext(ctx, `SELECT value FROM meta WHERE name = 'key'`).Scan(&proof)
	})
	if err != nil {
		return err
	}
	_, err = s.Unseal(proof)
	return err
}

// readKey reads the key from a file, and makes one where there is none.
func readKey(file string) ([]byte, error) {
	if file == "" {
		return nil, lakeward.Errorf(lakeward.KindInvalid, "set "+KeyVariable+" to what openssl rand -base64 32 prints, the same for all servers",
			"a store in PostgreSQL needs a key")
	}
	text, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		key := make([]byte, keySize)
		rand.Read(key) // it does not fail: crypto/rand says so
		if err = writeKey(file, base64.StdEncoding.EncodeToString(key)); err == nil {
			return key, nil
		}
		if errors.Is(err, fs.ErrExist) { // another process was faster
			text, err = os.ReadFile(file)
		}
	}
	if err != nil {
		return nil, lakeward.Errorf(lakeward.KindUnavailable, "choose a folder that can be written, or set "+KeyVariable, "the store's key: %w", err)
	}
	return ParseKey(string(text))
}

// writeKey makes the file whole or not at all: a server that starts at the same moment must not read half a key.
func writeKey(file, text string) error {
	f, err := os.CreateTemp(filepath.Dir(file), ".key-*") // with mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.WriteString(text + "\n")
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Link(f.Name(), file)
}

// ParseKey reads a key as it is written in a file or in [KeyVariable].
func ParseKey(text string) ([]byte, error) {
	key, err := base64.StdEncoding.DecodeString(strings.TrimSpace(text))
	if err != nil || len(key) != keySize {
		return nil, lakeward.Errorf(lakeward.KindInvalid, "make one with: openssl rand -base64 32", "the store's key is not %d bytes in base64", keySize)
	}
	return key, nil
}

// Seal encrypts what must be kept and must not be seen.
func (s *Store) Seal(secret []byte) string {
	return base64.StdEncoding.EncodeToString(s.sealer.Seal(nil, nil, secret, nil))
}

// fingerprint is a digest that is the same for the same texts, and that nobody without the key can try passwords on.
func (s *Store) fingerprint(texts ...string) string {
	mac := hmac.New(sha256.New, s.key)
	for _, text := range texts {
		fmt.Fprintf(mac, "%d %s", len(text), text)
	}
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// Unseal returns what was sealed.
func (s *Store) Unseal(sealed string) ([]byte, error) {
	bytes, err := base64.StdEncoding.DecodeString(sealed)
	if err == nil {
		bytes, err = s.sealer.Open(nil, nil, bytes, nil)
	}
	if err != nil {
		return nil, lakeward.Errorf(lakeward.KindDenied, "give the key that this store was made with, in its key file or "+KeyVariable,
			"the key does not open the secrets of store %s", s.name)
	}
	return bytes, nil
}
