//! What a query may use, and in whose SQL it is written.

use std::time::Duration;

/// Longest statement, in bytes.
pub const MAX_SQL_BYTES: usize = 64 * 1024;

/// What one query may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueryLimits {
    pub max_rows: usize,
    pub timeout: Duration,
    /// Bytes of the query's working memory.
    pub memory: usize,
}

impl Default for QueryLimits {
    fn default() -> Self {
        Self {
            max_rows: 1_000_000,
            timeout: Duration::from_secs(30),
            memory: 256 << 20,
        }
    }
}

/// The SQL dialect of a statement.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Dialect {
    /// DataFusion's dialect, which InfluxDB 3 uses too.
    #[default]
    Generic,
    /// What clients of Postgres write.
    Postgres,
}
