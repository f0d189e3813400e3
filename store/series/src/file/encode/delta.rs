//! Integers as DELTA_BINARY_PACKED, in 4 or 8 bits each where that is enough.
//!
//! The encoding lets the writer choose the number of bits per delta. Writers usually
//! choose the fewest, but then deltas overlap in the bytes that the compressor sees,
//! and it finds no repetition. With whole or half bytes the compressor gives frequent
//! deltas few bits: noise takes a tenth less, and values in steps of 0.5 with one
//! decimal a third. Any reader of the format reads both.
//!
//! Parquet's writer does not support custom encodings. It writes plain pages with
//! statistics and indexes, and [`write_column`] packs each page before it is stored.
//!
//! Source: <https://parquet.apache.org/docs/file-format/data-pages/encodings/>,
//! "Delta Encoding".

use std::sync::Arc;

use bytes::Bytes;
use parquet::basic::{Compression, Encoding, Type, ZstdLevel};
use parquet::column::page::{CompressedPage, Page, PageWriteSpec, PageWriter};
use parquet::column::writer::{ColumnCloseResult, ColumnWriter, get_column_writer};
use parquet::errors::ParquetError;
use parquet::file::properties::{WriterProperties, WriterPropertiesBuilder};
use parquet::file::writer::{SerializedPageWriter, TrackedWrite};
use parquet::schema::types::{ColumnDescPtr, ColumnPath};
use zstd::bulk::Compressor;
use zstd::zstd_safe::CParameter;

const BLOCK: usize = 512;
const MINIBLOCKS: usize = 4;
const MINIBLOCK: usize = BLOCK / MINIBLOCKS;

/// The properties of a column that [`write_column`] needs.
pub(crate) fn properties(
    properties: WriterPropertiesBuilder,
    column: &ColumnPath,
) -> WriterPropertiesBuilder {
    properties
        .set_column_dictionary_enabled(column.clone(), false)
        .set_column_encoding(column.clone(), Encoding::PLAIN)
        .set_column_compression(column.clone(), Compression::UNCOMPRESSED)
}

/// Writes a column chunk of INT32 or INT64; returns its bytes and what the row group
/// records about them. `write` writes its pages.
pub(crate) fn write_column(
    column: ColumnDescPtr,
    properties: &Arc<WriterProperties>,
    write: impl FnOnce(&mut ColumnWriter<'_>) -> Result<(), ParquetError>,
) -> Result<(Bytes, ColumnCloseResult), ParquetError> {
    let mut sink = TrackedWrite::new(Vec::new());
    let pages = PackedPages {
        inner: SerializedPageWriter::new(&mut sink),
        compressor: compressor()?,
        wide: column.physical_type() == Type::INT64,
        levels: column.max_def_level() > 0,
    };
    let mut writer = get_column_writer(column, properties.clone(), Box::new(pages));
    write(&mut writer)?;
    let mut closed = writer.close()?;
    let metadata = closed.metadata.into_builder();
    closed.metadata = metadata
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .set_encodings(vec![Encoding::RLE, Encoding::DELTA_BINARY_PACKED])
        .clear_page_encoding_stats()
        .build()?;
    Ok((sink.into_inner()?.into(), closed))
}

/// Short repetitions in noise are chance, and encoding them costs more than the
/// bits of frequent bytes.
fn compressor() -> Result<Compressor<'static>, ParquetError> {
    let mut compressor = Compressor::new(ZstdLevel::default().compression_level())?;
    compressor.set_parameter(CParameter::MinMatch(7))?;
    Ok(compressor)
}

/// Packs and compresses plain pages.
struct PackedPages<'a> {
    inner: SerializedPageWriter<'a, Vec<u8>>,
    compressor: Compressor<'static>,
    /// INT64, not INT32.
    wide: bool,
    /// A nullable column: a page starts with the length of its levels and the levels.
    levels: bool,
}

