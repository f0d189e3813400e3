//! Pieces of a text: spans instead of references, so that the buffers that
//! hold them outlive the text and are filled again.

/// Texts up to this many bytes can be scanned: spans are 31 bits wide.
pub(crate) const MAX_TEXT_BYTES: usize = (1 << 31) - 1;

/// Marks a [`Span`] that points into [`Scratch`].
pub(crate) const IN_SCRATCH: u32 = 1 << 31;

/// A piece of the scanned text, or of the scratch when it had escapes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    pub(crate) start: u32,
    pub(crate) end: u32,
}

impl Default for Span {
    fn default() -> Self {
        Self::NONE
    }
}

impl Span {
    /// No such member.
    pub const NONE: Self = Self {
        start: u32::MAX,
        end: u32::MAX,
    };

    #[inline]
    pub fn is_none(self) -> bool {
        self == Self::NONE
    }

    pub(crate) fn len(self) -> usize {
        (self.end - self.start) as usize
    }

    /// What is before a separator of one byte, and what is behind it.
    pub(crate) fn split(self, at: usize) -> (Self, Self) {
        let cut = self.start + at as u32;
        let (start, end) = (self.start, self.end);
        (
            Self { start, end: cut },
            Self {
                start: cut + 1,
                end,
            },
        )
    }
}

/// What outlives a text: buffers, cleared and filled again.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    /// Unescaped strings, one behind the other.
    pub(crate) unescaped: String,
    /// Member names of the objects that are open, to find repeated ones.
    pub(crate) keys: Vec<Span>,
}

impl Scratch {
    pub(crate) fn clear(&mut self) {
        self.unescaped.clear();
        self.keys.clear();
    }

    /// Appends the text of a span to the scratch.
    pub(crate) fn copy(&mut self, text: &str, span: Span) {
        let (start, end) = (span.start & !IN_SCRATCH, span.end & !IN_SCRATCH);
        let range = start as usize..end as usize;
        if span.start & IN_SCRATCH == 0 {
            self.unescaped.push_str(text.get(range).unwrap_or_default());
        } else {
            self.unescaped.extend_from_within(range);
        }
    }

    /// The span of what was appended since this byte.
    pub(crate) fn since(&self, start: usize) -> Span {
        Span {
            start: start as u32 | IN_SCRATCH,
            end: self.unescaped.len() as u32 | IN_SCRATCH,
        }
    }

    /// The text of a span; empty for [`Span::NONE`].
    #[inline]
    pub(crate) fn resolve<'a>(&'a self, text: &'a str, span: Span) -> &'a str {
        if span.is_none() {
            return "";
        }
        let (from, start, end) = if span.start & IN_SCRATCH == 0 {
            (text, span.start, span.end)
        } else {
            (
                self.unescaped.as_str(),
                span.start & !IN_SCRATCH,
                span.end & !IN_SCRATCH,
            )
        };
        from.get(start as usize..end as usize).unwrap_or_default()
    }
}

/// Resolves spans while the list that holds them is borrowed.
pub(crate) struct Names<'a> {
    pub(crate) text: &'a str,
    pub(crate) unescaped: &'a str,
}

impl Names<'_> {
    fn get(&self, span: Span) -> &[u8] {
        let start = (span.start & !IN_SCRATCH) as usize;
        let end = (span.end & !IN_SCRATCH) as usize;
        let from = if span.start & IN_SCRATCH == 0 {
            self.text
        } else {
            self.unescaped
        };
        &from.as_bytes()[start..end]
    }

    /// Pairwise while that is cheap; sorted, and so never quadratic, beyond.
    pub(crate) fn repeated(&self, keys: &mut [Span]) -> Option<Span> {
        const PAIRWISE: usize = 12;
        if keys.len() > PAIRWISE {
            keys.sort_unstable_by(|a, b| self.get(*a).cmp(self.get(*b)));
            let pair = keys
                .windows(2)
                .find(|pair| self.get(pair[0]) == self.get(pair[1]));
            return pair.map(|pair| pair[0]);
        }
        let repeats = |(i, key): &(usize, &Span)| {
            keys[..*i]
                .iter()
                .any(|other| self.get(*other) == self.get(**key))
        };
        keys.iter().enumerate().find(repeats).map(|(_, key)| *key)
    }
}
