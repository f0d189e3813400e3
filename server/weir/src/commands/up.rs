//! `weir up`: runs everything until a signal stops it.

use std::io::IsTerminal;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, Result};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing::warn;
use tracing_subscriber::EnvFilter;
use weir_app::{Addresses, App, Origin};
use weir_config::{Config, Http, LoadError, Loaded};
use weir_workers::{Fatal, Reloader, load_config};

use crate::cli::UpArgs;
use crate::commands::bad_config;
use crate::demo;

/// Variables that are the command line's and not the configuration's.
const OTHER_VARIABLES: [&str; 7] = [
    "WEIR_CA_FILE",
    "WEIR_TOKEN_FILE",
    "WEIR_CONFIG",
    "WEIR_DATA_DIR",
    "WEIR_LOG",
    "WEIR_LOG_JSON",
    "WEIR_URL",
];

pub(crate) fn run(args: &UpArgs) -> Result<ExitCode> {
    let loaded = match load(args) {
        Ok(loaded) => loaded,
        Err(error) => {
            eprintln!("{error}");
            return Ok(bad_config());
        }
    };
    init_logging(args);
    if args.demo && loaded.config.broker.is_none() {
        eprintln!("--demo publishes to the embedded broker, which this configuration turns off");
        return Ok(ExitCode::from(2));
    }
    let config = &loaded.config;
    let has_tls = config.broker.as_ref().is_some_and(|broker| broker.tls);
    if args.demo && (config.auth.is_some() || has_tls) {
        eprintln!("--demo publishes as nobody and without TLS; leave out [auth] and broker.tls");
        return Ok(ExitCode::from(2));
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("cannot start the runtime")?;
    runtime.block_on(up(args, loaded))
}

/// The demo has functions of its own, unless a file says what is to be watched.
fn load(args: &UpArgs) -> Result<Loaded, LoadError> {
    let loaded = match &args.config {
        Some(file) => load_config(file, variables())?,
        None if args.demo => demo::configuration(variables())?,
        None => Config::from_env(variables())?,
    };
    for variable in &loaded.unknown_variables {
        if !OTHER_VARIABLES.contains(&variable.as_str()) {
            eprintln!("weir: unknown environment variable {variable}");
        }
    }
    Ok(loaded)
}

/// The environment, without what is not text: no variable of ours is.
fn variables() -> impl Iterator<Item = (String, String)> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
}

async fn up(args: &UpArgs, loaded: Loaded) -> Result<ExitCode> {
    let (fatal, mut failed) = Fatal::channel();
    let mut terminate = signal(SignalKind::terminate()).context("cannot handle SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot handle SIGINT")?;
    let mut hangup = signal(SignalKind::hangup()).context("cannot handle SIGHUP")?;
    let origin = args.config.clone().map(|file| Origin {
        file,
        variables: variables().collect(),
    });
    let http = loaded.config.http.clone();
    let app = App::start(loaded, origin, &args.data.dir, fatal).await?;
    if let Some(file) = &args.ports_file {
        write_ports(file, &app.addresses)
            .with_context(|| format!("cannot write {}", file.display()))?;
    }
    let demo = if args.demo {
        Some(demo::start(&app, args.config.as_deref()))
    } else {
        announce(&app.addresses, &args.data.dir, &http);
        None
    };
    let failure = tokio::select! {
        _ = terminate.recv() => None,
        _ = interrupt.recv() => None,
        () = until_hangup(&mut hangup, app.reloader.as_ref()) => None,
        reason = failed.recv() => reason,
    };
    if let Some(demo) = demo {
        demo.stop().await;
    }
    if let Some(reason) = failure {
        app.stop().await;
        anyhow::bail!("{reason}");
    }
    // A second signal while draining ends it at once.
    let drained = tokio::select! {
        drained = app.stop() => drained,
        _ = terminate.recv() => false,
        _ = interrupt.recv() => false,
    };
    if !drained {
        warn!("ended before everything was drained; it is replayed at the next start");
    }
    Ok(if drained {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// SIGHUP asks for a reload. Without a configuration file there is nothing to
/// reload: then it says that the terminal has gone, and ends Weir.
async fn until_hangup(hangup: &mut Signal, reloader: Option<&Arc<Reloader>>) {
    while hangup.recv().await.is_some() {
        let Some(reloader) = reloader else {
            return;
        };
        reloader.reload("SIGHUP").await;
    }
}

fn announce(addresses: &Addresses, data_dir: &Path, http: &Http) {
    let scheme = if http.tls { "https" } else { "http" };
    if http.page {
        eprintln!("  page   {scheme}://{}/ui/", addresses.http);
    }
    if let Some(mqtt) = addresses.mqtt {
        eprintln!("  MQTT   mqtt://{mqtt}   publish to devices/<device>/telemetry");
    }
    if let Some(websocket) = addresses.websocket {
        eprintln!("  MQTT   ws://{websocket}/mqtt");
    }
    eprintln!(
        "  HTTP   {scheme}://{}   /readyz /metrics /api/openapi.json",
        addresses.http
    );
    if let Some(flight) = addresses.flight {
        eprintln!("  SQL    grpc://{flight}   Arrow Flight SQL");
    }
    if let Some(postgres) = addresses.postgres {
        eprintln!("  SQL    postgresql://weir@{postgres}/weir");
    }
    eprintln!("  data   {}", data_dir.display());
}

/// Written to a temporary file and renamed, so that nobody reads a part of it.
fn write_ports(file: &Path, addresses: &Addresses) -> Result<()> {
    let partial = file.with_extension("partial");
    std::fs::write(&partial, serde_json::to_vec(addresses)?)?;
    std::fs::rename(&partial, file)?;
    Ok(())
}

/// rustls warns of each client that connects by IP address and sends it as a host
/// name, which is not a fault of the connection.
const QUIET: &str = "rustls::msgs::handshake=error";

/// `WEIR_LOG` takes directives such as `debug` or `weir_ingest=debug,info`.
fn init_logging(args: &UpArgs) {
    let default = if args.demo { "warn" } else { "info" };
    let filter = EnvFilter::try_from_env("WEIR_LOG")
        .unwrap_or_else(|_| EnvFilter::new(format!("{default},{QUIET}")));
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr);
    if args.log_json {
        builder.json().init();
    } else {
        builder.with_target(false).init();
    }
}
