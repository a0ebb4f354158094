//! Policies that write: what they see of it, what is committed, and what is refused.
use crate::site::{BERLIN, Site, map, site};
use signet_base::{Json, Result, json};
use signet_core::expression;
use signet_core::policy::{Question, Verdict};
use signet_core::{Client, Principal};
use signet_policies::expression::ExpressionPolicy;
use signet_policies::password_expiry::PasswordExpiryPolicy;
use signet_store::devices::{self, Device, DeviceKind};
use signet_store::groups::{self, Group};
use signet_store::testdb::each_database;
use signet_store::tokens;
use signet_store::users::{self, User};

const MODELS: &str = "from authentik.core.models import Group, Token, TokenIntents, User\n";

async fn ask(site: &Site, text: &str) -> Result<Verdict> {
    let policy = site.policy::<ExpressionPolicy>(json!({"expression": format!("{MODELS}{text}")})).await;
    site.ask(&policy, &site.client(BERLIN), json!({})).await
}
async fn passes(site: &Site, text: &str) {
    let verdict = ask(site, text).await.unwrap_or_else(|error| panic!("{error}\n{text}"));
    assert!(verdict.passing, "{text}");
}
/// The run ends with an error that names this.
async fn refused(site: &Site, text: &str, why: &str) {
    let error = ask(site, text).await.expect_err(text).to_string();
    assert!(error.contains(why), "{text}: {error}");
}
async fn user(site: &Site, name: &str) -> Option<User> {
    users::by_username(&site.core.db, name).await.unwrap()
}
async fn groups_of(site: &Site, name: &str) -> Vec<String> {
    let id = user(site, name).await.unwrap().id;
    groups::direct_groups(&site.core.db, id).await.unwrap().into_iter().map(|group| group.name).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn core_writes_are_committed_when_the_text_has_succeeded() {
    each_database(async |db| {
        let site = site(&db).await;
        let text = "user = request.user\nuser.attributes['logins'] = user.attributes.get('logins', 0) + 1\nuser.name = 'Ada L.'\nuser.save()\n\
            group, made = Group.objects.get_or_create(name='newcomers', defaults={'attributes': {'gid': 7}})\nuser.ak_groups.add(group)\n\
            kim = User.objects.create(username='kim', email='kim@example.test', name='Kim', path='made', attributes={'by': 'a text'})\n\
            group.users.add(kim)\nkim.set_password('correct horse')\nkim.save()\n\
            Token.objects.create(identifier='made', user=user, intent=TokenIntents.INTENT_API, expiring=False)\n\
            request.context['note'] = 1\nreturn made";
        passes(&site, text).await;
        let ada = user(&site, "ada").await.unwrap();
        assert_eq!((ada.attributes["logins"].clone(), ada.name.as_str()), (json!(1), "Ada L."));
        assert_eq!(groups_of(&site, "ada").await, ["newcomers", "staff"]);
        let kim = user(&site, "kim").await.unwrap();
        assert!(kim.id > 0 && kim.path == "made" && kim.attributes["by"] == "a text");
        let right = "correct horse".into();
        assert!(site.core.hasher.verify(Some(&kim.password), &right).await.unwrap());
        assert_eq!(groups_of(&site, "kim").await, ["newcomers"]);
        let group = groups::by_name(&db, "newcomers").await.unwrap().unwrap();
        assert_eq!(json!(group.attributes), json!({"gid": 7}));
        let token = tokens::by_identifier(&db, "made").await.unwrap().unwrap();
        assert_eq!((token.user_id, token.intent.as_str(), token.expiring), (ada.id, "api", false));
        // Again: the group is there, the name is taken.
        refused(&site, text, "there is an account 'kim' already").await;
        assert_eq!(user(&site, "ada").await.unwrap().attributes["logins"], 1, "what failed wrote nothing");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn core_writes_leave_events_with_their_author() {
    each_database(async |db| {
        let site = site(&db).await;
        let policy = site.policy::<ExpressionPolicy>(json!({"expression": format!("{MODELS}request.user.attributes['a'] = 1\nrequest.user.save()\nreturn True")})).await;
        assert!(site.ask(&policy, &site.client(BERLIN), json!({})).await.unwrap().passing);
        let events = site.events("model_updated").await;
        assert_eq!(events.len(), 1);
        let said = Json::Object(events[0].context.clone());
        assert_eq!(said["expression"]["name"], policy.name(), "{said}");
        assert_eq!(said["model"]["name"], "ada", "{said}");
        assert_eq!(events[0].user["username"], "ada");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn core_writes_are_seen_by_later_reads_of_the_same_text() {
    each_database(async |db| {
        let site = site(&db).await;
        for name in ["grace", "linus"] {
            let mut other = User::new(&site.core.ports, name);
            other.name = name.to_uppercase();
            users::insert(&db, &other, &[site.staff]).await.unwrap();
        }
        let text = r#"
def names(query):
    return [one.username for one in query]

staff = Group.objects.get(name="staff")
crew = Group.objects.create(name="crew", attributes={"level": 2})
assert Group.objects.filter(name="crew").exists() and Group.objects.get(pk=crew.pk).attributes["level"] == 2
assert [g.name for g in Group.objects.filter(attributes__level__gt=1)] == ["crew"]
assert Group.objects.count() == 2 and [g.name for g in Group.objects.all()] == ["crew", "staff"]
assert [g.name for g in Group.objects.order_by("-name")] == ["staff", "crew"]
assert not Group.objects.filter(users=request.user, name="crew")

request.user.groups.add(crew)
assert [g.name for g in request.user.groups.all()] == ["crew", "staff"]
assert ak_is_group_member(request.user, name="crew") and crew.users.count() == 1
assert names(User.objects.filter(groups__name="crew")) == ["ada"] == names(crew.users.all())
assert [g.name for g in Group.objects.filter(users=request.user)] == ["crew", "staff"]
assert request.user.group_attributes()["level"] == 2

kim = User.objects.create(username="kim", name="KIM")
crew.users.add(kim)
assert names(User.objects.filter(name__regex="^[A-Z]+$").order_by("username")) == ["grace", "kim", "linus"]
assert names(User.objects.all()) == ["ada", "grace", "linus", "kim"] and User.objects.last().username == "kim"
assert User.objects.count() == 4 and User.objects.filter(username__in=["kim", "ada"]).count() == 2
assert names(User.objects.exclude(groups__name="crew")) == ["grace", "linus"]
assert names(User.objects.order_by("-username")[:2]) == ["linus", "kim"]
assert ak_user_by(username="kim").name == "KIM" and User.objects.get(username="kim") == kim
assert list(User.objects.filter(groups=crew).values_list("username", flat=True)) == ["ada", "kim"]

kim.username = "kim.lee"
kim.attributes["a"] = {"b": [1]}
kim.save()
assert ak_user_by(username="kim") is None and ak_user_by(username="kim.lee").attributes == {"a": {"b": [1]}}
assert names(User.objects.filter(attributes__a__b__contains=1)) == ["kim.lee"]
assert User.objects.filter(groups__name="staff").update(path="crew/staff") == 3
assert names(User.objects.filter(path__startswith="crew")) == ["ada", "grace", "linus"]

linus, made = User.objects.update_or_create(username="linus", defaults={"name": "Linus T."})
assert not made and linus.name == "Linus T." and User.objects.get(username="linus").name == "Linus T."
staff.users.remove(linus)
assert names(staff.users.all()) == ["ada", "grace"] and not linus.groups.exists()
linus.groups.set([crew, staff])
assert [g.name for g in linus.groups.all()] == ["crew", "staff"]
linus.groups.clear()
assert linus.groups.count() == 0

assert User.objects.filter(username="grace").delete()[0] == 1
assert names(User.objects.all()) == ["ada", "linus", "kim.lee"] and not User.objects.filter(username="grace")
kim.set_password("one two three")
assert kim.check_password("one two three") and not kim.check_password("x")
return True
"#;
        passes(&site, text).await;
        let all = groups::members_of_many(&db, &[site.staff], 100).await.unwrap();
        let names: Vec<&str> = all[&site.staff].iter().map(|user| user.username.as_str()).collect();
        assert_eq!(names, ["ada"]);
        assert!(user(&site, "grace").await.is_none() && user(&site, "kim").await.is_none());
        assert_eq!(user(&site, "linus").await.unwrap().path, "crew/staff");
        assert_eq!(groups_of(&site, "kim.lee").await, ["crew"]);
        assert!(
            !signet_core::hash::is_usable(&user(&site, "kim.lee").await.unwrap().password),
            "no save() took the password"
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn core_writes_are_dropped_by_a_failure_and_by_a_dry_run() {
    each_database(async |db| {
        let site = site(&db).await;
        let write = "request.user.attributes['a'] = 1\nrequest.user.save()\nGroup.objects.create(name='x')\n";
        refused(&site, &format!("{write}raise ValueError('late')"), "late").await;
        // One at the commit: the other account took the name in between.
        let policy = site
            .policy::<ExpressionPolicy>(json!({"expression": format!("{MODELS}{write}return True")}))
            .await;
        let dry = Client { dry_run: Some(site.core.now()), ..site.client(BERLIN) };
        assert!(site.ask(&policy, &dry, json!({})).await.unwrap().passing);
        assert!(user(&site, "ada").await.unwrap().attributes.is_empty());
        assert!(groups::by_name(&db, "x").await.unwrap().is_none());
        assert!(
            site.events("model_updated").await.is_empty() && site.events("model_created").await.is_empty()
        );
        // The twin: what neither fails nor is tried out.
        assert!(site.ask(&policy, &site.client(BERLIN), json!({})).await.unwrap().passing);
        assert!(groups::by_name(&db, "x").await.unwrap().is_some());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn core_writes_keep_away_from_superusers() {
    each_database(async |db| {
        let site = site(&db).await;
        let mut admins = Group::new(&site.core.ports, "admins");
        admins.is_superuser = true;
        groups::insert(&db, &admins, &[], &[]).await.unwrap();
        let below = Group::new(&site.core.ports, "below");
        groups::insert(&db, &below, &[admins.id], &[]).await.unwrap();
        let root = User::new(&site.core.ports, "root");
        users::insert(&db, &root, &[below.id]).await.unwrap();
        for text in [
            "root = User.objects.get(username='root')\nroot.email = 'me@example.test'\nroot.save()\nreturn True",
            "root = User.objects.get(username='root')\nroot.set_password('mine')\nreturn True",
            "User.objects.filter(username='root').update(is_active=False)\nreturn True",
            "User.objects.get(username='root').delete()\nreturn True",
            "Token.objects.create(identifier='t', user=User.objects.get(username='root'))\nreturn True",
            "User.objects.get(username='root').groups.clear()\nreturn True",
            // What is refused cannot be hidden.
            "try:\n    User.objects.get(username='root').delete()\nexcept BaseException:\n    pass\nreturn True",
        ] {
            refused(&site, text, "superuser").await;
        }
        for text in [
            "request.user.groups.add(Group.objects.get(name='admins'))\nreturn True",
            "Group.objects.get(name='below').users.add(request.user)\nreturn True",
            "request.user.groups.set(Group.objects.all())\nreturn True",
            "group = Group.objects.get(name='staff')\ngroup.is_superuser = True\ngroup.save()\nreturn True",
            "Group.objects.create(name='gods', is_superuser=True)\nreturn True",
            "Group.objects.update_or_create(name='staff', defaults={'is_superuser': True})\nreturn True",
            "group = Group.objects.get(name='below')\ngroup.name = 'free'\ngroup.save()\nreturn True",
        ] {
            refused(&site, text, "superuser").await;
        }
        assert_eq!(groups_of(&site, "ada").await, ["staff"]);
        passes(&site, "crew = Group.objects.create(name='crew')\nrequest.user.groups.add(crew)\nreturn True").await;
        assert_eq!(groups_of(&site, "ada").await, ["crew", "staff"]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn core_writes_end_what_rests_on_the_account() {
    each_database(async |db| {
        let site = site(&db).await;
        let epoch = async || user(&site, "ada").await.unwrap().epoch;
        let before = epoch().await;
        passes(&site, "request.user.attributes['a'] = 1\nrequest.user.save()\nreturn True").await;
        assert_eq!(epoch().await, before);
        passes(&site, "request.user.set_password('another one')\nrequest.user.save()\nreturn True").await;
        let changed = epoch().await;
        assert!(changed > before, "a new password");
        let device = Device::new(&site.core.ports, DeviceKind::Totp, site.ada.user.id, "d");
        devices::insert(&db, &device).await.unwrap();
        let reset = "from authentik.stages.authenticator import devices_for_user\nfor device in devices_for_user(request.user, confirmed=None):\n    device.delete()\nreturn not devices_for_user(request.user, confirmed=None)";
        passes(&site, reset).await;
        assert!(devices::of_user(&db, site.ada.user.id, None).await.unwrap().is_empty());
        assert!(epoch().await > changed, "a second factor that is gone");
        let reset = epoch().await;
        passes(&site, "request.user.is_active = False\nrequest.user.save(update_fields=['is_active'])\nreturn True").await;
        assert!(epoch().await > reset && !user(&site, "ada").await.unwrap().is_active);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn core_writes_that_cannot_be_are_errors() {
    each_database(async |db| {
        let site = site(&db).await;
        for (text, why) in [
            ("request.user.email = 'nowhere'\nrequest.user.save()\nreturn True", "no address"),
            ("request.user.username = ' '\nrequest.user.save()\nreturn True", "1 to 150 characters"),
            ("request.user.type = 'internal_service_account'\nrequest.user.save()\nreturn True", "'type' is"),
            ("request.user.attributes = [1]\nrequest.user.save()\nreturn True", "dictionary"),
            ("User.objects.create(username='k', password='x')\nreturn True", "unexpected keyword"),
            ("Group.objects.create(name='staff')\nreturn True", "already"),
            ("from authentik.flows.models import Flow\nFlow.objects.filter(slug='x').update(title='y')\nreturn True", "blueprints"),
            ("request.user.groups.clear()\nreturn ak_call_policy('x').passing", "call it first"),
            ("g = Group.objects.get(name='staff')\ng.name = 'crew'\ng.save()\nreturn User.objects.filter(groups__name='crew').exists()", "ask before"),
            ("for n in range(600):\n    Group.objects.create(name=str(n))\nreturn True", "too many calls"),
        ] {
            refused(&site, text, why).await;
        }
        // Mappings and prompts do not write.
        let program = expression::parse("request.user.name = 'x'\nrequest.user.save()\nreturn {}").unwrap();
        let (context, client) = (map(json!({})), site.client(BERLIN));
        let question = Question { core: &site.core, client: &client, user: Some(&site.ada), context: &context, target: None };
        let error = expression::evaluate(&question, &program, Vec::new()).await.unwrap_err();
        assert!(error.to_string().contains("only policies write"), "{error}");
        let ada = Principal::load(&site.core, site.ada.user.id).await.unwrap().unwrap();
        assert_eq!((ada.user.name.as_str(), groups_of(&site, "ada").await), ("ada", vec!["staff".to_owned()]));
        let _ = db;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn core_writes_of_many_at_once_do_not_undo_each_other() {
    each_database(async |db| {
        let site = site(&db).await;
        let texts = [
            "request.user.name = 'A'\nrequest.user.save()\nreturn True",
            "request.user.path = 'b'\nrequest.user.save()\nreturn True",
        ];
        let (a, b) = tokio::join!(ask(&site, texts[0]), ask(&site, texts[1]));
        assert!(a.unwrap().passing && b.unwrap().passing);
        let ada = users::by_id(&db, site.ada.user.id).await.unwrap().unwrap();
        assert_eq!((ada.name.as_str(), ada.path.as_str()), ("A", "b"));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn core_writes_of_a_called_policy_join_its_callers() {
    each_database(async |db| {
        let site = site(&db).await;
        let text = "request.user.attributes['calls'] = request.user.attributes.get('calls', 0) + 1\nrequest.user.save()\n\
            Group.objects.get_or_create(name='by-called')\nreturn True";
        let called = site.policy::<ExpressionPolicy>(json!({"expression": format!("{MODELS}{text}")})).await;
        let call = format!("ak_call_policy('{}').passing", called.name());
        let untouched = async || {
            let events = site.events("model_updated").await.len() + site.events("model_created").await.len();
            user(&site, "ada").await.unwrap().attributes.is_empty()
                && groups::by_name(&db, "by-called").await.unwrap().is_none()
                && events == 0
        };
        // Dropped with a caller that fails, or is only tried out.
        refused(&site, &format!("assert {call}\nraise ValueError('late')"), "late").await;
        assert!(untouched().await);
        let caller = site.policy::<ExpressionPolicy>(json!({"expression": format!("return {call}")})).await;
        let dry = Client { dry_run: Some(site.core.now()), ..site.client(BERLIN) };
        assert!(site.ask(&caller, &dry, json!({})).await.unwrap().passing && untouched().await);
        // A mapping writes nothing by calling a policy that does.
        let program = expression::parse(&format!("return {call}")).unwrap();
        let (context, client) = (map(json!({})), site.client(BERLIN));
        let question = Question { core: &site.core, client: &client, user: Some(&site.ada), context: &context, target: None };
        let error = expression::evaluate(&question, &program, Vec::new()).await.unwrap_err();
        assert!(error.to_string().contains("only policies write") && untouched().await, "{error}");

        // One commit with the caller's own; each sees what was written before it.
        passes(&site, &format!("assert {call} and {call}\nrequest.user.name = 'A'\nrequest.user.save()\nreturn True")).await;
        let ada = user(&site, "ada").await.unwrap();
        assert_eq!((ada.name.as_str(), &ada.attributes["calls"]), ("A", &json!(2)));
        assert!(groups::by_name(&db, "by-called").await.unwrap().is_some());
        assert_eq!(site.events("model_updated").await.len(), 1);
        passes(&site, &format!("request.user.attributes = {{'calls': 10}}\nrequest.user.save()\nreturn {call}")).await;
        assert_eq!(user(&site, "ada").await.unwrap().attributes["calls"], 11);
        // Called on its own it commits as ever.
        assert!(site.ask(&caller, &client, json!({})).await.unwrap().passing);
        // Policies that look at the database alone are asked before.
        let other = site.policy::<PasswordExpiryPolicy>(json!({"days": 3})).await;
        let text = format!("request.user.save()\nreturn ak_call_policy('{}').passing", other.name());
        refused(&site, &text, "call it first").await;
    })
    .await;
}
