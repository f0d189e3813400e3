//! One shadow: its desired and reported state and its version. Pure; every call
//! passes the time in seconds since the epoch.
//!
//! Source: the AWS IoT Core developer guide, "Device Shadow service documents".

use serde::ser::SerializeMap;
use serde::{Deserialize, Serialize, Serializer};

use weir_config::Shadows;

use crate::guard;
use crate::rejected::Rejected;
use crate::request::{Section, UpdateRequest};
use crate::tree::{self, Metadata, PatchMetadata, State, Tree, Writer};

/// How long the version of a deleted shadow is kept, in seconds: 48 hours.
pub const VERSION_KEPT_S: i64 = 48 * 3_600;

/// A shadow document. A new document has version 0 and does not exist yet. It is
/// stored in postcard: the order of the fields is the format.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Document {
    desired: Tree,
    reported: Tree,
    version: u64,
    /// Time of the deletion in seconds, while it is deleted.
    deleted_at: Option<i64>,
    /// Bytes of both sections' compact JSON.
    bytes: usize,
}

/// Which answers to an update are built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    All,
    /// Only the delta, if there is one.
    Delta,
}

/// The answers to an accepted update, as JSON; empty if not wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Updated {
    pub accepted: Vec<u8>,
    pub delta: Option<Vec<u8>>,
    pub documents: Vec<u8>,
}

impl Document {
    pub fn version(&self) -> u64 {
        self.version
    }

    /// Whether the shadow exists; it may be empty.
    pub fn exists(&self) -> bool {
        self.version > 0 && self.deleted_at.is_none()
    }

    /// Time of the deletion in seconds, while it is deleted.
    pub fn deleted_at(&self) -> Option<i64> {
        self.deleted_at
    }

    /// Applies an update. A rejected update changes nothing.
    pub fn update(
        &mut self,
        request: &UpdateRequest,
        now_s: i64,
        limits: &Shadows,
        wanted: Wanted,
    ) -> Result<Updated, Rejected> {
        self.apply(request, now_s, limits, wanted, Writer::Client)
    }

    /// Applies a report of Weir. Members that are newer in the shadow are removed from
    /// `request`. `None` if the whole report is late or already applied.
    pub fn report(
        &mut self,
        request: &mut UpdateRequest,
        now_s: i64,
        limits: &Shadows,
        wanted: Wanted,
    ) -> Result<Option<Updated>, Rejected> {
        if let Section::Patch(patch) = &mut request.reported {
            guard::keep_newer(patch, &self.reported);
            // After a crash the journal repeats reports that were applied.
            if tree::holds(&self.reported, patch) {
                return Ok(None);
            }
        }
        self.apply(request, now_s, limits, wanted, Writer::Weir)
            .map(Some)
    }

    fn apply(
        &mut self,
        request: &UpdateRequest,
        now_s: i64,
        limits: &Shadows,
        wanted: Wanted,
        writer: Writer,
    ) -> Result<Updated, Rejected> {
        let version = self.version_at(now_s);
        if request.version.is_some_and(|expected| expected != version) {
            return Err(Rejected::VersionConflict);
        }
        let merged = self.merged(request, now_s, limits, writer)?;
        let previous = if wanted == Wanted::All {
            self.snapshot(version)
        } else {
            Vec::new()
        };
        match merged {
            Some(merged) => *self = merged,
            None => self.merge(request, now_s, writer),
        }
        self.version = version + 1;
        self.deleted_at = None;

        let delta = self.delta();
        let delta = (!delta.is_empty()).then(|| self.delta_payload(&delta, request, now_s));
        if wanted == Wanted::Delta {
            return Ok(Updated {
                delta,
                ..Updated::default()
            });
        }
        Ok(Updated {
            accepted: self.accepted_payload(request, now_s),
            delta,
            documents: self.documents_payload(&previous, request, now_s),
        })
    }

    /// Deletes the shadow; returns `delete/accepted`.
    pub fn delete(
        &mut self,
        now_s: i64,
        client_token: Option<&str>,
        name: impl FnOnce() -> String,
    ) -> Result<Vec<u8>, Rejected> {
        if !self.exists() {
            return Err(Rejected::NotFound { name: name() });
        }
        let version = self.version;
        *self = Self {
            version,
            deleted_at: Some(now_s),
            ..Self::default()
        };
        Ok(json(&Answer {
            version,
            timestamp: now_s,
            client_token,
            ..Answer::default()
        }))
    }

    /// `get/accepted`: everything, with the delta if there is one.
    pub fn get(
        &self,
        now_s: i64,
        client_token: Option<&str>,
        name: impl FnOnce() -> String,
    ) -> Result<Vec<u8>, Rejected> {
        if !self.exists() {
            return Err(Rejected::NotFound { name: name() });
        }
        let delta = self.delta();
        let state = [
            ("desired", Part::State(&self.desired)),
            ("reported", Part::State(&self.reported)),
            ("delta", Part::State(&delta)),
        ];
        let metadata = [
            ("desired", Part::Metadata(&self.desired)),
            ("reported", Part::Metadata(&self.reported)),
        ];
        Ok(json(&Answer {
            state: Some(Parts(&state)),
            metadata: Some(Parts(&metadata)),
            version: self.version,
            timestamp: now_s,
            client_token,
        }))
    }

    /// The version that an update finds; 0 if the deletion is long ago.
    fn version_at(&self, now_s: i64) -> u64 {
        match self.deleted_at {
            Some(deleted_at) if now_s.saturating_sub(deleted_at) >= VERSION_KEPT_S => 0,
            _ => self.version,
        }
    }

