//! `cargo xtask …`: tasks of this workspace besides compiling it.
//!
//! | command | does |
//! | --- | --- |
//! | `tidy` | proves the house rules: dependency arrows, module docs, no leftovers |
//! | `deny` | checks licences, sources and advisories of the dependencies |
//! | `test [FILTER]` | tidy, build, every test of the workspace with real peers |
//! | `faults [ARGS]` | the long form of the table of faults in `docs/reference/guarantees.md` |
//! | `bench NAME [ARGS]` | builds for release and runs a comparison of `benches/` |
//! | `lambda [--arm64] [--wasm] [--config FILE]` | builds the zip for AWS Lambda |
//! | `pictures` | takes the pictures of the web page in `docs/guides/page/` |
//! | `ci` | what continuous integration runs, on this machine |

mod bench;
mod cargo;
mod deny;
mod faults;
mod guest;
mod lambda;
mod page;
mod python;
mod telegraf;
mod test;
mod tidy;
mod tools;

use std::process::ExitCode;

use anyhow::{Result, bail};

const USAGE: &str = "\
usage: cargo xtask <command>

  tidy                   check the house rules; report large files and functions
  deny                   check licences, sources and advisories of the dependencies
  test [FILTER]          tidy, build, then all tests, with the real peers
  faults [--runs N] [--soak 10m] [--seed S] [--only ROW,…] [--release]
                         every fault of docs/reference/guarantees.md, the long way; prints a
                         table (default: 1,000 kill runs, a soak of 10 minutes)
  bench NAME [ARGS…]     release build, then a comparison (see benches/): drain, nab, functions
  lambda [--arm64] [--wasm] [--config FILE]
                         the zip for AWS Lambda, with a configuration in it
  pictures               builds, then takes the pictures of the web page in the documentation
  ci                     what .ci/run does";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match run(&args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &[String]) -> Result<()> {
    let (command, rest) = match args {
        [command, rest @ ..] => (command.as_str(), rest),
        [] => bail!("no command\n\n{USAGE}"),
    };
    match (command, rest) {
        ("tidy", []) => tidy::run(),
        ("deny", []) => deny::run(),
        ("test", []) => test::run(None),
        ("test", [filter]) => test::run(Some(filter)),
        ("faults", args) => faults::run(args),
        ("bench", [name, args @ ..]) => bench::run(name, args),
        ("lambda", args) => lambda::run(args),
        ("pictures", []) => test::pictures(),
        ("ci", []) => test::ci(),
        ("help" | "--help" | "-h", _) => {
            eprintln!("{USAGE}");
            Ok(())
        }
        _ => bail!("{} is not understood\n\n{USAGE}", args.join(" ")),
    }
}
