//! Runs simple statements over `readings` without planning, which would cost several
//! times more than their execution:
//!
//! ```text
//! SELECT <columns> | * | count(*) FROM readings
//!     [WHERE <conditions on device, sensor and time, joined by AND>]
//!     [ORDER BY <time, device, sensor>] [LIMIT <n>]
//! ```
//!
//! The tokens decide. A statement of any other form, or with a mistake, is planned:
//! no answer and no error here differs from that of a plan.

use std::collections::HashSet;
use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch};
use arrow::compute::SortOptions;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use datafusion::common::{Result, ScalarValue};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_expr::{LexOrdering, PhysicalSortExpr};
use datafusion::physical_plan::coalesce_partitions::CoalescePartitionsExec;
use datafusion::physical_plan::limit::GlobalLimitExec;
use datafusion::physical_plan::sorts::sort::SortExec;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{ExecutionPlan, execute_stream};
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::tokenizer::{Token, Word};
use futures::TryStreamExt;
use weir_series::read::columns;
use weir_series::{Filter, time_type};

use crate::readings::ReadingsTable;
use crate::scan::ReadingsExec;

/// A statement of the form above.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Direct {
    output: Output,
    filter: Filter,
    /// Output columns, and whether descending.
    order: Vec<(usize, bool)>,
    limit: Option<usize>,
}

#[derive(Clone, Debug, PartialEq)]
enum Output {
    /// `count(*)`, with its column name.
    Count(String),
    /// Columns of the table, with their output names.
    Columns(Vec<(usize, String)>),
}

/// Parses a statement of this form; `None` for any other.
pub(crate) fn recognise(tokens: &[Token], table: &Schema) -> Option<Direct> {
    let mut parser = Parser {
        tokens: tokens
            .iter()
            .filter(|token| !matches!(token, Token::Whitespace(_)))
            .collect(),
        at: 0,
        table,
    };
    parser.statement()
}

struct Parser<'a> {
    tokens: Vec<&'a Token>,
    at: usize,
    table: &'a Schema,
}

impl<'a> Parser<'a> {
    fn statement(&mut self) -> Option<Direct> {
        self.expect(Keyword::SELECT)?;
        let output = self.output()?;
        self.expect(Keyword::FROM)?;
        if self.name()? != "readings" {
            return None;
        }
        let mut filter = Filter::default();
        if self.takes(Keyword::WHERE) {
            self.condition(&mut filter)?;
            while self.takes(Keyword::AND) {
                self.condition(&mut filter)?;
            }
        }
        let mut order = Vec::new();
        if self.takes(Keyword::ORDER) {
            self.expect(Keyword::BY)?;
            order.push(self.sort_key(&output)?);
            while self.takes_token(&Token::Comma) {
                order.push(self.sort_key(&output)?);
            }
        }
        let limit = if self.takes(Keyword::LIMIT) {
            Some(self.number()?)
        } else {
            None
        };
        self.takes_token(&Token::SemiColon);
        let whole = self.at == self.tokens.len();
        let counts = matches!(output, Output::Count(_));
        let sound =
            whole && limit != Some(0) && !(counts && (limit.is_some() || !order.is_empty()));
        sound.then_some(Direct {
            output,
            filter,
            order,
            limit,
        })
    }

    fn output(&mut self) -> Option<Output> {
        if self.takes_token(&Token::Mul) {
            let fields = self.table.fields().iter().enumerate();
            let all = fields.map(|(at, field)| (at, field.name().clone()));
            return Some(Output::Columns(all.collect()));
        }
        if self.takes(Keyword::COUNT) {
            self.token(&Token::LParen)?;
            self.token(&Token::Mul)?;
            self.token(&Token::RParen)?;
            let name = self.alias()?.unwrap_or_else(|| "count(*)".to_owned());
            return Some(Output::Count(name));
        }
        let mut columns = Vec::new();
        loop {
            let name = self.name()?;
            let column = self.table.index_of(&name).ok()?;
            columns.push((column, self.alias()?.unwrap_or(name)));
            if !self.takes_token(&Token::Comma) {
                break;
            }
        }
        let mut seen = HashSet::new();
        let distinct = columns.iter().all(|(_, name)| seen.insert(name));
        distinct.then_some(Output::Columns(columns))
    }

