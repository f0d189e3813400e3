//! The only place that writes data to stdout. A reader that has gone (`| head`)
//! ends the program quietly.

use std::io::{self, Write};

pub(crate) use weir_model::printable;

/// Writes to stdout; false when its reader has gone.
pub(crate) fn data(bytes: &[u8]) -> io::Result<bool> {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(bytes).and_then(|()| stdout.flush()) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(false),
        Err(error) => Err(error),
    }
}

/// A line on stdout; false when its reader has gone.
pub(crate) fn line(text: &str) -> io::Result<bool> {
    data(format!("{text}\n").as_bytes())
}
