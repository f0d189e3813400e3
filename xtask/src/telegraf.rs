//! Telegraf, which Debian does not have: installed, or built by Go with the few
//! plugins that the tests use.

use std::path::PathBuf;
use std::process::Command;

use anyhow::Result;

use crate::cargo::{metadata, succeed};
use crate::tools;

const VERSION: &str = "v1.34.4";
/// What that version needs: 1.GO.
const GO: u32 = 24;
const PLUGINS: &str = "custom,inputs.file,inputs.mem,outputs.influxdb,outputs.influxdb_v2,\
    parsers.influx,serializers.influx";

/// The folder with the program; `None` where there is none and it cannot be built.
pub(crate) fn ensure() -> Result<Option<PathBuf>> {
    if let Some(program) = tools::find("telegraf") {
        return Ok(program.parent().map(PathBuf::from));
    }
    let target = metadata()?.target_directory;
    let folder = target.join("telegraf").join(VERSION);
    if folder.join("telegraf").is_file() {
        return Ok(Some(folder));
    }
    if go_version().is_none_or(|version| version < GO) {
        return Ok(None);
    }
    eprintln!("xtask: building Telegraf {VERSION} in {}", folder.display());
    let module = format!("github.com/influxdata/telegraf/cmd/telegraf@{VERSION}");
    let built = succeed(
        Command::new("go")
            .args(["install", "-tags", PLUGINS, &module])
            .env("GOBIN", &folder),
    );
    if let Err(error) = built {
        eprintln!("xtask: {error:#}");
        return Ok(None);
    }
    Ok(Some(folder))
}

/// 26 of `go version go1.26.8 linux/amd64`.
fn go_version() -> Option<u32> {
    let output = Command::new("go").arg("version").output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let (_, version) = text.split_once(" go1.")?;
    let minor = version.split(|c: char| !c.is_ascii_digit()).next()?;
    minor.parse().ok()
}
