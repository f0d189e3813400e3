//! Casts to types that only Postgres has.

use datafusion::sql::sqlparser::ast::{
    ArrayElemTypeDef, CastKind, DataType, Expr, ObjectNamePart, Value,
};

use super::{call, is_constant, null, text};
use crate::postgres::arrays::{OID_ELEMENT, PG_ARRAY};
use crate::postgres::functions::regclass;

/// The name of a type in lower case, without its schema.
fn name(data_type: &DataType) -> Option<String> {
    match data_type {
        DataType::Regclass => Some("regclass".to_owned()),
        DataType::Custom(name, _) => match name.0.last()? {
            ObjectNamePart::Identifier(name) => Some(name.value.to_ascii_lowercase()),
            ObjectNamePart::Function(_) => None,
        },
        _ => None,
    }
}

/// The type that stands for one of Postgres.
fn standard(name: &str) -> Option<DataType> {
    Some(match name {
        "text" | "name" | "char" | "bpchar" | "varchar" | "cstring" | "json" | "jsonb" => {
            DataType::Text
        }
        "oid" | "xid" | "int8" => DataType::BigInt(None),
        "int4" | "int2" => DataType::Integer(None),
        "float8" => DataType::DoublePrecision,
        "float4" => DataType::Real,
        "bool" => DataType::Boolean,
        "timestamptz" => DataType::Timestamp(
            None,
            datafusion::sql::sqlparser::ast::TimezoneInfo::WithTimeZone,
        ),
        _ => return None,
    })
}

fn is_text(data_type: &DataType) -> bool {
    matches!(
        data_type,
        DataType::Text | DataType::Varchar(_) | DataType::CharacterVarying(_)
    ) || name(data_type).is_some_and(|name| matches!(name.as_str(), "text" | "name" | "varchar"))
}

fn is_literal(expr: &Expr) -> bool {
    matches!(expr, Expr::Value(value) if matches!(value.value, Value::SingleQuotedString(_)))
}

/// `oid::regclass::text` and `oid::regtype::text`: names of objects.
pub(super) fn name_of_object(inner: &Expr, data_type: &DataType) -> Option<Expr> {
    let Expr::Cast {
        expr: object,
        data_type: kind,
        ..
    } = inner
    else {
        return None;
    };
    if !is_text(data_type) {
        return None;
    }
    match name(kind)?.as_str() {
        "regclass" => Some(call(regclass::NAME, vec![(**object).clone()])),
        "regtype" if !is_literal(object) => {
            Some(call("format_type", vec![(**object).clone(), null()]))
        }
        _ => None,
    }
}

/// What replaces a cast to a type that only Postgres has.
pub(super) fn rewritten(inner: &Expr, data_type: &DataType, kind: &CastKind) -> Option<Expr> {
    let to = |data_type| Expr::Cast {
        kind: kind.clone(),
        expr: Box::new(inner.clone()),
        data_type,
        array: false,
        format: None,
    };
    if let DataType::Array(ArrayElemTypeDef::SquareBracket(element, size)) = data_type {
        let is_oid = name(element).is_some_and(|name| name == "oid");
        let known = name(element).and_then(|name| standard(&name));
        let element = known.clone().unwrap_or_else(|| (**element).clone());
        // A text has to be parsed as an array; a parameter may be one.
        if is_constant(inner) {
            let like = Expr::Cast {
                kind: kind.clone(),
                expr: Box::new(null()),
                data_type: element,
                array: false,
                format: None,
            };
            let mut arguments = vec![inner.clone(), like];
            arguments.extend(is_oid.then(|| text(OID_ELEMENT)));
            return Some(call(PG_ARRAY, arguments));
        }
        let of = ArrayElemTypeDef::SquareBracket(Box::new(element), *size);
        return known.map(|_| to(DataType::Array(of)));
    }
    let name = name(data_type)?;
    let is_text = is_constant(inner);
    match name.as_str() {
        "regclass" => Some(call(regclass::OID, vec![inner.clone()])),
        "regtype" if is_text => Some(call("to_regtype", vec![inner.clone()])),
        "regnamespace" if is_text => Some(call("to_regnamespace", vec![inner.clone()])),
        // Names of functions are texts here.
        "regproc" | "regprocedure" => Some(match inner {
            Expr::Value(value) => match &value.value {
                Value::SingleQuotedString(name) => text(name.trim_start_matches("pg_catalog.")),
                _ => inner.clone(),
            },
            _ => inner.clone(),
        }),
        // Names of object ids: only the id exists here.
        "regtype" | "regnamespace" | "regrole" | "regoper" => Some(inner.clone()),
        name => standard(name).map(to),
    }
}
