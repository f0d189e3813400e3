//! Which subscriptions match a topic: a tree of levels.
//!
//! ```text
//! devices/+/state   root ─"devices"─▶ node ─plus─▶ node ─"state"─▶ node.here
//! devices/#         root ─"devices"─▶ node.below
//! ```
//!
//! All edges are in one hash map, keyed by (parent, level). A publish visits at
//! most two children per level of its topic, so the cost does not depend on how
//! many filters there are. The subscribers of a filter are in
//! `topic_tree/subscribers.rs`.

mod subscribers;

use std::hash::{Hash, Hasher};

use ahash::RandomState;
use hashbrown::{Equivalent, HashMap};
use weir_mqtt_codec::SubscriptionOptions;

pub(crate) use self::subscribers::{Group, GroupName, Subscribers};

const ROOT: u32 = 0;

/// The place of a session in the router.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct SessionIx(pub(crate) u32);

/// One subscription of one session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Subscriber {
    pub(crate) session: SessionIx,
    pub(crate) options: SubscriptionOptions,
    /// Subscription identifier; 0 is none.
    pub(crate) id: u32,
}

#[derive(Debug)]
pub(crate) struct TopicTree {
    edges: HashMap<Edge, u32, RandomState>,
    nodes: Vec<Node>,
    free: Vec<u32>,
    subscriptions: usize,
    /// Those of them that are of a group.
    shared: usize,
}

#[derive(Debug, PartialEq, Eq)]
struct Edge {
    parent: u32,
    level: Box<str>,
}

/// An [`Edge`] that is looked up.
struct EdgeRef<'a> {
    parent: u32,
    level: &'a str,
}

impl Hash for Edge {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let (parent, level) = (self.parent, &*self.level);
        EdgeRef { parent, level }.hash(state);
    }
}

impl Hash for EdgeRef<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u32(self.parent);
        state.write(self.level.as_bytes());
    }
}

impl Equivalent<Edge> for EdgeRef<'_> {
    fn equivalent(&self, edge: &Edge) -> bool {
        self.parent == edge.parent && self.level == &*edge.level
    }
}

#[derive(Debug, Default)]
struct Node {
    children: u32,
    /// The child for `+`; 0 is none, since the root is nobody's child.
    plus: u32,
    /// Subscribers to exactly this filter.
    here: Subscribers,
    /// Subscribers to this filter with `/#` behind it.
    below: Subscribers,
}

impl Default for TopicTree {
    fn default() -> Self {
        Self {
            edges: HashMap::default(),
            nodes: vec![Node::default()],
            free: Vec::new(),
            subscriptions: 0,
            shared: 0,
        }
    }
}

impl TopicTree {
    /// How many subscriptions there are.
    pub(crate) fn len(&self) -> usize {
        self.subscriptions
    }

    /// How many of them are of a `$share` group.
    pub(crate) fn shared(&self) -> usize {
        self.shared
    }

    /// Adds or replaces a subscription; whether it is new. `filter` is valid
    /// and without `$share/…`.
    pub(crate) fn insert(
        &mut self,
        filter: &str,
        group: Option<&str>,
        subscriber: Subscriber,
    ) -> bool {
        let (path, is_below) = split_filter(filter);
        let mut node = ROOT;
        for level in path.into_iter().flat_map(|path| path.split('/')) {
            node = self.child_or_new(node, level);
        }
        let node = &mut self.nodes[node as usize];
        let subscribers = if is_below {
            &mut node.below
        } else {
            &mut node.here
        };
        let is_new = match group {
            None => subscribers.insert(subscriber),
            Some(group) => subscribers.insert_shared(filter, group, subscriber),
        };
        self.subscriptions += usize::from(is_new);
        self.shared += usize::from(is_new && group.is_some());
        is_new
    }

    /// Removes a subscription; whether it existed.
    pub(crate) fn remove(&mut self, filter: &str, group: Option<&str>, session: SessionIx) -> bool {
        let (path, is_below) = split_filter(filter);
        let mut trail = Vec::new();
        let mut node = ROOT;
        for level in path.into_iter().flat_map(|path| path.split('/')) {
            let Some(child) = self.child(node, level) else {
                return false;
            };
            trail.push((node, level));
            node = child;
        }
        let last = &mut self.nodes[node as usize];
        let subscribers = if is_below {
            &mut last.below
        } else {
            &mut last.here
        };
        let existed = match group {
            None => subscribers.remove(session),
            Some(group) => subscribers.remove_shared(group, session),
        };
        self.subscriptions -= usize::from(existed);
        self.shared -= usize::from(existed && group.is_some());
        while let Some((parent, level)) = trail.pop() {
            if !self.nodes[node as usize].is_unused() {
                break;
            }
            self.unlink(parent, level, node);
            node = parent;
        }
        existed
    }

