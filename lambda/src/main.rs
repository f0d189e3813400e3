//! `bootstrap`: the program that AWS Lambda starts; with `--http`, a program for any
//! platform that calls a container.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use serde_json::{Value, json};
use weir_lambda::envelope::Call;
use weir_lambda::{Aws, Handled, Handler, HttpHost, Region, Runtime, serve, settings};
use weir_model::Timestamp;

/// Any of the errors at the start: they end the program.
type Startup<T> = Result<T, Box<dyn std::error::Error>>;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let outcome = match arguments.as_slice() {
        [] => run_on_lambda(),
        [flag] if flag == "--http" => run_behind_http(),
        [flag] if flag == "--version" => {
            print(&json!({"version": env!("CARGO_PKG_VERSION")}));
            Ok(())
        }
        _ => Err("usage: bootstrap [--http | --version]".into()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            print(&json!({"level": "ERROR", "message": error.to_string()}));
            ExitCode::FAILURE
        }
    }
}

/// One line of the log.
fn print(line: &Value) {
    // If the log is closed, nobody reads it.
    let _ = writeln!(std::io::stdout().lock(), "{line}");
}

fn handler() -> Startup<Handler> {
    let service = [
        "POWERTOOLS_SERVICE_NAME",
        "AWS_LAMBDA_FUNCTION_NAME",
        "K_SERVICE",
    ];
    let service = service.iter().find_map(|name| std::env::var(name).ok());
    let service = service.as_deref().unwrap_or("weir");
    let settings = settings::load(config_file().as_deref(), service)?;
    let region = Region::from_environment(&settings.config)?;
    let aws = Aws::new(&settings.config, &region)?;
    aws.open_connections();
    let store = aws.store();
    Ok(Handler::new(settings, Arc::new(aws), store))
}

/// `WEIR_CONFIG`, else `weir.toml` beside the program if there is one.
fn config_file() -> Option<PathBuf> {
    if let Some(path) = std::env::var_os("WEIR_CONFIG") {
        return Some(path.into());
    }
    let folder = match std::env::var_os("LAMBDA_TASK_ROOT") {
        Some(root) => PathBuf::from(root),
        None => std::env::current_exe().ok()?.parent()?.to_owned(),
    };
    Some(folder.join(settings::FILE)).filter(|path| path.is_file())
}

fn run_on_lambda() -> Startup<()> {
    let runtime = Runtime::from_environment()?;
    let handler = match handler() {
        Ok(handler) => handler,
        Err(error) => {
            runtime.init_error(&error.to_string())?;
            return Err(error);
        }
    };
    loop {
        let invocation = runtime.next()?;
        let call = Call {
            request_id: &invocation.request_id,
            now: Timestamp::now(),
            deadline: invocation.deadline,
            max_payload: handler.max_payload(),
        };
        let trace_id = invocation.trace_id.as_deref();
        let Handled { answer, line } = handler.handle(&invocation.event, &call, trace_id);
        print(&line);
        runtime.answer(&invocation.request_id, &answer)?;
    }
}

fn run_behind_http() -> Startup<()> {
    let handler = handler()?;
    let host = HttpHost::from_environment()?;
    print(&json!({"level": "INFO", "message": "listening", "address": host.address().to_string()}));
    serve(&host, &handler, &|line| print(line))?;
    Ok(())
}
