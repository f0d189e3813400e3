//! Names of tables as object ids and back: `to_regclass(name)`, and `regclass_name(oid)`
//! for `oid::regclass::text`.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Int64Array, StringArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Int64Type};
use datafusion::catalog::SchemaProvider;
use datafusion::common::Result;
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
};
use datafusion::prelude::SessionContext;

use super::any_arguments;
use crate::postgres::catalog;

/// What the rewriter writes for a cast of a `regclass` to a text.
pub(in crate::postgres) const NAME: &str = "regclass_name";
/// What it writes for a cast to `regclass`.
pub(in crate::postgres) const OID: &str = "to_regclass";

pub(super) fn register(context: &SessionContext, tables: &Arc<dyn SchemaProvider>) {
    for name in [NAME, OID] {
        let function = Regclass {
            name,
            tables: tables.clone(),
            signature: any_arguments(),
        };
        context.register_udf(ScalarUDF::from(function));
    }
}

struct Regclass {
    name: &'static str,
    tables: Arc<dyn SchemaProvider>,
    signature: Signature,
}

impl fmt::Debug for Regclass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

impl PartialEq for Regclass {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Regclass {}

impl Hash for Regclass {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
    }
}

impl ScalarUDFImpl for Regclass {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> Result<DataType> {
        Ok(if self.name == OID {
            DataType::Int64
        } else {
            DataType::Utf8
        })
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let rows = arguments.number_rows;
        let first = arguments.args.into_iter().next();
        let given = match first {
            Some(first) => first.into_array(rows)?,
            None => Arc::new(Int64Array::new_null(rows)),
        };
        // A number is an object id already.
        let is_text = given.data_type().is_string();
        let array: ArrayRef = if is_text {
            let texts = cast(&given, &DataType::Utf8)?;
            let texts = texts.as_string::<i32>();
            if self.name == OID {
                let oid = |name| catalog::table_oid(name, &*self.tables);
                Arc::new(texts.iter().map(|name| oid(name?)).collect::<Int64Array>())
            } else {
                Arc::new(texts.clone())
            }
        } else {
            let oids = cast(&given, &DataType::Int64)?;
            if self.name == OID {
                oids
            } else {
                let name = |oid| catalog::table_name(oid, &*self.tables);
                let oids = oids.as_primitive::<Int64Type>().iter();
                Arc::new(oids.map(|oid| name(oid?)).collect::<StringArray>())
            }
        };
        Ok(ColumnarValue::Array(array))
    }
}
