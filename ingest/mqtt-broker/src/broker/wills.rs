//! Wills of lost connections, which are published like messages of that moment.

use std::sync::atomic::Ordering;

use super::{Pending, Shared, Work};
use crate::batch::{Batch, Flags, Publisher};
use crate::commit_log::AppendError;
use crate::router::DueWill;
use crate::time::Time;

impl Shared {
    /// Publishes the will of a lost connection, if its client may.
    pub(crate) fn publish_will(&self, due: DueWill, now: Time) {
        if !due.permissions.may_publish(&due.will.topic) {
            self.counters
                .refused_publishes
                .fetch_add(1, Ordering::Relaxed);
            return;
        }
        if let Err(AppendError::NoRoom) = self.append_will(&due, now) {
            self.order.lock().stalled_wills.push(due);
        }
    }

    fn append_will(&self, due: &DueWill, now: Time) -> Result<(), AppendError> {
        let will = &due.will;
        let mut batch = Batch::default();
        batch.begin(&will.topic).extend_from_slice(&will.properties);
        let flags = Flags {
            retain: will.retain,
            is_accepted: self.routes.accepts(&will.topic),
            is_will: true,
            duplicate: false,
        };
        let expires = will
            .expiry
            .map_or(Time::NEVER, |expiry| now.plus_seconds(expiry));
        batch.push(
            0,
            will.topic.len(),
            &will.payload,
            will.qos,
            flags,
            0,
            expires,
        );
        let publisher = Publisher {
            session: due.session,
            client_id: &due.client_id,
            identity: due.permissions.identity(),
        };
        let mut order = self.order.lock();
        let end = order.append(&*self.log, &batch.records(publisher), &self.listener)?;
        order.push(Pending {
            end,
            link: None,
            publishes: 1,
            work: Work::Publishes(batch, due.session),
        });
        drop(order);
        self.notice(end);
        Ok(())
    }
}
