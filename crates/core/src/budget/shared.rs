//! Budgets that all nodes share: wrong passwords, and letters. Each of these writes a row for an account or a recipient
//! anyway; one more for the network is cheap. They are counted in windows as long as the rate's period, which begin with
//! the first charge.
use super::{BudgetKind, Prefix, Rate, too_many};
use crate::flow::plan::is_outpost;
use crate::{Client, Core};
use signet_base::{Error, Result, Span};
use signet_store::attempts::{self, AttemptOutcome};

/// Whether a caller is not counted by address: a network of the settings, or a server that proves to be one of our
/// outposts. They act for many people, each of whom is counted by account.
pub async fn is_exempt(core: &Core, client: &Client) -> Result<bool> {
    Ok(core.budgets.is_exempt(client.ip) || is_outpost(core, client).await?)
}

/// Charges a caller who has not signed in for a request to the API.
pub async fn spend_request(core: &Core, client: &Client) -> Result<()> {
    if core.settings.limits.requests.is_none() || is_exempt(core, client).await? {
        return Ok(());
    }
    core.budgets.spend(BudgetKind::Request, client.ip, 0, 1.0, core.now())
}

/// What is counted in rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SharedBudget {
    Password,
    Mail,
}

/// The share of one prefix.
struct Window {
    name: String,
    limit: i64,
    length: Span,
}

impl SharedBudget {
    fn name(self) -> &'static str {
        match self {
            SharedBudget::Password => "password",
            SharedBudget::Mail => "mail",
        }
    }
    fn rate(self, core: &Core) -> Option<Rate> {
        match self {
            SharedBudget::Password => core.settings.limits.passwords,
            SharedBudget::Mail => core.settings.limits.mails,
        }
    }
    /// The windows that an address draws on, that of its own prefix first.
    fn windows(self, core: &Core, client: &Client) -> Vec<Window> {
        let Some(rate) = self.rate(core) else { return Vec::new() };
        let window = |(prefix, share): (Prefix, f64)| Window {
            name: core.vault.digest("attempt", &format!("budget {}\n{prefix}", self.name())),
            limit: Rate { count: rate.count * share, ..rate }.whole(),
            length: rate.length(),
        };
        Prefix::all_of(client.ip).into_iter().map(window).collect()
    }

    /// What the prefix of the address has used, and where that is all of its share, the seconds until the window's end.
    pub async fn used(self, core: &Core, client: &Client) -> Result<(i64, Option<i64>)> {
        let (mut own, mut wait, now) = (None, None, core.now());
        for window in self.windows(core, client) {
            let (used, until) = attempts::window(&core.db, &window.name, now).await?.unwrap_or((0, now));
            own.get_or_insert(used);
            if used >= window.limit {
                wait = wait.max(Some(until.secs() - now.secs()));
            }
        }
        Ok((own.unwrap_or_default(), wait))
    }
    /// Charges the address one. `who`: whose charges are given back together.
    pub async fn charge(self, core: &Core, client: &Client, who: &str) -> Result<()> {
        let now = core.now();
        for window in self.windows(core, client) {
            attempts::take(&core.db, &window.name, window.limit, window.length, now).await?;
            if let Some((_, until)) = attempts::window(&core.db, &window.name, now).await? {
                let own = of_window(core, &window.name, until.0, who);
                attempts::take(&core.db, &own, i64::MAX, window.length, now).await?;
            }
        }
        Ok(())
    }
    /// Gives back what was charged for somebody who turned out to be none of the strangers that are meant.
    pub async fn give_back(self, core: &Core, client: &Client, who: &str) -> Result<()> {
        let now = core.now();
        for window in self.windows(core, client) {
            let Some((used, until)) = attempts::window(&core.db, &window.name, now).await? else { continue };
            let own = of_window(core, &window.name, until.0, who);
            let charged = attempts::used(&core.db, &own, now).await?.min(used);
            if charged > 0 {
                attempts::give_back(&core.db, &window.name, charged).await?;
                attempts::clear(&core.db, &own).await?;
            }
        }
        Ok(())
    }
    /// Charges the address, and refuses when there is no room for it.
    ///
    /// # Errors
    /// `TooMany`, with the time until the window's end.
    pub async fn spend(self, core: &Core, client: &Client) -> Result<()> {
        if is_exempt(core, client).await? {
            return Ok(());
        }
        let now = core.now();
        for window in self.windows(core, client) {
            let taken = attempts::take(&core.db, &window.name, window.limit, window.length, now).await?;
            if let AttemptOutcome::Refused { until } = taken {
                return Err(self.refused(core, until.secs() - now.secs()));
            }
        }
        Ok(())
    }
    /// The refusal.
    pub fn refused(self, core: &Core, wait: i64) -> Error {
        core.budgets.count(self.name());
        too_many(wait)
    }
}

/// The charges of one name within one window.
fn of_window(core: &Core, window: &str, until: i64, who: &str) -> String {
    core.vault.digest("attempt", &format!("charged\n{window}\n{until}\n{who}"))
}
