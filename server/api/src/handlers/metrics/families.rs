//! Every metric that `/metrics` can have: name, type, labels and help. The encoders
//! take these, so the documented list and the written one are the same.

/// What a Prometheus metric is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Type {
    Counter,
    Gauge,
}

/// One metric; `name` is without the prefix `weir_` and a counter's `_total`.
#[derive(Debug)]
pub(super) struct Family {
    pub(super) kind: Type,
    pub(super) name: &'static str,
    pub(super) labels: &'static [&'static str],
    pub(super) help: &'static str,
}

macro_rules! families {
    ($($id:ident: $kind:ident $name:literal [$($label:literal),*] $help:literal;)*) => {
        $(pub(super) const $id: Family = Family {
            kind: Type::$kind,
            name: $name,
            labels: &[$($label),*],
            help: $help,
        };)*

        /// In the order of the reference.
        #[cfg(test)]
        const ALL: &[Family] = &[$($id),*];
    };
}

families! {
    READINGS_RECEIVED: Counter "readings_received" []
        "Readings decoded";
    READINGS: Counter "readings" ["outcome", "reason"]
        "Readings by outcome: stored, deduplicated, quarantined, expired";
    READING_CONFLICTS: Counter "reading_conflicts" []
        "Values replaced at the same key";
    READINGS_ABSENT: Counter "readings_absent" ["codec"]
        "Values that are absent in the payload, such as null";
    TIMES_UNUSED: Counter "times_unused" []
        "Messages since the start with a member that looks like their time and is not used";
    MESSAGES_CLEARED: Counter "messages_cleared" []
        "Empty messages that delete a retained message";
    READINGS_IN_FLIGHT: Gauge "readings_in_flight" []
        "Readings that the pipeline has passed to the store and the store has not applied";
    MESSAGES_PROCESSED: Counter "messages_processed" []
        "Messages processed";
    ALARMS_OPEN: Gauge "alarms_open" []
        "Alarms that are raised and not cleared";
    SEQUENCE_GAPS: Counter "sequence_gaps" []
        "Gaps detected in device sequence numbers";
    SEQUENCE_MISSING: Counter "sequence_missing" []
        "Sequence numbers missing in these gaps";
    SEQUENCE_REPEATS: Counter "sequence_repeats" []
        "Sequence numbers that were repeated or late";
    SEQUENCE_RESTARTS: Counter "sequence_restarts" []
        "Device sequence counters that restarted";
    JOURNAL_APPENDED: Counter "journal_appended_messages" []
        "Messages appended";
    JOURNAL_COMMITTED: Counter "journal_committed_messages" []
        "Messages committed";
    JOURNAL_COMMITS: Counter "journal_commits" []
        "Groups committed";
    JOURNAL_CORRUPT: Counter "journal_corrupt_records" []
        "Damaged records found";
    JOURNAL_SYNC_SECONDS: Counter "journal_sync_seconds" []
        "Time spent in fdatasync";
    JOURNAL_BYTES: Gauge "journal_bytes" []
        "Bytes of all segments";
    JOURNAL_LIMIT_BYTES: Gauge "journal_limit_bytes" []
        "Maximum size of the journal";
    JOURNAL_LAG_BYTES: Gauge "journal_consumer_lag_bytes" ["consumer"]
        "Bytes that a consumer has not committed";
    CONSUMER_STALLED_SECONDS: Gauge "consumer_stalled_seconds" ["consumer"]
        "How long a consumer with work has not advanced; 0 while it advances";
    QUERIES_RUNNING: Gauge "queries_running" []
        "Queries whose rows are not read to the end";
    STORE_FILES: Gauge "store_files" []
        "Parquet files";
    STORE_BYTES: Gauge "store_bytes" []
        "Bytes of the Parquet files";
    STORE_BUFFERED: Gauge "store_buffered_readings" []
        "Readings in memory";
    STORE_DAMAGED_FILES: Gauge "store_damaged_files" []
        "Damaged files";
    INFLUXDB_WRITTEN: Counter "influxdb_written_readings" []
        "Readings that InfluxDB accepted";
    INFLUXDB_REFUSED: Counter "influxdb_refused_readings" []
        "Readings that InfluxDB rejected permanently; they are quarantined";
    INFLUXDB_RETRIES: Counter "influxdb_retries" []
        "Batches that InfluxDB did not accept";
    ALERTS_PENDING: Gauge "alerts_pending" []
        "Alerts that a publisher has not confirmed";
    QUARANTINE_ENTRIES: Gauge "quarantine_entries" []
        "Entries in the quarantine";
    QUARANTINE_BYTES: Gauge "quarantine_bytes" []
        "Bytes of the entries in the quarantine";
    QUARANTINE_EXPIRED: Counter "quarantine_expired_entries" ["reason"]
        "Entries removed because of number and size (size) or age (age)";
    BROKER_CONNECTIONS: Gauge "broker_connections" []
        "MQTT connections of the embedded broker";
    BROKER_RECEIVED: Counter "broker_received_messages" []
        "Messages journaled";
    BROKER_REFUSED_PUBLISHES: Counter "broker_refused_publishes" []
        "Publishes refused";
    BROKER_REFUSED_LOGINS: Counter "broker_refused_logins" []
        "Connections refused for their credentials or client id";
    BROKER_REFUSED_SUBSCRIBES: Counter "broker_refused_subscribes" []
        "Subscriptions refused";
    BROKER_DROPPED: Counter "broker_dropped_messages" ["reason"]
        "Messages that a subscriber did not get: queue_full, queue_bytes, memory_full, expired, packet_too_large, offline, session_ended, not_permitted";
    BROKER_UNROUTED: Counter "broker_unrouted_messages" ["level"]
        "Publishes that neither a route nor a subscriber takes, by the first level of the topic (100 levels, all others as (other))";
    BROKER_NOT_RETAINED: Counter "broker_not_retained_messages" []
        "Messages that were not retained because the store of retained messages is full";
    BROKER_CLOSED: Counter "broker_closed_connections" ["reason"]
        "Connections that Weir closed or refused, by the reason code of MQTT 5, such as packet_too_large";
    BROKER_SESSIONS: Gauge "broker_sessions" []
        "Sessions, connected or not";
    BROKER_SUBSCRIPTIONS: Gauge "broker_subscriptions" []
        "Subscriptions in force";
    BROKER_RETAINED: Gauge "broker_retained_messages" []
        "Retained messages";
    BROKER_MESSAGE_BYTES: Gauge "broker_message_bytes" []
        "Bytes of messages that are queued, in flight or retained, each counted once";
    BROKER_STALLED: Gauge "broker_stalled_subscribers" []
        "Connections that do not read what they are sent";
    BROKER_FULL_QUEUES: Gauge "broker_full_queues" []
        "Subscribers with a full queue";
    HTTP_REFUSED: Counter "http_refused_requests" []
        "HTTP requests refused for their credentials or permissions";
    SOURCE_CONNECTED: Gauge "source_connected" ["connection"]
        "1 while connected to the broker";
    SOURCE_RECEIVED: Counter "source_received_messages" ["connection"]
        "Messages received";
    SOURCE_ACKNOWLEDGED: Counter "source_acknowledged_messages" ["connection"]
        "Messages acknowledged";
    CONFIG_RELOADS: Counter "config_reloads" ["outcome"]
        "Reloads: applied, unchanged, invalid, needs_restart, failed";
    CONFIG_IN_FORCE: Gauge "config_in_force" []
        "1 when the configuration file is in force, 0 when it was rejected";
    CONFIG_LAST_SUCCESS: Gauge "config_last_success_timestamp_seconds" []
        "Time of the last successful read of the configuration";
    WASM_CALLS: Counter "wasm_calls" ["function"]
        "Calls of WebAssembly functions";
    WASM_FAILURES: Counter "wasm_failures" ["function", "reason"]
        "Failed calls of WebAssembly functions";
    WASM_TRIPPED: Gauge "wasm_tripped" ["function"]
        "1 when the function is disabled after too many failures";
    NOTIFICATIONS_DELIVERED: Counter "alarm_notifications_delivered" ["channel"]
        "Notifications delivered";
    DELIVERY_FAILURES: Counter "alarm_delivery_failures" ["channel"]
        "Failed attempts";
    DEAD_LETTERS: Counter "alarm_dead_letters" ["channel"]
        "Notifications that became dead letters";
    NOTIFICATIONS_QUEUED: Gauge "alarm_notifications_queued" ["channel"]
        "Notifications that wait for their channel";
    FUNCTION_INVOCATIONS: Counter "function_invocations" ["function", "kind"]
        "Readings passed to the function";
    FUNCTION_ERRORS: Counter "function_errors" ["function", "kind"]
        "Failures of the function itself";
    FUNCTION_VERDICTS: Counter "function_verdicts" ["function", "kind", "severity"]
        "Readings that the function found critical or worth a warning";
    FUNCTION_READINGS: Counter "function_readings" ["function", "kind", "quality"]
        "Readings that the function flagged (suspect) or quarantined (bad)";
    FUNCTION_SECONDS: Gauge "function_seconds" ["function", "kind", "quantile"]
        "Time of one invocation since the start of the process, sampled";
    FUNCTION_MEMORY_BYTES: Gauge "function_memory_bytes" ["function", "kind"]
        "Memory of the function, all series";
    FUNCTION_SERIES: Gauge "function_series" ["function", "kind"]
        "Series in the memory of the function";
    MESSAGE_SECONDS: Gauge "message_seconds" ["quantile"]
        "Time of one message through decoding, validation and all functions, sampled";
    ENGINE_MESSAGES: Counter "engine_messages" []
        "Messages with readings that passed the functions";
    LAMBDA_REQUESTS: Counter "lambda_requests" ["function", "kind"]
        "Requests that AWS Lambda would have billed, each function separately";
    LAMBDA_GB_SECONDS: Counter "lambda_gb_seconds" ["function", "kind"]
        "GB-seconds that AWS Lambda would have billed";
    LAMBDA_USD: Counter "lambda_usd" ["function", "kind"]
        "US dollars that AWS Lambda would have charged, at the configured prices";
    UPTIME_SECONDS: Gauge "uptime_seconds" []
        "Time since the start of the process";
    READY: Gauge "ready" []
        "1 when no component is unhealthy";
    UNHEALTHY: Gauge "unhealthy" ["component"]
        "Unhealthy components of /readyz";
}

#[cfg(test)]
mod tests {
    use std::fmt::Write;

    use super::*;

    #[test]
    fn the_reference_lists_every_metric() {
        let mut table =
            String::from("| metric | type | labels | meaning |\n| --- | --- | --- | --- |\n");
        for family in ALL {
            let (suffix, kind) = match family.kind {
                Type::Counter => ("_total", "counter"),
                Type::Gauge => ("", "gauge"),
            };
            let labels = family.labels.iter().map(|label| format!("`{label}`"));
            let labels = labels.collect::<Vec<_>>().join(", ");
            let labels = if labels.is_empty() {
                labels
            } else {
                format!("{labels} ")
            };
            let Family { name, help, .. } = family;
            writeln!(
                table,
                "| `weir_{name}{suffix}` | {kind} | {labels}| {help} |"
            )
            .unwrap();
        }
        weir_doc_block::assert_markdown("docs/reference/metrics.md", "metrics", &table);
    }
}
