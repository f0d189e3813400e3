//! A document as tokens on a tape: what every walker of an encoding writes and every
//! consumer of a form reads.
//!
//! ```text
//! {"a": [1, true]}  ─▶  Object ┬ "a" Array ┬ 1
//!                       end 4  │  end 4    └ true
//! ```
//!
//! A node knows where what is within it ends, so that a consumer passes over it in one
//! step. The tape is a buffer of the decoder and is filled again for every message.

use std::fmt::Write as _;

use crate::json_number::Number;
use crate::span::{Names, Scratch, Span};

/// What the node is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Token {
    Object,
    Array,
    Text(Span),
    /// A number as JSON writes it.
    Decimal(Number),
    Float(f64),
    /// The magnitude of a negative one is `-1 - value`.
    Integer {
        negative: bool,
        magnitude: u64,
    },
    Boolean(bool),
    Null,
    /// Nanoseconds since the epoch.
    Instant(i64),
    /// Bytes, and what else has no value: so many bytes.
    Opaque(u32),
}

impl Token {
    /// For a sentence.
    pub(crate) const fn with_article(self) -> &'static str {
        match self {
            Self::Object => "an object",
            Self::Array => "an array",
            Self::Text(_) => "a text",
            Self::Decimal(_) | Self::Float(_) | Self::Integer { .. } => "a number",
            Self::Boolean(_) => "a boolean",
            Self::Null => "null",
            Self::Instant(_) => "a time",
            Self::Opaque(_) => "a row of bytes",
        }
    }
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Node {
    /// The name of a member; none for an element.
    pub(crate) key: Span,
    pub(crate) token: Token,
    /// The index behind it and all that is within it.
    pub(crate) end: u32,
}

/// The nodes directly within one.
#[derive(Clone, Debug)]
pub(crate) struct Children<'n> {
    nodes: &'n [Node],
    at: usize,
    end: usize,
}

impl<'n> Children<'n> {
    pub(crate) fn of(nodes: &'n [Node], at: usize) -> Self {
        let end = nodes.get(at).map_or(0, |node| node.end as usize);
        Self {
            nodes,
            at: at + 1,
            end,
        }
    }
}

impl Iterator for Children<'_> {
    type Item = usize;

    #[inline]
    fn next(&mut self) -> Option<usize> {
        let at = self.at;
        if at >= self.end {
            return None;
        }
        self.at = self
            .nodes
            .get(at)
            .map_or(self.end, |node| node.end as usize);
        Some(at)
    }
}

/// Writes a tape.
#[derive(Debug)]
pub(crate) struct TapeWriter<'t, 'd> {
    pub(crate) text: &'t str,
    pub(crate) nodes: &'d mut Vec<Node>,
    pub(crate) scratch: &'d mut Scratch,
    /// The first member name that an object has twice.
    pub(crate) repeated: Option<Span>,
}

impl<'t, 'd> TapeWriter<'t, 'd> {
    pub(crate) fn new(text: &'t str, nodes: &'d mut Vec<Node>, scratch: &'d mut Scratch) -> Self {
        nodes.clear();
        scratch.clear();
        Self {
            text,
            nodes,
            scratch,
            repeated: None,
        }
    }

    pub(crate) fn leaf(&mut self, key: Span, token: Token) {
        let end = self.nodes.len() as u32 + 1;
        self.nodes.push(Node { key, token, end });
    }

    /// Opens an object or array; hand what it returns to [`Self::close`].
    pub(crate) fn open(&mut self, key: Span, token: Token) -> usize {
        self.leaf(key, token);
        self.nodes.len() - 1
    }

    pub(crate) fn close(&mut self, at: usize) {
        let end = self.nodes.len() as u32;
        if let Some(node) = self.nodes.get_mut(at) {
            node.end = end;
        }
    }

    /// As [`Self::close`], for an object: no member may occur twice.
    pub(crate) fn close_object(&mut self, at: usize) {
        self.close(at);
        let Scratch { unescaped, keys } = &mut *self.scratch;
        let mark = keys.len();
        keys.extend(Children::of(self.nodes, at).map(|at| self.nodes[at].key));
        if self.repeated.is_none() && keys.len() - mark > 1 {
            let names = Names {
                text: self.text,
                unescaped,
            };
            self.repeated = names.repeated(&mut keys[mark..]);
        }
        keys.truncate(mark);
    }
}

/// The text of a key that a walker wrote as a node; false if no member can have such a name.
pub(crate) fn name_of(out: &mut TapeWriter<'_, '_>, at: usize) -> (Span, bool) {
    let token = out.nodes[at].token;
    if let Token::Text(text) = token {
        return (text, true);
    }
    let start = out.scratch.unescaped.len();
    let name = &mut out.scratch.unescaped;
    // Writing to a string cannot fail.
    let _ = match token {
        Token::Integer {
            negative: true,
            magnitude,
        } => write!(name, "{}", -1 - i128::from(magnitude)),
        Token::Integer { magnitude, .. } => write!(name, "{magnitude}"),
        Token::Boolean(value) => write!(name, "{value}"),
        Token::Float(value) => write!(name, "{value}"),
        other => write!(name, "({} as key, {at})", other.with_article()),
    };
    let is_name = matches!(
        token,
        Token::Integer { .. } | Token::Boolean(_) | Token::Float(_)
    );
    (out.scratch.since(start), is_name)
}