impl PageWriter for PackedPages<'_> {
    fn write_page(&mut self, page: CompressedPage) -> Result<PageWriteSpec, ParquetError> {
        let Page::DataPage {
            buf,
            num_values,
            def_level_encoding,
            rep_level_encoding,
            statistics,
            ..
        } = page.compressed_page()
        else {
            return Err(ParquetError::NYI("a page of another kind".to_owned()));
        };
        let (levels, values) = buf.split_at(if self.levels { levels_len(buf)? } else { 0 });
        let values: Vec<i64> = if self.wide {
            let (words, _) = values.as_chunks::<8>();
            words.iter().map(|word| i64::from_le_bytes(*word)).collect()
        } else {
            let (words, _) = values.as_chunks::<4>();
            let words = words.iter().map(|word| i32::from_le_bytes(*word));
            words.map(i64::from).collect()
        };
        let mut packed = levels.to_vec();
        pack(&values, &mut packed);
        let page = Page::DataPage {
            buf: self.compressor.compress(&packed)?.into(),
            num_values: *num_values,
            encoding: Encoding::DELTA_BINARY_PACKED,
            def_level_encoding: *def_level_encoding,
            rep_level_encoding: *rep_level_encoding,
            statistics: statistics.clone(),
        };
        self.inner
            .write_page(CompressedPage::new(page, packed.len()))
    }

    fn close(&mut self) -> Result<(), ParquetError> {
        self.inner.close()
    }
}

/// Length of the levels at the start of a page, with the length field.
fn levels_len(page: &[u8]) -> Result<usize, ParquetError> {
    let length = page
        .first_chunk()
        .map(|length| u32::from_le_bytes(*length))
        .and_then(|length| usize::try_from(length).ok());
    length
        .and_then(|length| length.checked_add(4))
        .filter(|end| *end <= page.len())
        .ok_or_else(|| ParquetError::General("a page is shorter than its levels".to_owned()))
}

/// The base that is subtracted from each delta where one byte is enough for the
/// rest. It is the same in all blocks, so that equal deltas look alike. `None` when it
/// gains nothing.
fn base(deltas: &[i64]) -> Option<i64> {
    let blocks = deltas.chunks(BLOCK).map(bounds);
    let narrow = blocks.filter(|(min, max)| fits(*min, *max));
    let (min, max) = narrow.reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)))?;
    (min < max && fits(min, max)).then_some(min)
}

/// Smallest and largest.
fn bounds(deltas: &[i64]) -> (i64, i64) {
    let start = (i64::MAX, i64::MIN);
    let deltas = deltas.iter();
    deltas.fold(start, |(min, max), delta| {
        (min.min(*delta), max.max(*delta))
    })
}

/// Whether one byte can hold every difference between the two.
fn fits(min: i64, max: i64) -> bool {
    max.wrapping_sub(min).cast_unsigned() <= u64::from(u8::MAX)
}

/// Blocks with a common base take half or whole bytes, all others the fewest bits.
fn pack(values: &[i64], out: &mut Vec<u8>) {
    let pairs = values.iter().zip(values.iter().skip(1));
    let deltas: Vec<i64> = pairs.map(|(a, b)| b.wrapping_sub(*a)).collect();
    varint(BLOCK as u64, out);
    varint(MINIBLOCKS as u64, out);
    varint(values.len() as u64, out);
    zigzag(values.first().copied().unwrap_or(0), out);
    let base = base(&deltas);
    for block in deltas.chunks(BLOCK) {
        let (min, max) = bounds(block);
        let base = base.filter(|base| *base <= min && fits(*base, max));
        let from = base.unwrap_or(min);
        let aligned = base.map(|base| if max - base < 16 { 4 } else { u8::BITS });
        zigzag(from, out);
        let widths = out.len();
        out.extend([0; MINIBLOCKS]);
        for (number, deltas) in block.chunks(MINIBLOCK).enumerate() {
            let above = deltas
                .iter()
                .map(|delta| delta.wrapping_sub(from).cast_unsigned());
            let width = aligned.unwrap_or_else(|| {
                let largest = above.clone().max().unwrap_or(0);
                u64::BITS - largest.leading_zeros()
            });
            out[widths + number] = width as u8;
            bits(above, width, out);
        }
    }
}

/// A miniblock: the given number of bits of each value, lowest first, padded with zeros.
fn bits(values: impl Iterator<Item = u64>, width: u32, out: &mut Vec<u8>) {
    let end = out.len() + MINIBLOCK / 8 * width as usize;
    if width == u8::BITS {
        out.extend(values.map(|value| value as u8));
    } else {
        let (mut pending, mut filled) = (0_u128, 0);
        for value in values {
            pending |= u128::from(value) << filled;
            filled += width;
            if filled >= u64::BITS {
                out.extend((pending as u64).to_le_bytes());
                pending >>= u64::BITS;
                filled -= u64::BITS;
            }
        }
        out.extend((pending as u64).to_le_bytes());
    }
    // The excess bits are zero.
    out.resize(end, 0);
}

/// ULEB128.
fn varint(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn zigzag(value: i64, out: &mut Vec<u8>) {
    varint((value << 1 ^ value >> 63).cast_unsigned(), out);
}

#[cfg(test)]
mod tests;
