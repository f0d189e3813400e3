//! The broker as few lines as can be: lists that are searched from end to end.

use std::collections::{BTreeMap, VecDeque};

use weir_mqtt_codec::{Publish, matches};

/// A message as a client reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Expected {
    topic: String,
    payload: String,
    qos: u8,
    retain: bool,
    dup: bool,
}

impl Expected {
    pub(super) fn read(publish: &Publish<'_>) -> Self {
        Self {
            topic: publish.topic.to_owned(),
            payload: String::from_utf8(publish.payload.to_vec()).unwrap(),
            qos: publish.qos,
            retain: publish.retain,
            dup: publish.dup,
        }
    }
}

/// A change of subscriptions.
#[derive(Clone, Debug)]
pub(super) enum Wish {
    Subscribe(String, u8, bool),
    Unsubscribe(String),
}

#[derive(Clone, Debug)]
struct Message {
    publisher: u64,
    topic: String,
    payload: String,
    qos: u8,
    retain: bool,
}

#[derive(Debug)]
enum Pending {
    Publish(Message),
    Wish(usize, u64, Wish),
}

#[derive(Debug)]
struct Session {
    number: u64,
    is_connected: bool,
    expiry: u32,
    subscriptions: BTreeMap<String, (u8, bool)>,
    queue: VecDeque<Expected>,
    /// Sent in this connection, and in one before.
    sent: Vec<Expected>,
    to_resend: Vec<Expected>,
    /// Filter, QoS, and the last change of retained messages that counts.
    cursors: Vec<(String, u8, u64)>,
    /// Topic, payload, delay.
    will: Option<(String, String, u32)>,
    will_due: u64,
    ends: u64,
}

pub(super) struct Model {
    limit: usize,
    sessions: BTreeMap<usize, Session>,
    retained: BTreeMap<String, (Message, u64)>,
    pending: VecDeque<Pending>,
    changes: u64,
    numbers: u64,
    full: u64,
    offline: u64,
    ended: u64,
}

impl Model {
    pub(super) fn new(limit: usize) -> Self {
        Self {
            limit,
            sessions: BTreeMap::new(),
            retained: BTreeMap::new(),
            pending: VecDeque::new(),
            changes: 0,
            numbers: 0,
            full: 0,
            offline: 0,
            ended: 0,
        }
    }

    pub(super) fn sessions(&self) -> usize {
        self.sessions.len()
    }

    pub(super) fn subscriptions(&self) -> usize {
        self.sessions
            .values()
            .map(|session| session.subscriptions.len())
            .sum()
    }

    pub(super) fn retained(&self) -> usize {
        self.retained.len()
    }

    pub(super) fn dropped(&self) -> (u64, u64, u64) {
        (self.full, self.offline, self.ended)
    }

    fn will_of(session: &Session, (topic, payload, _): (String, String, u32)) -> Pending {
        Pending::Publish(Message {
            publisher: session.number,
            topic,
            payload,
            qos: 1,
            retain: false,
        })
    }

    pub(super) fn connect(
        &mut self,
        client: usize,
        clean: bool,
        expiry: u32,
        will: Option<(String, String, u32)>,
        _now: u64,
    ) -> bool {
        if let Some(session) = self.sessions.get_mut(&client) {
            if session.is_connected {
                self.offline += detach(session);
                if let Some(old) = session.will.take_if(|(.., delay)| clean || *delay == 0) {
                    let will = Self::will_of(session, old);
                    self.pending.push_back(will);
                }
            }
            if clean {
                self.end(client);
            }
        }
        let numbers = &mut self.numbers;
        let present = self.sessions.contains_key(&client);
        let session = self.sessions.entry(client).or_insert_with(|| {
            *numbers += 1;
            Session {
                number: *numbers,
                is_connected: true,
                expiry,
                subscriptions: BTreeMap::new(),
                queue: VecDeque::new(),
                sent: Vec::new(),
                to_resend: Vec::new(),
                cursors: Vec::new(),
                will: None,
                will_due: u64::MAX,
                ends: u64::MAX,
            }
        });
        session.is_connected = true;
        session.expiry = expiry;
        session.will = will;
        session.will_due = u64::MAX;
        session.ends = u64::MAX;
        present
    }

    fn end(&mut self, client: usize) {
        let Some(mut session) = self.sessions.remove(&client) else {
            return;
        };
        let left = session.queue.len() + session.sent.len() + session.to_resend.len();
        self.ended += left as u64;
        if let Some(will) = session.will.take() {
            self.pending.push_back(Self::will_of(&session, will));
        }
    }

    pub(super) fn close(&mut self, client: usize, discards_will: bool, now: u64) {
        let Some(session) = self.sessions.get_mut(&client) else {
            return;
        };
        self.offline += detach(session);
        if discards_will {
            session.will = None;
        }
        if session.expiry == 0 {
            return self.end(client);
        }
        session.ends = now + u64::from(session.expiry) * 1_000;
        match session.will.take_if(|(.., delay)| *delay == 0) {
            Some(will) => {
                let will = Self::will_of(session, will);
                self.pending.push_back(will);
            }
            None => {
                if let Some((.., delay)) = &session.will {
                    session.will_due = now + u64::from(*delay) * 1_000;
                }
            }
        }
    }