    /// Calls `visit` with the subscribers of every filter that matches.
    pub(crate) fn matching<'t>(&'t self, topic: &str, visit: &mut impl FnMut(&'t Subscribers)) {
        if self.subscriptions == 0 {
            return;
        }
        // A wildcard in the first level does not match `$…` (4.7.2-1).
        let is_system = topic.starts_with('$');
        let root = &self.nodes[ROOT as usize];
        if !is_system {
            visit_some(&root.below, visit);
        }
        let (level, rest) = split_level(topic);
        if let Some(child) = self.child(ROOT, level) {
            self.walk(child, rest, visit);
        }
        if root.plus != ROOT && !is_system {
            self.walk(root.plus, rest, visit);
        }
    }

    /// The group that a `$share` subscription belongs to.
    pub(crate) fn group(&self, filter: &str, group: &str) -> Option<&Group> {
        let (path, is_below) = split_filter(filter);
        let mut node = ROOT;
        for level in path.into_iter().flat_map(|path| path.split('/')) {
            node = self.child(node, level)?;
        }
        let node = &self.nodes[node as usize];
        let subscribers = if is_below { &node.below } else { &node.here };
        subscribers.group(group)
    }

    fn walk<'t>(&'t self, node: u32, rest: Option<&str>, visit: &mut impl FnMut(&'t Subscribers)) {
        let mut stack = [(node, rest)].to_vec();
        while let Some((node, rest)) = stack.pop() {
            let node_ix = node;
            let node = &self.nodes[node as usize];
            visit_some(&node.below, visit);
            let Some(rest) = rest else {
                visit_some(&node.here, visit);
                continue;
            };
            if node.children == 0 {
                continue;
            }
            let (level, rest) = split_level(rest);
            if node.plus != ROOT {
                stack.push((node.plus, rest));
            }
            if let Some(child) = self.child(node_ix, level) {
                stack.push((child, rest));
            }
        }
    }

    fn child(&self, parent: u32, level: &str) -> Option<u32> {
        if level == "+" {
            let plus = self.nodes[parent as usize].plus;
            return (plus != ROOT).then_some(plus);
        }
        self.edges.get(&EdgeRef { parent, level }).copied()
    }

    fn child_or_new(&mut self, parent: u32, level: &str) -> u32 {
        if let Some(child) = self.child(parent, level) {
            return child;
        }
        let child = match self.free.pop() {
            Some(free) => free,
            None => {
                self.nodes.push(Node::default());
                u32::try_from(self.nodes.len() - 1).expect("memory ends before 2^32 nodes")
            }
        };
        let node = &mut self.nodes[parent as usize];
        node.children += 1;
        if level == "+" {
            node.plus = child;
        } else {
            let level = level.into();
            self.edges.insert(Edge { parent, level }, child);
        }
        child
    }

    fn unlink(&mut self, parent: u32, level: &str, child: u32) {
        let node = &mut self.nodes[parent as usize];
        node.children -= 1;
        if level == "+" {
            node.plus = ROOT;
        } else {
            self.edges.remove(&EdgeRef { parent, level });
        }
        self.nodes[child as usize] = Node::default();
        self.free.push(child);
    }
}

impl Node {
    fn is_unused(&self) -> bool {
        self.children == 0 && self.here.is_empty() && self.below.is_empty()
    }
}

fn visit_some<'t>(subscribers: &'t Subscribers, visit: &mut impl FnMut(&'t Subscribers)) {
    if !subscribers.is_empty() {
        visit(subscribers);
    }
}

/// The levels before a final `#`, and whether there is one.
fn split_filter(filter: &str) -> (Option<&str>, bool) {
    match filter.strip_suffix('#') {
        Some("") => (None, true),
        Some(path) => (Some(path.strip_suffix('/').unwrap_or(path)), true),
        None => (Some(filter), false),
    }
}

fn split_level(topic: &str) -> (&str, Option<&str>) {
    match topic.split_once('/') {
        Some((level, rest)) => (level, Some(rest)),
        None => (topic, None),
    }
}

#[cfg(test)]
mod tests;
