package standin

import (
	"cmp"
	"slices"
	"strings"

	"github.com/databricks/databricks-sdk-go/common/types/duration"
)

// settingsIn are an endpoint's size and suspension as the APIs' various structs carry them.
type settingsIn struct {
	min, max     float64
	noSuspension bool
	suspend      *duration.Duration
}

// merge takes over what is not zero.
func (s *computeSettings) merge(in settingsIn) {
	s.MinCU = cmp.Or(in.min, s.MinCU)
	s.MaxCU = cmp.Or(in.max, s.MaxCU)
	if in.noSuspension {
		s.NoSuspension, s.Suspend = true, 0
	}
	if in.suspend != nil {
		s.NoSuspension, s.Suspend = in.noSuspension, in.suspend.AsDuration()
	}
}

// apply changes what the mask names; a named field without a value gets its default.
func (s *computeSettings) apply(prefix string, in settingsIn, m mask) {
	if m.has(prefix + "autoscaling_limit_min_cu") {
		s.MinCU = cmp.Or(in.min, defaultUnits)
	}
	if m.has(prefix + "autoscaling_limit_max_cu") {
		s.MaxCU = cmp.Or(in.max, defaultUnits)
	}
	noSuspension, suspend := m.has(prefix+"no_suspension"), m.has(prefix+"suspend_timeout_duration")
	switch {
	case noSuspension && in.noSuspension && suspend && in.suspend != nil:
		s.NoSuspension, s.Suspend = true, in.suspend.AsDuration() // refused by check
	case noSuspension && in.noSuspension:
		s.NoSuspension, s.Suspend = true, 0
	case suspend && in.suspend != nil:
		s.NoSuspension, s.Suspend = false, in.suspend.AsDuration()
	case noSuspension || suspend:
		s.NoSuspension, s.Suspend = false, defaultSuspend
	}
}

func (s *computeSettings) check(limits Limits) error {
	if err := checkUnits(s.MinCU, s.MaxCU); err != nil {
		return err
	}
	switch {
	case s.NoSuspension && s.Suspend != 0:
		return invalid("Only one of 'no_suspension' and 'suspend_timeout_duration' may be set.")
	case !s.NoSuspension:
		if err := limits.checkSuspend(s.Suspend); err != nil {
			return err
		}
	}
	return checkPgSettings(s.PgSettings)
}

// suspendWire is nil for an endpoint that is never suspended.
func (s *computeSettings) suspendWire() *duration.Duration {
	if s.NoSuspension {
		return nil
	}
	return duration.New(s.Suspend)
}

// ownSettings are parameters of PostgreSQL that the local Lakebase needs for itself.
var ownSettings = []string{
	"archive_cleanup_command", "archive_command", "archive_library", "archive_mode", "config_file", "data_directory",
	"dynamic_library_path", "event_source", "external_pid_file", "fsync", "full_page_writes", "hba_file", "hot_standby",
	"ident_file", "include", "include_dir", "include_if_exists", "listen_addresses", "local_preload_libraries",
	"logging_collector", "max_connections", "max_replication_slots", "max_wal_senders", "port", "primary_conninfo",
	"primary_slot_name", "promote_trigger_file", "recovery_end_command", "recovery_target", "restart_after_crash",
	"restore_command", "session_preload_libraries", "shared_preload_libraries", "synchronous_standby_names", "syslog_ident", "wal_level",
}

var ownPrefixes = []string{"log_", "recovery_", "ssl", "unix_socket_", "krb_", "db_user_"}

// checkPgSettings refuses what is not the name of a parameter, and parameters that are not the user's.
func checkPgSettings(settings map[string]string) error {
	for name, value := range settings {
		lower := strings.ToLower(name)
		own := slices.ContainsFunc(ownPrefixes, func(p string) bool { return strings.HasPrefix(lower, p) })
		switch {
		case !settingName.MatchString(name):
			return invalid("'%s' in pg_settings is not the name of a parameter.", name)
		case own || slices.Contains(ownSettings, lower):
			return invalid("The parameter '%s' in pg_settings cannot be set.", name)
		case strings.ContainsAny(value, "\n\r\x00"):
			return invalid("The value of '%s' in pg_settings must be one line.", name)
		}
	}
	return nil
}
