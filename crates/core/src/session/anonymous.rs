//! What the sessions of people who have not signed in may take.
use super::WebSession;
use crate::budget::{self, BudgetKind};
use crate::{Client, Core};
use signet_base::{Error, Json, Result};

/// Most that one of them keeps, in bytes.
const MOST: usize = 128 * 1024;
/// So many bytes count as one session.
const PART: usize = 8 * 1024;

/// What a stored session was paid for; sealed, it is a little longer than what is counted.
pub(super) fn parts(data: &Json) -> usize {
    data.to_string().len() / PART + 1
}

impl WebSession {
    /// Nobody's, with nothing stored.
    pub fn is_empty(&self) -> bool {
        self.row.is_none() && self.principal.is_none() && self.state.runs().next().is_none()
    }
    /// The run that a stranger only looked at is not stored; the browser gets its key all the same.
    pub fn keep_no_run(&mut self) {
        self.without_run = self.is_unstored();
    }
    pub(crate) fn is_unstored(&self) -> bool {
        self.row.is_none() && self.principal.is_none() && self.replaces.is_none()
    }
    /// Charges the address for a stranger's session that is stored, and gives back what was charged for a
    /// person who signs in.
    pub(super) async fn pay(&mut self, core: &Core, client: &Client) -> Result<()> {
        let (budgets, now) = (&core.budgets, core.now());
        let who = |key: &str| budgets.name(&format!("session {key}"));
        if self.principal.is_some() {
            if self.fresh
                && let Some(before) = &self.replaces
            {
                budgets.give_back(BudgetKind::Session, client.ip, who(before), now);
            }
            return Ok(());
        }
        let bytes = serde_json::to_string(&self.state)?.len();
        if bytes > MOST {
            return Err(Error::invalid("non_field_errors", "What was typed is too large."));
        }
        let parts = bytes / PART + 1;
        let more = parts.saturating_sub(self.paid);
        if more > 0 && !budget::is_exempt(core, client).await? {
            #[allow(clippy::cast_precision_loss, reason = "at most sixteen")]
            budgets.spend(BudgetKind::Session, client.ip, who(&self.key), more as f64, now)?;
            self.paid = parts;
        }
        Ok(())
    }
}
