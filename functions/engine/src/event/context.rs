//! What is known while the readings of one event are processed. Data only: the
//! steps are in the files beside this one.

use weir_codec::{Decoder, RawReading};
use weir_config::{Captures, Limits};
use weir_model::{
    DeviceIx, Flags, LocationIx, Message, Position, PublishRights, Timestamp, ValueKind,
};

use crate::batch::Batch;
use crate::input::UnitOutcome;
use crate::inspect::meter::Meter;
use crate::pending::Pending;
use crate::row_builder::RowBuilder;
use crate::rules::Rules;
use crate::state::index::SeriesIx;
use crate::state::tables::Tables;

/// Everything that the readings of one message are processed with.
pub(crate) struct EventContext<'a> {
    pub(crate) position: Position,
    pub(crate) message: &'a Message<'a>,
    pub(crate) captures: &'a Captures<'a>,
    /// The payload.
    pub(crate) text: &'a str,
    pub(crate) decoder: &'a Decoder,
    pub(crate) limits: &'a Limits,
    pub(crate) rights: Option<&'a dyn PublishRights>,
    pub(crate) rules: &'a Rules,
    pub(crate) tables: &'a mut Tables,
    pub(crate) row_builder: &'a mut RowBuilder,
    pub(crate) out: &'a mut Batch,
    /// Readings that functions get once the message is done.
    pub(crate) pending: &'a mut Vec<Pending>,
    pub(crate) meter: &'a mut Meter,
    /// What `out` held before the event.
    pub(crate) cells_before: usize,
}

/// The device of an event.
pub(crate) struct EventDevice<'a> {
    pub(crate) name: &'a str,
    /// `None` until a reading of it is taken.
    pub(crate) device: Option<DeviceIx>,
    /// No reading says when it was measured, and the message was retained.
    pub(crate) timeless: bool,
    /// The broker has replayed this very message before.
    pub(crate) replayed: bool,
}

/// A reading that is valid by itself, with what is known of its names.
pub(crate) struct ValidReading<'a> {
    /// Which reading of its event.
    pub(crate) at: usize,
    pub(crate) sensor: &'a str,
    pub(crate) unit: &'a str,
    pub(crate) location: &'a str,
    pub(crate) kind: ValueKind,
    pub(crate) time: Timestamp,
    pub(crate) flags: Flags,
    pub(crate) series: Option<SeriesIx>,
    pub(crate) known_location: Option<LocationIx>,
}

/// The reading that functions run on.
#[derive(Clone, Copy)]
pub(crate) struct EvaluatedReading<'r> {
    pub(crate) series: SeriesIx,
    pub(crate) device: DeviceIx,
    pub(crate) location: LocationIx,
    pub(crate) time: Timestamp,
    pub(crate) raw: &'r RawReading,
    pub(crate) unit: UnitOutcome,
    /// It is newer than all before it and was measured now. If not, only checks
    /// without memory look at it, and no verdict follows.
    pub(crate) live: bool,
}
