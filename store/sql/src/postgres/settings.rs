//! The settings that SHOW, `current_setting` and `pg_settings` show. None of them can
//! change what a query returns.

/// As in the greeting of the Postgres endpoint.
pub const POSTGRES_VERSION: &str = "16.6";

/// Names as Postgres spells them, and values.
pub(super) const SETTINGS: [(&str, &str); 33] = [
    ("application_name", ""),
    ("block_size", "8192"),
    ("bytea_output", "hex"),
    ("client_encoding", "UTF8"),
    ("client_min_messages", "notice"),
    ("DateStyle", "ISO, MDY"),
    ("default_tablespace", ""),
    ("default_transaction_deferrable", "off"),
    ("default_transaction_isolation", "read committed"),
    ("default_transaction_read_only", "on"),
    ("extra_float_digits", "1"),
    ("idle_in_transaction_session_timeout", "0"),
    ("integer_datetimes", "on"),
    ("IntervalStyle", "postgres"),
    ("is_superuser", "off"),
    ("jit", "off"),
    ("lc_collate", "C"),
    ("lc_ctype", "C"),
    ("lock_timeout", "0"),
    ("max_connections", "256"),
    ("max_identifier_length", "63"),
    ("max_index_keys", "32"),
    ("role", "none"),
    ("row_security", "on"),
    ("search_path", "public"),
    ("server_encoding", "UTF8"),
    ("server_version", POSTGRES_VERSION),
    ("server_version_num", "160006"),
    ("standard_conforming_strings", "on"),
    ("statement_timeout", "0"),
    ("TimeZone", "UTC"),
    ("transaction_isolation", "read committed"),
    ("transaction_read_only", "on"),
];

/// The value of a setting; the case of its name does not matter.
pub fn postgres_setting(name: &str) -> Option<&'static str> {
    let mut settings = SETTINGS.iter();
    let known = settings.find(|(known, _)| known.eq_ignore_ascii_case(name))?;
    Some(known.1)
}
