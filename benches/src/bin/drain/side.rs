//! One side of the comparison: start it, load it, measure it.

use std::env;
use std::io::{BufRead, BufReader, Lines, Write};
use std::net::SocketAddr;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use clap::ValueEnum;
use weir_benches::CpuMeter;
use weir_tests::{Mosquitto, MosquittoSpec, Weir, WeirSpec};

/// Who drains the broker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Side {
    Plain,
    Ideal,
    Weir,
    /// Without reports into shadows; only when asked for.
    NoShadows,
}

impl Side {
    pub(crate) const ALL: [Self; 3] = [Self::Plain, Self::Ideal, Self::Weir];

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Ideal => "ideal",
            Self::Weir => "weir",
            Self::NoShadows => "no-shadows",
        }
    }
}

/// What is the same for every side and round.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Setting {
    pub(crate) messages: usize,
    pub(crate) inflight: u32,
    pub(crate) window: usize,
    pub(crate) backlog: bool,
}

/// What one side did in one round.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Measured {
    /// From the first publish (or the broker's first chance to send) to the
    /// last message received.
    pub(crate) elapsed: Duration,
    /// Until then.
    pub(crate) cpu: Duration,
    /// Until all work is done, what is left to do in the background included.
    pub(crate) cpu_at_rest: Duration,
}

pub(crate) fn measure(side: Side, setting: Setting) -> Result<Measured> {
    let spec = MosquittoSpec {
        max_inflight: setting.inflight,
        ..MosquittoSpec::default()
    };
    let mut broker = Mosquitto::start(spec);
    match side {
        Side::Plain => measure_bare("auto", &mut broker, setting),
        Side::Ideal => measure_bare("batch", &mut broker, setting),
        Side::Weir => measure_weir(&mut broker, "", setting),
        // Longer than any run: nothing is reported while it is measured.
        Side::NoShadows => measure_weir(&mut broker, "[shadows]\ninterval = \"1h\"\n", setting),
    }
}

fn measure_bare(mode: &str, broker: &mut Mosquitto, setting: Setting) -> Result<Measured> {
    let address = broker.address().get();
    let bare = |messages: usize| {
        Helper::start(
            "drain_bare",
            &[mode, &address.to_string(), &messages.to_string()],
        )
    };
    if setting.backlog {
        bare(0)?.wait_line("subscribed")?;
    }
    let load = Load::prepare(address, setting)?;
    let mut side;
    let mut start;
    if setting.backlog {
        load.begin()?.finish()?;
        broker.process().freeze();
        side = bare(setting.messages)?;
        start = Start::now(side.id())?;
        broker.process().resume();
    } else {
        side = bare(setting.messages)?;
        side.wait_line("subscribed")?;
        start = Start::now(side.id())?;
        load.begin()?.detach();
    }
    side.wait_line("done")?;
    let elapsed = start.at.elapsed();
    let cpu = start.cpu_since()?;
    Ok(Measured {
        elapsed,
        cpu,
        cpu_at_rest: cpu,
    })
}

/// Rules and shadows are on; half of the readings make a Parquet file, so that
/// writing them is part of what is measured.
fn weir_spec(broker: &Mosquitto, setting: Setting) -> WeirSpec {
    WeirSpec::source(broker).with(&format!(
        "[store.embedded]\nflush_readings = {}\n\n\
         [[function]]\nname = \"overheat\"\nkind = \"threshold\"\nsensor = \"temperature\"\n\
         warning_high = 95.0\ncritical_high = 99.0\ndeadband = 2.0\n",
        setting.messages.max(1)
    ))
}

