//! An atomic list of statements.
use super::Value;
use std::borrow::Cow;
use std::sync::Arc;

/// One statement with what is expected of it.
#[derive(Debug, Clone)]
pub struct Statement {
    pub(crate) sql: Cow<'static, str>,
    /// Shared, so that a row that waits to be written behind is not copied for it.
    pub(crate) params: Arc<[Value]>,
    pub(crate) expect: Option<(u64, Cow<'static, str>)>,
    pub(crate) returning: bool,
}

/// Statements that happen together or not at all. `Db::batch` runs them in order without a word from the
/// caller in between.
///
/// ```ignore
/// Batch::new()
///     .add("UPDATE code SET used = 1 WHERE id = ? AND used = 0", params![id]).expect_rows(1, "code")
///     .add("INSERT INTO token (name) VALUES (?) RETURNING id", params![name]).returning()
/// ```
#[derive(Debug, Clone, Default)]
pub struct Batch {
    pub(crate) statements: Vec<Statement>,
    pub(crate) relaxed: bool,
}

impl Batch {
    pub fn new() -> Self {
        Self::default()
    }
    /// A batch that may be lost when the machine loses power (never half of it): flow plans, `last_used`.
    pub fn relaxed() -> Self {
        Self { relaxed: true, ..Self::default() }
    }
    /// Appends a statement.
    #[must_use]
    pub fn add(mut self, sql: impl Into<Cow<'static, str>>, params: Vec<Value>) -> Self {
        self.push(sql, params);
        self
    }
    /// Appends a statement in place.
    pub fn push(&mut self, sql: impl Into<Cow<'static, str>>, params: Vec<Value>) -> &mut Statement {
        self.statements.push(Statement {
            sql: sql.into(),
            params: params.into(),
            expect: None,
            returning: false,
        });
        let last = self.statements.len() - 1;
        &mut self.statements[last]
    }
    /// The last statement must touch exactly `rows` rows; otherwise all is undone and the answer is
    /// `Error::Conflict(tag)`.
    #[must_use]
    pub fn expect_rows(mut self, rows: u64, tag: impl Into<Cow<'static, str>>) -> Self {
        if let Some(last) = self.statements.last_mut() {
            last.expect = Some((rows, tag.into()));
        }
        self
    }
    /// The last statement's rows are part of the answer.
    #[must_use]
    pub fn returning(mut self) -> Self {
        if let Some(last) = self.statements.last_mut() {
            last.returning = true;
        }
        self
    }
    /// Takes over the statements of another batch; the whole is durable when one of them is.
    #[must_use]
    pub fn then(mut self, other: Batch) -> Self {
        let relaxed = (self.relaxed || self.is_empty()) && (other.relaxed || other.is_empty());
        self.statements.extend(other.statements);
        self.relaxed = relaxed;
        self
    }
    pub fn is_empty(&self) -> bool {
        self.statements.is_empty()
    }
    pub fn len(&self) -> usize {
        self.statements.len()
    }
}

impl Statement {
    /// Nothing is expected of it, and it only adds a row.
    pub(crate) fn is_plain_insert(&self) -> bool {
        self.expect.is_none()
            && !self.returning
            && self.sql.starts_with("INSERT INTO ")
            && !self.sql.contains(" ON CONFLICT")
    }
    /// See [`Batch::expect_rows`].
    pub fn expect_rows(&mut self, rows: u64, tag: impl Into<Cow<'static, str>>) -> &mut Self {
        self.expect = Some((rows, tag.into()));
        self
    }
    /// See [`Batch::returning`].
    pub fn returning(&mut self) -> &mut Self {
        self.returning = true;
        self
    }
}