    /// An optional `AS name`; `None` when something else follows `AS`.
    fn alias(&mut self) -> Option<Option<String>> {
        if self.takes(Keyword::AS) {
            return self.name().map(Some);
        }
        Some(None)
    }

    fn condition(&mut self, filter: &mut Filter) -> Option<()> {
        let column = self.name()?;
        match column.as_str() {
            "time" => self.time_condition(filter),
            "device" => {
                let names = self.names()?;
                filter.only_devices(names);
                Some(())
            }
            "sensor" => {
                let names = self.names()?;
                filter.only_sensors(names);
                Some(())
            }
            _ => None,
        }
    }

    /// `= 'a'` or `IN ('a', 'b')`.
    fn names(&mut self) -> Option<Vec<String>> {
        if self.takes_token(&Token::Eq) {
            return Some(vec![self.text()?.to_owned()]);
        }
        self.expect(Keyword::IN)?;
        self.token(&Token::LParen)?;
        let mut names = vec![self.text()?.to_owned()];
        while self.takes_token(&Token::Comma) {
            names.push(self.text()?.to_owned());
        }
        self.token(&Token::RParen)?;
        Some(names)
    }

    fn time_condition(&mut self, filter: &mut Filter) -> Option<()> {
        if self.takes(Keyword::BETWEEN) {
            let from = self.instant()?;
            self.expect(Keyword::AND)?;
            filter.from = filter.from.max(from);
            filter.to = filter.to.min(self.instant()?);
            return Some(());
        }
        let comparison = self.next()?;
        let time = self.instant()?;
        match comparison {
            Token::GtEq => filter.from = filter.from.max(time),
            Token::Gt => filter.from = filter.from.max(time.checked_add(1)?),
            Token::LtEq => filter.to = filter.to.min(time),
            Token::Lt => filter.to = filter.to.min(time.checked_sub(1)?),
            Token::Eq => {
                filter.from = filter.from.max(time);
                filter.to = filter.to.min(time);
            }
            _ => return None,
        }
        Some(())
    }

    /// A text as a time, by the same cast as in a plan.
    fn instant(&mut self) -> Option<i64> {
        let text = ScalarValue::from(self.text()?);
        match text.cast_to(&time_type(TimeUnit::Nanosecond)).ok()? {
            ScalarValue::TimestampNanosecond(time, _) => time,
            _ => None,
        }
    }

    /// One of the columns that are never null.
    fn sort_key(&mut self, output: &Output) -> Option<(usize, bool)> {
        let name = self.name()?;
        let Output::Columns(columns) = output else {
            return None;
        };
        let place = columns.iter().position(|(_, known)| *known == name)?;
        let column = columns[place].0;
        let plain = self.table.field(column).name() == &name;
        let never_null = [columns::TIME, columns::DEVICE, columns::SENSOR].contains(&column);
        let descending = !self.takes(Keyword::ASC) && self.takes(Keyword::DESC);
        (plain && never_null).then_some((place, descending))
    }

    fn number(&mut self) -> Option<usize> {
        match self.next()? {
            Token::Number(digits, false) => digits.parse().ok(),
            _ => None,
        }
    }

