//! What a run knows about an account counts for one epoch of it: see [`signet_store::epoch`].
use super::{Context, Key, keys};
use serde::{Deserialize, Serialize};
use signet_store::users::User;

/// An account at an epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountAt {
    pub user: i64,
    pub epoch: i64,
}
impl AccountAt {
    pub fn of(user: &User) -> Self {
        Self { user: user.id, epoch: user.epoch }
    }
    /// Whether it is this account, and nothing has ended what was made at the epoch.
    pub fn counts(self, user: &User) -> bool {
        self.user == user.id && self.epoch >= user.epoch
    }
}

/// On which account what was proven in this run rests: password, key, second factor, link, the making of the
/// account.
pub const PROVEN: Key<AccountAt> = Key::new("goauthentik.io/account/proven");

/// Notes that the account, as it was read for the proof, has been proven. An older proof of the same person
/// stays the measure.
pub fn prove(context: &mut Context, user: &User) {
    let before = context.get(&PROVEN).filter(|at| at.user == user.id);
    let epoch = before.map_or(user.epoch, |at| at.epoch.min(user.epoch));
    context.set(&PROVEN, AccountAt { user: user.id, epoch });
}

/// Whether this run has made the account, and it is as the run left it: never active, changed by nobody else.
pub fn made_here(context: &Context, user: &User) -> bool {
    context.get(&keys::CREATED_ACCOUNT).is_some_and(|at| at.counts(user))
}

#[cfg(test)]
mod tests {
    use super::*;
    use signet_base::Ports;

    #[test]
    fn the_older_proof_is_the_measure() {
        let mut user = User { id: 7, epoch: 3, ..User::new(&Ports::system(), "ada") };
        let mut context = Context::default();
        prove(&mut context, &user);
        user.epoch = 4;
        prove(&mut context, &user);
        assert_eq!(context.get(&PROVEN), Some(AccountAt { user: 7, epoch: 3 }));
        assert!(!context.get(&PROVEN).unwrap().counts(&user));
        let other = User { id: 8, ..user.clone() };
        prove(&mut context, &other);
        assert!(context.get(&PROVEN).unwrap().counts(&other) && !context.get(&PROVEN).unwrap().counts(&user));
    }
}
