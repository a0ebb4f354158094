//! What makes the store quicker and could be left out: caches and the write-behind queue. Each saves more than a quarter
//! of the processor time of an operation that is measured (docs/adr/0016-simpler-runtime.md); what saved less is gone.
mod cache;
pub(crate) mod pending_sessions;
mod places;
pub(crate) mod write_behind;

pub use cache::{PeopleCache, TokenCache};
pub use places::Places;
pub(crate) use places::{KEPT, Place};

use std::sync::atomic::{AtomicU64, Ordering};

/// What a batch may change of the rows that are cached. Whoever builds a batch says so with [`crate::Batch::touches`];
/// one that says nothing counts as [`Touches::Everything`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Touches {
    Nothing,
    /// Access tokens: a revocation.
    Tokens,
    /// Accounts, groups, memberships, roles and access tokens.
    Everything,
}

/// Numbers of the commits of this process that touched what a cache holds. A backend counts a commit before its caller
/// hears of it.
#[derive(Debug, Default)]
pub(crate) struct Changes {
    people: AtomicU64,
    tokens: AtomicU64,
}

impl Changes {
    pub fn count(&self, touches: Touches) {
        if touches >= Touches::Tokens {
            self.tokens.fetch_add(1, Ordering::SeqCst);
        }
        if touches == Touches::Everything {
            self.people.fetch_add(1, Ordering::SeqCst);
        }
    }
    fn people(&self) -> u64 {
        self.people.load(Ordering::SeqCst)
    }
    fn tokens(&self) -> u64 {
        self.tokens.load(Ordering::SeqCst)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Batch;

    #[test]
    fn core_a_commit_counts_for_the_caches_that_it_touches() {
        let changes = Changes::default();
        let seen = |touches| {
            changes.count(touches);
            (changes.people(), changes.tokens())
        };
        assert_eq!(seen(Touches::Nothing), (0, 0));
        assert_eq!(seen(Touches::Tokens), (0, 1));
        assert_eq!(seen(Touches::Everything), (1, 2));
    }
    #[test]
    fn core_a_batch_touches_what_its_parts_touch_and_everything_unless_it_says_so() {
        let part = |touches| Batch::new().add("SELECT 1", vec![]).touches(touches);
        let both = |a, b| part(a).then(part(b)).touched();
        assert_eq!(Batch::new().add("SELECT 1", vec![]).touched(), Touches::Everything);
        assert_eq!(both(Touches::Nothing, Touches::Nothing), Touches::Nothing);
        assert_eq!(both(Touches::Nothing, Touches::Tokens), Touches::Tokens);
        assert_eq!(both(Touches::Everything, Touches::Nothing), Touches::Everything);
        assert_eq!(
            Batch::new().then(part(Touches::Nothing)).touched(),
            Touches::Nothing,
            "an empty one says nothing"
        );
        assert_eq!(part(Touches::Nothing).then(Batch::new()).touched(), Touches::Nothing);
    }
}
