//! A Weir with the broker that devices and operations talk to: its own, or a
//! real Mosquitto before it. Most scenarios hold for both.

use crate::{Address, Mosquitto, MosquittoSpec, Weir, WeirSpec};

/// The way messages come in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Broker {
    /// The embedded broker.
    Embedded,
    /// Mosquitto, which keeps Weir's session while Weir is away.
    External,
}

/// What a scenario runs against.
#[derive(Debug)]
pub struct Site {
    pub weir: Weir,
    /// With [`Broker::External`]. Declared last: it outlives Weir.
    pub broker: Option<Mosquitto>,
}

impl Site {
    /// Starts both and waits until Weir is ready. `configure` adds to the
    /// configuration.
    #[track_caller]
    pub fn start(broker: Broker, configure: impl FnOnce(WeirSpec) -> WeirSpec) -> Self {
        match broker {
            Broker::Embedded => {
                let weir = Weir::start(configure(WeirSpec::embedded()));
                Self { weir, broker: None }
            }
            Broker::External => {
                let broker = Mosquitto::start(MosquittoSpec::default());
                let weir = Weir::start(configure(WeirSpec::source(&broker)));
                Self {
                    weir,
                    broker: Some(broker),
                }
            }
        }
    }

    /// Where devices publish and operations subscribe.
    pub fn mqtt(&self) -> &Address {
        self.broker
            .as_ref()
            .map_or(self.weir.mqtt(), Mosquitto::address)
    }
}
