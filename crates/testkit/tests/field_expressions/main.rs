//! Queries and objects of expressions, on both databases. The numbers are those of the faults found in the
//! field.
#![allow(clippy::unwrap_used, reason = "a failure here is a failed test")]
mod delivered;
mod flows;

use signet_base::{Json, json};
use signet_testkit::{App, Browser, each_database};

/// What a text answers about a person: passing, or why not.
async fn ask(admin: &mut Browser, text: &str, user: i64, context: Json) -> Result<bool, String> {
    let name = format!("p{}", text.len() * 7919 + text.bytes().map(usize::from).sum::<usize>());
    let made = admin.post("/api/v3/policies/expression/", json!({"name": name, "expression": text})).await;
    if !made.status.is_success() {
        return Err(made.text());
    }
    let pk = made.json()["pk"].as_str().unwrap().to_owned();
    let answer = admin
        .post(&format!("/api/v3/policies/all/{pk}/test/"), json!({"user": user, "context": context}))
        .await
        .json();
    admin.delete(&format!("/api/v3/policies/all/{pk}/")).await;
    let said = answer["messages"].to_string() + &answer["log_messages"].to_string();
    if said.contains("Error") || said.contains("DoesNotExist") || said.contains("refused") {
        Err(said)
    } else {
        Ok(answer["passing"] == true)
    }
}

async fn all_true(admin: &mut Browser, user: i64, texts: &[&str]) {
    for text in texts {
        assert_eq!(
            ask(admin, text, user, json!({"prompt_data": {"email": "free@example.org"}})).await,
            Ok(true),
            "{text}"
        );
    }
}

struct Fixture {
    app: App,
    admin: Browser,
    ada: i64,
}

/// Ada is in "staff", whose parent is "everyone"; Grace has the same address in other letters; both have
/// attributes.
async fn fixture(kind: signet_store::DbKind) -> Fixture {
    let app = App::start(kind).await;
    let mut admin = app.admin().await;
    let everyone = admin
        .post("/api/v3/core/groups/", json!({"name": "everyone", "attributes": {"gid": 0}}))
        .await
        .json()["pk"]
        .clone();
    let staff = admin
        .post(
            "/api/v3/core/groups/",
            json!({"name": "staff", "parents": [everyone], "attributes": {"gid": 42, "rooms": ["lab"]}}),
        )
        .await
        .json()["pk"]
        .clone();
    admin.post("/api/v3/core/groups/", json!({"name": "Empty_%"})).await;
    let person = |name: &str, groups: Json, attributes: Json| json!({"username": name, "name": name.to_uppercase(), "email": format!("{name}@Example.org"), "groups": groups, "attributes": attributes});
    let ada = admin
        .post("/api/v3/core/users/", person("ada", json!([staff]), json!({"team": "blue", "level": 3})))
        .await
        .json()["pk"]
        .as_i64()
        .unwrap();
    admin.post("/api/v3/core/users/", person("grace", json!([staff]), json!({"team": "red"}))).await;
    admin.post("/api/v3/core/users/", person("linus", json!([]), json!({}))).await;
    Fixture { app, admin, ada }
}

