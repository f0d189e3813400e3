//! Sessions of people who signed in at the provider: in memory only, so a restart ends
//! them. A session is known by the hash of its token, which is shown once.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;
use weir_model::Timestamp;

use super::provider::Tokens;
use crate::entry::Entry;
use crate::role::Role;
use crate::secret::{TokenDigest, digest};

/// Sessions at once; a further one ends the one that would end first.
const MAX_SESSIONS: usize = 10_000;
/// Sessions of one person at once.
const MAX_PER_PERSON: usize = 50;
const PREFIX: &str = "session_";

/// Names a session; it is no secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SessionId(u64);

/// What is shown of a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionInfo {
    pub name: String,
    pub role: Role,
    pub began: Timestamp,
    pub expires: Timestamp,
    /// It can be renewed at the provider.
    pub is_renewable: bool,
}

/// A session to be begun.
#[derive(Debug)]
pub(super) struct NewSession {
    pub(super) entry: Arc<Entry>,
    pub(super) subject: String,
    pub(super) tokens: Tokens,
    pub(super) expires: Timestamp,
}

/// What a session needs to be renewed.
#[derive(Debug)]
pub(super) struct Grant {
    pub(super) subject: String,
    pub(super) id_token: String,
    pub(super) refresh_token: Option<String>,
}

#[derive(Debug)]
struct Session {
    token: TokenDigest,
    entry: Arc<Entry>,
    subject: String,
    began: Timestamp,
    expires: Timestamp,
    id_token: String,
    refresh_token: Option<String>,
}

#[derive(Debug, Default)]
pub(crate) struct Sessions {
    state: Mutex<State>,
    next: AtomicU64,
}

#[derive(Debug, Default)]
struct State {
    sessions: HashMap<SessionId, Session>,
    by_token: HashMap<TokenDigest, SessionId>,
}

impl State {
    fn remove(&mut self, id: SessionId) -> Option<Session> {
        let session = self.sessions.remove(&id)?;
        self.by_token.remove(&session.token);
        Some(session)
    }

    fn live(&self, id: SessionId, now: Timestamp) -> Option<&Session> {
        self.sessions
            .get(&id)
            .filter(|session| session.expires > now)
    }

    /// Makes room for one of this person.
    fn make_room(&mut self, name: &str, now: Timestamp) {
        let ended = self
            .sessions
            .iter()
            .filter(|(_, session)| session.expires <= now);
        let ended: Vec<SessionId> = ended.map(|(id, _)| *id).collect();
        for id in ended {
            self.remove(id);
        }
        for (most, only) in [(MAX_PER_PERSON, Some(name)), (MAX_SESSIONS, None)] {
            let of = |session: &Session| only.is_none_or(|name| session.entry.name == name);
            let found = self.sessions.iter().filter(|(_, session)| of(session));
            if found.clone().count() < most {
                continue;
            }
            let first = found.min_by_key(|(id, session)| (session.expires, id.0));
            if let Some(id) = first.map(|(id, _)| *id) {
                self.remove(id);
            }
        }
    }
}

impl Sessions {
    pub(super) fn begin(&self, new: NewSession, now: Timestamp) -> super::SignedIn {
        let id = SessionId(self.next.fetch_add(1, Ordering::Relaxed));
        let mut state = self.state.lock();
        state.make_room(&new.entry.name, now);
        insert(&mut state, id, new, now)
    }

    /// The session continues under another token; the former one is refused from now on.
    pub(super) fn replace(
        &self,
        id: SessionId,
        new: NewSession,
        now: Timestamp,
    ) -> Option<super::SignedIn> {
        let mut state = self.state.lock();
        state.live(id, now)?;
        let began = state.remove(id)?.began;
        Some(insert(&mut state, id, new, began))
    }

    /// As [`Sessions::replace`], for the same person and role.
    pub(super) fn extend(
        &self,
        id: SessionId,
        tokens: &Tokens,
        expires: Timestamp,
        now: Timestamp,
    ) -> Option<super::SignedIn> {
        let mut state = self.state.lock();
        state.live(id, now)?;
        let Session {
            entry,
            subject,
            began,
            ..
        } = state.remove(id)?;
        let new = NewSession {
            entry,
            subject,
            tokens: tokens.clone(),
            expires,
        };
        Some(insert(&mut state, id, new, began))
    }

    pub(super) fn grant_of(&self, id: SessionId, now: Timestamp) -> Option<Grant> {
        let state = self.state.lock();
        let session = state.live(id, now)?;
        Some(Grant {
            subject: session.subject.clone(),
            id_token: session.id_token.clone(),
            refresh_token: session.refresh_token.clone(),
        })
    }

    /// Ends a session. Returns its ID token.
    pub(super) fn revoke(&self, id: SessionId) -> Option<String> {
        let session = self.state.lock().remove(id)?;
        Some(session.id_token)
    }

    /// Ends all sessions of a person. Returns their number.
    pub(crate) fn revoke_all(&self, name: &str) -> usize {
        let mut state = self.state.lock();
        let found = state
            .sessions
            .iter()
            .filter(|(_, session)| session.entry.name == name);
        let found: Vec<SessionId> = found.map(|(id, _)| *id).collect();
        for id in &found {
            state.remove(*id);
        }
        found.len()
    }

