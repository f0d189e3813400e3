//! Writes lines in several requests at once and finds the lines that the server
//! refuses.
//!
//! A refused request is bisected until the refused lines are isolated. When the
//! server has accepted nothing meanwhile and its reason names no line, the lines
//! may be good: a proxy, a wrong path or a replaced server answers everything like
//! that. Then the last accepted line is written again. If that is refused too, or
//! there is none, all lines are held ([`SinkError::Refused`]).
//!
//! A server error (5xx) is retried. One that blames lines and comes
//! [`REPEATED`] times in a row with the same text is bisected too: InfluxDB 2.0
//! answers 500 for a line older than the retention, and would otherwise block
//! every line after it. A line refused that way is given up only if the server is
//! known to accept good lines.

use std::ops::Range;

use futures::future::join_all;
use weir_model::Position;

use crate::answer::{self, Failure, SinkError};
use crate::line_protocol::LineBatch;
use crate::sink::{InfluxSink, RepeatedErrors};

/// Refused lines in a row, with none accepted and none named, after which the
/// server is suspected instead of the lines.
const DOUBT: usize = 8;
/// Equal server errors in a row, after which the lines that they blame are
/// suspected instead of the server.
const REPEATED: u32 = 3;

/// A line that the server will never accept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefusedLine {
    /// The message that it came from.
    pub position: Position,
    /// Index of the line in its message, from 0.
    pub reading: u32,
    pub line: String,
    pub reason: String,
}

/// The outcome of [`InfluxSink::write_lanes`].
#[derive(Debug, Default)]
pub struct Written {
    /// Lines that the server accepted.
    pub lines: u64,
    /// Lines that it will never accept.
    pub refused: Vec<RefusedLine>,
    /// Why the remaining lines were not written.
    pub error: Option<SinkError>,
}

/// Progress of one lane.
#[derive(Default)]
struct Progress {
    accepted: usize,
    /// The last accepted line.
    last: Option<usize>,
    refused: Vec<(usize, String)>,
    /// Refusals that may not be the line's fault.
    doubtful: usize,
    /// The server error that blames lines of this lane.
    blamed: Option<String>,
    error: Option<SinkError>,
}

/// What a failed request asks for.
enum Remedy {
    /// Bisect: the server refuses a line.
    FindLines { message: String, server_error: bool },
    /// Bisect: the request is too large.
    SendLess { message: String },
    /// Give the lane back.
    Stop(SinkError),
}

impl InfluxSink {
    /// Writes all lanes at once, each in order. A lane that is done is empty on
    /// return; the others must be written again as a whole.
    pub async fn write_lanes(&mut self, lanes: &mut [LineBatch]) -> Written {
        let full: Vec<usize> = (0..lanes.len())
            .filter(|at| !lanes[*at].is_empty())
            .collect();
        let writes = full.iter().map(|at| self.write_lane(&lanes[*at], false));
        let mut results = join_all(writes).await;
        self.count_server_errors(&results);
        let proven = self.accepts_lines(&full, lanes, &results).await;
        let mut written = Written::default();
        for (at, result) in full.iter().zip(&mut results) {
            let lane = &mut lanes[*at];
            if proven && matches!(result.error, Some(SinkError::Refused { .. })) {
                *result = self.write_lane(lane, true).await;
                self.note_witness(lane, result);
            }
            if result.error.is_none() && result.doubtful > 0 && !proven {
                let (_, message) = result.refused.pop().unwrap_or_default();
                result.error = Some(SinkError::Refused { message });
            }
            match result.error.take() {
                Some(error) => {
                    written.error.get_or_insert(error);
                }
                None => written.finish(lane, result),
            }
        }
        written
    }

    /// Counts equal server errors that blame lines; an error that did not come
    /// again is forgotten.
    fn count_server_errors(&mut self, results: &[Progress]) {
        let mut repeated = RepeatedErrors::new();
        for message in results.iter().filter_map(|result| result.blamed.as_ref()) {
            let before = self.repeated.get(message).copied().unwrap_or_default();
            repeated.insert(message.clone(), before.saturating_add(1));
        }
        self.repeated = repeated;
    }

    /// Whether the server is known to accept good lines. It is asked only when
    /// the lanes leave that open.
    async fn accepts_lines(
        &mut self,
        full: &[usize],
        lanes: &[LineBatch],
        results: &[Progress],
    ) -> bool {
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

    fn note_witness(&mut self, lane: &LineBatch, result: &Progress) {
        if let Some(last) = result.last {
            self.witness = Some(lane.line(last).to_owned());
        }
    }

    /// `proven`: the server accepts good lines, so a refused line is a bad one.
    async fn write_lane(&self, lane: &LineBatch, proven: bool) -> Progress {
        let mut result = Progress::default();
        // Parts in order, the next one on top.
        let whole = 0..lane.len();
        let mut parts: Vec<Range<usize>> = vec![whole];
        while let Some(part) = parts.pop() {
            let Err(failure) = self.post(lane.body(&part)).await else {
                result.accepted += part.len();
                result.last = Some(part.end - 1);
                continue;
            };
            let (message, server_error) = match self.remedy(failure, lane, &part, &mut result) {
                Remedy::FindLines {
                    message,
                    server_error,
                } => {
                    if answer::dropped(&message) == Some(part.len()) {
                        let all = part.map(|line| (line, message.clone()));
                        result.refused.extend(all);
                        continue;
                    }
                    (message, server_error)
                }
                Remedy::SendLess { message } => (message, false),
                Remedy::Stop(error) => {
                    result.error = Some(error);
                    return result;
                }
            };
            if part.len() > 1 {
                let middle = part.start + part.len() / 2;
                parts.push(middle..part.end);
                parts.push(part.start..middle);
                continue;
            }
            let names_it = answer::names_a_line(&message, lane.line(part.start));
            result.doubtful += usize::from(server_error || !names_it);
            if !proven && result.accepted == 0 && result.doubtful >= DOUBT {
                result.error = Some(SinkError::Refused { message });
                return result;
            }
            result.refused.push((part.start, message));
        }
        result
    }

    fn remedy(
        &self,
        failure: Failure,
        lane: &LineBatch,
        part: &Range<usize>,
        result: &mut Progress,
    ) -> Remedy {
        if let Some(message) = failure.blames_lines(part.clone().map(|line| lane.line(line))) {
            // While a lane is bisected its parts may be answered in other words.
            let bisecting = result.blamed.is_some();
            let repeated = self
                .repeated
                .get(message)
                .is_some_and(|n| *n >= REPEATED - 1);
            result.blamed.get_or_insert_with(|| message.to_owned());
            if bisecting || repeated {
                return Remedy::FindLines {
                    message: message.to_owned(),
                    server_error: true,
                };
            }
        }
        match failure.error {
            SinkError::Rejected { message } => Remedy::FindLines {
                message,
                server_error: false,
            },
            SinkError::TooLarge { message } => Remedy::SendLess { message },
            error => Remedy::Stop(error),
        }
    }
}

impl Written {
    /// Adds a lane that is done and empties it.
    fn finish(&mut self, lane: &mut LineBatch, result: &mut Progress) {
        self.lines += result.accepted as u64;
        let refused = std::mem::take(&mut result.refused);
        self.refused
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
}
