//! Expressions in CEL (<https://cel.dev>) over the sensors of one device.
//!
//! An expression is compiled and evaluated once when the configuration is read, on
//! a thread with a large stack: the parser recurses (cel-rust issues 306, 212).
//! Its names are sensors, each a double; a literal must be a double too (`2.0`, not
//! `2`), which that evaluation detects. Lists, maps, texts and macros over them are
//! refused, so every evaluation takes a bounded number of steps.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use cel::{Context, ExecutionError, Program, Value};
use thiserror::Error;

/// Bytes of an expression.
const MAX_BYTES: usize = 512;
/// Operators and parentheses. They bound the depth of an expression and so the
/// stack of its evaluation.
const MAX_OPERATORS: usize = 32;
/// Names in one expression.
const MAX_INPUTS: usize = 16;
/// Far more than the parser needs for the deepest accepted expression.
const COMPILER_STACK: usize = 64 << 20;

/// A compiled expression. Two of the same text are equal.
#[derive(Clone)]
pub struct Expression {
    text: String,
    inputs: Vec<String>,
    compiled: Arc<Compiled>,
}

struct Compiled {
    program: Program,
    context: Context<'static, 'static>,
}

/// The value of an expression.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Outcome {
    Number(f64),
    Condition(bool),
}

/// Why a text is not an expression that Weir accepts. A predicate that follows its
/// name.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum InvalidExpression {
    #[error("must not be empty")]
    Empty,
    #[error("has {bytes} bytes, more than {MAX_BYTES}")]
    TooLong { bytes: usize },
    #[error("column {column}: {found:?}: lists, maps and texts are not supported")]
    Unsupported { column: usize, found: String },
    #[error(
        "has {operators} operators and parentheses, more than {MAX_OPERATORS}: derive a sensor \
         from a part of it"
    )]
    TooDeep { operators: usize },
    #[error("column {column}: {reason}")]
    Syntax { column: usize, reason: String },
    #[error("cannot be read")]
    Unreadable,
    #[error("names no sensor")]
    NoSensor,
    #[error("names {sensors} sensors, more than {MAX_INPUTS}")]
    TooManySensors { sensors: usize },
    /// The evaluation with every sensor at 1 failed.
    #[error("{reason}")]
    Evaluation { reason: String },
    #[error("cannot be compiled: {reason}")]
    Compiler { reason: String },
}

impl Expression {
    /// Compiles and evaluates it; an error states what is wrong, and the column.
    pub fn new(text: &str) -> Result<Self, InvalidExpression> {
        if text.trim().is_empty() {
            return Err(InvalidExpression::Empty);
        }
        if text.len() > MAX_BYTES {
            return Err(InvalidExpression::TooLong { bytes: text.len() });
        }
        if let Some(at) = text.find(['[', ']', '{', '}', '"', '\'', '\n', '\r']) {
            return Err(InvalidExpression::Unsupported {
                column: text[..at].chars().count() + 1,
                found: text[at..=at].to_owned(),
            });
        }
        let operators = text.matches(|c: char| "+-*/%<>=!&|?:(".contains(c)).count();
        if operators > MAX_OPERATORS {
            return Err(InvalidExpression::TooDeep { operators });
        }
        std::thread::scope(|scope| {
            std::thread::Builder::new()
                .name("expression".to_owned())
                .stack_size(COMPILER_STACK)
                .spawn_scoped(scope, || compile(text))
                .map_err(|error| InvalidExpression::Compiler {
                    reason: error.to_string(),
                })?
                .join()
                .unwrap_or_else(|_| {
                    let reason = "the compiler failed".to_owned();
                    Err(InvalidExpression::Compiler { reason })
                })
        })
    }

    /// The text as written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The sensors that it names, sorted.
    pub fn inputs(&self) -> &[String] {
        &self.inputs
    }

    /// Its value, given those of [`Self::inputs`] in their order.
    pub fn evaluate(&self, values: &[f64]) -> Result<Outcome, String> {
        let mut scope = self.compiled.context.new_inner_scope();
        for (name, value) in self.inputs.iter().zip(values) {
            scope.add_variable_from_value(name.as_str(), *value);
        }
        let value = self.compiled.program.execute(&scope);
        match value.map_err(|error| explain(&error))? {
            Value::Float(number) => Ok(Outcome::Number(number)),
            Value::Int(number) => Ok(Outcome::Number(number as f64)),
            Value::UInt(number) => Ok(Outcome::Number(number as f64)),
            Value::Bool(holds) => Ok(Outcome::Condition(holds)),
            other => Err(format!(
                "comes to {:?} and not to a number",
                other.type_of()
            )),
        }
    }
}

impl PartialEq for Expression {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl fmt::Debug for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.text, f)
    }
}

fn compile(text: &str) -> Result<Expression, InvalidExpression> {
    let program = Program::compile(text).map_err(|errors| {
        let first = errors.errors.first();
        first.map_or(InvalidExpression::Unreadable, |error| {
            InvalidExpression::Syntax {
                column: usize::try_from(error.pos.1).unwrap_or_default() + 1,
                reason: error.msg.clone(),
            }
        })
    })?;
    let names: BTreeSet<String> = program
        .references()
        .variables()
        .into_iter()
        .map(str::to_owned)
        .collect();
    if names.is_empty() {
        return Err(InvalidExpression::NoSensor);
    }
    if names.len() > MAX_INPUTS {
        let sensors = names.len();
        return Err(InvalidExpression::TooManySensors { sensors });
    }
    let expression = Expression {
        text: text.to_owned(),
        inputs: names.into_iter().collect(),
        compiled: Arc::new(Compiled {
            program,
            context: functions(),
        }),
    };
    // A type error shows with any values.
    let ones = vec![1.0; expression.inputs.len()];
    expression
        .evaluate(&ones)
        .map_err(|reason| InvalidExpression::Evaluation { reason })?;
    Ok(expression)
}

