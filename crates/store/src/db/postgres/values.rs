//! Parameters and columns in PostgreSQL's types.
use crate::db::{Row, Value};
use signet_base::{Error, Result};
use tokio_postgres::types::private::BytesMut;
use tokio_postgres::types::{IsNull, ToSql, Type};

impl ToSql for Value {
    fn to_sql(
        &self,
        ty: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        match self {
            Value::Null => Ok(IsNull::Yes),
            Value::Int(n) => match *ty {
                Type::INT4 => i32::try_from(*n)?.to_sql(ty, out),
                Type::INT2 => i16::try_from(*n)?.to_sql(ty, out),
                Type::BOOL => (*n != 0).to_sql(ty, out),
                Type::FLOAT8 => (*n as f64).to_sql(ty, out),
                Type::INT8 => n.to_sql(ty, out),
                _ => Err(format!("an integer for a column of type {ty}").into()),
            },
            Value::Real(n) => match *ty {
                Type::FLOAT8 => n.to_sql(ty, out),
                _ => Err(format!("a number for a column of type {ty}").into()),
            },
            Value::Text(text) => match *ty {
                Type::TEXT | Type::VARCHAR | Type::NAME | Type::UNKNOWN => text.to_sql(ty, out),
                _ => Err(format!("a text for a column of type {ty}").into()),
            },
            Value::Blob(bytes) => match *ty {
                Type::BYTEA => bytes.to_sql(ty, out),
                _ => Err(format!("bytes for a column of type {ty}").into()),
            },
        }
    }
    fn accepts(_: &Type) -> bool {
        true
    }
    tokio_postgres::types::to_sql_checked!();
}

pub(super) fn row(row: &tokio_postgres::Row) -> Result<Row> {
    let mut values = Vec::with_capacity(row.len());
    for (i, column) in row.columns().iter().enumerate() {
        let value = match *column.type_() {
            Type::INT8 => row.try_get::<_, Option<i64>>(i).map(Value::from),
            Type::INT4 => row.try_get::<_, Option<i32>>(i).map(Value::from),
            Type::INT2 => row.try_get::<_, Option<i16>>(i).map(|n| n.map(i32::from).into()),
            Type::BOOL => row.try_get::<_, Option<bool>>(i).map(Value::from),
            Type::FLOAT8 => row.try_get::<_, Option<f64>>(i).map(Value::from),
            Type::TEXT | Type::VARCHAR | Type::NAME | Type::UNKNOWN => {
                row.try_get::<_, Option<String>>(i).map(Value::from)
            }
            Type::BYTEA => row.try_get::<_, Option<Vec<u8>>>(i).map(Value::from),
            Type::VOID => Ok(Value::Null),
            ref other => return Err(Error::internal(format!("a column of type {other} cannot be read"))),
        };
        values.push(value.map_err(Error::internal)?);
    }
    Ok(Row(values))
}
