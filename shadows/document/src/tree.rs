//! A section of a shadow: state and metadata in one tree, so that they cannot
//! differ. Each leaf has the time at which an update last named it.
//!
//! ```text
//! state     {"lamp": {"on": true, "rgb": [1, 2]}}
//! tree      lamp ─▶ on ─▶ (true, 1700000000)   rgb ─▶ ([1, 2], 1700000060)
//! metadata  {"lamp": {"on": {"timestamp": 1700000000},
//!                     "rgb": [{"timestamp": 1700000060}, {"timestamp": 1700000060}]}}
//! ```

use std::collections::BTreeMap;
use std::io;

use serde::ser::{SerializeMap, SerializeSeq};
use serde::{Deserialize, Serialize, Serializer};
use serde_json::{Map, Value};

/// An object of a section, by name.
pub(crate) type Tree = BTreeMap<String, Node>;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum Node {
    /// A value and the second in which an update last named it.
    Leaf(Leaf, i64),
    Object(Tree),
    /// A leaf that a report of Weir wrote. The last variant: stored documents
    /// contain the numbers of the variants.
    Own(Leaf, i64),
}

/// The author of an update.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Writer {
    /// A device or an application.
    Client,
    /// Weir: a report.
    Weir,
}

impl Node {
    /// The value and its second, if it is a leaf.
    pub(crate) fn leaf(&self) -> Option<(&Leaf, i64)> {
        match self {
            Self::Leaf(leaf, at) | Self::Own(leaf, at) => Some((leaf, *at)),
            Self::Object(_) => None,
        }
    }
}

/// A JSON value without null; an object occurs only within an array.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Leaf {
    Bool(bool),
    Unsigned(u64),
    Signed(i64),
    Float(f64),
    Text(String),
    Array(Vec<Leaf>),
    Object(BTreeMap<String, Leaf>),
}

/// Numbers compare by value: 1 is 1.0.
impl PartialEq for Leaf {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Bool(a), Self::Bool(b)) => a == b,
            (Self::Text(a), Self::Text(b)) => a == b,
            (Self::Array(a), Self::Array(b)) => a == b,
            (Self::Object(a), Self::Object(b)) => a == b,
            (Self::Float(a), Self::Float(b)) => a == b,
            (Self::Float(float), other) | (other, Self::Float(float)) => {
                // An integer that a double cannot hold equals no double.
                other
                    .integer()
                    .is_some_and(|integer| integer as f64 == *float && *float as i128 == integer)
            }
            (a, b) => a.integer().is_some() && a.integer() == b.integer(),
        }
    }
}

impl Leaf {
    /// A number without its fraction, limited to the range of the type.
    pub(crate) fn millis(&self) -> Option<i64> {
        match self {
            Self::Unsigned(value) => Some(i64::try_from(*value).unwrap_or(i64::MAX)),
            Self::Signed(value) => Some(*value),
            Self::Float(value) => Some(*value as i64),
            _ => None,
        }
    }

    fn integer(&self) -> Option<i128> {
        match self {
            Self::Unsigned(value) => Some(i128::from(*value)),
            Self::Signed(value) => Some(i128::from(*value)),
            _ => None,
        }
    }

    /// `None` for null, which the check of the request excludes here.
    fn from_json(value: &Value) -> Option<Self> {
        Some(match value {
            Value::Null => return None,
            Value::Bool(value) => Self::Bool(*value),
            Value::Number(number) => match (number.as_u64(), number.as_i64()) {
                (Some(value), _) => Self::Unsigned(value),
                (None, Some(value)) => Self::Signed(value),
                (None, None) => Self::Float(number.as_f64()?),
            },
            Value::String(text) => Self::Text(text.clone()),
            Value::Array(items) => Self::Array(items.iter().filter_map(Self::from_json).collect()),
            Value::Object(members) => Self::Object(
                members
                    .iter()
                    .filter_map(|(k, v)| Some((k.clone(), Self::from_json(v)?)))
                    .collect(),
            ),
        })
    }
}

/// Applies a patch: null deletes, objects merge, everything else replaces.
pub(crate) fn merge(tree: &mut Tree, patch: &Map<String, Value>, now_s: i64, writer: Writer) {
    for (name, value) in patch {
        match value {
            Value::Null => {
                tree.remove(name);
            }
            Value::Object(inner) => {
                if let Some(Node::Object(present)) = tree.get_mut(name) {
                    merge(present, inner, now_s, writer);
                    continue;
                }
                let mut new = Tree::new();
                merge(&mut new, inner, now_s, writer);
                put(tree, name, Node::Object(new));
            }
            value => {
                if let Some(leaf) = Leaf::from_json(value) {
                    let node = match writer {
                        Writer::Client => Node::Leaf(leaf, now_s),
                        Writer::Weir => Node::Own(leaf, now_s),
                    };
                    put(tree, name, node);
                }
            }
        }
    }
}