    /// Time has come to `now`.
    pub(super) fn advance(&mut self, now: u64) {
        loop {
            let due = |session: &Session| session.will_due.min(session.ends);
            let next = self.sessions.iter().min_by_key(|(_, session)| due(session));
            let Some((&client, session)) = next else {
                return;
            };
            if due(session) > now {
                return;
            }
            let is_end = session.ends <= session.will_due;
            let Some(session) = self.sessions.get_mut(&client) else {
                return;
            };
            if is_end {
                self.end(client);
            } else {
                session.will_due = u64::MAX;
                if let Some(will) = session.will.take() {
                    let will = Self::will_of(session, will);
                    self.pending.push_back(will);
                }
            }
        }
    }

    /// A client asks for a change: at once, or in the order of the log.
    pub(super) fn wish(&mut self, client: usize, wish: Wish) {
        let Some(session) = self.sessions.get(&client) else {
            return;
        };
        let number = session.number;
        match session.expiry {
            0 => self.grant(client, number, wish),
            _ => self.pending.push_back(Pending::Wish(client, number, wish)),
        }
    }

    fn grant(&mut self, client: usize, number: u64, wish: Wish) {
        let changes = self.changes;
        let has_retained = !self.retained.is_empty();
        let Some(session) = self.sessions.get_mut(&client) else {
            return;
        };
        if session.number != number {
            return;
        }
        match wish {
            Wish::Subscribe(filter, qos, no_local) => {
                session
                    .subscriptions
                    .insert(filter.clone(), (qos, no_local));
                if has_retained {
                    session.cursors.retain(|(other, ..)| *other != filter);
                    session.cursors.push((filter, qos, changes));
                }
            }
            Wish::Unsubscribe(filter) => {
                if session.subscriptions.remove(&filter).is_some() {
                    session.cursors.retain(|(other, ..)| *other != filter);
                }
            }
        }
    }

    pub(super) fn publish(
        &mut self,
        client: usize,
        topic: &str,
        payload: &str,
        qos: u8,
        retain: bool,
        is_accepted: bool,
    ) {
        let message = Message {
            publisher: self.sessions[&client].number,
            topic: topic.to_owned(),
            payload: payload.to_owned(),
            qos,
            retain,
        };
        let is_wish = |pending: &Pending| matches!(pending, Pending::Wish(.., Wish::Subscribe(..)));
        if qos == 0 && !retain && !is_accepted {
            self.route(&message);
        } else if retain
            || !is_accepted
            || self.subscriptions() > 0
            || self.pending.iter().any(is_wish)
        {
            // What a route takes and nobody subscribes to is not kept for routing.
            self.pending.push_back(Pending::Publish(message));
        }
    }

    pub(super) fn commit(&mut self) {
        while let Some(pending) = self.pending.pop_front() {
            match pending {
                Pending::Publish(message) => self.route(&message),
                Pending::Wish(client, number, wish) => self.grant(client, number, wish),
            }
        }
    }

    fn route(&mut self, message: &Message) {
        if message.retain && message.payload.is_empty() {
            self.retained.remove(&message.topic);
        } else if message.retain {
            self.changes += 1;
            let topic = message.topic.clone();
            self.retained.insert(topic, (message.clone(), self.changes));
        }
        for session in self.sessions.values_mut() {
            let granted = session
                .subscriptions
                .iter()
                .filter(|(filter, (_, no_local))| {
                    let is_own = session.number == message.publisher;
                    matches(filter, &message.topic) && !(*no_local && is_own)
                });
            let Some(qos) = granted.map(|(_, (qos, _))| *qos).max() else {
                continue;
            };
            let qos = qos.min(message.qos);
            if qos == 0 && !session.is_connected {
                self.offline += 1;
                continue;
            }
            if session.queue.len() >= self.limit {
                session.queue.pop_front();
                self.full += 1;
            }
            session.queue.push_back(Expected {
                topic: message.topic.clone(),
                payload: message.payload.clone(),
                qos,
                retain: false,
                dup: false,
            });
        }
    }

    /// What the client reads now.
    pub(super) fn read(&mut self, client: usize) -> Vec<Expected> {
        let Some(session) = self.sessions.get_mut(&client) else {
            return Vec::new();
        };
        let mut read = std::mem::take(&mut session.to_resend);
        for message in &mut read {
            message.dup = true;
        }
        read.extend(session.queue.drain(..));
        for (filter, qos, until) in std::mem::take(&mut session.cursors) {
            let kept = self.retained.values();
            let kept =
                kept.filter(|(one, change)| *change <= until && matches(&filter, &one.topic));
            read.extend(kept.map(|(one, _)| Expected {
                topic: one.topic.clone(),
                payload: one.payload.clone(),
                qos: one.qos.min(qos),
                retain: true,
                dup: false,
            }));
        }
        session
            .sent
            .extend(read.iter().filter(|message| message.qos > 0).cloned());
        read
    }

    pub(super) fn acknowledge(&mut self, client: usize) {
        if let Some(session) = self.sessions.get_mut(&client) {
            session.sent.clear();
        }
    }
}

/// The connection is over: what was sent comes again, what is of QoS 0 is lost.
fn detach(session: &mut Session) -> u64 {
    session.is_connected = false;
    let before = session.queue.len();
    session.queue.retain(|message| message.qos > 0);
    session.cursors.retain(|(_, qos, _)| *qos > 0);
    session.to_resend.splice(0..0, session.sent.drain(..));
    (before - session.queue.len()) as u64
}
