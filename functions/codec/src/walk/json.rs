//! The walker of JSON, on the scanner.

use crate::fault::Fault;
use crate::json::syntax_fault;
use crate::json_scanner::{Kind, Scanner, SyntaxError};
use crate::span::{Scratch, Span};
use crate::tape::{Node, TapeWriter, Token};
use crate::walk::bytes::repeated_fault;

/// Fills the tape with the tokens of a JSON text.
pub(crate) fn walk(text: &str, nodes: &mut Vec<Node>, scratch: &mut Scratch) -> Result<(), Fault> {
    nodes.clear();
    let mut scanner = Scanner::new(text, scratch);
    let walked = value(&mut scanner, nodes, Span::NONE).and_then(|()| scanner.end());
    walked.map_err(|error| syntax_fault(text, error))?;
    let repeated = scanner.take_repeated();
    repeated_fault(&TapeWriter {
        text,
        nodes,
        scratch,
        repeated,
    })
}

fn value(
    scanner: &mut Scanner<'_, '_>,
    nodes: &mut Vec<Node>,
    key: Span,
) -> Result<(), SyntaxError> {
    let kind = scanner.peek()?;
    let token = match kind {
        Kind::String => Token::Text(scanner.string()?),
        Kind::Number => Token::Decimal(scanner.number()?),
        Kind::Boolean => Token::Boolean(scanner.boolean()?),
        Kind::Null => {
            scanner.null()?;
            Token::Null
        }
        Kind::Object => Token::Object,
        Kind::Array => Token::Array,
    };
    let at = nodes.len();
    let end = at as u32 + 1;
    nodes.push(Node { key, token, end });
    match kind {
        Kind::Object => {
            scanner.open()?;
            let outer = scanner.mark_keys();
            let mut first = true;
            while let Some(key) = scanner.next_key(&mut first)? {
                scanner.note_key(key);
                value(scanner, nodes, key)?;
            }
            scanner.check_keys(outer);
        }
        Kind::Array => {
            scanner.open()?;
            let mut first = true;
            while scanner.next_element(&mut first)? {
                value(scanner, nodes, Span::NONE)?;
            }
        }
        _ => return Ok(()),
    }
    nodes[at].end = nodes.len() as u32;
    Ok(())
}
