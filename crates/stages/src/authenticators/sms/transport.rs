//! Sending an SMS.
use super::{AuthType, AuthenticatorSMSStage, NotificationWebhookMapping, Provider};
use base64::{Engine, engine::general_purpose::STANDARD};
use signet_base::outbound::{HttpRequest, HttpResponse};
use signet_base::{Error, Json, Map, Result, Secret, json, query};
use signet_core::event::EventAction;
use signet_core::expression::{self, Program, Value};
use signet_core::policy::Question;
use signet_core::{Client, Core, Principal, brand};
use signet_model::Model;
use std::sync::Arc;

/// Sends the code. `Unavailable` when the service does not accept it.
pub(super) async fn send(
    core: &Arc<Core>,
    client: &Client,
    person: Option<&Principal>,
    settings: &AuthenticatorSMSStage,
    number: &str,
    code: &Secret,
) -> Result<()> {
    let text = format!("{} is your code for {}.", code.reveal(), brand::look(core, client).title);
    let mapped = mapped(core, client, person, settings, number, code).await?;
    let request = match settings.provider {
        Provider::Twilio => twilio(settings, number, &message(mapped, text)),
        Provider::Generic => generic(
            settings,
            mapped.unwrap_or_else(
                || json!({"From": settings.from_number, "To": number, "Body": text, "Message": text}),
            ),
        ),
    };
    let answer = core.ports.http.send(request).await?;
    if (200..300).contains(&answer.status) { Ok(()) } else { Err(refused(&answer)) }
}

fn refused(answer: &HttpResponse) -> Error {
    let said: String = String::from_utf8_lossy(&answer.body).chars().take(300).collect();
    Error::unavailable(format!("the service answered {}: {said}", answer.status))
}

/// The result of the mapping, if there is one.
async fn mapped(
    core: &Arc<Core>,
    client: &Client,
    person: Option<&Principal>,
    settings: &AuthenticatorSMSStage,
    number: &str,
    code: &Secret,
) -> Result<Option<Json>> {
    let Some(pk) = settings.mapping else { return Ok(None) };
    let config = core.config();
    let mapping = config.get(pk).ok_or_else(|| Error::unavailable("the mapping of the stage is gone"))?;
    let program = mapping.prepared::<Program>()?;
    let context = Map::new();
    let question = Question { core, client, user: person, context: &context, target: None };
    let device = Value::record(
        "SMSDevice",
        [
            ("phone_number", Value::from(number)),
            ("token", Value::from(code.reveal())),
            ("name", Value::from(settings.name.as_str())),
        ],
    );
    // The stage without its credentials.
    let stage = Value::record(
        "AuthenticatorSMSStage",
        [
            ("name", Value::from(settings.name.as_str())),
            ("friendly_name", Value::from(settings.friendly_name.as_str())),
            ("from_number", Value::from(settings.from_number.as_str())),
            ("provider", Value::from(settings.provider.as_str())),
            ("verify_only", Value::from(settings.verify_only)),
        ],
    );
    let extra = vec![("device", device), ("token", Value::from(code.reveal())), ("stage", stage)];
    let made = match expression::evaluate(&question, program, extra).await {
        Ok(outcome) => expression::to_json(&outcome.value),
        Err(error) => Err(error.to_string()),
    };
    match made {
        Ok(made) => Ok(Some(made)),
        Err(why) => {
            let said = json!({"message": why, "mapping": Core::model_event(mapping)});
            core.event(
                client,
                person,
                EventAction::PropertyMappingException,
                "authentik_stages_authenticator_sms",
                said,
            )
            .await;
            Err(Error::unavailable(format!(
                "{} {}: {why}",
                NotificationWebhookMapping::DEF.label,
                mapping.name()
            )))
        }
    }
}

/// The message: the mapping's string, or a member of its payload.
fn message(mapped: Option<Json>, text: String) -> String {
    match mapped {
        Some(Json::String(own)) if !own.is_empty() => own,
        Some(Json::Object(members)) => ["Body", "Message"]
            .iter()
            .find_map(|m| members.get(*m).and_then(Json::as_str).map(str::to_owned))
            .unwrap_or(text),
        _ => text,
    }
}

fn basic(user: &str, password: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{user}:{password}")))
}

/// Twilio's Messages resource.
fn twilio(settings: &AuthenticatorSMSStage, number: &str, text: &str) -> HttpRequest {
    let sid = &settings.account_sid;
    HttpRequest::new(
        "POST",
        format!("https://api.twilio.com/2010-04-01/Accounts/{}/Messages.json", query::encode(sid)),
    )
    .header("authorization", basic(sid, settings.auth.reveal()))
    .body(
        "application/x-www-form-urlencoded",
        query::build([("From", settings.from_number.as_str()), ("To", number), ("Body", text)]),
    )
}

fn generic(settings: &AuthenticatorSMSStage, payload: Json) -> HttpRequest {
    let proof = match settings.auth_type {
        AuthType::Basic => basic(settings.auth.reveal(), settings.auth_password.reveal()),
        AuthType::Bearer => format!("Bearer {}", settings.auth.reveal()),
    };
    HttpRequest::new("POST", settings.account_sid.as_str())
        .header("authorization", proof)
        .body("application/json", payload.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(provider: Provider, target: &str, auth_type: AuthType) -> AuthenticatorSMSStage {
        AuthenticatorSMSStage {
            name: "sms".into(),
            configure_flow: None,
            friendly_name: String::new(),
            provider,
            from_number: "+15550100".into(),
            account_sid: target.into(),
            auth: "user".into(),
            auth_password: "pass".into(),
            auth_type,
            verify_only: false,
            mapping: None,
        }
    }
    fn header<'a>(request: &'a HttpRequest, name: &str) -> &'a str {
        &request.headers.iter().find(|(n, _)| n == name).unwrap().1
    }

    #[test]
    fn requests_have_the_form_that_services_take() {
        let request = twilio(&settings(Provider::Twilio, "AC12", AuthType::Basic), "+41791234567", "1 & 2");
        assert_eq!(
            (request.method.as_str(), request.url.as_str()),
            ("POST", "https://api.twilio.com/2010-04-01/Accounts/AC12/Messages.json")
        );
        assert_eq!(header(&request, "authorization"), "Basic QUMxMjp1c2Vy");
        assert_eq!(
            String::from_utf8(request.body).unwrap(),
            "From=%2B15550100&To=%2B41791234567&Body=1%20%26%202"
        );

        let request =
            generic(&settings(Provider::Generic, "https://sms.test/send", AuthType::Basic), json!({"a": 1}));
        assert_eq!(
            (request.url.as_str(), header(&request, "authorization"), header(&request, "content-type")),
            ("https://sms.test/send", "Basic dXNlcjpwYXNz", "application/json")
        );
        let request =
            generic(&settings(Provider::Generic, "https://sms.test/send", AuthType::Bearer), json!({"a": 1}));
        assert_eq!(
            (header(&request, "authorization"), request.body.as_slice()),
            ("Bearer user", b"{\"a\":1}".as_slice())
        );
    }
    #[test]
    fn a_mapping_replaces_the_text() {
        let text = || "usual".to_owned();
        assert_eq!(message(None, text()), "usual");
        assert_eq!(message(Some(json!("own")), text()), "own");
        assert_eq!(message(Some(json!({"Body": "member"})), text()), "member");
        for none in [json!(null), json!(""), json!({}), json!(7)] {
            assert_eq!(message(Some(none), text()), "usual");
        }
    }
}
