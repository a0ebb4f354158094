//! Listeners of other protocols in this process: a bind, a search, an access check, an end.
use crate::keys::{deactivate, identification, login, password, validate};
use crate::site::Site;
use serde::{Deserialize, Serialize};
use signet_base::{Uuid, json};
use signet_core::models::{Application, PolicyBinding};
use signet_core::outpost::{
    Credentials, DirectorySearch, InProcess, OutpostBackend, OutpostSession, Peer, SignIn,
};
use signet_model::Model;
use signet_stages::dummy::DummyStage;
use signet_store::Page;
use signet_store::groups::{self, Group};
use signet_store::{roles, sessions, users};

/// Stands for the provider of a listener.
#[derive(Debug, Clone, Model, Serialize, Deserialize)]
#[model(app = "signet_test", path = "providers/listener", base = Provider, numbered, label = "Listener", component = "x", search("name"))]
pub struct ListenerProvider {
    #[field(unique, filter)]
    pub name: String,
}
const MODEL: &str = "signet_test.listenerprovider";

fn peer() -> Peer {
    Peer { ip: [192, 0, 2, 7].into(), user_agent: "goauthentik.io/outpost/ldap".into() }
}
fn given(username: &str, password: &str) -> Credentials {
    Credentials { username: username.into(), password: password.into(), code_in_password: true }
}
fn session(result: SignIn) -> OutpostSession {
    match result {
        SignIn::SignedIn(session) => session,
        SignIn::Refused(why) => panic!("{why}"),
    }
}
async fn site() -> (Site, InProcess, Uuid) {
    let site = Site::with(&[ListenerProvider::DEF], |families| families).await;
    let mfa = validate(&site, json!({"not_configured_action": "skip"})).await;
    let stages = [identification(&site, json!({})).await, password(&site).await, mfa, login(&site).await];
    let flow = site.flow("bind", "authentication", &stages).await;
    let backend = InProcess::new(site.core.clone());
    (site, backend, flow)
}

#[tokio::test]
async fn authz_a_bind_takes_a_password_and_a_code_in_its_tail() {
    let (site, backend, flow) = site().await;
    let ada = site.person("ada", "pw").await;
    site.person("bob", "pw;123456").await;
    let bind = async |name: &str, password: &str| {
        backend.sign_in(&peer(), flow, &given(name, password)).await.unwrap()
    };
    let found = session(bind("ada", "pw").await);
    let row = sessions::by_uuid(&site.core.db, found.id).await.unwrap().unwrap();
    assert_eq!(
        (row.user_id, row.ip.as_str(), row.user_agent.as_str()),
        (Some(ada), "192.0.2.7", "goauthentik.io/outpost/ldap")
    );
    for (name, wrong) in [("ada", "wrong"), ("ada", ""), ("ada", "pw;123456"), ("nobody", "pw"), ("", "pw")] {
        assert!(matches!(bind(name, wrong).await, SignIn::Refused(_)), "{name} {wrong}");
    }
    // Without a device the tail belongs to the password.
    session(bind("bob", "pw;123456").await);
    // With one it is the code, once; without it nothing is enough.
    site.totp(ada, |_| {}).await;
    let code = site.totp_code(0);
    assert!(matches!(bind("ada", "pw").await, SignIn::Refused(_)));
    assert!(matches!(bind("ada", "pw;000000").await, SignIn::Refused(_)));
    session(bind("ada", &format!("pw;{code}")).await);
    assert!(matches!(bind("ada", &format!("pw;{code}")).await, SignIn::Refused(_)), "a code counts once");
    let plain = Credentials { code_in_password: false, ..given("ada", &format!("pw;{}", site.totp_code(1))) };
    assert!(matches!(backend.sign_in(&peer(), flow, &plain).await.unwrap(), SignIn::Refused(_)));
    // A flow for people is none for programs, and a flow for listeners is for them.
    let dummy = site.make(DummyStage::DEF, json!({"name": "dummy"})).await;
    let people = site.flow("people", "authentication", &[dummy]).await;
    assert!(matches!(
        backend.sign_in(&peer(), people, &given("bob", "x")).await.unwrap(),
        SignIn::Refused(_)
    ));
    assert!(backend.sign_in(&peer(), Uuid::nil(), &given("bob", "x")).await.is_err());
}

