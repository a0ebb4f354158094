//! How statements reach the server: prepared by name and kept on their connection, or, behind a pooler, without a name.
//! There the connection behind ours changes with every transaction, so that nothing may be left on it.
use crate::db::multi_insert::InsertStep;
use crate::db::{Value, markers};
use deadpool_postgres::Object;
use std::future::Future;
use std::pin::Pin;
use std::task::Poll;
use tokio_postgres::types::private::BytesMut;
use tokio_postgres::types::{Format, IsNull, ToSql, Type, to_sql_checked};
use tokio_postgres::{Error, Row, Statement};

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Statements {
    /// Prepared by name; a connection keeps its settings.
    Named,
    /// Without a name. The schema (empty: the server's own) is set anew in every transaction.
    Unnamed { schema: String },
}

/// Rows that a step touched, and those that it returned.
pub(super) type StepRows = (u64, Vec<Row>);
type Work<'a, T> = Pin<Box<dyn Future<Output = Result<T, Error>> + Send + 'a>>;

/// A parameter as text, of the type that the statement gives it.
#[derive(Debug)]
struct AsText<'a>(&'a Value);

impl ToSql for AsText<'_> {
    fn to_sql(
        &self,
        _: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        match self.0 {
            Value::Null => return Ok(IsNull::Yes),
            Value::Int(n) => out.extend_from_slice(n.to_string().as_bytes()),
            Value::Real(n) => out.extend_from_slice(n.to_string().as_bytes()),
            Value::Text(text) => out.extend_from_slice(text.as_bytes()),
            Value::Blob(bytes) => {
                out.extend_from_slice(b"\\x");
                out.extend_from_slice(signet_base::vault::hex(bytes).as_bytes());
            }
        }
        Ok(IsNull::No)
    }
    fn accepts(_: &Type) -> bool {
        true
    }
    fn encode_format(&self, _: &Type) -> Format {
        Format::Text
    }
    to_sql_checked!();
}

fn texts<'a>(params: impl Iterator<Item = &'a Value>) -> Vec<AsText<'a>> {
    params.map(AsText).collect()
}
/// With the type unknown to the driver: the server finds it, as for a prepared statement.
fn typed<'a>(params: &'a [AsText<'a>]) -> Vec<(&'a (dyn ToSql + Sync), Type)> {
    params.iter().map(|p| (p as &(dyn ToSql + Sync), Type::UNKNOWN)).collect()
}

impl Statements {
    /// The beginning of a transaction.
    pub fn begin(&self, and: &str) -> String {
        match self {
            Self::Unnamed { schema } if !schema.is_empty() => {
                format!("BEGIN; SET LOCAL search_path = {schema}{and}")
            }
            _ => format!("BEGIN{and}"),
        }
    }

    /// `keep` a statement that is prepared; only for texts of which there are few.
    pub async fn read(
        &self,
        client: &Object,
        sql: &str,
        params: &[Value],
        keep: bool,
    ) -> Result<Vec<Row>, Error> {
        match self {
            Self::Named => {
                let params: Vec<&(dyn ToSql + Sync)> = params.iter().map(|v| v as _).collect();
                let statement =
                    if keep { client.prepare_cached(sql).await? } else { client.prepare(sql).await? };
                client.query(&statement, &params).await
            }
            Self::Unnamed { schema } => {
                let texts = texts(params.iter());
                let typed = typed(&texts);
                if schema.is_empty() {
                    return client.query_typed(sql, &typed).await;
                }
                let begin = self.begin("");
                let steps: Vec<Work<'_, Vec<Row>>> = vec![
                    Box::pin(async { client.batch_execute(&begin).await.map(|()| Vec::new()) }),
                    Box::pin(client.query_typed(sql, &typed)),
                    Box::pin(async { client.batch_execute("COMMIT").await.map(|()| Vec::new()) }),
                ];
                let mut done = pipelined(steps).await.into_iter();
                done.next().transpose()?;
                let rows = done.next().unwrap_or_else(|| Ok(Vec::new()));
                done.next().transpose()?;
                rows
            }
        }
    }

    /// What has to be known before a transaction begins: for prepared statements, their columns.
    pub async fn prepare(&self, client: &Object, steps: &[InsertStep<'_>]) -> Result<Vec<Statement>, Error> {
        let mut all = Vec::new();
        if *self == Self::Named {
            all.reserve(steps.len());
            for step in steps {
                all.push(client.prepare_cached(&markers::numbered(&step.sql)).await?);
            }
        }
        Ok(all)
    }

    /// Begins a transaction and runs the steps, one answer each; the first is that of the beginning.
    pub async fn transaction(
        &self,
        client: &Object,
        steps: &[InsertStep<'_>],
        prepared: &[Statement],
        relaxed: bool,
    ) -> Vec<Result<StepRows, Error>> {
        let begin = self.begin(if relaxed { "; SET LOCAL synchronous_commit = off" } else { "" });
        let begin: Work<'_, StepRows> =
            Box::pin(async { client.batch_execute(&begin).await.map(|()| (0, Vec::new())) });
        let all = match self {
            Self::Named => {
                let all = steps.iter().zip(prepared).map(|(step, prepared)| -> Work<'_, StepRows> {
                    Box::pin(async move {
                        let params: Vec<&(dyn ToSql + Sync)> = step.params.iter().map(|v| *v as _).collect();
                        if step.statement.returning || !prepared.columns().is_empty() {
                            let rows = client.query(prepared, &params).await?;
                            Ok((rows.len() as u64, rows))
                        } else {
                            client.execute(prepared, &params).await.map(|n| (n, Vec::new()))
                        }
                    })
                });
                std::iter::once(begin).chain(all).collect()
            }
            Self::Unnamed { .. } => {
                let all = steps.iter().map(|step| -> Work<'_, StepRows> {
                    Box::pin(async move {
                        let sql = markers::numbered(&step.sql);
                        let texts = texts(step.params.iter().copied());
                        let typed = typed(&texts);
                        if step.statement.returning {
                            let rows = client.query_typed(&sql, &typed).await?;
                            Ok((rows.len() as u64, rows))
                        } else {
                            client.execute_typed(&sql, &typed).await.map(|n| (n, Vec::new()))
                        }
                    })
                });
                std::iter::once(begin).chain(all).collect()
            }
        };
        pipelined(all).await
    }
}

/// Polls all in order, so that their requests go out one after the other without waiting for answers.
async fn pipelined<T>(mut steps: Vec<Pin<Box<dyn Future<Output = T> + Send + '_>>>) -> Vec<T> {
    let mut done: Vec<Option<T>> = steps.iter().map(|_| None).collect();
    std::future::poll_fn(|cx| {
        let mut waiting = false;
        for (step, slot) in steps.iter_mut().zip(done.iter_mut()) {
            if slot.is_none() {
                match step.as_mut().poll(cx) {
                    Poll::Ready(value) => *slot = Some(value),
                    Poll::Pending => waiting = true,
                }
            }
        }
        if waiting { Poll::Pending } else { Poll::Ready(()) }
    })
    .await;
    done.into_iter().flatten().collect()
}
