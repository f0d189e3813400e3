//! What a client hands back to us: a statement with its parameters, either as our
//! own handle or as the JSON ticket that InfluxDB 3's clients make themselves.

use std::io::Cursor;

use arrow::array::RecordBatch;
use arrow::ipc::reader::StreamReader;
use arrow::ipc::writer::StreamWriter;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use tonic::Status;
use weir_sql::{MAX_SQL_BYTES, Parameters};

use crate::query_access;

/// Columns of parameters; statements have a few.
const MAX_PARAMETERS: usize = 1_000;

/// A statement as it travels: postcard. It is the client's word, checked like any.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Handle {
    pub(super) sql: String,
    /// An Arrow stream with one row: a column for `$1`, one for `$2`, …
    pub(super) parameters: Option<Vec<u8>>,
}

impl Handle {
    pub(super) fn new(sql: String) -> Self {
        Self {
            sql,
            parameters: None,
        }
    }

    pub(super) fn encode(&self) -> Result<Vec<u8>, Status> {
        postcard::to_allocvec(self).map_err(|error| Status::internal(error.to_string()))
    }

    pub(super) fn decode(bytes: &[u8]) -> Result<Self, Status> {
        let invalid = |_| Status::invalid_argument("this statement handle is not one of ours");
        postcard::from_bytes(bytes).map_err(invalid)
    }

    /// The same statement with these values.
    pub(super) fn bind(self, values: &RecordBatch) -> Result<Self, Status> {
        if values.num_rows() != 1 || values.num_columns() > MAX_PARAMETERS {
            return Err(Status::invalid_argument(format!(
                "a query takes one row of parameters, not {} rows of {} columns",
                values.num_rows(),
                values.num_columns()
            )));
        }
        let invalid = |error: arrow::error::ArrowError| Status::invalid_argument(error.to_string());
        let mut writer = StreamWriter::try_new(Vec::new(), &values.schema()).map_err(invalid)?;
        writer.write(values).map_err(invalid)?;
        let parameters = Some(writer.into_inner().map_err(invalid)?);
        Ok(Self { parameters, ..self })
    }

    pub(super) fn parameters(&self) -> Result<Parameters, Status> {
        let Some(bytes) = &self.parameters else {
            return Ok(Parameters::None);
        };
        let invalid = |error: arrow::error::ArrowError| Status::invalid_argument(error.to_string());
        let reader = StreamReader::try_new(Cursor::new(bytes), None).map_err(invalid)?;
        let batch = reader.into_iter().next().transpose().map_err(invalid)?;
        let batch = batch.ok_or_else(|| Status::invalid_argument("the parameters have no row"))?;
        Ok(Parameters::Positional(batch.columns().to_vec()))
    }
}

/// The ticket of InfluxDB 3's clients.
#[derive(Debug, Deserialize)]
pub(super) struct InfluxTicket {
    #[serde(alias = "namespace_name", alias = "bucket_name")]
    _database: Option<String>,
    sql_query: String,
    query_type: Option<String>,
    #[serde(default)]
    params: Map<String, Value>,
}

impl InfluxTicket {
    /// `None` when it is no JSON object and so another kind of ticket.
    pub(super) fn parse(ticket: &[u8]) -> Option<Result<Self, Status>> {
        if ticket.first() != Some(&b'{') || ticket.len() > 2 * MAX_SQL_BYTES {
            return None;
        }
        let ticket = serde_json::from_slice(ticket).map_err(|error| {
            Status::invalid_argument(format!(
                "expected a ticket like {{\"database\", \"sql_query\", \"query_type\"}}: {error}"
            ))
        });
        Some(ticket)
    }

    pub(super) fn statement(self) -> Result<(String, Parameters), Status> {
        match self.query_type.as_deref() {
            None | Some("sql") => {}
            Some(other) => {
                return Err(Status::unimplemented(format!(
                    "queries are SQL here, not {other}: set query_type to \"sql\""
                )));
            }
        }
        let parameters = query_access::named(self.params)
            .map_err(|error| Status::invalid_argument(error.to_string()))?;
        Ok((self.sql_query, parameters))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{ArrayRef, Int64Array};

    use super::*;

    #[test]
    fn handles_carry_statement_and_parameters() {
        let handle = Handle::new("SELECT $1".to_owned());
        assert!(matches!(handle.parameters().unwrap(), Parameters::None));
        let column = |values: Vec<i64>| -> ArrayRef { Arc::new(Int64Array::from(values)) };
        let batch = |values| RecordBatch::try_from_iter([("1", column(values))]).unwrap();
        let bound = handle.clone().bind(&batch(vec![7])).unwrap();
        let bound = Handle::decode(&bound.encode().unwrap()).unwrap();
        let Parameters::Positional(values) = bound.parameters().unwrap() else {
            panic!("they have no names");
        };
        assert_eq!(values, [column(vec![7])]);
        assert!(handle.clone().bind(&batch(vec![])).is_err());
        assert!(handle.bind(&batch(vec![1, 2])).is_err());
        assert!(Handle::decode(b"").is_err());
    }

    #[test]
    fn tickets_of_influxdb_are_json() {
        assert!(InfluxTicket::parse(b"\x0a\x20type").is_none());
        let parse = |text: &str| InfluxTicket::parse(text.as_bytes()).unwrap();
        let ticket = parse(r#"{"database":"d","sql_query":"SELECT 1","query_type":"sql","x":1}"#);
        assert_eq!(ticket.unwrap().statement().unwrap().0, "SELECT 1");
        assert!(parse(r#"{"database":"d"}"#).is_err());
        let influxql = parse(r#"{"sql_query":"SELECT 1","query_type":"influxql"}"#).unwrap();
        assert!(influxql.statement().is_err());
    }
}
