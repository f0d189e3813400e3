//! Lines in several requests at once, and which of them the server refuses.
//!
//! A refused request is halved until the refused lines stand alone. When the
//! server has taken nothing at all meanwhile and its reason names no line, that
//! may not be the lines' fault: a proxy, a wrong path or a changed server answers
//! like that to everything. Then a line that it took before is written once
//! more. If that is refused too, or there is none, all lines are held
//! ([`SinkError::Refused`]) instead of passing for bad ones.

use std::ops::Range;

use futures::future::join_all;
use weir_model::Position;

use super::{InfluxSink, SinkError, answer};
use crate::line_protocol::LineBatch;

/// Lines that are refused in a row, with nothing taken and no line named, until
/// it is the server that is doubted.
const DOUBT: usize = 8;

/// A line that the server will never take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefusedLine {
    /// The message that it came from.
    pub position: Position,
    /// Which of the message's lines, from 0.
    pub reading: u32,
    pub line: String,
    pub reason: String,
}

/// What became of the lines.
#[derive(Debug, Default)]
pub struct Written {
    /// Lines that the server has.
    pub lines: u64,
    /// Lines that it will never take.
    pub refused: Vec<RefusedLine>,
    /// Why the lines that are left were not written.
    pub error: Option<SinkError>,
}

/// How far one lane's lines have come.
#[derive(Default)]
struct Lane {
    accepted: usize,
    /// The last line that was taken.
    last: Option<usize>,
    refused: Vec<(usize, String)>,
    /// Refusals that name no line.
    doubtful: usize,
    error: Option<SinkError>,
}

impl InfluxSink {
    /// Writes all lanes at once, each in order. Those that are through are empty
    /// when it returns; the others are to be written again, whole.
    pub async fn write_lanes(&mut self, lanes: &mut [LineBatch]) -> Written {
        let full: Vec<usize> = (0..lanes.len())
            .filter(|at| !lanes[*at].is_empty())
            .collect();
        let writes = full.iter().map(|at| self.write_lane(&lanes[*at], false));
        let mut results = join_all(writes).await;
        let proven = self.takes_lines(&full, lanes, &results).await;
        let mut written = Written::default();
        for (at, result) in full.iter().zip(&mut results) {
            let lane = &mut lanes[*at];
            if proven && matches!(result.error, Some(SinkError::Refused { .. })) {
                *result = self.write_lane(lane, true).await;
                self.note_witness(lane, result);
            }
            if result.error.is_none() && result.doubtful > 0 && !proven {
                let message = result.refused.pop().map(|(_, reason)| reason);
                let message = message.unwrap_or_default();
                result.error = Some(SinkError::Refused { message });
            }
            if let Some(error) = result.error.take() {
                written.error.get_or_insert(error);
                continue;
            }
            written.lines += result.accepted as u64;
            let refused = std::mem::take(&mut result.refused);
            written
                .refused
                .extend(refused.into_iter().map(|(line, reason)| {
                    let origin = lane.origin(line);
                    RefusedLine {
                        position: origin.position,
                        reading: origin.reading,
                        line: lane.line(line).to_owned(),
                        reason,
                    }
                }));
            lane.clear();
        }
        written
    }

    /// Whether the server is known to take lines that are good. It is asked only
    /// when the lanes leave that open.
    async fn takes_lines(&mut self, full: &[usize], lanes: &[LineBatch], results: &[Lane]) -> bool {
        for (at, result) in full.iter().zip(results) {
            self.note_witness(&lanes[*at], result);
        }
        if results.iter().any(|result| result.accepted > 0) {
            return true;
        }
        if results.iter().all(|result| result.doubtful == 0) {
            return false;
        }
        match &self.witness {
            Some(witness) => self.write(witness).await.is_ok(),
            None => false,
        }
    }

    fn note_witness(&mut self, lane: &LineBatch, result: &Lane) {
        if let Some(last) = result.last {
            self.witness = Some(lane.line(last).to_owned());
        }
    }

    /// `proven`: the server takes good lines, so it is the lines that are bad.
    async fn write_lane(&self, lane: &LineBatch, proven: bool) -> Lane {
        let mut result = Lane::default();
        // Parts in order, the next one on top.
        let whole = 0..lane.len();
        let mut parts: Vec<Range<usize>> = vec![whole];
        while let Some(part) = parts.pop() {
            let (message, too_large) = match self.write(lane.body(&part)).await {
                Ok(()) => {
                    result.accepted += part.len();
                    result.last = Some(part.end - 1);
                    continue;
                }
                Err(SinkError::Rejected { message }) => (message, false),
                Err(SinkError::TooLarge { message }) => (message, true),
                Err(error) => {
                    result.error = Some(error);
                    return result;
                }
            };
            let all_dropped = !too_large && answer::dropped(&message) == Some(part.len());
            if all_dropped {
                result
                    .refused
                    .extend(part.map(|line| (line, message.clone())));
            } else if part.len() > 1 {
                let middle = part.start + part.len() / 2;
                parts.push(middle..part.end);
                parts.push(part.start..middle);
            } else {
                let names_it = answer::names_a_line(&message, lane.line(part.start));
                result.doubtful += usize::from(!names_it);
                if !proven && result.accepted == 0 && result.doubtful >= DOUBT {
                    result.error = Some(SinkError::Refused { message });
                    return result;
                }
                result.refused.push((part.start, message));
            }
        }
        result
    }
}
