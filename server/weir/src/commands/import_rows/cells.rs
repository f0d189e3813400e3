//! The cells of CSV (RFC 4180, with any delimiter). Unlike other readers it says whether
//! a cell was quoted: `""` is an empty text, nothing is none.

use std::io::{self, BufRead};

/// Bytes of one row. A quote that is never closed would take in the whole file.
const MAX_ROW: usize = 1 << 20;

/// One cell.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Cell {
    pub(super) text: String,
    pub(super) quoted: bool,
}

impl Cell {
    pub(super) fn is_nothing(&self) -> bool {
        self.text.is_empty() && !self.quoted
    }
}

/// A row, or why it is none.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum CsvRow {
    Cells(Vec<Cell>),
    NotUtf8,
}

pub(super) struct CellReader<R> {
    reader: R,
    delimiter: u8,
    /// The line that comes next.
    line: u64,
}

impl<R: BufRead> CellReader<R> {
    pub(super) fn new(reader: R, delimiter: u8) -> Self {
        Self {
            reader,
            delimiter,
            line: 1,
        }
    }

    /// The line in which a row begins, and the row; `None` at the end. Empty lines are
    /// passed over.
    pub(super) fn next(&mut self) -> io::Result<Option<(u64, CsvRow)>> {
        loop {
            let line = self.line;
            let mut bytes = Vec::new();
            if !self.read_row(&mut bytes)? {
                return Ok(None);
            }
            if line == 1 && bytes.starts_with("\u{feff}".as_bytes()) {
                bytes.drain(..3);
            }
            let ended = bytes.trim_ascii_end().len();
            if ended == 0 {
                continue;
            }
            return Ok(Some((line, self.cells(&bytes))));
        }
    }

    /// Bytes up to a line break outside of quotes.
    fn read_row(&mut self, bytes: &mut Vec<u8>) -> io::Result<bool> {
        let mut open = false;
        loop {
            let from = bytes.len();
            if self.reader.read_until(b'\n', bytes)? == 0 {
                return Ok(!bytes.is_empty());
            }
            self.line += 1;
            let quotes = bytes[from..].iter().filter(|byte| **byte == b'"').count();
            open ^= quotes % 2 == 1;
            if !open {
                return Ok(true);
            }
            if bytes.len() > MAX_ROW {
                return Err(io::Error::new(
                    io::ErrorKind::InvalidData,
                    format!("a row before line {} has an open quote", self.line),
                ));
            }
        }
    }

    fn cells(&self, bytes: &[u8]) -> CsvRow {
        let bytes = bytes.strip_suffix(b"\n").unwrap_or(bytes);
        let bytes = bytes.strip_suffix(b"\r").unwrap_or(bytes);
        let mut cells = vec![(Vec::new(), false)];
        let mut open = false;
        let mut rest = bytes.iter().copied().peekable();
        while let Some(byte) = rest.next() {
            let (cell, quoted) = cells.last_mut().expect("there is always one");
            match byte {
                b'"' if open && rest.peek() == Some(&b'"') => {
                    rest.next();
                    cell.push(b'"');
                }
                b'"' if open => open = false,
                b'"' if cell.is_empty() && !*quoted => (open, *quoted) = (true, true),
                byte if byte == self.delimiter && !open => cells.push((Vec::new(), false)),
                byte => cell.push(byte),
            }
        }
        let cells = cells.into_iter().map(|(bytes, quoted)| {
            let text = String::from_utf8(bytes).ok()?;
            Some(Cell { text, quoted })
        });
        cells
            .collect::<Option<Vec<_>>>()
            .map_or(CsvRow::NotUtf8, CsvRow::Cells)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_know_whether_they_were_quoted() {
        let text = "\u{feff}a;\"b;\"\"c\"\"\n\";\"\";\r\n\r\n\n x ;5\"6\n";
        let mut reader = CellReader::new(text.as_bytes(), b';');
        let plain = |text: &str| (text.to_owned(), false);
        let quoted = |text: &str| (text.to_owned(), true);
        for (line, expect) in [
            (
                1,
                vec![plain("a"), quoted("b;\"c\"\n"), quoted(""), plain("")],
            ),
            (5, vec![plain(" x "), plain("5\"6")]),
        ] {
            let (found_line, row) = reader.next().unwrap().unwrap();
            let CsvRow::Cells(cells) = row else {
                panic!("{row:?}");
            };
            let cells: Vec<_> = cells.into_iter().map(|c| (c.text, c.quoted)).collect();
            assert_eq!((found_line, cells), (line, expect));
        }
        assert_eq!(reader.next().unwrap(), None);
        let mut reader = CellReader::new(&b"\xff,b\nc,d\n"[..], b',');
        assert_eq!(reader.next().unwrap(), Some((1, CsvRow::NotUtf8)));
        assert_eq!(reader.next().unwrap().map(|(line, _)| line), Some(2));
    }

    #[test]
    fn a_quote_that_is_never_closed_does_not_take_in_the_file() {
        let text = format!("a,b\n\"{}", "x,y\n".repeat(MAX_ROW));
        let mut reader = CellReader::new(text.as_bytes(), b',');
        assert!(reader.next().is_ok());
        let error = reader.next().unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
    }
}
