//! Certificates: generating and viewing.
use crate::objects::{same, show, write};
use crate::rows::blank;
use signet_base::{Error, Json, Map, Uuid, json};
use signet_core::Core;
use signet_core::event::EventAction;
use signet_core::models::CertificateKeyPair;
use signet_jose::x509::{Generate, KeyAlgorithm, generate as make};
use signet_model::{FieldDef, FieldKind, Model, Object};
use signet_rest::form::{self, Members};
use signet_rest::{ApiResult, Call, Fault, Reply};
use std::sync::Arc;

pub(crate) const GENERATE: &[FieldDef] = &[
    FieldDef::plain("common_name", FieldKind::Text).required(),
    blank(FieldDef::plain("subject_alt_name", FieldKind::Text)),
    FieldDef { min: Some(1), ..FieldDef::plain("validity_days", FieldKind::Int).required().max(36_500) },
    FieldDef::plain("alg", FieldKind::Choice(&["rsa", "ecdsa", "ed25519", "ed448"])),
];
pub(crate) const DATA: &[FieldDef] = &[FieldDef::shown("data", FieldKind::Text)];

/// `POST /crypto/certificatekeypairs/generate/`
pub(crate) async fn generate(call: &mut Call) -> ApiResult {
    let sent = form::read(call, GENERATE, false).await?;
    let name = sent.text("common_name").unwrap_or_default();
    if call.config.find::<CertificateKeyPair>("name", &name).is_some() {
        return Err(Fault::invalid("common_name", "Certificate-Key Pair with this name already exists."));
    }
    let Some(alg) = KeyAlgorithm::parse(&sent.text("alg").unwrap_or_else(|| "rsa".into())) else {
        return Err(Fault::invalid(
            "alg",
            "This algorithm cannot be generated here: use rsa, ecdsa or ed25519.",
        ));
    };
    let names = sent.text("subject_alt_name").unwrap_or_default();
    let validity_days = u32::try_from(sent.int("validity_days").unwrap_or(1))
        .map_err(|_| Fault::invalid("validity_days", "A valid integer is required."))?;
    let now = call.core.now().secs();
    let common_name = name.clone();
    // Generating an RSA key takes up to a second of processor time.
    let made = call.core.signer.run(move || {
        let names: Vec<&str> = names.split(',').collect();
        make(&Generate { common_name: &common_name, subject_alt_names: &names, validity_days, alg, now })
    });
    let made = made.await?.map_err(|error| refused(&error))?;
    let mut body = Map::new();
    body.insert("name".into(), Json::String(name));
    body.insert("certificate_data".into(), Json::String(made.certificate_pem));
    body.insert("key_data".into(), Json::String(made.key_pem.reveal().to_owned()));
    let object = write::insert(call, CertificateKeyPair::DEF, body).await?;
    Ok(Reply::ok(show::one(call, &object).await?))
}

fn refused(error: &signet_jose::GenerateError) -> Fault {
    match error.field() {
        Some(field) => Fault::invalid(field, error.to_string()),
        None => Error::internal(error.to_string()).into(),
    }
}

fn find(call: &Call) -> Result<Arc<Object>, Fault> {
    let pk = Uuid::parse_str(&call.key).map_err(|_| Fault::not_found())?;
    let found = call.config.get(pk).filter(|o| same(o.def, CertificateKeyPair::DEF)).cloned();
    let pair = found.ok_or_else(|| Fault::missing(CertificateKeyPair::DEF.class))?;
    call.reach_object(&pair)?;
    Ok(pair)
}

/// `GET /crypto/certificatekeypairs/<uuid>/view_certificate/`
pub(crate) async fn view_certificate(call: &mut Call) -> ApiResult {
    let pair = find(call)?;
    let text = pair.text("certificate_data").to_owned();
    view(call, &pair, "certificate", text).await
}
/// `GET /crypto/certificatekeypairs/<uuid>/view_private_key/`
pub(crate) async fn view_private_key(call: &mut Call) -> ApiResult {
    let pair = find(call)?;
    let text = pair.secrets.get("key_data").map(|k| k.reveal().to_owned()).unwrap_or_default();
    view(call, &pair, "private_key", text).await
}
async fn view(call: &Call, pair: &Object, what: &str, text: String) -> ApiResult {
    call.record(EventAction::SecretView, json!({"secret": Core::model_event(pair), "type": what})).await?;
    if call.param("download").is_some() {
        return Ok(Reply::file(format!("{}_{what}.pem", pair.name()), "application/x-pem-file", text));
    }
    Ok(Reply::ok(json!({"data": text})))
}
