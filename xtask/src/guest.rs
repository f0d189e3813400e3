//! The compiler's target for the WebAssembly functions that tests build.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::cargo::succeed;

const TARGET: &str = "wasm32-unknown-unknown";

/// Makes sure that the target is there; otherwise says how to get it.
pub(crate) fn ensure() -> Result<()> {
    let is_there = || -> Result<bool> {
        let output = Command::new("rustc").args(["--print", "sysroot"]).output();
        let output = output.context("cannot run rustc")?;
        let sysroot = String::from_utf8_lossy(&output.stdout);
        let target = Path::new(sysroot.trim()).join("lib/rustlib").join(TARGET);
        Ok(target.is_dir())
    };
    if is_there()? {
        return Ok(());
    }
    eprintln!("xtask: installing the target {TARGET}");
    let added = succeed(Command::new("rustup").args(["target", "add", TARGET]));
    if let Err(error) = added {
        eprintln!("xtask: {error:#}");
    }
    if !is_there()? {
        bail!(
            "the tests build a WebAssembly function, and the compiler has no target for it:\n\n    \
             rustup target add {TARGET}\n"
        );
    }
    Ok(())
}
