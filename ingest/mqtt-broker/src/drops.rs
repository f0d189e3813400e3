//! Every message that a subscriber does not get, counted by its reason.

use std::sync::atomic::{AtomicU64, Ordering};

/// Why a message was dropped that a subscription had matched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum DropReason {
    /// The session's queue held its limit of messages: its oldest one.
    QueueFull,
    /// The session's queue held its limit of bytes: its oldest one.
    QueueBytes,
    /// All messages together exceed their limit: the session's oldest one.
    MemoryFull,
    /// Its message expiry interval has passed.
    Expired,
    /// It is larger than the client's maximum packet size.
    PacketTooLarge,
    /// QoS 0, and the client is not connected, or left before it was sent.
    Offline,
    /// The session ended before it was delivered.
    SessionEnded,
    /// The client may no longer receive it.
    NotPermitted,
}

impl DropReason {
    pub const ALL: [Self; 8] = [
        Self::QueueFull,
        Self::QueueBytes,
        Self::MemoryFull,
        Self::Expired,
        Self::PacketTooLarge,
        Self::Offline,
        Self::SessionEnded,
        Self::NotPermitted,
    ];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::QueueFull => "queue_full",
            Self::QueueBytes => "queue_bytes",
            Self::MemoryFull => "memory_full",
            Self::Expired => "expired",
            Self::PacketTooLarge => "packet_too_large",
            Self::Offline => "offline",
            Self::SessionEnded => "session_ended",
            Self::NotPermitted => "not_permitted",
        }
    }
}

/// Counts by reason since the start of the process.
#[derive(Debug, Default)]
pub(crate) struct Drops([AtomicU64; DropReason::ALL.len()]);

impl Drops {
    pub(crate) fn add(&self, reason: DropReason, count: u64) {
        self.0[reason as usize].fetch_add(count, Ordering::Relaxed);
    }

    pub(crate) fn get(&self, reason: DropReason) -> u64 {
        self.0[reason as usize].load(Ordering::Relaxed)
    }
}
