//! Account epochs in a run: what a run knows about an account is valid for one epoch, see
//! [`signet_store::epoch`].
use super::{Context, Key, keys};
use serde::{Deserialize, Serialize};
use signet_store::users::User;

/// An account and its epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountAt {
    pub user: i64,
    pub epoch: i64,
}
impl AccountAt {
    pub fn of(user: &User) -> Self {
        Self { user: user.id, epoch: user.epoch }
    }
    /// Whether it is this account, at its current epoch.
    pub fn counts(self, user: &User) -> bool {
        self.user == user.id && self.epoch >= user.epoch
    }
}

/// The account that was authenticated in this run (by password, key, second factor, link, or by being
/// created).
pub const PROVEN: Key<AccountAt> = Key::new("goauthentik.io/account/proven");

/// Records that the account, as read for the authentication, was authenticated. An earlier authentication of
/// the same account keeps its epoch.
pub fn prove(context: &mut Context, user: &User) {
    let before = context.get(&PROVEN).filter(|at| at.user == user.id);
    let epoch = before.map_or(user.epoch, |at| at.epoch.min(user.epoch));
    context.set(&PROVEN, AccountAt { user: user.id, epoch });
}

/// Whether this run has created the account, and nobody else has activated or changed it.
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
