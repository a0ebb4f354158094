//! Another protocol on the same engine: what it gets without a line of its own.
use crate::fixture::{Fixture, create};
use crate::memo::{MemoProvider, MemoRequest, Sent};
use signet_base::{Uuid, json};
use signet_core::WebSession;
use signet_core::authorize::{Answer, Response, authorize};
use signet_core::flow::{Reply, keys};
use signet_core::models::{Application, Flow};
use signet_model::Model;
use signet_store::testdb::each_database;

/// An application that speaks it; the flow is that of the fixture.
async fn memo(w: &Fixture) -> MemoRequest {
    let flow = w.core.config().find::<Flow>("slug", "authorize").unwrap().0.pk;
    let provider = create(&w.core, MemoProvider::DEF, json!({"name": "memo", "authorization_flow": flow}))
        .await
        .unwrap();
    let sent = json!({"name": "Memo", "slug": "memo", "provider": provider.num});
    let application = create(&w.core, Application::DEF, sent).await.unwrap();
    MemoRequest { provider, application, sent: Sent { id: "m1".into(), ..Sent::default() } }
}
async fn ask(w: &Fixture, session: &mut WebSession, request: &MemoRequest, sent: Sent) -> Response {
    let request =
        MemoRequest { provider: request.provider.clone(), application: request.application.clone(), sent };
    authorize(&w.core, &w.client("GET", "/memo/"), session, &request).await.unwrap()
}
fn sent(id: &str) -> Sent {
    Sent { id: id.into(), ..Sent::default() }
}
fn to(response: Response) -> String {
    match response {
        Response::Page(to) | Response::Answer(Answer::Redirect(to)) => to,
        other => panic!("{other:?}"),
    }
}
async fn flow(w: &Fixture) -> Uuid {
    w.core.config().find::<Flow>("slug", "authorize").unwrap().0.pk
}

#[tokio::test]
async fn authz_another_protocol_signs_in_and_answers_each_request_once() {
    each_database(|db| async move {
        let w = Fixture::new(db).await;
        let memo = memo(&w).await;
        let mut session = WebSession::anonymous();
        let page = to(ask(&w, &mut session, &memo, sent("m1")).await);
        assert_eq!(page, "/if/flow/sign-in/?memo=m1&next=%2Fmemo%2F%3Fmemo%3Dm1");
        w.sign_in_again(&mut session, &w.ann).await;
        let first = to(ask(&w, &mut session, &memo, sent("m1")).await);
        assert!(first.starts_with("https://memo.test/in?who=ann&ticket="), "{first}");
        // Asked again: the same bytes. Another request: another answer.
        assert_eq!(to(ask(&w, &mut session, &memo, sent("m1")).await), first);
        assert_ne!(to(ask(&w, &mut session, &memo, sent("m2")).await), first);
        // Not to somebody else, and not for ever.
        w.sign_in_again(&mut session, &w.ben().await).await;
        assert!(to(ask(&w, &mut session, &memo, sent("m1")).await).contains("who=ben"));
        w.sign_in_again(&mut session, &w.ann).await;
        w.clock.advance_secs(301);
        assert_ne!(to(ask(&w, &mut session, &memo, sent("m1")).await), first);
        // A new sign-in is asked for once; then its answer is read again as well.
        let again = || Sent { again: true, ..sent("m3") };
        assert!(to(ask(&w, &mut session, &memo, again()).await).starts_with("/if/flow/sign-in/"));
        w.clock.advance_secs(1);
        w.sign_in_again(&mut session, &w.ann).await;
        let answer = to(ask(&w, &mut session, &memo, again()).await);
        assert!(answer.starts_with("https://memo.test/in?"), "{answer}");
        assert_eq!(to(ask(&w, &mut session, &memo, again()).await), answer);
    })
    .await;
}

