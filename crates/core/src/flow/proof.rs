//! The pending user, and whether they are authenticated. Stages change the pending user through these
//! functions only.
//!
//! Authenticated means one of: a backend accepted a password or token (`USER_BACKEND`; the stage that creates
//! an account sets it too), a passkey with user verification was used, or the plan was restored by a link
//! created for the user. The code that records it also records the account's epoch:
//! [`super::account::prove`].
use super::account::PROVEN;
use super::{Context, Key, PendingUser, keys};
use crate::Principal;

/// Marks an identifier that matched no account.
const UNKNOWN: Key<bool> = Key::new("goauthentik.io/identification/unknown");
/// The pending user's passkey has verified its holder. Unlike a backend it does not replace the password.
const DEVICE_PROOF: Key<bool> = Key::new("goauthentik.io/authenticator_validate/proof");
/// The backend recorded for an account that was just created.
pub const ENROLLED: &str = "authentik.core.auth.InbuiltBackend";

/// Sets the pending user. Another user's authentication does not count for them.
pub fn set_pending(context: &mut Context, person: PendingUser) {
    let before = context.get(&keys::PENDING_USER);
    let same = person.id.is_some() && before.is_some_and(|b| b.id == person.id);
    if !same {
        forget(context);
        context.set(&keys::CHOSEN, true);
    }
    context.remove(&UNKNOWN);
    context.set(&keys::PENDING_USER, person);
}
/// Continues with an identifier that matched no account, indistinguishably.
pub fn set_unknown(context: &mut Context, typed: &str) {
    forget(context);
    context.set(&keys::CHOSEN, true);
    context.set(&UNKNOWN, true);
    context.set(
        &keys::PENDING_USER,
        PendingUser { id: None, username: typed.to_owned(), name: String::new(), email: String::new() },
    );
}
pub fn is_unknown(context: &Context) -> bool {
    context.get(&UNKNOWN) == Some(true)
}
fn forget(context: &mut Context) {
    context.remove(&keys::USER_BACKEND);
    context.remove(&DEVICE_PROOF);
    context.remove(&PROVEN);
    context.remove(&keys::AUTH_METHOD);
    context.remove(&keys::AUTH_METHOD_ARGS);
    context.remove(&keys::PENDING_USER_IDENTIFIER);
}

/// Whether the plan was restored by a link for an existing account: the account cannot change.
pub fn is_restored(context: &Context) -> bool {
    context.has(&keys::IS_RESTORED)
        && !context.has(&keys::CHOSEN)
        && context.get(&keys::PENDING_USER).is_some_and(|u| u.id.is_some())
}
fn is_proven(context: &Context) -> bool {
    context.get(&keys::USER_BACKEND).is_some_and(|b| !b.is_empty())
        || context.get(&DEVICE_PROOF) == Some(true)
        || is_restored(context)
}
/// The pending user has used a passkey that verified a PIN or fingerprint.
pub fn set_device_proof(context: &mut Context) {
    context.set(&DEVICE_PROOF, true);
}

/// Whether a session may start for the pending user. An existing session is no authentication: it would renew
/// itself.
pub fn allows_sign_in(context: &Context) -> bool {
    context.get(&keys::PENDING_USER).is_some_and(|u| u.id.is_some()) && is_proven(context)
}
/// Whether the pending account may be shown to, and changed by, the current user: it is authenticated, or it
/// is the signed-in account.
pub fn owns_pending(context: &Context, signed_in: Option<&Principal>) -> bool {
    match context.get(&keys::PENDING_USER).and_then(|u| u.id) {
        Some(id) => is_proven(context) || signed_in.is_some_and(|p| p.user.id == id),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use signet_base::json;

    fn person(id: i64) -> PendingUser {
        PendingUser { id: Some(id), username: format!("u{id}"), name: String::new(), email: String::new() }
    }
    fn proven(id: i64) -> Context {
        let mut context = Context::default();
        set_pending(&mut context, person(id));
        context.set(&keys::USER_BACKEND, "b".to_owned());
        context
    }

    #[test]
    fn a_name_alone_signs_nobody_in() {
        let mut context = Context::default();
        assert!(!allows_sign_in(&context));
        set_pending(&mut context, person(1));
        assert!(!allows_sign_in(&context) && !owns_pending(&context, None));
        assert!(allows_sign_in(&proven(1)));
    }
    #[test]
    fn a_proof_stays_with_the_person_who_gave_it() {
        let mut context = proven(1);
        set_pending(&mut context, person(1));
        assert!(allows_sign_in(&context));
        set_pending(&mut context, person(2));
        assert!(!allows_sign_in(&context));
        let mut context = proven(1);
        set_unknown(&mut context, "nobody");
        assert!(!allows_sign_in(&context) && is_unknown(&context));
        // Two unknown users are not the same.
        let mut context = Context::default();
        set_unknown(&mut context, "a");
        context.set(&keys::USER_BACKEND, "b".to_owned());
        set_pending(
            &mut context,
            PendingUser { id: None, username: "b".into(), name: String::new(), email: String::new() },
        );
        assert!(!context.has(&keys::USER_BACKEND));
    }
    #[test]
    fn a_restored_plan_vouches_for_an_account_only() {
        let mut context = Context::default();
        context.set(&keys::IS_RESTORED, json!("token"));
        assert!(!allows_sign_in(&context) && !is_restored(&context));
        context.set(&keys::PENDING_USER, person(1));
        assert!(allows_sign_in(&context) && owns_pending(&context, None));
        // The same user may be set again; another one is not authenticated.
        set_pending(&mut context, person(1));
        assert!(allows_sign_in(&context));
        let mut gone = context.clone();
        gone.set(&keys::IS_RESTORED, json!(null));
        assert!(!allows_sign_in(&gone));
        set_pending(&mut context, person(2));
        assert!(!allows_sign_in(&context) && !owns_pending(&context, None));
    }
}
