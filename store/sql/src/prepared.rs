//! A query that is parsed, checked and planned, ready for its parameters.

use std::collections::HashSet;

use arrow::array::ArrayRef;
use arrow::datatypes::{DataType, Schema, SchemaRef};
use datafusion::common::ParamValues;
use datafusion::common::metadata::ScalarAndMetadata;
use datafusion::error::DataFusionError;
use datafusion::execution::session_state::SessionState;
use datafusion::logical_expr::LogicalPlan;
use datafusion::scalar::ScalarValue;

use crate::direct::Direct;
use crate::edge;
use crate::error::QueryError;
use crate::postgres;

/// Values for the placeholders of a statement. Each array has one element.
#[derive(Clone, Debug, Default)]
pub enum Parameters {
    #[default]
    None,
    /// For `$1`, `$2`, …
    Positional(Vec<ArrayRef>),
    /// For `$name`.
    Named(Vec<(String, ArrayRef)>),
}

/// A checked query. It can run any number of times, each time over the current rows.
#[derive(Clone, Debug)]
pub struct Prepared {
    pub(crate) way: Way,
    schema: SchemaRef,
    parameters: Vec<(String, Option<DataType>)>,
}

/// How a query is run.
#[derive(Clone, Debug)]
pub(crate) enum Way {
    Planned(Box<LogicalPlan>),
    Direct(Box<Direct>),
}

impl Prepared {
    /// `highest` is the highest number of a placeholder in the statement.
    pub(crate) fn new(
        state: &SessionState,
        plan: LogicalPlan,
        highest: usize,
    ) -> Result<Self, QueryError> {
        let types = plan.get_parameter_types()?;
        let mut parameters: Vec<_> = types
            .into_iter()
            .map(|(name, kind)| (name.trim_start_matches('$').to_owned(), kind))
            .collect();
        // What was rewritten may use fewer of them than the client counts.
        let known: HashSet<String> = parameters.iter().map(|(name, _)| name.clone()).collect();
        let missing = (1..=highest).map(|number| number.to_string());
        let missing = missing.filter(|name| !known.contains(name));
        parameters.extend(missing.map(|name| (name, None)));
        // Numbered placeholders are sorted by number.
        parameters.sort_by_key(|(name, _)| (name.parse::<usize>().ok(), name.clone()));
        Ok(Self {
            schema: schema(state, &plan),
            way: Way::Planned(Box::new(plan)),
            parameters,
        })
    }

    /// A statement that needs no plan; `table` has the columns of `readings`.
    pub(crate) fn direct(direct: Direct, table: &Schema) -> Self {
        Self {
            schema: edge::schema(&direct.schema(table)),
            way: Way::Direct(Box::new(direct)),
            parameters: Vec::new(),
        }
    }

    /// The columns of the result, as far as they are known without parameters.
    pub fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    /// Names (without `$`) and types of the placeholders, in order; `None` for an
    /// unknown type.
    pub fn parameters(&self) -> &[(String, Option<DataType>)] {
        &self.parameters
    }

    /// The plan with the placeholders replaced by values.
    pub(crate) fn bind(
        &self,
        plan: &LogicalPlan,
        parameters: &Parameters,
    ) -> Result<LogicalPlan, QueryError> {
        let missing = |name: &str| {
            QueryError::Invalid(DataFusionError::Plan(format!(
                "there is no value for the parameter ${name}"
            )))
        };
        if self.parameters.is_empty() {
            return Ok(plan.clone());
        }
        let mut values = Vec::with_capacity(self.parameters.len());
        for (at, (name, kind)) in self.parameters.iter().enumerate() {
            let given = match parameters {
                Parameters::None => None,
                Parameters::Positional(values) => {
                    let at = name
                        .parse::<usize>()
                        .map_or(at, |number| number.wrapping_sub(1));
                    values.get(at)
                }
                Parameters::Named(values) => {
                    let mut named = values.iter().filter(|(given, _)| given == name);
                    named.next().map(|(_, value)| value)
                }
            };
            let value = scalar(given.ok_or_else(|| missing(name))?, kind.as_ref())?;
            values.push((name.clone(), ScalarAndMetadata::from(value)));
        }
        let values = ParamValues::Map(values.into_iter().collect());
        Ok(plan.clone().replace_params_with_values(&values)?)
    }
}

fn scalar(value: &ArrayRef, kind: Option<&DataType>) -> Result<ScalarValue, QueryError> {
    if value.len() != 1 {
        return Err(QueryError::Invalid(DataFusionError::Plan(format!(
            "a parameter has {} values instead of one",
            value.len()
        ))));
    }
    let value = ScalarValue::try_from_array(value, 0)?;
    Ok(match kind {
        Some(list @ DataType::List(_)) => postgres::array(&value, list)?,
        Some(kind) if *kind != value.data_type() => value
            .cast_to(kind)
            .map_err(|error| QueryError::Invalid(DataFusionError::Plan(error.strip_backtrace())))?,
        _ => value,
    })
}

/// The columns of a plan as clients receive them. Types are final only after the
/// analyzer has coerced them.
pub(crate) fn schema(state: &SessionState, plan: &LogicalPlan) -> SchemaRef {
    let as_it_is = || edge::schema(plan.schema().as_arrow());
    if matches!(
        plan,
        LogicalPlan::Explain(_) | LogicalPlan::Analyze(_) | LogicalPlan::DescribeTable(_)
    ) {
        return as_it_is();
    }
    let analyzed =
        state
            .analyzer()
            .execute_and_check(plan.clone(), state.config_options(), |_, _| {});
    match analyzed {
        Ok(analyzed) => edge::schema(analyzed.schema().as_arrow()),
        // The same error is returned when it runs.
        Err(_) => as_it_is(),
    }
}
