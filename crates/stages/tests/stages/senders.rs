//! Letters that expressions send by the server of an email stage.
use crate::email_links::letter;
use crate::site::Site;
use signet_base::{Map, json};
use signet_core::policy::Question;
use signet_core::{Client, expression};
use signet_model::Model;
use signet_stages::email::EmailStage;
use signet_stages::user_login::UserLoginStage;

/// What an expression answers, run for nobody.
async fn run(site: &Site, text: &str) -> Result<bool, String> {
    let (client, context) = (Client::internal(), Map::new());
    let question =
        Question { core: &site.core, client: &client, user: None, context: &context, target: None };
    let program = expression::parse(text)?;
    let outcome = expression::evaluate(&question, &program, Vec::new()).await.map_err(|e| e.to_string())?;
    Ok(outcome.value.is_truthy())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_expression_sends_by_the_server_of_an_email_stage() {
    let site = Site::new().await;
    let own = json!({"name": "desk", "use_global_settings": false, "host": "mail.example.test", "from_address": "desk@example.test"});
    site.make(EmailStage::DEF, own).await;
    site.make(UserLoginStage::DEF, json!({"name": "in"})).await;
    let model = "from authentik.stages.email.models import EmailStage\n";
    for text in [
        "return ak_send_email('a@example.test', 'x', body='y', stage='desk')".to_owned(),
        format!(
            "{model}return ak_send_email('a@example.test', 'x', body='y', stage=EmailStage.objects.get(name='desk'))"
        ),
        format!(
            "{model}return ak_send_email('a@example.test', 'x', body='y', stage=EmailStage.objects.filter(name__startswith='de').first())"
        ),
    ] {
        assert_eq!(run(&site, &text).await, Ok(true), "{text}");
        assert_eq!(letter(&site).await.unwrap().from, "desk@example.test", "{text}");
    }
    assert_eq!(run(&site, "return ak_send_email('a@example.test', 'x', body='y')").await, Ok(true));
    assert_ne!(letter(&site).await.unwrap().from, "desk@example.test");
    for text in [
        "return ak_send_email('a@example.test', 'x', body='y', stage='nobody')".to_owned(),
        "return ak_send_email('a@example.test', 'x', body='y', stage='in')".to_owned(),
        "return ak_send_email('a@example.test', 'x', body='y', stage=7)".to_owned(),
        format!("{model}return ak_send_email('a@example.test', 'x', body='y', stage=EmailStage)"),
        format!("{model}return EmailStage.objects.get(name='nobody')"),
        format!("{model}return EmailStage.objects.filter(password='x').exists()"),
        format!("{model}EmailStage.objects.create(name='x')\nreturn True"),
    ] {
        assert!(run(&site, &text).await.is_err(), "{text}");
    }
    assert!(
        run(&site, &format!("{model}return EmailStage.objects.get(name='desk').password")).await.is_err()
    );
    assert!(letter(&site).await.is_none());
}