#[tokio::test]
async fn authz_a_listener_searches_as_far_as_the_person_may_see() {
    let (site, backend, flow) = site().await;
    let (ada, bob) = (site.person("ada", "pw").await, site.person("bob", "pw").await);
    let team = Group::new(&site.core.ports, "team");
    let other = Group::new(&site.core.ports, "other");
    groups::insert(&site.core.db, &team, &[], &[ada]).await.unwrap();
    groups::insert(&site.core.db, &other, &[], &[bob]).await.unwrap();
    let own = session(backend.sign_in(&peer(), flow, &given("ada", "pw")).await.unwrap());
    let all = DirectorySearch { page: Page::first(100), ..DirectorySearch::default() };
    let names = async |search: &DirectorySearch| {
        let (found, total) = backend.users(own, search).await.unwrap();
        assert_eq!(found.len() as u64, total);
        found
            .iter()
            .map(|e| (e.user.username.clone(), e.groups.iter().map(|g| g.name.clone()).collect::<Vec<_>>()))
            .collect::<Vec<_>>()
    };
    assert_eq!(names(&all).await, [("ada".to_owned(), vec!["team".to_owned()])]);
    let groups_of =
        async || backend.groups(own, &all).await.unwrap().0.into_iter().map(|g| g.name).collect::<Vec<_>>();
    assert_eq!(groups_of().await, ["team"]);
    // A permission on the listener's provider opens the directory; another one does not.
    let role = site.make(signet_core::models::Role::DEF, json!({"name": "searchers"})).await;
    site.core.db.batch(roles::set_user_batch(ada, &[role])).await.unwrap();
    let target = roles::Target::Row("7".into());
    site.core
        .db
        .batch(roles::grant_batch(role, "signet_test.search_full_directory", MODEL, &target))
        .await
        .unwrap();
    let opened = |pk: &str| DirectorySearch {
        opened_by: Some(("signet_test.search_full_directory".into(), pk.into())),
        ..all.clone()
    };
    assert_eq!(names(&opened("7")).await.len() as i64, site.people().await);
    assert_eq!(names(&opened("8")).await.len(), 1);
    let narrowed = DirectorySearch { equal: vec![("username".into(), "bob".into())], ..opened("7") };
    assert_eq!(names(&narrowed).await, [("bob".to_owned(), vec!["other".to_owned()])]);
    // So does a role's permission to see accounts.
    site.core
        .db
        .batch(roles::grant_batch(
            role,
            "authentik_core.view_user",
            "authentik_core.user",
            &roles::Target::All,
        ))
        .await
        .unwrap();
    assert_eq!(names(&all).await.len() as i64, site.people().await);
}

#[tokio::test]
async fn authz_a_listener_asks_who_may_use_what_until_the_session_is_over() {
    let (site, backend, flow) = site().await;
    let (ada, bob) = (site.person("ada", "pw").await, site.person("bob", "pw").await);
    let provider = site.make(ListenerProvider::DEF, json!({"name": "ldap"})).await;
    let num = site.core.config().get(provider).unwrap().num.unwrap();
    site.make(ListenerProvider::DEF, json!({"name": "unused"})).await;
    let application =
        site.make(Application::DEF, json!({"name": "Directory", "slug": "ldap", "provider": num})).await;
    let served = backend.served(MODEL).await.unwrap();
    assert_eq!(served.len(), 1);
    assert_eq!((served[0].provider.pk, served[0].application.pk), (provider, application));
    assert!(backend.served("signet_test.nothing").await.is_err());
    let pbm = site.core.config().get(application).unwrap().pbm();
    site.make(PolicyBinding::DEF, json!({"target": pbm, "user": ada, "order": 0})).await;
    let (own, other) = (
        session(backend.sign_in(&peer(), flow, &given("ada", "pw")).await.unwrap()),
        session(backend.sign_in(&peer(), flow, &given("bob", "pw")).await.unwrap()),
    );
    assert!(backend.may_use(&peer(), own, num).await.unwrap().passing);
    assert!(!backend.may_use(&peer(), other, num).await.unwrap().passing);
    assert!(
        backend.may_use(&peer(), OutpostSession { user: bob, ..own }, num).await.is_err(),
        "a session is its owner's"
    );
    // It ends by the listener, and with the account.
    backend.end(other).await.unwrap();
    backend.end(other).await.unwrap();
    assert!(backend.may_use(&peer(), other, num).await.is_err());
    deactivate(&site, ada).await;
    assert!(backend.may_use(&peer(), own, num).await.is_err());
    assert!(backend.users(own, &DirectorySearch::default()).await.is_err());
    assert!(users::by_id(&site.core.db, ada).await.unwrap().is_some());
}
