//! The real peers that the tests talk to: found, or installed where that is
//! possible (Debian, as root), or named so that someone can install them.

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Result, bail};

use crate::cargo::succeed;

/// A program that tests need, and the Debian package that brings it.
struct Tool {
    program: &'static str,
    package: &'static str,
}

const TOOLS: &[Tool] = &[
    Tool {
        program: "mosquitto",
        package: "mosquitto",
    },
    Tool {
        program: "mosquitto_pub",
        package: "mosquitto-clients",
    },
    Tool {
        program: "victoria-metrics",
        package: "victoria-metrics",
    },
    Tool {
        program: "psql",
        package: "postgresql-client",
    },
    Tool {
        program: "prometheus-alertmanager",
        package: "prometheus-alertmanager",
    },
    Tool {
        program: "strace",
        package: "strace",
    },
    // For the tests of the web page.
    Tool {
        program: "node",
        package: "nodejs",
    },
    Tool {
        program: "npm",
        package: "npm",
    },
    Tool {
        program: "chromium",
        package: "chromium",
    },
    Tool {
        program: "javac",
        package: "default-jdk-headless",
    },
];

/// PostgreSQL's JDBC driver, from the Debian package `libpostgresql-jdbc-java`.
const JDBC: &str = "/usr/share/java/postgresql.jar";
/// A library that tests preload, and the Debian package that brings it.
const FAKETIME: &str = "faketime/libfaketimeMT.so.1";

/// Makes sure that every tool is there; otherwise says which are not.
pub(crate) fn ensure() -> Result<()> {
    let packages = missing();
    if packages.is_empty() {
        return Ok(());
    }
    if is_root() && find("apt-get").is_some() {
        eprintln!("xtask: installing {}", packages.join(" "));
        if let Err(error) = install(&packages) {
            eprintln!("xtask: {error:#}");
        }
    }
    let packages = missing();
    if packages.is_empty() {
        return Ok(());
    }
    bail!(
        "the tests need programs that are not installed. On Debian or Ubuntu:\n\n    \
         sudo apt-get install {}\n",
        packages.join(" ")
    )
}

/// Installs Debian packages where that is possible, or says what to install.
pub(crate) fn install_or_say(packages: &[&str]) -> Result<()> {
    if is_root() && find("apt-get").is_some() {
        eprintln!("xtask: installing {}", packages.join(" "));
        return install(packages);
    }
    bail!(
        "the tests need packages that are not installed. On Debian or Ubuntu:\n\n    \
         sudo apt-get install {}\n",
        packages.join(" ")
    )
}

fn missing() -> Vec<&'static str> {
    let absent = TOOLS.iter().filter(|tool| find(tool.program).is_none());
    let mut packages: Vec<_> = absent.map(|tool| tool.package).collect();
    let machine = format!("/usr/lib/{}-linux-gnu", env::consts::ARCH);
    let folders = [machine.as_str(), "/usr/lib"].map(Path::new);
    if !folders.iter().any(|folder| folder.join(FAKETIME).is_file()) {
        packages.push("libfaketime");
    }
    if !Path::new(JDBC).is_file() {
        packages.push("libpostgresql-jdbc-java");
    }
    packages
}

fn install(packages: &[&str]) -> Result<()> {
    let apt_get = |args: &[&str]| {
        let mut command = Command::new("apt-get");
        command.args(args).env("DEBIAN_FRONTEND", "noninteractive");
        command.stdin(Stdio::null());
        command
    };
    succeed(&mut apt_get(&["update", "-qq"]))?;
    succeed(apt_get(&["install", "-y", "-qq", "--no-install-recommends"]).args(packages))
}

/// Whether file systems can be mounted: root with CAP_SYS_ADMIN.
pub(crate) fn can_mount() -> bool {
    let folder = env::temp_dir().join(format!("weir-can-mount-{}", std::process::id()));
    let run = |command: &mut Command| {
        let quiet = command.stdout(Stdio::null()).stderr(Stdio::null());
        quiet.status().is_ok_and(|status| status.success())
    };
    let can = std::fs::create_dir(&folder).is_ok()
        && run(Command::new("mount")
            .args(["-t", "tmpfs", "tmpfs"])
            .arg(&folder))
        && run(Command::new("umount").arg(&folder));
    let _ = std::fs::remove_dir(&folder);
    can
}

fn is_root() -> bool {
    let output = Command::new("id").arg("-u").output();
    output.is_ok_and(|output| output.stdout.trim_ascii() == b"0")
}

/// Looks in `PATH` and where daemons live, which a user's `PATH` leaves out.
pub(crate) fn find(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let daemons = ["/usr/sbin", "/usr/local/sbin"].map(PathBuf::from);
    let candidates = env::split_paths(&path)
        .chain(daemons)
        .map(|folder| folder.join(program));
    candidates.into_iter().find(|file| Path::is_file(file))
}
