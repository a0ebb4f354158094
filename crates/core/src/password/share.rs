//! What a password that is wrong costs the network that it comes from, and the name that it is for.
use crate::budget::{Prefix, SharedBudget, is_exempt};
use crate::pool::{Lane, PoolTurn};
use crate::{Client, Core, Principal, proof_of_work};
use signet_base::{Json, Result, Span, Timestamp};
use signet_store::attempts::{self, AttemptOutcome};

/// Seconds for which failures of a name are remembered.
const NAME: i64 = 3600;
/// Seconds between two passwords of one network that come without a proof of work where one is asked for.
const PAUSE: i64 = 30;

/// Whether an attempt may be judged.
pub enum Admission {
    Granted,
    /// A proof of work is asked for, and none came; without one the next attempt is judged at this time.
    Unproven {
        until: Timestamp,
        challenge: Json,
    },
}

/// The share of one attempt.
pub struct Share<'a> {
    core: &'a Core,
    client: &'a Client,
    /// Whose password it is.
    who: &'a str,
    /// What was typed: an account's names are counted apart.
    name: &'a str,
    /// A browser that the person has signed in with before: failures of strangers do not count against it.
    known: bool,
    /// A known browser, or a server that acts for many.
    free: bool,
    /// Failures that the network and the name are charged with.
    of_network: i64,
    of_name: i64,
    /// Seconds until the network has a share again; none where it has.
    wait: Option<i64>,
}

impl<'a> Share<'a> {
    pub async fn of(
        core: &'a Core,
        client: &'a Client,
        who: &'a str,
        name: &'a str,
        known: bool,
    ) -> Result<Self> {
        let free = known || is_exempt(core, client).await?;
        let mut share = Self { core, client, who, name, known, free, of_network: 0, of_name: 0, wait: None };
        if !free {
            (share.of_network, share.wait) = SharedBudget::Password.used(core, client).await?;
            share.of_name = attempts::used(&core.db, &of_name(core, name), core.now()).await?;
        }
        Ok(share)
    }
    /// How many bits of work each further attempt costs; none yet.
    fn bits(&self) -> Option<u32> {
        let from = self.core.settings.limits.proof_of_work;
        let failures = self.of_network.max(self.of_name);
        (from > 0 && !self.free && failures >= from).then(|| proof_of_work::bits(failures, from))
    }
    /// The proof of work that is asked for.
    pub fn challenge(&self) -> Option<Json> {
        self.bits().map(|bits| proof_of_work::challenge(self.core, self.client, bits))
    }
    /// Lets an attempt in that needs no proof of work or has one; else one now and then, for people without scripts, and for
    /// those whose network has used up its share.
    ///
    /// # Errors
    /// `TooMany` where the share is used up.
    pub async fn admit(&self, proof: Option<&str>) -> Result<Admission> {
        let Some(bits) = self.bits() else {
            return self
                .wait
                .map_or(Ok(Admission::Granted), |wait| Err(SharedBudget::Password.refused(self.core, wait)));
        };
        if let (Some(proof), None) = (proof, self.wait)
            && proof_of_work::verify(self.core, self.client, proof).await?
        {
            return Ok(Admission::Granted);
        }
        let name = self.core.vault.digest("attempt", &format!("unproven\n{}", Prefix::of(self.client.ip)));
        let now = self.core.now();
        match attempts::take(&self.core.db, &name, 1, Span::from_secs(PAUSE), now).await? {
            AttemptOutcome::Allowed { .. } => Ok(Admission::Granted),
            AttemptOutcome::Refused { until } if self.wait.is_some() => {
                Err(SharedBudget::Password.refused(self.core, until.secs() - now.secs()))
            }
            AttemptOutcome::Refused { until } => {
                self.core.budgets.count("proof_of_work");
                let challenge = proof_of_work::challenge(self.core, self.client, bits);
                Ok(Admission::Unproven { until, challenge })
            }
        }
    }
    pub async fn failed(&self) -> Result<()> {
        if self.free {
            return Ok(());
        }
        SharedBudget::Password.charge(self.core, self.client, self.who).await?;
        attempts::take(
            &self.core.db,
            &of_name(self.core, self.name),
            i64::MAX,
            Span::from_secs(NAME),
            self.core.now(),
        )
        .await?;
        Ok(())
    }
    pub async fn succeeded(&self) -> Result<()> {
        self.core.budgets.note_good(self.client.ip, self.core.now());
        if self.of_network > 0 {
            SharedBudget::Password.give_back(self.core, self.client, self.who).await?;
        }
        if self.of_name > 0 {
            attempts::clear(&self.core.db, &of_name(self.core, self.name)).await?;
        }
        Ok(())
    }
    /// People in browsers that are known have a turn of their own, others share that of their address.
    pub fn turn(&self, account: Option<&Principal>) -> PoolTurn {
        let own = account.filter(|_| self.free);
        let lane = own.map_or_else(
            || Lane::Address(Prefix::of(self.client.ip)),
            |person| Lane::Account(person.user.id),
        );
        let few = self.core.settings.limits.passwords.is_none_or(|rate| self.of_network * 2 <= rate.whole());
        PoolTurn {
            lane,
            first: self.known || (few && self.core.budgets.is_good(self.client.ip, self.core.now())),
        }
    }
}

/// The counter of a name's failures, over all networks.
fn of_name(core: &Core, name: &str) -> String {
    core.vault.digest("attempt", &format!("failures\n{name}"))
}
