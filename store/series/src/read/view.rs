//! The store at one instant, for a query.

use std::sync::Arc;

use weir_model::{Catalog, ValueKind};

use crate::error::ReadError;
use crate::file::reader;
use crate::file::segment::{Rollup, Segment, SegmentError};
use crate::filter::Filter;
use crate::memory::buffer::{Chunk, Values};
use crate::memory::gather::FrozenBuffer;
use crate::rollup_step::RollupStep;
use crate::state::StoreState;

/// Read access to a store. Cheap to clone.
#[derive(Clone, Debug)]
pub struct SeriesReader {
    state: Arc<StoreState>,
}

impl SeriesReader {
    pub(crate) fn new(state: Arc<StoreState>) -> Self {
        Self { state }
    }

    /// The store as it is now. Later appends and checkpoints do not change the
    /// view; files that it uses are kept until it is dropped.
    pub fn view(&self) -> ReadView {
        let catalog = self.state.catalog.get().cloned().unwrap_or_default();
        let contents = self.state.contents.lock();
        let buffers: Vec<FrozenBuffer> = contents
            .memory
            .buffers
            .iter()
            .filter(|buffer| buffer.rows() > 0)
            .map(FrozenBuffer::of)
            .collect();
        ReadView {
            state: self.state.clone(),
            catalog,
            segments: contents.segments.clone(),
            rollups: contents.rollups.clone(),
            buffers: buffers.into(),
        }
    }
}

/// The store at one instant: files and rows in memory. Cheap to clone.
#[derive(Clone, Debug)]
pub struct ReadView {
    pub(crate) state: Arc<StoreState>,
    pub(crate) catalog: Arc<Catalog>,
    pub(crate) segments: Arc<Vec<Arc<Segment>>>,
    pub(crate) rollups: Arc<Vec<Rollup>>,
    pub(crate) buffers: Arc<[FrozenBuffer]>,
}

/// A chunk of a buffer, by its place in a view.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ChunkRef {
    buffer: usize,
    chunk: usize,
}

impl ReadView {
    /// Whether a text can match the filter; its devices are not considered.
    pub fn has_texts(&self, filter: &Filter) -> bool {
        let in_files = self.segments.iter().any(|segment| {
            let entry = &segment.entry;
            !segment.is_damaged()
                && filter.overlaps(entry.min_time, entry.max_time)
                && reader::matching_values(segment, filter)
                    .into_iter()
                    .any(|value| segment.layout.kind(value) == ValueKind::Text)
        });
        let mut chunks = self.buffers.iter().flat_map(|buffer| &buffer.chunks);
        in_files
            || chunks.any(|chunk| {
                let texts =
                    |values: &Values| matches!(values, Values::Texts { filled, .. } if *filled > 0);
                chunk.values.iter().any(texts)
            })
    }

    /// Whether a roll-up by `step` exists for a file that the filter's time
    /// overlaps.
    pub fn has_rollup(&self, step: RollupStep, filter: &Filter) -> bool {
        self.rollups.iter().any(|rollup| {
            let entry = &rollup.segment.entry;
            rollup.step == step
                && rollup.source.is_some()
                && filter.overlaps(entry.min_time, entry.max_time.saturating_add(step.nanos()))
        })
    }

    pub(crate) fn chunks(&self) -> impl Iterator<Item = ChunkRef> + '_ {
        self.buffers
            .iter()
            .enumerate()
            .flat_map(|(buffer, frozen)| {
                (0..frozen.chunks.len()).map(move |chunk| ChunkRef { buffer, chunk })
            })
    }

    pub(crate) fn chunk(&self, at: ChunkRef) -> (&FrozenBuffer, &Chunk) {
        let buffer = &self.buffers[at.buffer];
        (buffer, &buffer.chunks[at.chunk])
    }

    /// Takes a damaged file out of service, so that the scan can continue with the
    /// others; returns any other error.
    pub(crate) fn skip_damaged(
        &self,
        segment: &Segment,
        error: SegmentError,
    ) -> Result<(), ReadError> {
        if !matches!(error, SegmentError::Damaged { .. }) {
            return Err(error.into());
        }
        self.state.set_aside(segment, &error);
        Ok(())
    }
}