    /// Sessions that have not ended, the newest first.
    pub(crate) fn list(&self, now: Timestamp) -> Vec<SessionInfo> {
        let state = self.state.lock();
        let live = state
            .sessions
            .values()
            .filter(|session| session.expires > now);
        let mut found: Vec<SessionInfo> = live.map(info).collect();
        found.sort_by(|a, b| (b.began, &a.name).cmp(&(a.began, &b.name)));
        found
    }

    pub(crate) fn by_token(&self, token: &str, now: Timestamp) -> Option<(SessionId, Arc<Entry>)> {
        if !token.starts_with(PREFIX) {
            return None;
        }
        let state = self.state.lock();
        let id = *state.by_token.get(&digest(token.as_bytes()))?;
        Some((id, state.live(id, now)?.entry.clone()))
    }

    /// Whether the session continues with these rights.
    pub(crate) fn still_holds(&self, id: SessionId, entry: &Entry, now: Timestamp) -> bool {
        let state = self.state.lock();
        let session = state.live(id, now);
        session.is_some_and(|session| {
            session.entry.role == entry.role && session.entry.name == entry.name
        })
    }
}

fn info(session: &Session) -> SessionInfo {
    SessionInfo {
        name: session.entry.name.clone(),
        role: session.entry.role,
        began: session.began,
        expires: session.expires,
        is_renewable: session.refresh_token.is_some(),
    }
}

fn insert(state: &mut State, id: SessionId, new: NewSession, began: Timestamp) -> super::SignedIn {
    let token = format!("{PREFIX}{}", hex::encode(rand::random::<[u8; 24]>()));
    let session = Session {
        token: digest(token.as_bytes()),
        entry: new.entry,
        subject: new.subject,
        began,
        expires: new.expires,
        id_token: new.tokens.id_token,
        refresh_token: new.tokens.refresh_token,
    };
    let info = info(&session);
    state.by_token.insert(session.token, id);
    state.sessions.insert(id, session);
    super::SignedIn { token, info }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session(name: &str, expires: i64) -> NewSession {
        NewSession {
            entry: Arc::new(Entry {
                name: name.to_owned(),
                ..Entry::everybody()
            }),
            subject: name.to_owned(),
            tokens: Tokens {
                id_token: "id".to_owned(),
                refresh_token: None,
            },
            expires: Timestamp(expires),
        }
    }

    #[test]
    fn a_session_ends_by_time_by_revocation_and_by_renewal() {
        let sessions = Sessions::default();
        let first = sessions.begin(session("ana", 10), Timestamp(0)).token;
        assert!(
            first.starts_with("session_") && first.len() == 8 + 48,
            "{first}"
        );
        let (id, entry) = sessions.by_token(&first, Timestamp(9)).unwrap();
        assert_eq!(entry.name, "ana");
        assert!(sessions.still_holds(id, &entry, Timestamp(9)));
        assert!(sessions.by_token(&first, Timestamp(10)).is_none());
        let second = sessions
            .replace(id, session("ana", 20), Timestamp(9))
            .unwrap();
        assert!(sessions.by_token(&first, Timestamp(9)).is_none());
        assert!(sessions.by_token(&second.token, Timestamp(15)).is_some());
        assert!(sessions.still_holds(id, &entry, Timestamp(15)));
        assert_eq!(sessions.revoke(id).as_deref(), Some("id"));
        assert!(sessions.by_token(&second.token, Timestamp(15)).is_none());
        assert!(!sessions.still_holds(id, &entry, Timestamp(15)));
        assert!(
            sessions
                .replace(id, session("ana", 30), Timestamp(15))
                .is_none()
        );
    }

    #[test]
    fn an_admin_ends_all_sessions_of_a_person() {
        let sessions = Sessions::default();
        let tokens = ["ana", "bob", "ana"].map(|name| {
            let signed_in = sessions.begin(session(name, 10), Timestamp(0));
            signed_in.token
        });
        assert_eq!(sessions.revoke_all("ana"), 2);
        let live = tokens.map(|token| sessions.by_token(&token, Timestamp(1)).is_some());
        assert_eq!(live, [false, true, false]);
        assert_eq!(sessions.list(Timestamp(1))[0].name, "bob");
        assert_eq!(sessions.list(Timestamp(10)), []);
    }

    #[test]
    fn one_person_has_a_bounded_number_of_sessions() {
        let sessions = Sessions::default();
        let first = sessions.begin(session("ana", 100), Timestamp(0)).token;
        let other = sessions.begin(session("bob", 100), Timestamp(0)).token;
        for _ in 0..MAX_PER_PERSON {
            sessions.begin(session("ana", 200), Timestamp(1));
        }
        assert_eq!(sessions.list(Timestamp(2)).len(), MAX_PER_PERSON + 1);
        assert!(sessions.by_token(&first, Timestamp(2)).is_none());
        assert!(sessions.by_token(&other, Timestamp(2)).is_some());
    }
}