fn measure_weir(broker: &mut Mosquitto, more: &str, setting: Setting) -> Result<Measured> {
    let load = Load::prepare(broker.address().get(), setting)?;
    let mut weir = Weir::start(weir_spec(broker, setting).with(more));
    let mut start;
    if setting.backlog {
        weir.sigterm();
        load.begin()?.finish()?;
        broker.process().freeze();
        weir.restart_unready();
        start = Start::now(weir.process().id())?;
        broker.process().resume();
    } else {
        start = Start::now(weir.process().id())?;
        load.begin()?.detach();
    }
    wait_received(&weir, setting.messages as u64)?;
    let elapsed = start.at.elapsed();
    let cpu = start.cpu_since()?;
    let flow = weir.wait_received(2 * setting.messages as u64);
    ensure!(
        flow.readings.stored == 2 * setting.messages as u64,
        "not all is stored: {flow:#?}"
    );
    let cpu_at_rest = start.cpu_at_rest()?;
    Ok(Measured {
        elapsed,
        cpu,
        cpu_at_rest,
    })
}

/// Looks rarely at first: every look costs Weir an HTTP request.
fn wait_received(weir: &Weir, messages: u64) -> Result<()> {
    let begun = Instant::now();
    loop {
        let received = weir.flow().messages.received;
        if received >= messages {
            return Ok(());
        }
        ensure!(
            begun.elapsed() < Duration::from_secs(600),
            "{received} of {messages} after 600 s"
        );
        let near = received > messages / 10 * 9;
        thread::sleep(Duration::from_millis(if near { 5 } else { 100 }));
    }
}

/// The moment at which measuring begins.
struct Start {
    meter: CpuMeter,
    cpu: Duration,
    at: Instant,
}

impl Start {
    fn now(process: u32) -> Result<Self> {
        let mut meter = CpuMeter::of(process)?;
        Ok(Self {
            cpu: meter.total()?,
            meter,
            at: Instant::now(),
        })
    }

    fn cpu_since(&mut self) -> Result<Duration> {
        Ok(self.meter.total()? - self.cpu)
    }

    /// CPU time once the process has done next to nothing for a while.
    fn cpu_at_rest(&mut self) -> Result<Duration> {
        const QUIET: Duration = Duration::from_millis(500);
        let mut before = self.cpu_since()?;
        loop {
            thread::sleep(QUIET);
            let now = self.cpu_since()?;
            if now - before < QUIET / 20 {
                return Ok(before);
            }
            before = now;
        }
    }
}

/// The publisher, connected and with its packets precomputed.
struct Load(Helper);

impl Load {
    fn prepare(broker: SocketAddr, setting: Setting) -> Result<Self> {
        let args = [
            broker.to_string(),
            setting.messages.to_string(),
            setting.window.to_string(),
        ];
        let mut helper = Helper::start("drain_load", &args.each_ref().map(String::as_str))?;
        helper.wait_line("ready")?;
        Ok(Self(helper))
    }

    fn begin(mut self) -> Result<Self> {
        let stdin = self.0.child.stdin.as_mut().context("it is piped")?;
        stdin.write_all(b"begin\n")?;
        Ok(self)
    }

    /// Waits until the broker has acknowledged everything.
    fn finish(mut self) -> Result<()> {
        let status = self.0.child.wait()?;
        ensure!(status.success(), "the load ended with {status}");
        Ok(())
    }

    /// Lets it run; it is reaped in the background.
    fn detach(self) {
        thread::spawn(move || self.finish());
    }
}

/// A binary of this package as a child process; killed when it goes.
struct Helper {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Helper {
    fn start(name: &str, args: &[&str]) -> Result<Self> {
        let program = env::current_exe()?.with_file_name(name);
        let mut command = Command::new(&program);
        command
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        let mut child = command
            .spawn()
            .with_context(|| program.display().to_string())?;
        let stdout = child.stdout.take().context("it is piped")?;
        Ok(Self {
            child,
            lines: BufReader::new(stdout).lines(),
        })
    }

    fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits for a line that begins so.
    fn wait_line(&mut self, start: &str) -> Result<()> {
        for line in self.lines.by_ref() {
            if line?.starts_with(start) {
                return Ok(());
            }
        }
        anyhow::bail!("it ended without saying {start:?}")
    }
}

impl Drop for Helper {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