#[tokio::test]
async fn authz_another_protocol_says_every_ending_in_its_own_words() {
    each_database(|db| async move {
        let w = Fixture::new(db).await;
        let memo = memo(&w).await;
        let passive = |id: &str| Sent { passive: true, ..sent(id) };
        let mut nobody = WebSession::anonymous();
        assert_eq!(
            to(ask(&w, &mut nobody, &memo, passive("p1")).await),
            "https://memo.test/no?LoginRequired"
        );
        let cookie = w.sign_in(&w.ann).await;
        let mut session = w.session(&cookie).await;
        let consent = Sent { consent: true, ..passive("p2") };
        assert_eq!(to(ask(&w, &mut session, &memo, consent).await), "https://memo.test/no?ConsentRequired");
        assert!(to(ask(&w, &mut session, &memo, passive("p3")).await).starts_with("https://memo.test/in?"));
        let declined = Sent { declined: true, ..sent("p4") };
        assert_eq!(to(ask(&w, &mut session, &memo, declined).await), "https://memo.test/no?Cancelled");
        // Refused after the flow has begun: the protocol gets the ending, and the same when it is read again.
        let run = to(ask(&w, &mut session, &memo, Sent { consent: true, ..sent("p5") }).await);
        assert_eq!(run, "/if/flow/authorize/?memo=p5");
        let Reply::Challenge(shown) = w.flow(&mut session, "authorize", None).await else {
            panic!("no consent")
        };
        w.bind(&memo.application, w.ben().await.user.id).await;
        for answer in [Some(json!({"token": shown["token"]})), None, Some(json!({}))] {
            let Reply::Away(to) = w.flow(&mut session, "authorize", answer).await else {
                panic!("no ending")
            };
            assert!(to.starts_with("https://memo.test/no?Denied("), "{to}");
        }
        // Refused at once: our page, and a link to the same ending.
        let Response::Refused(refusal) = ask(&w, &mut session, &memo, sent("p6")).await else {
            panic!("no refusal")
        };
        assert!(refusal.back.is_some_and(|back| back.starts_with("https://memo.test/no?Denied(")));
        assert!(
            to(ask(&w, &mut session, &memo, passive("p7")).await).starts_with("https://memo.test/no?Denied(")
        );
    })
    .await;
}

#[tokio::test]
async fn authz_our_own_page_stands_where_there_is_no_way_back_or_the_flow_wants_it_read() {
    each_database(|db| async move {
        let w = Fixture::new(db).await;
        let memo = memo(&w).await;
        let ben = w.ben().await;
        let mut runs = Vec::new();
        for (id, has_way_back, action) in [("a", false, "message_continue"), ("b", true, "message")] {
            w.change(memo.provider.pk, json!({"has_way_back": has_way_back})).await;
            let cookie = w.sign_in(&ben).await;
            let mut session = w.session(&cookie).await;
            ask(&w, &mut session, &memo, Sent { consent: true, ..sent(id) }).await;
            let Reply::Challenge(shown) = w.flow(&mut session, "authorize", None).await else {
                panic!("no consent")
            };
            runs.push((session, shown["token"].clone(), has_way_back, action));
        }
        w.bind(&memo.application, w.ann.user.id).await;
        for (mut session, token, has_way_back, action) in runs {
            w.change(memo.provider.pk, json!({"has_way_back": has_way_back})).await;
            w.change(flow(&w).await, json!({"denied_action": action})).await;
            let end = w.flow(&mut session, "authorize", Some(json!({"token": token}))).await;
            let Reply::Challenge(end) = end else { panic!("{end:?}") };
            assert_eq!(end["component"], "ak-stage-access-denied");
            let back = session.state.plan.as_ref().and_then(|plan| plan.context.get(&keys::DECLINE_URL));
            let leads_back =
                back.as_deref().is_some_and(|back| back.starts_with("https://memo.test/no?Denied("));
            assert_eq!((back.is_some(), leads_back), (has_way_back, has_way_back), "{back:?}");
        }
    })
    .await;
}
