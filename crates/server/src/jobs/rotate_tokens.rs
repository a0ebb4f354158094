//! Gives expired API tokens a new key.
use super::Sweep;
use signet_base::{Conflict, Error, Result, Secret, Span};
use signet_core::directory::{self, Actor, Author, TokenChange};
use signet_core::{Core, Principal};
use signet_store::tokens;

/// Tokens that are read at once.
const AT_ONCE: i64 = 50;

pub const JOB: Sweep = Sweep {
    name: "signet.core.tasks.rotate_tokens",
    description: "Give expired API tokens a new key",
    schedule: "* * * * *",
    done: "tokens have a new key",
    work: |core| Box::pin(rotate(core)),
};

async fn rotate(core: &Core) -> Result<u64> {
    let mut done = 0;
    loop {
        let due = tokens::expired_api_tokens(&core.db, core.now(), AT_ONCE).await?;
        for token in &due {
            let system = core.system();
            let length = usize::try_from(system.default_token_length).unwrap_or(60).clamp(32, 4096);
            let life = Span::parse(&system.default_token_duration)
                .ok()
                .filter(|life| *life > Span::ZERO)
                .unwrap_or(Span::from_secs(1800));
            let key = Secret::new(core.ports.alphanumeric(length));
            let owner = Principal::load_any(core, token.user_id).await?;
            let author = Author { actor: owner.map_or(Actor::Nobody, Actor::Person), ..Author::system() };
            let change = TokenChange::rotate(token, key, Some(core.now().plus(life)));
            match directory::commit(core, &author, change).await {
                Ok(_) => done += 1,
                // Somebody else was faster.
                Err(Error::Conflict(Conflict::Rotated)) => {}
                Err(error) => return Err(error),
            }
        }
        if due.len() < usize::try_from(AT_ONCE).unwrap_or_default() {
            return Ok(done);
        }
    }
}
