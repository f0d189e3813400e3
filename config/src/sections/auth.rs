//! `[auth]`: authentication and authorisation.

use std::path::PathBuf;

use crate::file::reader::Reader;

/// `[auth]`
#[derive(Clone, Debug, PartialEq)]
pub struct Auth {
    /// The access file: identities, hashes of their secrets, rules.
    pub file: PathBuf,
}

pub(crate) fn auth(reader: &mut Reader<'_>) -> Option<Auth> {
    let mut section = reader.section("auth");
    if section.is_given() && !section.has("file") {
        section.note("file", "is missing: `weir auth add` makes such a file");
    }
    section.file("file").map(|file| Auth { file })
}
