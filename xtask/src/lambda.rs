//! The packages for AWS Lambda: `bootstrap` and `weir.toml` in a zip.
//!
//! Natively the plain toolchain builds them. For arm64, cargo-lambda and zig do,
//! which come from PyPI (`pip install cargo-lambda ziglang`); without them it says so.
//! Lambda runs Amazon Linux 2023, whose glibc is 2.34.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::cargo::{binary, build, cargo, metadata, root, succeed};

/// `--arm64`, `--wasm`, and the configuration to pack.
#[derive(Debug, Default)]
struct Options {
    arm64: bool,
    wasm: bool,
    config: Option<PathBuf>,
}

fn options(args: &[String]) -> Result<Options> {
    let mut options = Options::default();
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--arm64" => options.arm64 = true,
            "--wasm" => options.wasm = true,
            "--config" => {
                let file = args.next().context("--config needs a file")?;
                options.config = Some(file.into());
            }
            other => bail!("{other} is not understood: --arm64, --wasm, --config FILE"),
        }
    }
    Ok(options)
}

pub(crate) fn run(args: &[String]) -> Result<()> {
    let options = options(args)?;
    let folder = metadata()?.target_directory.join("lambda-package");
    fs::create_dir_all(&folder)?;
    let built = if options.arm64 {
        build_arm64(&options)?
    } else {
        build_native(&options)?
    };
    let bootstrap = folder.join("bootstrap");
    fs::copy(&built, &bootstrap).with_context(|| format!("cannot copy {}", built.display()))?;
    let suffix = if options.wasm { "-wasm" } else { "" };
    let zip = folder.join(format!("weir-lambda{suffix}.zip"));
    pack(&zip, &bootstrap, options.config.as_deref())?;
    let size = fs::metadata(&zip)?.len();
    eprintln!("xtask: {} ({:.2} MB)", zip.display(), size as f64 / 1e6);
    Ok(())
}

fn features(options: &Options) -> &'static [&'static str] {
    if options.wasm {
        &["--features", "wasm"]
    } else {
        &[]
    }
}

fn build_native(options: &Options) -> Result<PathBuf> {
    let mut args = vec!["build", "--profile", "function", "--package", "weir-lambda"];
    args.extend(["--bin", "bootstrap"]);
    args.extend(features(options));
    let built = build(&args)?;
    Ok(binary(&built, "bootstrap")?.to_owned())
}

fn build_arm64(options: &Options) -> Result<PathBuf> {
    let found = Command::new("cargo-lambda")
        .args(["lambda", "--version"])
        .stdout(Stdio::null())
        .status();
    if !found.is_ok_and(|status| status.success()) {
        bail!("arm64 needs cargo-lambda and zig: pip install cargo-lambda ziglang");
    }
    let mut command = cargo();
    command.args(["lambda", "build", "--profile", "function", "--arm64"]);
    command.args(["--package", "weir-lambda", "--bin", "bootstrap"]);
    succeed(command.args(features(options)))?;
    Ok(metadata()?
        .target_directory
        .join("lambda/bootstrap/bootstrap"))
}

/// Python is there for the tests already, and its zip keeps the permission to execute.
fn pack(zip: &Path, bootstrap: &Path, config: Option<&Path>) -> Result<()> {
    const SCRIPT: &str = "import sys, zipfile\n\
        with zipfile.ZipFile(sys.argv[1], 'w', zipfile.ZIP_DEFLATED, compresslevel=9) as out:\n\
        \x20   for path, name, mode in zip(sys.argv[2::3], sys.argv[3::3], sys.argv[4::3]):\n\
        \x20       info = zipfile.ZipInfo(name, (2000, 1, 1, 0, 0, 0))\n\
        \x20       info.external_attr = int(mode, 8) << 16\n\
        \x20       info.compress_type = zipfile.ZIP_DEFLATED\n\
        \x20       out.writestr(info, open(path, 'rb').read())\n";
    let mut command = Command::new("python3");
    command.arg("-c").arg(SCRIPT).arg(zip);
    command.arg(bootstrap).args(["bootstrap", "100755"]);
    if let Some(config) = config {
        command
            .arg(root().join(config))
            .args(["weir.toml", "100644"]);
    }
    succeed(&mut command)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_read_and_others_refused() {
        let read = |args: &[&str]| {
            let args: Vec<String> = args.iter().map(|arg| (*arg).to_owned()).collect();
            options(&args)
        };
        let all = read(&["--arm64", "--config", "weir.toml", "--wasm"]).unwrap();
        assert!(all.arm64 && all.wasm);
        assert_eq!(all.config.as_deref(), Some(Path::new("weir.toml")));
        assert!(read(&["--config"]).is_err() && read(&["--x86"]).is_err());
    }
}
