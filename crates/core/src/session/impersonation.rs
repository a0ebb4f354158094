//! Impersonation: the session belongs to its owner and stores the account as which they act. Each request
//! checks that the owner still has the permission, the account is active, and the setting is on; otherwise
//! the session returns to its owner.
use super::{CSRF_COOKIE, State, WebSession, Write, sealed};
use crate::event::EventAction;
use crate::permission::closure::REFUSED;
use crate::{Client, Core, Principal};
use signet_base::{Error, Result, json};
use signet_store::{grants, sessions};

/// The effective user of a session whose owner impersonates an account.
pub(super) async fn person(core: &Core, owner: Principal, acts_as: Option<i64>) -> Result<Principal> {
    let Some(id) = acts_as.filter(|id| *id != owner.user.id && core.system().impersonation) else {
        return Ok(owner);
    };
    Ok(match Principal::load(core, id).await? {
        Some(person) if may(&owner, &person) => Principal { impersonator: Some(owner.user), ..person },
        _ => owner,
    })
}

/// Whether somebody may act as this person: by the permission, and never as one who may more.
pub fn may(owner: &Principal, person: &Principal) -> bool {
    owner.grants.on("authentik_core.impersonate", &person.user.id.to_string())
        && owner.grants.covers(&person.grants)
}

/// The person as whom a stored session acts now: its owner, or the account as which they act.
pub async fn person_of(core: &Core, session: &sessions::Session) -> Result<Option<Principal>> {
    let Some(owner) = session.user_id else { return Ok(None) };
    match Principal::load(core, owner).await?.filter(|owner| owner.user.epoch <= session.epoch) {
        Some(owner) => person(core, owner, of_row(core, session)).await.map(Some),
        None => Ok(None),
    }
}

/// The account as which a stored session acts.
pub(super) fn of_row(core: &Core, session: &sessions::Session) -> Option<i64> {
    State::decode(sealed::open(&core.vault, &session.id, session.data.clone()))?.acts_as
}

/// Takes back what was granted to the person who is acted for within this session.
pub async fn revoke(core: &Core, session: &WebSession) -> Result<()> {
    match (&session.principal, session.uuid()) {
        (Some(Principal { user, impersonator: Some(_), .. }), Some(uuid)) => {
            grants::revoke_session(&core.db, user.id, uuid).await
        }
        _ => Ok(()),
    }
}

/// Ends what [`WebSession::act_as`] started and records it. Without impersonation it has no effect.
pub async fn stop(core: &Core, client: &Client, session: &mut WebSession) -> Result<()> {
    if session.act_as_oneself(core, client).await? {
        core.event(client, session.principal(), EventAction::ImpersonationEnded, "authentik.core", json!({}))
            .await;
    }
    Ok(())
}

impl WebSession {
    /// Starts impersonation.
    pub fn act_as(&mut self, core: &Core, client: &Client, person: Principal) -> Result<()> {
        let refuse = |why: &str| Err(Error::invalid("non_field_errors", why));
        let Some(owner) = self.principal.take_if(|owner| owner.impersonator.is_none()) else {
            return refuse(
                "You are looking at this server as somebody else already. Go back to yourself first.",
            );
        };
        if !person.user.is_active {
            self.principal = Some(owner);
            return refuse("The account is not active.");
        }
        if !may(&owner, &person) {
            self.principal = Some(owner);
            return Err(Error::denied(REFUSED));
        }
        self.switch(
            core,
            client,
            Some(person.user.id),
            Principal { impersonator: Some(owner.user), ..person },
        );
        Ok(())
    }

    /// Ends impersonation; returns whether there was one. Tokens granted to the impersonated user are
    /// revoked.
    async fn act_as_oneself(&mut self, core: &Core, client: &Client) -> Result<bool> {
        let Some(owner) = self.principal.as_ref().and_then(|person| person.impersonator.clone()) else {
            return Ok(false);
        };
        revoke(core, self).await?;
        let owner = Principal::load(core, owner.id)
            .await?
            .ok_or_else(|| Error::denied("The account is not active."))?;
        self.switch(core, client, None, owner);
        Ok(true)
    }

    /// Assigns a new key and public id, as after a sign-in, so that grants of both users can be told apart
    /// and revoked. Forms need the new key's token.
    fn switch(&mut self, core: &Core, client: &Client, acts_as: Option<i64>, person: Principal) {
        self.note_leaving();
        self.rekey(core);
        self.state.acts_as = acts_as;
        self.state.plan = None;
        self.state.waiting.clear();
        self.principal = Some(person);
        self.write = Write::Durable;
        let token = self.csrf(core);
        self.add_cookie(core.cookie(client, CSRF_COOKIE, &token, None, false));
    }
}