/// Whether merging this patch would change no value.
pub(crate) fn holds(tree: &Tree, patch: &Map<String, Value>) -> bool {
    patch
        .iter()
        .all(|(name, value)| match (value, tree.get(name)) {
            (Value::Null, present) => present.is_none(),
            (Value::Object(inner), Some(Node::Object(present))) => holds(present, inner),
            (value, Some(present)) => present
                .leaf()
                .is_some_and(|(leaf, _)| Leaf::from_json(value).as_ref() == Some(leaf)),
            (_, None) => false,
        })
}

/// Inserts; does not copy a name that exists.
fn put(tree: &mut Tree, name: &str, node: Node) {
    match tree.get_mut(name) {
        Some(present) => *present = node,
        None => {
            tree.insert(name.to_owned(), node);
        }
    }
}

/// The members of `desired` that differ in `reported`, down to the differing path.
pub(crate) fn delta(desired: &Tree, reported: &Tree) -> Tree {
    let mut delta = Tree::new();
    for (name, wanted) in desired {
        let present = reported.get(name);
        if let (Node::Object(wanted), Some(Node::Object(present))) = (wanted, present) {
            let inner = self::delta(wanted, present);
            if !inner.is_empty() {
                delta.insert(name.clone(), Node::Object(inner));
            }
            continue;
        }
        let (wanted_leaf, present) = (wanted.leaf(), present.and_then(Node::leaf));
        let agrees = wanted_leaf
            .zip(present)
            .is_some_and(|((wanted, _), (present, _))| wanted == present);
        if !agrees {
            delta.insert(name.clone(), wanted.clone());
        }
    }
    delta
}

/// Bytes of a value's compact JSON.
pub(crate) fn json_len(value: &impl Serialize) -> usize {
    struct Counter(usize);
    impl io::Write for Counter {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0 += bytes.len();
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let mut counter = Counter(0);
    serde_json::to_writer(&mut counter, value).expect("a tree of JSON values is JSON");
    counter.0
}

/// The state of a tree, as JSON.
#[derive(Debug)]
pub(crate) struct State<'a>(pub(crate) &'a Tree);

impl Serialize for State<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, node) in self.0 {
            match node {
                Node::Leaf(leaf, _) | Node::Own(leaf, _) => {
                    map.serialize_entry(name, &LeafState(leaf))?
                }
                Node::Object(tree) => map.serialize_entry(name, &State(tree))?,
            }
        }
        map.end()
    }
}

struct LeafState<'a>(&'a Leaf);

impl Serialize for LeafState<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Leaf::Bool(value) => serializer.serialize_bool(*value),
            Leaf::Unsigned(value) => serializer.serialize_u64(*value),
            Leaf::Signed(value) => serializer.serialize_i64(*value),
            Leaf::Float(value) => serializer.serialize_f64(*value),
            Leaf::Text(text) => serializer.serialize_str(text),
            Leaf::Array(items) => serializer.collect_seq(items.iter().map(LeafState)),
            Leaf::Object(members) => {
                serializer.collect_map(members.iter().map(|(name, leaf)| (name, LeafState(leaf))))
            }
        }
    }
}

/// The metadata of a tree, as JSON.
#[derive(Debug)]
pub(crate) struct Metadata<'a>(pub(crate) &'a Tree);

impl Serialize for Metadata<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, node) in self.0 {
            match node {
                Node::Leaf(leaf, at) | Node::Own(leaf, at) => {
                    map.serialize_entry(name, &LeafMetadata(leaf, *at))?;
                }
                Node::Object(tree) => map.serialize_entry(name, &Metadata(tree))?,
            }
        }
        map.end()
    }
}

#[derive(Serialize)]
struct At {
    timestamp: i64,
}

struct LeafMetadata<'a>(&'a Leaf, i64);

impl Serialize for LeafMetadata<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let at = self.1;
        match self.0 {
            Leaf::Array(items) => {
                serializer.collect_seq(items.iter().map(|item| LeafMetadata(item, at)))
            }
            Leaf::Object(members) => serializer.collect_map(
                members
                    .iter()
                    .map(|(name, leaf)| (name, LeafMetadata(leaf, at))),
            ),
            _ => At { timestamp: at }.serialize(serializer),
        }
    }
}

/// The metadata of the members that a patch sets, as JSON.
#[derive(Debug)]
pub(crate) struct PatchMetadata<'a>(pub(crate) &'a Map<String, Value>, pub(crate) i64);

impl Serialize for PatchMetadata<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (name, value) in self.0.iter().filter(|(_, value)| !value.is_null()) {
            map.serialize_entry(name, &ValueMetadata(value, self.1))?;
        }
        map.end()
    }
}

struct ValueMetadata<'a>(&'a Value, i64);

impl Serialize for ValueMetadata<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Value::Object(members) => PatchMetadata(members, self.1).serialize(serializer),
            Value::Array(items) => {
                let mut sequence = serializer.serialize_seq(Some(items.len()))?;
                for item in items {
                    sequence.serialize_element(&ValueMetadata(item, self.1))?;
                }
                sequence.end()
            }
            _ => At { timestamp: self.1 }.serialize(serializer),
        }
    }
}
