//! `weir up --demo`: a simulated fleet that publishes to the embedded broker,
//! and a screen that shows the alerts as they come, and one line with the figures.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use tokio::sync::broadcast::error::RecvError;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tracing::warn;
use weir_app::App;
use weir_config::{LoadError, Loaded};
use weir_model::{Alert, Timestamp};
use weir_simulator::{Scenario, SimulateArgs, demo_configuration, simulate_until};
use weir_workers::{LiveEvent, SharedPipeline, Signals};

use crate::output::printable;

const DEVICES: usize = 120;
/// Each device publishes every two seconds.
const MESSAGES_PER_SECOND: f64 = DEVICES as f64 / 2.0;
/// Without a terminal the figures are a line of the log, this often.
const LINE_EVERY: Duration = Duration::from_secs(10);

pub(crate) struct Demo {
    cancel: CancellationToken,
    fleet: JoinHandle<()>,
    screen: JoinHandle<()>,
}

/// The defaults, and functions that watch the fleet: one of every kind.
pub(crate) fn configuration(
    variables: impl Iterator<Item = (String, String)>,
) -> Result<Loaded, LoadError> {
    demo_configuration(variables).map_err(|problems| LoadError::Invalid {
        path: PathBuf::new(),
        problems,
    })
}

/// `config` is the file whose functions watch the fleet, if there is one.
pub(crate) fn start(app: &App, config: Option<&Path>) -> Demo {
    let cancel = CancellationToken::new();
    let mqtt = app
        .addresses
        .mqtt
        .expect("the command checked that the embedded broker is on");
    eprint!(
        "{}",
        welcome(
            &format!("mqtt://{mqtt}"),
            &format!("http://{}", app.addresses.http),
            config,
        )
    );
    let fleet = {
        let cancel = cancel.clone();
        let args = SimulateArgs {
            broker_url: format!("mqtt://{mqtt}"),
            devices: DEVICES,
            rate: MESSAGES_PER_SECOND,
            scenario: Scenario::Demo,
            anomaly: None,
            seed: 1,
            duration: None,
            qos: 1,
            connections: 1,
            progress: false,
        };
        tokio::spawn(async move {
            if let Err(error) = simulate_until(args, cancel).await {
                warn!(%error, "the simulated fleet has stopped");
            }
        })
    };
    let screen = tokio::spawn(screen(Figures::new(app), cancel.clone()));
    Demo {
        cancel,
        fleet,
        screen,
    }
}

impl Demo {
    pub(crate) async fn stop(self) {
        self.cancel.cancel();
        for task in [self.fleet, self.screen] {
            if let Err(error) = task.await {
                warn!(%error, "the demo did not end cleanly");
            }
        }
    }
}

fn welcome(mqtt: &str, http: &str, config: Option<&Path>) -> String {
    let weir = std::env::args().next().filter(|name| name.contains('/'));
    let weir = weir.as_deref().unwrap_or("weir");
    let url = if http == "http://127.0.0.1:8080" {
        String::new()
    } else {
        format!(" --url {http}")
    };
    let mut text = String::new();
    let _ = writeln!(
        text,
        "\nWeir is running, with {DEVICES} simulated devices and their faults."
    );
    let _ = match config {
        Some(file) => writeln!(text, "The functions of {} watch them.\n", file.display()),
        None => writeln!(
            text,
            "A function of every kind watches them; those that learn speak after some minutes.\n"
        ),
    };
    let _ = writeln!(
        text,
        "  MQTT  {mqtt}   alerts/#   devices/+/telemetry   $aws/things/#"
    );
    let _ = writeln!(
        text,
        "  HTTP  {http}   /api/v1/flow   /api/v1/devices   /metrics\n"
    );
    let _ = writeln!(text, "Look around from another terminal:\n");
    let _ = writeln!(
        text,
        "  {weir} query{url} 'SELECT device, sensor, max(value) FROM readings \
         GROUP BY 1, 2 ORDER BY 3 DESC LIMIT 10'"
    );
    let _ = writeln!(text, "  {weir} tap{url} --device pump-01");
    let _ = writeln!(text, "  {weir} alarms list{url}");
    let _ = writeln!(text, "  {weir} shadow get{url} pump-01");
    let _ = writeln!(
        text,
        "\nCtrl-C stops it. Alerts, as they are raised and cleared:\n"
    );
    text
}

