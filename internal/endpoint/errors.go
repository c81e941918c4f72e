package endpoint

import (
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/lakeward/lakeward"
)

// What callers tell apart.
var (
	ErrExists   = errors.New("already exists")
	ErrNotExist = errors.New("does not exist")
)

// refused turns PostgreSQL's refusal of a statement about a thing, such as `role "x"`, into an error of a kind.
func refused(err error, thing string) error {
	pg, ok := errors.AsType[*pgconn.PgError](err)
	if !ok {
		return fmt.Errorf("%s: %w", thing, err)
	}
	said := pg.Message
	if !strings.HasPrefix(said, thing) {
		said = thing + ": " + said
	}
	switch pg.Code {
	case "42710", "42P04": // duplicate_object, duplicate_database
		return lakeward.Errorf(lakeward.KindConflict, "", "%s %w", thing, ErrExists)
	case "42704", "3D000": // undefined_object, invalid_catalog_name
		missing := strings.TrimSuffix(pg.Message, " "+ErrNotExist.Error())
		return lakeward.Errorf(lakeward.KindNotFound, "", "%s: %s %w", thing, missing, ErrNotExist)
	case "2BP01": // dependent_objects_still_exist
		return lakeward.Errorf(lakeward.KindConflict, "name a role that takes over what it owns", "%s", said)
	case "55006": // object_in_use
		return lakeward.Errorf(lakeward.KindConflict, "end its sessions and try again", "%s", said)
	case "42939", "42602", "22023": // reserved_name, invalid_name, invalid_parameter_value
		return lakeward.Errorf(lakeward.KindInvalid, "choose another name", "%s", said)
	case "25006": // read_only_sql_transaction
		return lakeward.Errorf(lakeward.KindConflict, "use the read-write endpoint", "%s", said)
	}
	return fmt.Errorf("%s: %w", thing, err)
}

func notExist(thing string) error {
	return lakeward.Errorf(lakeward.KindNotFound, "", "%s %w", thing, ErrNotExist)
}
