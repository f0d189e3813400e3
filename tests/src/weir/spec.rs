//! What to start: the configuration, the log lines that are allowed, and faults.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::{Mosquitto, weir_binary};

/// Stands for the data folder, which is known only when Weir is started.
const DATA_DIR: &str = "{data}";

/// What to start, and what its log may say.
#[derive(Clone, Debug)]
pub struct WeirSpec {
    pub(crate) config: String,
    pub(crate) allowed: Vec<String>,
    wrapper: Vec<String>,
    environment: Vec<(String, String)>,
    /// The folder in which the data folder is; `None`: a temporary one.
    pub(crate) data_in: Option<PathBuf>,
}

impl WeirSpec {
    /// The embedded broker.
    pub fn embedded() -> Self {
        Self::with_config(
            "[http]\nlisten = \"127.0.0.1:0\"\n\n[broker]\nlisten = \"127.0.0.1:0\"\n",
        )
    }

    /// An external broker.
    pub fn source(broker: &Mosquitto) -> Self {
        let url = broker.url();
        Self::with_config(&format!(
            "[http]\nlisten = \"127.0.0.1:0\"\n\n[[source]]\nurl = \"{url}\"\nclient_id = \"weir\"\n"
        ))
    }

    /// No broker: sources are added with [`WeirSpec::with`].
    pub fn http_only() -> Self {
        Self::with_config("[http]\nlisten = \"127.0.0.1:0\"\n")
    }

    /// This configuration and nothing else.
    pub fn bare(config: &str) -> Self {
        Self::with_config(config)
    }

    fn with_config(config: &str) -> Self {
        Self {
            config: config.to_owned(),
            allowed: Vec::new(),
            wrapper: Vec::new(),
            environment: Vec::new(),
            data_in: None,
        }
    }

    /// Appends sections to the configuration.
    #[must_use]
    pub fn with(mut self, sections: &str) -> Self {
        self.config.push('\n');
        self.config.push_str(sections);
        self
    }

    /// Log lines of level WARN or ERROR that contain this text are expected.
    #[must_use]
    pub fn allow(mut self, text: &str) -> Self {
        self.allowed.push(text.to_owned());
        self
    }

    /// Puts the data folder into this one.
    #[must_use]
    pub fn data_in(mut self, folder: &Path) -> Self {
        self.data_in = Some(folder.to_owned());
        self
    }

    /// Runs it through a program that executes its last arguments in its place.
    #[must_use]
    pub fn wrapped(mut self, command: &[&str]) -> Self {
        self.wrapper = command.iter().map(|&word| word.to_owned()).collect();
        self
    }

    /// Sets an environment variable.
    #[must_use]
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Tampers with the system calls `calls` as `strace --inject` says, such as
    /// `error=EIO:when=5`; calls are counted per thread.
    #[must_use]
    pub fn inject(mut self, calls: &str, fault: &str) -> Self {
        // -D: strace is the child, so that signals go to Weir itself.
        let fixed = ["strace", "-D", "-f", "-qq", "-o", "/dev/null"].map(str::to_owned);
        let trace = format!("--trace={calls}");
        let inject = format!("--inject={calls}:{fault}");
        self.wrapper = fixed.into_iter().chain([trace, inject]).collect();
        self
    }

    /// As [`WeirSpec::inject`], for calls that touch one file of the data folder.
    #[must_use]
    pub fn inject_into(mut self, file: &str, calls: &str, fault: &str) -> Self {
        self = self.inject(calls, fault);
        self.wrapper.push("-P".to_owned());
        self.wrapper.push(format!("{DATA_DIR}/{file}"));
        self
    }

    /// The binary, as it is to be run on this data folder.
    pub(crate) fn command(&self, data_dir: &Path) -> Command {
        let mut command = match self.wrapper.as_slice() {
            [] => Command::new(weir_binary()),
            [program, args @ ..] => {
                let mut command = Command::new(crate::program(program));
                let data_dir = data_dir.display().to_string();
                command.args(args.iter().map(|arg| arg.replace(DATA_DIR, &data_dir)));
                command.arg(weir_binary());
                command
            }
        };
        let variables = self.environment.iter();
        command.envs(variables.map(|(name, value)| (name, value)));
        command
    }
}