    /// Checks the size that the document will have. If it may be too large, the
    /// update is applied to a copy, which is returned.
    fn merged(
        &self,
        request: &UpdateRequest,
        now_s: i64,
        limits: &Shadows,
        writer: Writer,
    ) -> Result<Option<Self>, Rejected> {
        let patch_bytes = |section: &Section| match section {
            Section::Patch(patch) => tree::json_len(patch) + 2,
            Section::Absent | Section::Remove => 2,
        };
        let most = self.bytes + patch_bytes(&request.desired) + patch_bytes(&request.reported);
        if most <= limits.max_document {
            return Ok(None);
        }
        let mut copy = self.clone();
        copy.merge(request, now_s, writer);
        if copy.bytes > limits.max_document {
            Err(Rejected::TooLarge)
        } else {
            Ok(Some(copy))
        }
    }

    fn merge(&mut self, request: &UpdateRequest, now_s: i64, writer: Writer) {
        for (tree, section) in [
            (&mut self.desired, &request.desired),
            (&mut self.reported, &request.reported),
        ] {
            match section {
                Section::Absent => {}
                Section::Remove => tree.clear(),
                Section::Patch(patch) => tree::merge(tree, patch, now_s, writer),
            }
        }
        self.bytes = tree::json_len(&State(&self.desired)) + tree::json_len(&State(&self.reported));
    }

    fn delta(&self) -> Tree {
        if self.desired.is_empty() {
            return Tree::new();
        }
        tree::delta(&self.desired, &self.reported)
    }

    /// `{"state", "metadata", "version"}`: one half of `update/documents`.
    fn snapshot(&self, version: u64) -> Vec<u8> {
        let state = [
            ("desired", Part::State(&self.desired)),
            ("reported", Part::State(&self.reported)),
        ];
        let metadata = [
            ("desired", Part::Metadata(&self.desired)),
            ("reported", Part::Metadata(&self.reported)),
        ];
        json(&Snapshot {
            state: Parts(&state),
            metadata: Parts(&metadata),
            version,
        })
    }

    fn delta_payload(&self, delta: &Tree, request: &UpdateRequest, now_s: i64) -> Vec<u8> {
        json(&Delta {
            version: self.version,
            timestamp: now_s,
            state: State(delta),
            metadata: Metadata(delta),
            client_token: request.client_token.as_deref(),
        })
    }

    /// Only the members that the request names.
    fn accepted_payload(&self, request: &UpdateRequest, now_s: i64) -> Vec<u8> {
        let sections = [
            ("desired", &request.desired),
            ("reported", &request.reported),
        ];
        let state = sections.map(|(name, section)| (name, Part::Request(section)));
        let metadata =
            sections.map(|(name, section)| (name, Part::RequestMetadata(section, now_s)));
        json(&Answer {
            state: Some(Parts(&state)),
            metadata: Some(Parts(&metadata)),
            version: self.version,
            timestamp: now_s,
            client_token: request.client_token.as_deref(),
        })
    }

    fn documents_payload(&self, previous: &[u8], request: &UpdateRequest, now_s: i64) -> Vec<u8> {
        let current = self.snapshot(self.version);
        let token = request.client_token.as_deref().map(|token| json(&token));
        let mut payload = Vec::with_capacity(previous.len() + current.len() + 160);
        payload.extend_from_slice(br#"{"previous":"#);
        payload.extend_from_slice(previous);
        payload.extend_from_slice(br#","current":"#);
        payload.extend_from_slice(&current);
        payload.extend_from_slice(format!(r#","timestamp":{now_s}"#).as_bytes());
        if let Some(token) = token {
            payload.extend_from_slice(br#","clientToken":"#);
            payload.extend_from_slice(&token);
        }
        payload.push(b'}');
        payload
    }
}

/// A section of an answer, in one of its forms.
#[derive(Clone, Copy, Debug)]
enum Part<'a> {
    State(&'a Tree),
    Metadata(&'a Tree),
    Request(&'a Section),
    RequestMetadata(&'a Section, i64),
}

impl Part<'_> {
    /// Empty sections, and sections that a request does not name.
    fn is_left_out(&self) -> bool {
        match self {
            Self::State(tree) | Self::Metadata(tree) => tree.is_empty(),
            Self::Request(section) => **section == Section::Absent,
            Self::RequestMetadata(section, _) => !matches!(section, Section::Patch(_)),
        }
    }
}

impl Serialize for Part<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::State(tree) => State(tree).serialize(serializer),
            Self::Metadata(tree) => Metadata(tree).serialize(serializer),
            Self::Request(Section::Patch(patch)) => patch.serialize(serializer),
            Self::RequestMetadata(Section::Patch(patch), now_s) => {
                PatchMetadata(patch, *now_s).serialize(serializer)
            }
            Self::Request(_) | Self::RequestMetadata(..) => serializer.serialize_none(),
        }
    }
}

#[derive(Debug)]
struct Parts<'a>(&'a [(&'static str, Part<'a>)]);

impl Serialize for Parts<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (name, part) in self.0.iter().filter(|(_, part)| !part.is_left_out()) {
            map.serialize_entry(name, part)?;
        }
        map.end()
    }
}

#[derive(Serialize)]
struct Snapshot<'a> {
    state: Parts<'a>,
    metadata: Parts<'a>,
    version: u64,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Delta<'a> {
    version: u64,
    timestamp: i64,
    state: State<'a>,
    metadata: Metadata<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_token: Option<&'a str>,
}

#[derive(Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct Answer<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<Parts<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    metadata: Option<Parts<'a>>,
    version: u64,
    timestamp: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_token: Option<&'a str>,
}

fn json(value: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(value).expect("trees, texts and integers are JSON")
}

#[cfg(test)]
mod tests;
