//! The brokers: each measurement gets a fresh process.

use anyhow::Result;
use weir_benches::CpuMeter;
use weir_tests::{Mosquitto, MosquittoSpec, Process, Weir, WeirSpec};

use crate::cases::{Case, Figures, Size};
use crate::load::Target;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Side {
    Weir,
    Mosquitto,
}

impl Side {
    pub(crate) const ALL: [Self; 2] = [Self::Weir, Self::Mosquitto];

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Weir => "weir",
            Self::Mosquitto => "mosquitto",
        }
    }
}

/// What of a running broker is measured.
#[derive(Debug)]
pub(crate) struct Meter {
    process: u32,
    cpu: CpuMeter,
}

impl Meter {
    fn of(process: &Process) -> Result<Self> {
        let process = process.id();
        let cpu = CpuMeter::of(process)?;
        Ok(Self { process, cpu })
    }

    /// Seconds of CPU so far.
    pub(crate) fn cpu(&mut self) -> Result<f64> {
        Ok(self.cpu.total()?.as_secs_f64())
    }

    /// Resident bytes.
    pub(crate) fn memory(&self) -> Result<f64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process))?;
        let line = status.lines().find(|line| line.starts_with("VmRSS:"));
        let kib = line.and_then(|line| line.split_whitespace().nth(1));
        Ok(kib.unwrap_or("0").parse::<f64>()? * 1024.0)
    }
}

pub(crate) fn measure(side: Side, case: Case, size: Size) -> Result<Figures> {
    match side {
        Side::Weir => {
            // A reader that is closed while it is behind loses messages.
            let spec = WeirSpec::embedded()
                .allow("subscriber lost messages")
                .allow("no route and no subscriber");
            let mut weir = Weir::start(spec);
            let mut meter = Meter::of(weir.process())?;
            case.run(Target(weir.mqtt().get()), &mut meter, size)
        }
        Side::Mosquitto => {
            let mut mosquitto = Mosquitto::start(MosquittoSpec::default());
            let mut meter = Meter::of(mosquitto.process())?;
            case.run(Target(mosquitto.address().get()), &mut meter, size)
        }
    }
}
