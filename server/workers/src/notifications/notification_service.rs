//! The notification service: who is notified of alarms, and how. It wires the
//! thread of the router and one worker per channel, and holds what the API shows
//! of them.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::sync_channel;
use std::time::Duration;

use anyhow::{Context, Result};
use parking_lot::Mutex;
use tracing::warn;
use weir_alarms::{Links, Policy, Router};
use weir_config::Config;
use weir_model::Timestamp;
use weir_notify::{AlarmStore, Channel};

use crate::health::Health;
use crate::notifications::alarm_router::{AlarmRouter, SteadyClock};
use crate::notifications::channel_worker::{ChannelStatus, ChannelWorker};
use crate::threads::{Fatal, Threads};

/// Time for a delivery that is under way when Weir stops.
const DRAIN: Duration = Duration::from_secs(5);

/// What the API works with.
#[derive(Debug)]
pub struct NotificationService {
    pub router: Arc<Mutex<Router>>,
    pub channels: Vec<Arc<ChannelStatus>>,
    /// Separate channels for the test button.
    testers: Vec<Arc<Channel>>,
}

/// The running threads.
#[derive(Debug)]
pub struct NotificationThreads {
    router: Threads,
    channels: Threads,
    stop_router: Arc<AtomicBool>,
    stop_channels: Arc<AtomicBool>,
}

impl NotificationService {
    /// `http` is the target of links by default.
    pub fn start(
        config: &Config,
        http: SocketAddr,
        alarms: &Arc<AlarmStore>,
        health: &Arc<Health>,
        fatal: Fatal,
    ) -> Result<(Arc<Self>, NotificationThreads)> {
        let link =
            config.alarms.link.clone().unwrap_or_else(|| {
                format!("http{}://{http}", if config.http.tls { "s" } else { "" })
            });
        let links = Links::new(link, config.http.page);
        let (clock, policy) = (SteadyClock::new(), Policy::new(config));
        alarms.set_policy(policy.clone());
        drop_removed_channels(config, alarms)?;
        let (mut router, up_to, open) = alarms
            .restore_routing(policy)
            .context("cannot restore the routing of alarms")?;
        for alert in &open {
            router.on_alert(alert, alarms.shelved_until(alert), clock.now());
        }
        let router = Arc::new(Mutex::new(router));
        let stop_channels = Arc::new(AtomicBool::new(false));
        let mut threads = Threads::new(fatal.clone());
        let (mut wake, mut statuses, mut testers) = (Vec::new(), Vec::new(), Vec::new());
        for channel in &config.channels {
            let (sender, woken) = sync_channel(1);
            wake.push(sender);
            let status = Arc::new(ChannelStatus {
                name: channel.name.clone(),
                kind: channel.kind.as_str(),
                delivered: AtomicU64::new(0),
                failed_attempts: AtomicU64::new(0),
                dead: AtomicU64::new(0),
                failing: Mutex::default(),
            });
            statuses.push(status.clone());
            testers.push(Arc::new(Channel::open(channel, &links)?));
            let worker = ChannelWorker {
                channel: Channel::open(channel, &links)?,
                config: channel.clone(),
                alarms: alarms.clone(),
                router: router.clone(),
                clock,
                wake: woken,
                status,
                health: health.clone(),
                stop: stop_channels.clone(),
            };
            threads.spawn("channel", move || worker.run())?;
        }
        let stop_router = Arc::new(AtomicBool::new(false));
        let worker = AlarmRouter {
            alarms: alarms.clone(),
            router: router.clone(),
            up_to,
            clock,
            wake,
            history: config.alarms.history,
            health: health.clone(),
            stop: stop_router.clone(),
        };
        let mut routing = Threads::new(fatal);
        routing.spawn("alarm-router", move || worker.run())?;
        let service = Self {
            router,
            channels: statuses,
            testers,
        };
        let threads = NotificationThreads {
            router: routing,
            channels: threads,
            stop_router,
            stop_channels,
        };
        Ok((Arc::new(service), threads))
    }

    /// For the test button.
    pub fn tester(&self, name: &str) -> Option<Arc<Channel>> {
        let found = self.testers.iter().find(|channel| channel.name == name);
        found.cloned()
    }
}

impl NotificationThreads {
    /// Routes what was recorded; what is not delivered by then waits in the
    /// outbox. Whoever records alarms has ended before.
    pub async fn stop(self) {
        self.stop_router.store(true, Ordering::Release);
        self.router.join().await;
        self.stop_channels.store(true, Ordering::Release);
        if !self.channels.join_within(DRAIN).await {
            warn!("a delivery was under way and is cut off; it is sent again at the next start");
        }
    }
}

/// Moves what waits for a channel that is no longer configured to the dead letters.
fn drop_removed_channels(config: &Config, alarms: &AlarmStore) -> Result<()> {
    let known = |name: &str| config.channels.iter().any(|channel| channel.name == name);
    for (channel, count) in alarms.queue_lengths()? {
        if known(&channel) {
            continue;
        }
        warn!(
            channel,
            count, "notifications of a removed channel go to the dead letters"
        );
        for queued in alarms.queued(&channel, usize::MAX)? {
            alarms.move_to_dead_letters(
                &queued,
                "the channel is no longer configured",
                Timestamp::now().millis(),
            )?;
        }
    }
    Ok(())
}
