//! `weir auth add|hash`: entries for the access file.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, ensure};
use weir_auth::{Access, NewIdentity, Role, Secret, generate_token};
use weir_config::Config;

use crate::cli::{AuthCommand, RoleName};
use crate::output;

/// How a new access file begins.
const HEADER: &str =
    "# Who may do what: see docs/guides/access-and-tls.md. Made by `weir auth add`.\n";

pub(crate) fn run(command: AuthCommand) -> Result<ExitCode> {
    match command {
        AuthCommand::Add {
            name,
            role,
            file,
            device,
            password_file,
            certificate,
        } => {
            let token = (password_file.is_none() && !certificate).then(new_token);
            let secret = match (&token, password_file) {
                (Some(token), _) => Some(Secret::of_token(token)),
                (None, Some(from)) => Some(hash(&from)?),
                (None, None) => None,
            };
            let identity = NewIdentity {
                name: &name,
                role: role.into(),
                secret: secret.as_ref(),
                devices: &device,
                certificate,
            };
            append(&file, &identity.to_toml())?;
            eprintln!(
                "{name} is in {}; a running Weir takes it up within seconds",
                file.display()
            );
            if let Some(token) = token {
                eprintln!("its token, shown this once:");
                output::line(&token)?;
            }
        }
        AuthCommand::Hash { password_file } => {
            output::line(&hash(&password_file)?.to_string()).map(|_| ())?
        }
    }
    Ok(ExitCode::SUCCESS)
}

impl From<RoleName> for Role {
    fn from(name: RoleName) -> Self {
        match name {
            RoleName::Device => Self::Device,
            RoleName::Reader => Self::Reader,
            RoleName::Operator => Self::Operator,
            RoleName::Admin => Self::Admin,
        }
    }
}

fn new_token() -> String {
    generate_token(rand::random())
}

/// Of the first line of a file, or of standard input for `-`.
fn hash(from: &Path) -> Result<Secret> {
    let mut bytes = Vec::new();
    if from == Path::new("-") {
        io::stdin().read_to_end(&mut bytes)?;
    } else {
        bytes = fs::read(from).with_context(|| format!("cannot read {}", from.display()))?;
    }
    let line = bytes
        .split(|byte| *byte == b'\n')
        .next()
        .unwrap_or_default();
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    Ok(Secret::of_password(line, rand::random())?)
}

/// Adds the entry, if the file is sound with it. Whoever reads meanwhile sees
/// the old file or the new one.
fn append(file: &Path, entry: &str) -> Result<()> {
    let before = match fs::read_to_string(file) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => HEADER.to_owned(),
        Err(error) => return Err(error).context(format!("cannot read {}", file.display())),
    };
    let after = format!("{}\n{entry}", before.trim_end());
    if let Err(problems) = Access::from_text(&Config::default(), &after) {
        let lines = problems.iter().map(|p| format!("{}:{p}", file.display()));
        let lines: Vec<String> = lines.collect();
        ensure!(lines.is_empty(), "nothing was added:\n{}", lines.join("\n"));
    }
    let partial = PathBuf::from(format!("{}.partial", file.display()));
    let write = || -> io::Result<()> {
        // Hashes of chosen passwords can be guessed at: they are the owner's alone.
        let mut options = OpenOptions::new();
        let mut out = options
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&partial)?;
        if let Ok(metadata) = fs::metadata(file) {
            out.set_permissions(metadata.permissions())?;
        }
        out.write_all(after.as_bytes())?;
        out.sync_all()?;
        fs::rename(&partial, file)?;
        let folder = file
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty());
        File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
    };
    write().with_context(|| format!("cannot write {}", file.display()))
}
