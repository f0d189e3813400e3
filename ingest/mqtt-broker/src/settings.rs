//! Limits and defaults of the broker.

use crate::retained::RetainedLimits;

/// Bounds of one session's queue.
#[derive(Clone, Copy, Debug)]
pub struct QueueLimits {
    pub messages: usize,
    /// Bytes of the messages, each counted for every session that waits for it.
    pub bytes: usize,
}

#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// Largest packet that is accepted, in bytes.
    pub max_packet: usize,
    /// QoS 1 and 2 publishes of one connection that may wait for their
    /// acknowledgement. MQTT 5 clients learn it and are disconnected when they
    /// exceed it; from others nothing more is read meanwhile.
    pub receive_maximum: u16,
    /// QoS 1 and 2 messages that are sent to one client before it acknowledges.
    pub send_window: u16,
    /// Topic aliases of one connection, in each direction.
    pub topic_aliases: u16,
    /// Longest client identifier, in bytes.
    pub max_client_id: usize,
    pub max_subscriptions: usize,
    /// Sessions in all, connected or not.
    pub max_sessions: usize,
    /// Sessions of one identity that outlive their connection. Beyond it a client
    /// gets no further one.
    pub max_kept_sessions: usize,
    /// Seconds that a session of MQTT 3.1.1 without clean session outlives its
    /// connection.
    pub session_expiry: u32,
    /// Longest session expiry in seconds; a client that asks for more gets this.
    pub max_session_expiry: u32,
    pub queue: QueueLimits,
    pub retained: RetainedLimits,
    /// Bytes of all messages that are queued, in flight or retained, each
    /// counted once. Beyond half of it no queue over 1 MiB grows, and beyond all of
    /// it none.
    pub max_message_bytes: usize,
    /// Bytes of the publishes that wait for their commit. Beyond it nothing more is
    /// read from those who publish.
    pub max_pending_bytes: usize,
    /// Bytes of packets that are not complete, over all connections. Beyond it a
    /// connection whose packet is larger than one read is closed.
    pub max_unread_bytes: usize,
    /// Keep alive in seconds for MQTT 5 clients that name none; 0 is none.
    pub server_keep_alive: u16,
    /// Milliseconds from the start of a connection to its CONNECT.
    pub connect_timeout_ms: u64,
    /// Milliseconds between two publications of `$SYS/broker/…`; 0 is never.
    pub sys_interval_ms: u64,
    /// Before MQTT 5 there is no way to refuse a publish. True: the connection
    /// is closed. False: it is acknowledged and dropped.
    pub close_on_refused_publish: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            max_packet: 2 * 1024 * 1024,
            receive_maximum: 1_000,
            send_window: 1_000,
            topic_aliases: 16,
            max_client_id: 1_024,
            max_subscriptions: 1_000,
            max_sessions: 100_000,
            max_kept_sessions: 50_000,
            session_expiry: 24 * 3_600,
            max_session_expiry: 7 * 24 * 3_600,
            queue: QueueLimits {
                messages: 100_000,
                bytes: 64 * 1024 * 1024,
            },
            retained: RetainedLimits {
                messages: 1_000_000,
                bytes: 512 * 1024 * 1024,
            },
            max_message_bytes: 1024 * 1024 * 1024,
            max_pending_bytes: 64 * 1024 * 1024,
            max_unread_bytes: 256 * 1024 * 1024,
            server_keep_alive: 300,
            connect_timeout_ms: 10_000,
            sys_interval_ms: 10_000,
            close_on_refused_publish: true,
        }
    }
}