    fn text(&mut self) -> Option<&'a str> {
        match self.next()? {
            Token::SingleQuotedString(text) => Some(text),
            _ => None,
        }
    }

    /// An identifier: lower case unless quoted.
    fn name(&mut self) -> Option<String> {
        match self.next()? {
            Token::Word(Word {
                value, quote_style, ..
            }) => match quote_style {
                None => Some(value.to_ascii_lowercase()),
                Some('"') => Some(value.clone()),
                Some(_) => None,
            },
            _ => None,
        }
    }

    fn next(&mut self) -> Option<&'a Token> {
        let token = self.tokens.get(self.at).copied();
        self.at += 1;
        token
    }

    fn expect(&mut self, keyword: Keyword) -> Option<()> {
        self.takes(keyword).then_some(())
    }

    fn token(&mut self, token: &Token) -> Option<()> {
        self.takes_token(token).then_some(())
    }

    fn takes(&mut self, keyword: Keyword) -> bool {
        let found = matches!(
            self.tokens.get(self.at),
            Some(Token::Word(word)) if word.keyword == keyword && word.quote_style.is_none()
        );
        self.at += usize::from(found);
        found
    }

    fn takes_token(&mut self, token: &Token) -> bool {
        let found = self.tokens.get(self.at) == Some(&token);
        self.at += usize::from(found);
        found
    }
}

impl Direct {
    /// The columns of the result, before conversion.
    pub(crate) fn schema(&self, table: &Schema) -> SchemaRef {
        Arc::new(match &self.output {
            Output::Count(name) => Schema::new(vec![Field::new(name, DataType::Int64, false)]),
            Output::Columns(columns) => {
                let fields = columns.iter().map(|(column, name)| {
                    let field = table.field(*column);
                    Arc::new(field.clone().with_name(name))
                });
                Schema::new(fields.collect::<Vec<_>>())
            }
        })
    }

    /// Runs it over a view of the store.
    pub(crate) fn start(
        &self,
        table: &ReadingsTable,
        context: Arc<TaskContext>,
        max_partitions: usize,
    ) -> Result<SendableRecordBatchStream> {
        let schema = self.schema(table.columns());
        let view = table.store().view();
        let scan = |names, projection: &[usize], limit| {
            let scan = view.readings(self.filter.clone(), projection, names, max_partitions);
            ReadingsExec::new(scan, limit)
        };
        let columns: Vec<usize> = match &self.output {
            Output::Count(_) => {
                let scan = scan(Arc::new(Schema::empty()), &[], None);
                return count(scan, schema, context);
            }
            Output::Columns(columns) => columns.iter().map(|(column, _)| *column).collect(),
        };
        let limit = self.limit.filter(|_| self.order.is_empty());
        let mut plan: Arc<dyn ExecutionPlan> = Arc::new(scan(schema, &columns, limit));
        if plan.properties().partitioning.partition_count() > 1 {
            plan = Arc::new(CoalescePartitionsExec::new(plan));
        }
        let keys = self.order.iter().map(|(place, descending)| {
            let name = plan.schema().field(*place).name().clone();
            PhysicalSortExpr {
                expr: Arc::new(Column::new(&name, *place)),
                options: SortOptions {
                    descending: *descending,
                    nulls_first: *descending,
                },
            }
        });
        if let Some(order) = LexOrdering::new(keys.collect::<Vec<_>>()) {
            plan = Arc::new(SortExec::new(order, plan).with_fetch(self.limit));
        } else if self.limit.is_some() {
            plan = Arc::new(GlobalLimitExec::new(plan, 0, self.limit));
        }
        execute_stream(plan, context)
    }
}

/// How many rows a scan gives: from what is known of files and chunks, or
/// counted.
fn count(
    scan: ReadingsExec,
    schema: SchemaRef,
    context: Arc<TaskContext>,
) -> Result<SendableRecordBatchStream> {
    let known = scan.exact_count();
    let target = schema.clone();
    let counted = async move {
        let rows = match known {
            Some(rows) => rows,
            None => {
                let batches = execute_stream(Arc::new(scan), context)?;
                let add = |rows, batch: RecordBatch| async move { Ok(rows + batch.num_rows()) };
                batches.try_fold(0, add).await?
            }
        };
        let rows = i64::try_from(rows).unwrap_or(i64::MAX);
        let column: ArrayRef = Arc::new(Int64Array::from(vec![rows]));
        Ok(RecordBatch::try_new(target, vec![column])?)
    };
    Ok(Box::pin(RecordBatchStreamAdapter::new(
        schema,
        futures::stream::once(counted),
    )))
}

#[cfg(test)]
mod tests;
