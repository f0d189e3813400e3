//! What a statement may cost before it is run, from its tokens alone.
//!
//! The parser tries several readings at a bracket, and the planner derives the type of
//! an operand several times, so each level of nesting multiplies the work: 48 casts in
//! each other would never end. [`check`] computes an upper bound and refuses what is
//! beyond [`MAX_COST`], which takes a fraction of a second.
//!
//! ```text
//! f(x), [x], CASE x END   2 × cost of x
//! CAST(x …), SUBSTRING…   4 × cost of x      POSITION(x …)  8 × cost of x
//! (x)::type, x AT TIME ZONE, x[1]            2 × cost of x
//! (x), a + b, a, b, a::t  the sum
//! ```

use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::tokenizer::{Token, Word};

/// The limit: 16 functions in each other, or 7 casts.
const MAX_COST: u64 = 200_000;

/// An open bracket.
#[derive(Debug)]
struct Level {
    opened_by: Opener,
    /// By which the cost of its content is multiplied.
    factor: u64,
    /// Of the operands before the current one.
    before: u64,
    current: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Opener {
    Statement,
    Paren,
    Bracket,
    Brace,
    Case,
}

impl Level {
    fn new(opened_by: Opener, factor: u64) -> Self {
        Self {
            opened_by,
            factor,
            before: 0,
            current: 1,
        }
    }

    fn cost(&self) -> u64 {
        let content = self.before.saturating_add(self.current);
        content.saturating_mul(self.factor)
    }

    fn next_operand(&mut self) {
        self.before = self.before.saturating_add(self.current);
        self.current = 1;
    }

    fn double(&mut self) {
        self.current = self.current.saturating_mul(2);
    }
}

/// Whether the statement costs more than [`MAX_COST`].
pub(crate) fn is_too_deep(tokens: &[Token]) -> bool {
    cost(tokens) > MAX_COST
}

fn cost(tokens: &[Token]) -> u64 {
    let mut levels = vec![Level::new(Opener::Statement, 1)];
    let mut previous = &Token::EOF;
    for token in tokens {
        if matches!(token, Token::Whitespace(_)) {
            continue;
        }
        let top = levels.last_mut().expect("the statement is never closed");
        match token {
            Token::LParen => levels.push(Level::new(Opener::Paren, factor(previous))),
            Token::LBracket => {
                if !matches!(previous, Token::Word(word) if word.keyword == Keyword::ARRAY) {
                    top.double();
                }
                levels.push(Level::new(Opener::Bracket, 2));
            }
            Token::LBrace => levels.push(Level::new(Opener::Brace, 2)),
            Token::RParen => close(&mut levels, Opener::Paren),
            Token::RBracket => close(&mut levels, Opener::Bracket),
            Token::RBrace => close(&mut levels, Opener::Brace),
            // A chain of casts costs no more than its parts.
            Token::DoubleColon if *previous != Token::RParen => {
                top.current = top.current.saturating_add(1);
            }
            Token::DoubleColon => top.double(),
            Token::Word(word) => match word.keyword {
                Keyword::CASE => levels.push(Level::new(Opener::Case, 2)),
                Keyword::END => close(&mut levels, Opener::Case),
                Keyword::AT => top.double(),
                _ if separates(word) => top.next_operand(),
                _ => top.current = top.current.saturating_add(1),
            },
            Token::Number(..) | Token::SingleQuotedString(_) | Token::Period => {
                top.current = top.current.saturating_add(1);
            }
            // Commas and operators.
            _ => top.next_operand(),
        }
        previous = token;
    }
    while levels.len() > 1 {
        pop(&mut levels);
    }
    levels.first().map_or(0, Level::cost)
}

/// Closes the innermost bracket of this kind, and what is open in it.
fn close(levels: &mut Vec<Level>, opener: Opener) {
    let Some(at) = levels.iter().rposition(|level| level.opened_by == opener) else {
        return;
    };
    while levels.len() > at {
        pop(levels);
    }
}

fn pop(levels: &mut Vec<Level>) {
    if let Some(closed) = levels.pop()
        && let Some(top) = levels.last_mut()
    {
        top.current = top.current.saturating_add(closed.cost());
    }
}

/// Of a parenthesis behind this token.
fn factor(before: &Token) -> u64 {
    let Token::Word(word) = before else { return 1 };
    match word.keyword {
        Keyword::POSITION => 8,
        Keyword::CAST
        | Keyword::TRY_CAST
        | Keyword::SAFE_CAST
        | Keyword::CONVERT
        | Keyword::TRY_CONVERT
        | Keyword::SUBSTRING
        | Keyword::SUBSTR
        | Keyword::CEIL
        | Keyword::FLOOR
        | Keyword::TRIM
        | Keyword::OVERLAY
        | Keyword::EXTRACT
        | Keyword::MATCH => 4,
        _ if separates(word) => 1,
        _ => 2,
    }
}

/// Whether an operand ends at this word.
fn separates(word: &Word) -> bool {
    word.quote_style.is_none()
        && matches!(
            word.keyword,
            Keyword::SELECT
                | Keyword::FROM
                | Keyword::WHERE
                | Keyword::GROUP
                | Keyword::ORDER
                | Keyword::BY
                | Keyword::HAVING
                | Keyword::AND
                | Keyword::OR
                | Keyword::NOT
                | Keyword::IN
                | Keyword::AS
                | Keyword::ON
                | Keyword::USING
                | Keyword::JOIN
                | Keyword::UNION
                | Keyword::EXCEPT
                | Keyword::INTERSECT
                | Keyword::ALL
                | Keyword::DISTINCT
                | Keyword::VALUES
                | Keyword::WITH
                | Keyword::WHEN
                | Keyword::THEN
                | Keyword::ELSE
                | Keyword::BETWEEN
                | Keyword::LIKE
                | Keyword::ILIKE
                | Keyword::EXISTS
                | Keyword::LIMIT
                | Keyword::OVER
        )
}

#[cfg(test)]
mod tests {
    use datafusion::sql::sqlparser::dialect::PostgreSqlDialect;
    use datafusion::sql::sqlparser::tokenizer::Tokenizer;

