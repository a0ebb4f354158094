//! Atomic batches of statements.
use super::Value;
use crate::bus::Notice;
use crate::runtime::Touches;
use signet_base::Conflict;
use std::borrow::Cow;
use std::sync::Arc;

/// A statement and its expectation.
#[derive(Debug, Clone)]
pub struct Statement {
    pub(crate) sql: Cow<'static, str>,
    /// Shared, so that queueing a row copies nothing.
    pub(crate) params: Arc<[Value]>,
    /// The number of rows that it must affect, and the conflict if it does not.
    pub(crate) expect: Option<(u64, Conflict)>,
    pub(crate) returning: bool,
}

/// Statements that are executed together or not at all. `Db::batch` runs them in order, without a round trip
/// to the caller.
///
/// ```ignore
/// Batch::new()
///     .add("UPDATE code SET used = 1 WHERE id = ? AND used = 0", params![id]).expect_rows(1, Conflict::Used)
///     .add("INSERT INTO token (name) VALUES (?) RETURNING id", params![name]).returning()
/// ```
#[derive(Debug, Clone)]
pub struct Batch {
    pub(crate) statements: Vec<Statement>,
    pub(crate) relaxed: bool,
    pub(crate) touches: Touches,
    /// What every node hears when, and only if, the batch is committed.
    pub(crate) notices: Vec<Notice>,
}

impl Default for Batch {
    fn default() -> Self {
        Self { statements: Vec::new(), relaxed: false, touches: Touches::Everything, notices: Vec::new() }
    }
}

impl Batch {
    pub fn new() -> Self {
        Self::default()
    }
    /// A batch that may be lost on power failure (as a whole): flow plans, `last_used`.
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
    /// The last statement must affect exactly `rows` rows; otherwise the batch is rolled back with
    /// this conflict.
    #[must_use]
    pub fn expect_rows(mut self, rows: u64, otherwise: Conflict) -> Self {
        if let Some(last) = self.statements.last_mut() {
            last.expect = Some((rows, otherwise));
        }
        self
    }
    /// The rows of the last statement are returned.
    #[must_use]
    pub fn returning(mut self) -> Self {
        if let Some(last) = self.statements.last_mut() {
            last.returning = true;
        }
        self
    }
    /// What it changes of the rows that are cached: everything, unless it says so here.
    #[must_use]
    pub fn touches(self, touches: Touches) -> Self {
        Self { touches, ..self }
    }
    /// See [`Batch::touches`].
    pub(crate) fn touched(&self) -> Touches {
        self.touches
    }
    /// Tells every node of the commit.
    #[must_use]
    pub fn notice(mut self, notice: Notice) -> Self {
        if !self.notices.contains(&notice) {
            self.notices.push(notice);
        }
        self
    }
    /// Appends another batch; the result is durable if one of them is.
    #[must_use]
    pub fn then(mut self, other: Batch) -> Self {
        let relaxed = (self.relaxed || self.is_empty()) && (other.relaxed || other.is_empty());
        self.touches = match (self.is_empty(), other.is_empty()) {
            (true, _) => other.touches,
            (_, true) => self.touches,
            _ => self.touches.max(other.touches),
        };
        self.statements.extend(other.statements);
        self.relaxed = relaxed;
        other.notices.into_iter().fold(self, Self::notice)
    }
    pub fn is_empty(&self) -> bool {
        self.statements.is_empty()
    }
    pub fn len(&self) -> usize {
        self.statements.len()
    }
}

impl Statement {
    /// Whether it is an insert without an expectation.
    pub(crate) fn is_plain_insert(&self) -> bool {
        self.expect.is_none()
            && !self.returning
            && self.sql.starts_with("INSERT INTO ")
            && !self.sql.contains(" ON CONFLICT")
    }
    /// See [`Batch::expect_rows`].
    pub fn expect_rows(&mut self, rows: u64, otherwise: Conflict) -> &mut Self {
        self.expect = Some((rows, otherwise));
        self
    }
    /// See [`Batch::returning`].
    pub fn returning(&mut self) -> &mut Self {
        self.returning = true;
        self
    }
}
