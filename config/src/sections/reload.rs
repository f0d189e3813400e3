//! `[reload]`: whether the configuration file is watched.

use crate::file::reader::Reader;

/// `[reload]`
#[derive(Clone, Debug, PartialEq)]
pub struct Reload {
    /// The configuration file is read again when it changes. SIGHUP always does
    /// that.
    pub watch: bool,
}

impl Default for Reload {
    fn default() -> Self {
        Self { watch: true }
    }
}

pub(crate) fn reload(reader: &mut Reader<'_>) -> Reload {
    let mut section = reader.section("reload");
    Reload {
        watch: section.value("watch", Reload::default().watch, |raw| raw.boolean()),
    }
}