fn explain(error: &ExecutionError) -> String {
    let text = error.to_string();
    let mixed = text.contains("int") && (text.contains("double") || text.contains("float"));
    let mixed = mixed || text.contains("Int(") && text.contains("Float(");
    if mixed {
        return format!("{text}: sensors are doubles, so write 2.0 and not 2");
    }
    text
}

/// The functions of CEL, and functions for measurements.
fn functions() -> Context<'static, 'static> {
    let mut context = Context::default();
    let added = [
        context.add_function("abs", |x: f64| x.abs()),
        context.add_function("sqrt", |x: f64| x.sqrt()),
        context.add_function("exp", |x: f64| x.exp()),
        context.add_function("ln", |x: f64| x.ln()),
        context.add_function("log10", |x: f64| x.log10()),
        context.add_function("sin", |x: f64| x.sin()),
        context.add_function("cos", |x: f64| x.cos()),
        context.add_function("floor", |x: f64| x.floor()),
        context.add_function("ceil", |x: f64| x.ceil()),
        context.add_function("round", |x: f64| x.round()),
        context.add_function("pow", |x: f64, y: f64| x.powf(y)),
        context.add_function("least", |x: f64, y: f64| x.min(y)),
        context.add_function("greatest", |x: f64, y: f64| x.max(y)),
        context.add_function("dew_point", dew_point),
        context.add_function("absolute_humidity", absolute_humidity),
    ];
    debug_assert!(added.iter().all(Result::is_ok), "no name is CEL's own");
    context
}

/// The dew point in °C, of a temperature in °C and a relative humidity in %, by
/// the Magnus formula with the constants of D. Sonntag (1990): within 0.1 °C from
/// -45 to 60 °C.
fn dew_point(celsius: f64, percent: f64) -> f64 {
    let (b, c) = (17.62, 243.12);
    let gamma = (percent / 100.0).ln() + b * celsius / (c + celsius);
    c * gamma / (b - gamma)
}

/// Water in the air, g/m³, by the same formula and the gas law.
fn absolute_humidity(celsius: f64, percent: f64) -> f64 {
    let saturation_pa = 611.2 * (17.62 * celsius / (243.12 + celsius)).exp();
    let vapour_pa = saturation_pa * percent / 100.0;
    // The specific gas constant of water is 461.5 J/(kg K).
    1_000.0 * vapour_pa / (461.5 * (celsius + 273.15))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, values: &[f64], expect: Outcome) {
        let expression = Expression::new(text).unwrap();
        let found = expression.evaluate(values).unwrap();
        let near = match (found, expect) {
            (Outcome::Number(a), Outcome::Number(b)) => (a - b).abs() < 0.05 || a == b,
            (a, b) => a == b,
        };
        assert!(near, "{text}: {found:?}");
    }

    #[test]
    fn expressions_come_to_numbers_and_conditions() {
        use Outcome::{Condition, Number};
        check("voltage * current", &[2.0, 230.0], Number(460.0));
        check("t > 30.0 && h > 80.0", &[85.0, 31.0], Condition(true));
        check("a > b ? a - b : 0.0", &[5.0, 3.0], Number(2.0));
        // WMO: 20 °C at 50 % has its dew point at 9.3 °C; 25 °C at 60 %, at 16.7.
        check("dew_point(t, h)", &[50.0, 20.0], Number(9.27));
        check(
            "dew_point(temperature, humidity)",
            &[60.0, 25.0],
            Number(16.7),
        );
        check("absolute_humidity(t, h)", &[50.0, 20.0], Number(8.62));
        check("greatest(least(a, 3.0), b)", &[5.0, 1.0], Number(3.0));
        check("x / y", &[1.0, 0.0], Number(f64::INFINITY));
    }

    #[test]
    fn what_is_wrong_is_reported_before_anything_runs() {
        #[track_caller]
        fn check(text: &str, expect: &str) {
            let found = Expression::new(text).unwrap_err().to_string();
            assert!(found.contains(expect), "{text}: {found}");
        }
        check("", "empty");
        check("a +", "column");
        check("a * (b", "column");
        check("a * 2", "write 2.0");
        check("1.0 + 2.0", "names no sensor");
        check("[a].map(x, x)", "column 1");
        check("size(\"x\") == a", "column 6");
        check("nonsense(a)", "nonsense");
        check(&"a".repeat(513), "more than 512");
        check(&"a+".repeat(100), "more than 32");
        check(
            (0..20)
                .map(|n| format!("a{n}+"))
                .collect::<String>()
                .trim_end_matches('+'),
            "20 sensors",
        );
    }

    /// On the stack of a test, which is that of the pipeline.
    #[test]
    fn the_deepest_expression_is_evaluated_on_a_small_stack() {
        let deep = [
            format!("x{}", "+x".repeat(32)),
            format!("{}x{}", "(".repeat(32), ")".repeat(32)),
            format!("{}x", "-".repeat(32)),
            format!("{}x", "x>0.0?x:".repeat(8)),
            format!("{}x{}", "abs(".repeat(32), ")".repeat(32)),
        ];
        assert!(Expression::new(&"-".repeat(33)).is_err());
        for text in deep {
            let expression = Expression::new(&text).unwrap();
            expression.evaluate(&[1.0]).unwrap();
        }
    }
}