#[tokio::test(flavor = "multi_thread")]
async fn field_01_an_empty_query_is_false() {
    each_database(|kind| async move {
        let Fixture { app, mut admin, ada } = fixture(kind).await;
        let user = "from authentik.core.models import User\n";
        for text in [
            "return bool(request.user.ak_groups.filter(name='nobody'))",
            "if request.user.ak_groups.filter(name='nobody'):\n    return True\nreturn False",
            "return request.user.groups.filter(name='nobody')",
            "return request.user.all_groups().filter(name='nobody') and True",
            "return False or request.user.groups.filter(name='nobody')",
            "return not not request.user.groups.filter(name='nobody')",
            "return any([request.user.groups.filter(name='nobody'), User.objects.filter(username='nobody')])",
            "found = User.objects.filter(username=request.user.username, is_active=False)\nwhile found:\n    return True\nreturn False",
            "return True if User.objects.filter(username='nobody') else False",
            "return [1 for x in [1] if User.objects.filter(username='nobody')]",
            "return len([x for x in filter(None, [User.objects.none()])]) == 1",
            "return bool(User.objects.filter(groups__name='Empty_%'))",
        ] {
            assert_eq!(ask(&mut admin, &format!("{user}{text}"), ada, json!({})).await, Ok(false), "{text}");
        }
        for text in [
            "return bool(request.user.ak_groups.filter(name='staff'))",
            "if request.user.ak_groups.filter(name='staff'):\n    return True\nreturn False",
            "return request.user.all_groups().filter(name='everyone') and True",
            "return request.user.groups.filter(name='staff')",
            "return not User.objects.filter(username='nobody')",
            "return bool(User.objects.filter(username='ada', is_active=True))",
        ] {
            assert_eq!(ask(&mut admin, &format!("{user}{text}"), ada, json!({})).await, Ok(true), "{text}");
        }
        app.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn field_02_the_first_of_several_accounts_is_found() {
    each_database(|kind| async move {
        let Fixture { app, mut admin, ada } = fixture(kind).await;
        for name in ["twin1", "twin2"] {
            admin.post("/api/v3/core/users/", json!({"username": name, "name": "Twin", "email": "twin@example.org", "attributes": {"twin": true}})).await;
        }
        let texts = [
            "return ak_user_by(email__iexact='TWIN@example.org').username == 'twin1'",
            "return ak_user_by(name='Twin').username == 'twin1'",
            "return ak_user_by(attributes__twin=True).username == 'twin1'",
            "return ak_user_by(email='twin@example.org', name='Twin') is not None",
            "return ak_user_by(email='other@example.org') is None",
            "return ak_user_by(username='TWIN1') is None",
        ];
        all_true(&mut admin, ada, &texts).await;
        app.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn field_05_people_are_found_by_every_look_up() {
    each_database(|kind| async move {
        let Fixture { app, mut admin, ada } = fixture(kind).await;
        let count = |filter: &str, wanted: usize| format!("from authentik.core.models import User, Group\nfrom django.db.models import Q\nreturn {filter}.count() == {wanted}");
        let mut texts = vec![
            "from authentik.core.models import User\nq = User.objects.filter(email__iexact=context['prompt_data']['email'])\nif context.get('pending_user'):\n    q = q.exclude(pk=context['pending_user'].pk)\nelif request.user.is_authenticated:\n    q = q.exclude(pk=request.user.pk)\nreturn not q.exists()".to_owned(),
        ];
        for (filter, wanted) in [
            ("User.objects.filter(pk=request.user.pk)", 1),
            ("User.objects.filter(pk=str(request.user.pk))", 1),
            ("User.objects.filter(username__in=['ada', 'grace', 'x'])", 2),
            ("User.objects.filter(username__in=[])", 0),
            ("User.objects.filter(username='ADA')", 0),
            ("User.objects.filter(username__iexact='ADA')", 1),
            ("User.objects.filter(username__startswith='ad')", 1),
            ("User.objects.filter(username__startswith='AD')", 0),
            ("User.objects.filter(email__iendswith='@EXAMPLE.ORG', username__in=['ada', 'grace', 'linus'])", 3),
            ("User.objects.filter(email__endswith='@example.org', username='ada')", 0),
            ("User.objects.filter(name__contains='RAC')", 1),
            ("User.objects.filter(name__contains='%')", 0),
            ("User.objects.filter(name__icontains='rac')", 1),
            ("User.objects.filter(groups__name='staff')", 2),
            ("User.objects.filter(groups__name='staff').exclude(username='ada')", 1),
            ("User.objects.filter(ak_groups__parents__name='everyone')", 2),
            ("User.objects.filter(groups__attributes__gid=42)", 2),
            ("User.objects.filter(groups__isnull=True, username__in=['ada', 'linus'])", 1),
            ("User.objects.filter(groups__in=Group.objects.filter(name='staff'))", 2),
            ("User.objects.filter(attributes__team='blue')", 1),
            ("User.objects.filter(attributes__level__gte=3)", 1),
            ("User.objects.filter(attributes__has_key='team')", 2),
            ("User.objects.exclude(attributes__team='blue').filter(username__in=['ada', 'grace', 'linus'])", 1),
            ("User.objects.filter(last_login__isnull=True, username='ada')", 1),
            ("User.objects.exclude(last_login__gt=request.user.date_joined).filter(username='ada')", 1),
            ("User.objects.filter(date_joined__lte=request.user.date_joined, username='ada')", 1),
            ("User.objects.filter(Q(username='ada') | Q(username='grace') & ~Q(attributes__team='red'))", 1),
            ("User.objects.filter(Q(attributes__team='red') | Q(groups__name='nobody'))", 1),
            ("User.objects.filter(type='internal', username='ada')", 1),
            ("User.objects.filter(is_superuser=True, username='ada')", 0),
            ("User.objects.filter(username='ada').union(User.objects.filter(username='grace'))", 2),
            ("Group.objects.filter(name='Empty_%')", 1),
            ("Group.objects.filter(name__contains='_%')", 1),
            ("Group.objects.filter(users=request.user)", 1),
            ("Group.objects.filter(users__username='ada')", 1),
            ("User.objects.filter(username__regex='^(ada|grace)$')", 2),
            ("User.objects.filter(username__regex='^ADA')", 0),
            ("User.objects.filter(username__iregex='^ADA')", 1),
            ("User.objects.exclude(username__regex='d').filter(username__in=['ada', 'grace'])", 1),
            ("User.objects.filter(attributes__team__regex='^b', is_active=True)", 1),
            ("Group.objects.filter(users__username__regex='^ad')", 1),
            ("(User.objects.filter(username='ada') | User.objects.filter(groups__name='staff'))", 2),
            ("(User.objects.filter(username__startswith='a') & request.user.groups.first().users.all())", 1),
            ("(request.user.groups.all() | Group.objects.filter(name='Empty_%'))", 2),
            ("(request.user.all_groups() & Group.objects.filter(name='everyone'))", 1),
            ("Group.objects.filter(attributes__rooms__contains='lab')", 1),
        ] {
            texts.push(count(filter, wanted));
        }
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        all_true(&mut admin, ada, &texts).await;
        for (filter, why) in [("password='x'", "password"), ("nonsense=1", "nonsense"), ("username__regex='('", "no pattern"), ("created__regex='x'", "created"), ("is_active='x'", "is_active")] {
            let text = format!("from authentik.core.models import User\nreturn User.objects.filter({filter}).count() == 0");
            assert!(ask(&mut admin, &text, ada, json!({})).await.is_err_and(|said| said.contains(why)), "{filter}");
        }
        app.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn field_06_a_query_is_walked_counted_and_indexed() {
    each_database(|kind| async move {
        let Fixture { app, mut admin, ada } = fixture(kind).await;
        let head = "from authentik.core.models import Group, User\n";
        let texts = [
            "return [g.name for g in Group.objects.filter(name='staff')] == ['staff']",
            "return len(Group.objects.filter(name='staff')) == 1",
            "return Group.objects.filter(name='staff')[0].name == 'staff'",
            "return [u.username for u in User.objects.filter(groups__name='staff').order_by('-username')[:1]] == ['grace']",
            "return request.user.ak_groups.all().filter(name='nobody').exists() is False",
            "return request.user.all_groups().filter(name='everyone').count() == 1",
            "return any(g.name == 'staff' for g in request.user.ak_groups.filter(name__startswith='s'))",
            "return sorted(u.username for u in Group.objects.get(name='staff').users.all()) == ['ada', 'grace']",
            "return [g.name for g in Group.objects.get(name='staff').parents.all()] == ['everyone']",
            "return Group.objects.get(name='staff') in request.user.groups.all() and Group.objects.get(name='staff') not in Group.objects.none()",
            "return User.objects.filter(groups__name='staff').order_by('username').last().username == 'grace'",
            "return list(Group.objects.filter(name='staff').values('name', 'is_superuser')) == [{'name': 'staff', 'is_superuser': False}]",
            "return list(User.objects.filter(groups__name='staff').order_by('username').values_list('username', flat=True)) == ['ada', 'grace']",
            "return dict(Group.objects.filter(name='staff').values_list('name', 'attributes__gid')) == {'staff': 42}",
            "return ','.join(g.name for g in sorted(Group.objects.filter(name__in=['staff', 'everyone']), key=lambda g: g.attributes.get('gid'))) == 'everyone,staff'",
            "return f'{request.user} {Group.objects.get(name=\"staff\")}' == 'ada Group staff' and 'I am %s' % request.user == 'I am ada' and '{}'.format(request.user) == 'ada'",
            "try:\n    Group.objects.get(name='nobody')\nexcept User.DoesNotExist:\n    return False\nexcept Group.DoesNotExist as e:\n    return str(e) == 'Group matching query does not exist.'",
            "try:\n    User.objects.get(groups__name='staff')\nexcept User.MultipleObjectsReturned:\n    return True",
            "try:\n    Group.objects.filter(name='nobody')[0]\nexcept IndexError:\n    return True",
            "first, *others = User.objects.filter(groups__name='staff').order_by('username')\nreturn first.username == 'ada' and [o.username for o in others] == ['grace']",
            "return request.user.groups.contains(Group.objects.get(name='staff'))",
            "return isinstance(request.user, User) and not isinstance(request.user, (Group, int)) and isinstance(Group.objects.first(), Group)",
            "return request.user.first_name == '' and request.user.is_staff is False and len(request.user.uuid.hex) == 32 and request.user.avatar.startswith('data:')",
        ];
        for text in texts {
            assert_eq!(ask(&mut admin, &format!("{head}{text}"), ada, json!({})).await, Ok(true), "{text}");
        }
        for text in ["return [g for g in request.user.groups]", "return len(User.objects)", "return User.objects.filter(username='a')[-1]", "return str(request.http_request)", "return User.objects.create(username='ada')", "return Group.objects.create(name='gods', is_superuser=True)", "request.user.groups.add('x')\nreturn True", "return str(request.user.password)"] {
            let said = ask(&mut admin, &format!("{head}{text}"), ada, json!({})).await;
            assert!(said.is_err(), "{text}: {said:?}");
        }
        // What is only tried out is seen by the text, and by nobody else.
        let text = "request.user.groups.clear()\nrequest.user.name = 'x'\nrequest.user.save()\nreturn not request.user.groups.exists() and User.objects.filter(name='x').exists()";
        for _ in 0..2 {
            assert_eq!(ask(&mut admin, &format!("{head}{text}"), ada, json!({})).await, Ok(true), "{text}");
        }
        let text = "return request.user.groups.exists() and not User.objects.filter(name='x').exists()";
        assert_eq!(ask(&mut admin, &format!("{head}{text}"), ada, json!({})).await, Ok(true), "{text}");
        app.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn field_04_and_22_models_constants_and_the_request() {
    each_database(|kind| async move {
        let Fixture { app, mut admin, ada } = fixture(kind).await;
        let texts = [
            "from authentik.core.models import USER_ATTRIBUTE_CHANGE_EMAIL\nreturn request.user.group_attributes(request.http_request).get(USER_ATTRIBUTE_CHANGE_EMAIL, request.http_request.tenant.default_user_change_email) in (True, False)",
            "from authentik.stages.authenticator_webauthn.models import WebAuthnDevice\nreturn WebAuthnDevice.objects.filter(user=request.user, confirmed=True).exists() is False",
            "from authentik.stages.authenticator import devices_for_user\nreturn len({d.__class__.__name__ for d in devices_for_user(request.user, confirmed=True)}) == 0",
            "from authentik.core.models import Application, Token, AuthenticatedSession, Source, UserTypes, TokenIntents\nreturn Application.objects.count() >= 0 and Token.objects.filter(user=request.user, intent=TokenIntents.INTENT_API).count() == 0 and AuthenticatedSession.objects.filter(user=request.user).count() == 0 and not Source.objects.all() and UserTypes.EXTERNAL == 'external'",
            "from authentik.events.models import Event, EventAction\nreturn Event.objects.filter(action=EventAction.MODEL_CREATED).count() > 0 and Event.objects.filter(user__username='nobody', context__x=1).count() == 0",
            "from authentik.policies.reputation.models import Reputation\nreturn Reputation.objects.filter(identifier=request.user.username).count() == 0",
            "from authentik.stages.invitation.models import Invitation\nreturn Invitation.objects.filter(fixed_data__code='x').first() is None",
            "from authentik.flows.models import Flow, FlowDesignation\nflow = Flow.objects.get(slug='default-authentication-flow')\nreturn flow.designation == FlowDesignation.AUTHENTICATION and Flow.objects.filter(designation__in=['recovery'], slug__startswith='default-auth').count() == 0",
            "from authentik.policies.models import PolicyBinding\nfrom authentik.core.models import Application\nreturn [PolicyBinding.objects.filter(target=a).count() for a in Application.objects.all()] is not None",
            "from authentik.brands.models import Brand\nreturn request.http_request.brand.domain == Brand.objects.get(pk=request.http_request.brand.pk).domain",
            "h = request.http_request.headers\nreturn h.get('user-agent') == h.get('User-Agent') and 'HOST' in h and h['host'] == h['Host'] and 'cookie' not in h and 'authorization' not in h",
            "return request.http_request.COOKIES.get('authentik_session') is None and request.http_request.session.get('x', 1) == 1 and request.http_request.POST.get('password') is None",
        ];
        all_true(&mut admin, ada, &texts).await;
        app.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_of_a_person_count_before_they_are_saved() {
    each_database(|kind| async move {
        let Fixture { app, mut admin, ada } = fixture(kind).await;
        let texts = [
            "request.user.attributes['team'] = 'green'\nfound = request.user.group_attributes()\nreturn (found['team'], found['gid']) == ('green', 42)",
            "request.user.attributes['team'] = 'green'\nreturn request.user.group_attributes(request.http_request)['team'] == 'green' == request.user.group_attributes(request=request.http_request)['team']",
            "user = request.user\nuser.attributes = {'x': {'y': 1}}\nreturn user.group_attributes() == {'gid': 42, 'rooms': ['lab'], 'x': {'y': 1}}",
            "attributes = request.user.attributes\nattributes.setdefault('rooms', []).append('hall')\nreturn request.user.group_attributes()['rooms'] == ['lab', 'hall']",
            "del request.user.attributes['team']\nreturn 'team' not in request.user.group_attributes() and request.user.app_entitlements_attributes() == {'level': 3}",
            "from authentik.core.models import User\ngrace = User.objects.get(username='grace')\ngrace.attributes['a'] = 1\nreturn grace.group_attributes()['a'] == 1 and 'a' not in request.user.group_attributes()",
            "request.user.attributes['settings'] = {'locale': 'de'}\nreturn request.user.locale() == 'de' and request.user.app_entitlements_attributes()['settings'] == {'locale': 'de'}",
            "request.user.username = 'other'\nreturn str(request.user) == f'{request.user}' == request.user.get_username() == '%s' % request.user == 'other'",
            "group = request.user.groups.first()\ngroup.name = 'crew'\nreturn str(group) == 'Group crew'",
            // What is not changed, and what the database has.
            "return request.user.group_attributes() == {'gid': 42, 'rooms': ['lab'], 'team': 'blue', 'level': 3} and request.user.locale() == '' and str(request.user) == request.user.get_username() == 'ada'",
            "from authentik.core.models import User\nrequest.user.attributes['team'] = 'green'\nreturn User.objects.get(pk=request.user.pk).group_attributes()['team'] == 'blue' and User.objects.filter(attributes__team='blue').exists()",
            "class Own:\n    def group_attributes(self, x=1):\n        return x\n    def locale(self):\n        return 'own'\nreturn (Own().group_attributes(), Own().group_attributes(x=2), Own().locale()) == (1, 2, 'own')",
        ];
        all_true(&mut admin, ada, &texts).await;
        for text in ["request.user.attributes['x'] = request.user\nreturn bool(request.user.group_attributes())", "request.user.attributes = 5\nreturn bool(request.user.group_attributes())"] {
            let said = ask(&mut admin, text, ada, json!({})).await;
            assert!(said.is_err(), "{text}: {said:?}");
        }
        app.stop().await;
    })
    .await;
}