async fn screen(mut figures: Figures, cancel: CancellationToken) {
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
    let interactive = !bar.is_hidden();
    if interactive {
        let style = ProgressStyle::with_template("\n{spinner} {msg}");
        bar.set_style(style.expect("the template is well formed"));
        bar.enable_steady_tick(Duration::from_millis(250));
    }
    let say = |line: String| {
        if interactive {
            bar.println(line)
        } else {
            eprintln!("{line}")
        }
    };
    let mut events = figures.signals.events.subscribe();
    let mut ticks = tokio::time::interval(Duration::from_secs(1));
    let mut last_line = Instant::now();
    loop {
        tokio::select! {
            () = cancel.cancelled() => break,
            event = events.recv() => match event {
                Ok(event) => {
                    if let Some(line) = alert_line(&event) {
                        say(line);
                    }
                }
                Err(RecvError::Lagged(missed)) => say(format!("({missed} events not shown)")),
                Err(RecvError::Closed) => break,
            },
            _ = ticks.tick() => {
                let text = figures.next();
                if interactive {
                    bar.set_message(text);
                } else if last_line.elapsed() >= LINE_EVERY {
                    last_line = Instant::now();
                    eprintln!("{text}");
                }
            }
        }
    }
    bar.finish_and_clear();
}

fn alert_line(event: &LiveEvent) -> Option<String> {
    if event.kind != "alert" {
        return None;
    }
    let alert: Alert = serde_json::from_str(&event.data).ok()?;
    let time = Timestamp::from_millis(alert.timestamp)?
        .date_time()
        .format("%H:%M:%S");
    let severity = format!("{:?}", alert.severity).to_uppercase();
    Some(format!(
        "  {time}  {severity:<8}  {:<11}  {:<12}  {}",
        alert.state.as_str(),
        printable(&alert.device_id),
        printable(&alert.reason)
    ))
}

/// The figures of the line, and the rate since the line before.
struct Figures {
    signals: Signals,
    pipeline: SharedPipeline,
    at: Instant,
    received: u64,
}

impl Figures {
    fn new(app: &App) -> Self {
        let signals = app.signals().clone();
        Self {
            pipeline: app.pipeline().clone(),
            at: Instant::now(),
            received: signals.counters.counts().readings().received,
            signals,
        }
    }

    fn next(&mut self) -> String {
        let readings = self.signals.counters.counts().readings();
        let elapsed = self.at.elapsed().as_secs_f64().max(0.001);
        let rate = (readings.received - self.received) as f64 / elapsed;
        (self.at, self.received) = (Instant::now(), readings.received);
        let pipeline = self.pipeline.lock();
        let devices = pipeline.engine().catalog().devices().len();
        let open = pipeline.alarms().active_count();
        drop(pipeline);
        let alarms = if open == 1 { "alarm" } else { "alarms" };
        format!(
            "{devices} devices · {rate:.0} readings/s · {} stored · {open} {alarms} open · \
             {} quarantined · {} deduplicated",
            grouped(readings.stored),
            grouped(readings.quarantined_total()),
            grouped(readings.deduplicated),
        )
    }
}

/// 1234567 → 1,234,567
fn grouped(n: u64) -> String {
    let digits = n.to_string();
    let mut text = String::new();
    for (ix, digit) in digits.chars().enumerate() {
        if ix > 0 && (digits.len() - ix).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_by_thousands() {
        for (n, text) in [
            (0, "0"),
            (999, "999"),
            (1_000, "1,000"),
            (1_234_567, "1,234,567"),
        ] {
            assert_eq!(grouped(n), text);
        }
    }
}