    use super::*;

    fn is_refused(sql: &str) -> bool {
        let tokens = Tokenizer::new(&PostgreSqlDialect {}, sql).tokenize();
        is_too_deep(&tokens.unwrap())
    }

    #[test]
    fn nesting_that_multiplies_work_is_refused_whatever_its_bracket() {
        for (open, inner, close) in [
            ("CAST(", "1", " AS BIGINT)"),
            ("TRY_CAST(", "1", " AS BIGINT)"),
            ("cast (", "1", " as bigint )"),
            ("f(", "1", ")"),
            ("\"f\"(", "1", ")"),
            ("ROW(", "1", ")"),
            ("STRUCT(", "1", ")"),
            ("ARRAY[", "1", "]"),
            ("[", "1", "]"),
            ("{'a': ", "1", "}"),
            ("CASE WHEN true THEN ", "1", " END"),
            ("CASE ", "1", " WHEN 1 THEN 1 END"),
            ("SUBSTRING(", "'x'", " FROM 1)"),
            ("POSITION(", "'x'", " IN 'x')"),
            ("POSITION(", "'x'", ")"),
            ("TRIM(", "'x'", ")"),
            ("EXTRACT(day FROM ", "now()", ")"),
            ("CONVERT(", "1", ", 1)"),
            ("(", "1", ")::bigint"),
            ("(", "1", " + 0)::bigint"),
            ("(", "now()", ") AT TIME ZONE 'UTC'"),
            ("", "now()", " AT TIME ZONE 'UTC'"),
            ("", "a", "[1]"),
        ] {
            for closed in [48, 0] {
                let sql = format!("SELECT {}{inner}{}", open.repeat(48), close.repeat(closed));
                if closed > 0 || open.len() > 1 {
                    assert!(is_refused(&sql), "{sql}");
                }
            }
        }
    }

    #[test]
    fn what_people_write_is_not_refused() {
        let list = vec!["'pump-1'"; 5_000].join(", ");
        for sql in [
            "SELECT CAST(CAST(CAST(CAST(1 AS TEXT) AS BIGINT) AS TEXT) AS BIGINT)",
            "SELECT round(coalesce(nullif(abs(avg(CAST(value AS DOUBLE))), 0), 1)::numeric, 2)",
            "SELECT (((((((((((((((((((((((1)))))))))))))))))))))))",
            "SELECT a::text, b::text, c::text, d::text, e::text, f::text, g::text, h::text, \
             i::text, j::text, k::text, l::text, m::text, n::text, o::text, p::text, q::text, \
             r::text, s::text, t::text, u::text, v::text, w::text, x::text FROM y",
            "SELECT CASE WHEN a THEN CASE WHEN b THEN CASE WHEN c THEN 1 END END END",
            &format!("SELECT * FROM readings WHERE device IN ({list})"),
        ] {
            assert!(!is_refused(sql), "{sql}");
        }
    }
}
