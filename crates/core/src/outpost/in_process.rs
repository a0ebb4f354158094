//! The core itself as the backend of listeners in this process.
use super::{
    Credentials, DirectorySearch, OutpostBackend, OutpostSession, Peer, Served, SignIn, UserEntry, sign_in,
};
use crate::directory::{Author, Transaction};
use crate::event::EventAction;
use crate::flow::Executor;
use crate::models::{Flow, application_of};
use crate::policy::Verdict;
use crate::session::{self, impersonation};
use crate::{Client, Core, Principal, WebSession, access};
use async_trait::async_trait;
use signet_base::{Error, Map, Result, Uuid, json};
use signet_model::Scope;
use signet_store::groups::Group;
use signet_store::users::User;
use signet_store::{ListQuery, Page, groups, list, sessions};
use std::sync::Arc;

/// Entries of one page at most.
const MOST: u64 = 1000;

pub struct InProcess {
    core: Arc<Core>,
}

impl InProcess {
    pub fn new(core: Arc<Core>) -> Self {
        Self { core }
    }

    fn client(&self, peer: &Peer) -> Client {
        Client {
            ip: peer.ip,
            user_agent: peer.user_agent.clone(),
            request_id: self.core.ports.hex(16),
            in_process_outpost: true,
            ..Client::internal()
        }
    }

    /// The session's row and person, if both are valid now.
    async fn person(&self, session: OutpostSession) -> Result<Principal> {
        let over = || Error::denied("The session has ended.");
        let row = sessions::by_uuid(&self.core.db, session.id).await?.ok_or_else(over)?;
        if row.is_expired(self.core.now()) || row.user_id != Some(session.user) {
            return Err(over());
        }
        impersonation::person_of(&self.core, &row).await?.ok_or_else(over)
    }

    /// What the person may see of a model: all, what roles name, and always these keys.
    fn query(person: &Principal, search: &DirectorySearch, view: &str, own: Vec<String>) -> ListQuery {
        let opened = |(permission, object): &(String, String)| person.grants.on(permission, object);
        let scope = match person.grants.scope(view) {
            _ if search.opened_by.as_ref().is_some_and(opened) => Scope::All,
            Scope::All => Scope::All,
            Scope::Only(keys) | Scope::Own(_, keys) => Scope::Only(keys.into_iter().chain(own).collect()),
        };
        let page = Page { scope, size: search.page.size.min(MOST), ..search.page.clone() };
        let query = ListQuery { search: search.words.clone(), page, ..ListQuery::default() };
        search.equal.iter().fold(query, |query, (name, value)| query.equal(name.clone(), value.as_str()))
    }
}

#[async_trait]
impl OutpostBackend for InProcess {
    async fn served(&self, model: &str) -> Result<Vec<Served>> {
        let config = self.core.objects.refresh_if_stale().await?;
        let def = self.core.registry.find(model).ok_or(Error::NotFound)?;
        let served = config.of(def).filter_map(|provider| {
            let application = application_of(&config, provider.num?)?.clone();
            Some(Served { provider: provider.clone(), application })
        });
        Ok(served.collect())
    }

    async fn sign_in(&self, peer: &Peer, flow: Uuid, credentials: &Credentials) -> Result<SignIn> {
        let (core, client) = (&self.core, self.client(peer));
        let flow = core.config().get(flow).filter(|flow| flow.get::<Flow>().is_some()).cloned();
        let flow = flow.ok_or(Error::NotFound)?;
        let (password, code) = sign_in::split(core, credentials).await?;
        let mut session = WebSession::anonymous();
        let mut executor = Executor { core, client: &client, session: &mut session, query: "" };
        let end =
            sign_in::run(&mut executor, &flow, &credentials.username, &password, code.as_deref()).await?;
        if let Err(why) = end {
            return Ok(SignIn::Refused(why));
        }
        session.save(core, &client).await?;
        match (session.principal(), session.uuid()) {
            (Some(person), Some(id)) => Ok(SignIn::SignedIn(OutpostSession { user: person.user.id, id })),
            _ => Err(Error::internal("a sign-in without a session")),
        }
    }

    async fn may_use(&self, peer: &Peer, session: OutpostSession, provider: i64) -> Result<Verdict> {
        let person = self.person(session).await?;
        let config = self.core.config();
        let application = application_of(&config, provider).ok_or(Error::NotFound)?;
        let client = self.client(peer);
        let verdict = access::may_use(&self.core, &client, &person, application, &Map::new()).await?;
        if !verdict.passing {
            let text = verdict.messages.join("\n");
            self.core.event_denied(&client, Some(&person), application.name(), &text).await;
        }
        Ok(verdict)
    }

    async fn users(
        &self,
        session: OutpostSession,
        search: &DirectorySearch,
    ) -> Result<(Vec<UserEntry>, u64)> {
        let person = self.person(session).await?;
        let query =
            Self::query(&person, search, "authentik_core.view_user", vec![person.user.id.to_string()]);
        let (found, total) = list::<User>(&self.core.db, &query).await?;
        let ids: Vec<i64> = found.iter().map(|user| user.id).collect();
        let mut groups = groups::effective_groups_of_many(&self.core.db, &ids).await?;
        let entry = |user: User| {
            let groups = Arc::new(groups.remove(&user.id).unwrap_or_default());
            UserEntry { user: Arc::new(user), groups }
        };
        Ok((found.into_iter().map(entry).collect(), total))
    }

    async fn groups(&self, session: OutpostSession, search: &DirectorySearch) -> Result<(Vec<Group>, u64)> {
        let person = self.person(session).await?;
        let own = person.groups.iter().map(|group| group.id.to_string()).collect();
        list::<Group>(&self.core.db, &Self::query(&person, search, "authentik_core.view_group", own)).await
    }

    async fn end(&self, session: OutpostSession) -> Result<()> {
        let row = sessions::by_uuid(&self.core.db, session.id).await?;
        let Some(row) = row.filter(|row| row.user_id == Some(session.user)) else { return Ok(()) };
        let person = Principal::load_any(&self.core, session.user).await?;
        // Rows of tokens that wait to be written are marked as revoked as well.
        self.core.db.flush().await?;
        let client = Client { user_agent: row.user_agent.clone(), ..Client::internal() };
        let author = Author::request(&client, person.as_ref(), "authentik_outposts");
        let mut all = Transaction::new(&self.core, &author);
        all.also(session::end_batch(&self.core, &row));
        all.event(EventAction::Logout, json!({}));
        all.commit().await.map(drop)
    }
}
