//! Whose account somebody's is, when no connection says so.
use super::{Remote, UserMatchingMode, properties};
use crate::{Core, Principal};
use signet_base::{Map, Result};
use signet_store::users::{self, User, canonical};

/// What becomes of somebody whom a source vouches for.
#[derive(Debug)]
pub(super) enum Match {
    Enrol,
    Link(Principal),
    /// Why not, for the event; the person reads the same sentence for all but a missing property.
    Refuse(Refusal),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    /// The source did not say what accounts are matched by.
    Missing(&'static str),
    /// There is such an account, and the mode forbids a second one.
    Taken,
    /// The source does not say that the address is proven.
    UnprovenThere,
    /// Nobody has proven the account's address here.
    UnprovenHere,
    /// Administrators connect their account themselves.
    Administrator,
    /// Programs do not sign in by sources.
    Program,
}

impl Refusal {
    /// For the event.
    pub fn reason(self) -> &'static str {
        match self {
            Self::Missing(_) => "the source says nothing that accounts are matched by",
            Self::Taken => "an account with this name or address exists",
            Self::UnprovenThere => "the source does not say that the address is proven",
            Self::UnprovenHere => "the address of the account here is not proven",
            Self::Administrator => {
                "the account is an administrator's, which no source is connected with by itself"
            }
            Self::Program => "the account is a program's",
        }
    }
    /// For the person.
    pub fn text(self, source: &str) -> String {
        match self {
            Self::Missing(name) => format!(
                "{source} does not say what your {name} is, and without it you cannot sign in here. Ask your administrator."
            ),
            _ => format!(
                "{source} cannot be used for this account yet. Sign in another way, then connect {source} in your settings."
            ),
        }
    }
}

pub(super) async fn decide(
    core: &Core,
    mode: UserMatchingMode,
    remote: &Remote,
    properties: &Map,
) -> Result<Match> {
    let (by_email, links) = match mode {
        UserMatchingMode::Identifier => return Ok(Match::Enrol),
        UserMatchingMode::EmailLink => (true, true),
        UserMatchingMode::EmailDeny => (true, false),
        UserMatchingMode::UsernameLink => (false, true),
        UserMatchingMode::UsernameDeny => (false, false),
    };
    let name = if by_email { "email" } else { "username" };
    let Some(value) = properties::text(properties, name) else {
        return Ok(Match::Refuse(Refusal::Missing(name)));
    };
    let found = if by_email {
        let mut all = users::all_by_email(&core.db, value).await?;
        // What a stranger has typed and never confirmed keeps nobody out.
        all.retain(|user| user.is_active || user.last_login.is_some());
        match all.len() {
            0 => None,
            // Whose address it is, nobody can say.
            2.. => return Ok(Match::Refuse(Refusal::Taken)),
            1 => all.into_iter().next(),
        }
    } else {
        users::by_username(&core.db, value).await?
    };
    let Some(user) = found else { return Ok(Match::Enrol) };
    if !links {
        return Ok(Match::Refuse(Refusal::Taken));
    }
    let person = Principal::of(core, user).await?;
    Ok(match refusal(&person.user, person.is_superuser, by_email.then(|| proves(remote, value))) {
        Some(refusal) => Match::Refuse(refusal),
        None => Match::Link(person),
    })
}

/// Whether the source has proven this very address.
pub(super) fn proves(remote: &Remote, address: &str) -> bool {
    remote
        .email
        .as_ref()
        .is_some_and(|(known, proven)| *proven == Some(true) && canonical(known) == canonical(address))
}

/// Why an account is not linked. `proven`: whether the source has proven the address, where it is matched by one.
fn refusal(user: &User, is_superuser: bool, proven: Option<bool>) -> Option<Refusal> {
    if is_superuser {
        return Some(Refusal::Administrator);
    }
    if !["internal", "external"].contains(&user.user_type.as_str()) {
        return Some(Refusal::Program);
    }
    match proven {
        Some(false) => Some(Refusal::UnprovenThere),
        Some(true) if user.email_verified_at.is_none() => Some(Refusal::UnprovenHere),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use signet_base::{Ports, Timestamp};

    #[test]
    fn federation_k1_k2_only_what_is_proven_on_both_sides_is_linked() {
        let plain = User::new(&Ports::system(), "ada");
        let proven = User { email_verified_at: Some(Timestamp::from_secs(1)), ..plain.clone() };
        assert_eq!(refusal(&proven, false, Some(true)), None);
        assert_eq!(refusal(&proven, false, Some(false)), Some(Refusal::UnprovenThere));
        assert_eq!(refusal(&plain, false, Some(true)), Some(Refusal::UnprovenHere));
        assert_eq!(refusal(&proven, true, Some(true)), Some(Refusal::Administrator));
        let program = User { user_type: "service_account".into(), ..proven };
        assert_eq!(refusal(&program, false, None), Some(Refusal::Program));
        assert_eq!(refusal(&plain, false, None), None, "by name");
    }
    #[test]
    fn federation_k1_an_address_is_proven_with_its_own_proof_only() {
        let remote = |proof| Remote { email: Some(("Ada@A.test".into(), proof)), ..Remote::default() };
        assert!(proves(&remote(Some(true)), " ada@a.test"));
        assert!(!proves(&remote(Some(true)), "bob@a.test"), "a mapping has put another one in its place");
        assert!(!proves(&remote(Some(false)), "ada@a.test") && !proves(&remote(None), "ada@a.test"));
    }
}
