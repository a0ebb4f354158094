//! `/stages/invitation/invitations/`
use super::{told, users as people};
use crate::objects::show as objects;
use signet_base::{Error, Json, Map, Result, Span, Timestamp, Uuid, json, query};
use signet_core::address;
use signet_core::directory::Transaction;
use signet_core::flow::invitation;
use signet_core::mail::{self, Email, Via, templates};
use signet_core::models::Flow;
use signet_core::permission::flows;
use signet_model::{FieldDef, FieldKind, OnDelete};
use signet_rest::form::{self, Members};
use signet_rest::list::{Filters, Paging};
use signet_rest::{ApiResult, Call, Fault, Reply};
use signet_store::Batch;
use signet_store::invitations::{self, Invitation, InvitationRow};
use signet_store::roles::Target;
use std::collections::HashMap;

const FLOW: FieldKind = FieldKind::Ref { target: "authentik_flows.flow", on_delete: OnDelete::Cascade };
const TEXTS: FieldKind = FieldKind::List(&FieldKind::Text);
pub(crate) const FIELDS: &[FieldDef] = &[
    FieldDef::shown("pk", FieldKind::Uuid),
    FieldDef::plain("name", FieldKind::Slug).required().max(50),
    FieldDef::plain("expires", FieldKind::Time).nullable(),
    told(FieldDef::plain("fixed_data", FieldKind::Object), "Goes over what is typed in the flow."),
    FieldDef::shown("created_by", FieldKind::Object),
    told(FieldDef::plain("single_use", FieldKind::Bool), "Gone when somebody has used it."),
    told(
        FieldDef::plain("flow", FLOW).nullable(),
        "The only flow that takes it. None: any enrolment with an invitation stage.",
    ),
    FieldDef::shown("flow_obj", FieldKind::Object).nullable(),
];
pub(crate) const LETTER: &[FieldDef] = &[
    FieldDef::plain("email_addresses", TEXTS).required(),
    FieldDef::plain("cc_addresses", TEXTS),
    FieldDef::plain("bcc_addresses", TEXTS),
    FieldDef::plain("template", FieldKind::Text).max(200),
];
/// Maximum number of addresses per call.
const MOST: usize = 100;

async fn show(call: &Call, list: &[Invitation]) -> Result<Vec<Json>> {
    let ids: Vec<i64> = list.iter().filter_map(|i| i.created_by).collect();
    let makers = people::nested(call, &ids).await?;
    let partial = |full: Json| -> Json {
        let keep = ["pk", "username", "name", "is_active", "last_login", "email", "attributes", "uid"];
        match full {
            Json::Object(map) => {
                Json::Object(map.into_iter().filter(|(n, _)| keep.contains(&n.as_str())).collect())
            }
            other => other,
        }
    };
    let by_id: HashMap<i64, Json> = makers.into_iter().map(|(id, full)| (id, partial(full))).collect();
    let mut out = Vec::with_capacity(list.len());
    for i in list {
        let flow = match i.flow.and_then(|pk| call.config.get(pk)).filter(|flow| call.sees(flow)) {
            Some(object) => objects::one(call, object).await?,
            None => Json::Null,
        };
        out.push(json!({
            "pk": i.id, "name": i.name, "expires": i.expires, "fixed_data": i.fixed_data, "created_by": i.created_by.and_then(|id| by_id.get(&id)),
            "single_use": i.single_use, "flow": i.flow, "flow_obj": flow,
        }));
    }
    Ok(out)
}
async fn answer(call: &Call, invitation: Invitation) -> Result<Json> {
    Ok(show(call, &[invitation]).await?.pop().unwrap_or_default())
}
async fn find(call: &Call) -> Result<Invitation, Fault> {
    let missing = || Fault::missing("Invitation");
    let id = Uuid::parse_str(&call.key).map_err(|_| missing())?;
    let found = invitations::by_id(&call.core.db, &call.core.vault, id).await?.ok_or_else(missing)?;
    call.reach(digest(call, id), None, "Invitation")?;
    Ok(found)
}
fn digest(call: &Call, id: Uuid) -> String {
    invitations::digest(&call.core.vault, id)
}
fn model(call: &Call, invitation: &Invitation) -> Json {
    invitation::model(&digest(call, invitation.id), &invitation.name)
}
/// What events tell of it.
fn fields(i: &Invitation) -> Map {
    let all = json!({"name": i.name, "flow": i.flow, "fixed_data": i.fixed_data, "single_use": i.single_use, "expires": i.expires});
    all.as_object().cloned().unwrap_or_default()
}

/// `GET /stages/invitation/invitations/`
pub(crate) async fn list(call: &mut Call) -> ApiResult {
    let paging = Paging::read(call)?;
    let mut f = Filters::new(call);
    let mut q = paging.rows::<InvitationRow>(&mut f);
    if let Some(slug) = f.text("flow__slug") {
        let found = call.config.find::<Flow>("slug", &slug).filter(|(o, _)| call.sees(o));
        // A flow that is not there, or not for the caller, has no invitations.
        q = q.equal("flow", found.map(|(o, _)| o.pk).unwrap_or_default());
    }
    f.done()?;
    let (page, total) = invitations::list(&call.core.db, &call.core.vault, &q).await?;
    paging.envelope(show(call, &page).await?, total, json!({}))
}
/// `GET /stages/invitation/invitations/<pk>/`
pub(crate) async fn retrieve(call: &mut Call) -> ApiResult {
    let found = find(call).await?;
    Ok(Reply::ok(answer(call, found).await?))
}
/// `POST /stages/invitation/invitations/`
pub(crate) async fn create(call: &mut Call) -> ApiResult {
    let sent = form::read(call, FIELDS, false).await?;
    let now = call.core.now();
    let mut made = Invitation {
        id: call.core.ports.uuid(),
        name: String::new(),
        flow: None,
        fixed_data: Map::new(),
        single_use: false,
        created_by: Some(call.person()?.user.id),
        created: now,
        expires: Some(now.plus(Span::DAY)),
        claimed: false,
    };
    fill(&mut made, &sent);
    call.may_give(&flows::of_invitation(&call.config, made.flow)).await?;
    let author = call.author();
    let mut all = Transaction::new(&call.core, &author);
    let batch = invitations::insert_batch(&call.core.vault, &made)?;
    all.create_row(&model(call, &made), &fields(&made), batch);
    all.also(call.initial(invitations::MODEL, &Target::Row(digest(call, made.id)))?);
    all.commit().await?;
    Ok(Reply::created(answer(call, made).await?))
}
/// `PUT /stages/invitation/invitations/<pk>/`
pub(crate) async fn update(call: &mut Call) -> ApiResult {
    change(call, false).await
}
/// `PATCH /stages/invitation/invitations/<pk>/`
pub(crate) async fn partial_update(call: &mut Call) -> ApiResult {
    change(call, true).await
}
async fn change(call: &mut Call, partial: bool) -> ApiResult {
    let before = find(call).await?;
    let sent = form::read(call, FIELDS, partial).await?;
    let mut found = before.clone();
    fill(&mut found, &sent);
    call.may_give(&flows::of_invitation(&call.config, found.flow)).await?;
    let author = call.author();
    let mut all = Transaction::new(&call.core, &author);
    let batch = invitations::update_batch(&call.core.vault, &before, &found)?;
    all.update_row(&model(call, &found), &fields(&before), &fields(&found), batch);
    all.commit().await.map_err(gone)?;
    Ok(Reply::ok(answer(call, found).await?))
}
fn fill(into: &mut Invitation, sent: &Map) {
    if let Some(name) = sent.text("name") {
        into.name = name;
    }
    if let Some(data) = sent.map("fixed_data") {
        into.fixed_data = data;
    }
    if let Some(single) = sent.flag("single_use") {
        into.single_use = single;
    }
    if let Some(flow) = sent.get("flow") {
        into.flow = flow.as_str().and_then(|t| Uuid::parse_str(t).ok());
    }
    if let Some(at) = sent.get("expires") {
        into.expires = at.as_str().and_then(|t| Timestamp::parse(t).ok());
    }
}
/// `DELETE /stages/invitation/invitations/<pk>/`
pub(crate) async fn destroy(call: &mut Call) -> ApiResult {
    let found = find(call).await?;
    let author = call.author();
    let mut all = Transaction::new(&call.core, &author);
    all.delete_row(&model(call, &found), invitations::delete_batch(&digest(call, found.id)));
    all.commit().await.map_err(gone)?;
    Ok(Reply::Empty)
}
/// `GET /stages/invitation/invitations/<pk>/used_by/`
pub(crate) async fn used_by(call: &mut Call) -> ApiResult {
    find(call).await?;
    Ok(Reply::ok(Vec::<Json>::new()))
}
fn gone(error: Error) -> Fault {
    match error {
        Error::NotFound => Fault::missing("Invitation"),
        other => other.into(),
    }
}

/// `POST /stages/invitation/invitations/<pk>/send_email/`: one email per address, in the background.
pub(crate) async fn send_email(call: &mut Call) -> ApiResult {
    let invitation = find(call).await?;
    let sent = form::read(call, LETTER, false).await?;
    let texts = |name: &str| -> Vec<String> {
        sent.get(name)
            .and_then(Json::as_array)
            .into_iter()
            .flatten()
            .filter_map(Json::as_str)
            .map(|t| t.trim().to_owned())
            .collect()
    };
    let (to, cc, bcc) = (texts("email_addresses"), texts("cc_addresses"), texts("bcc_addresses"));
    for (field, list) in [("email_addresses", &to), ("cc_addresses", &cc), ("bcc_addresses", &bcc)] {
        if let Some(bad) = list.iter().find(|a| !signet_model::check::email(a)) {
            return Err(Fault::invalid(field, format!("{bad:?} is not an e-mail address.")));
        }
        if list.len() > MOST {
            return Err(Fault::invalid(
                field,
                format!("Ensure this field has no more than {MOST} elements."),
            ));
        }
    }
    if to.is_empty() {
        return Err(Fault::invalid("email_addresses", "No email addresses provided"));
    }
    if invitation.is_expired(call.core.now()) || invitation.claimed {
        return Err(Fault::invalid("non_field_errors", "The invitation has expired."));
    }
    let Some(flow) = invitation.flow.and_then(|pk| call.config.get(pk)) else {
        return Err(Fault::invalid(
            "non_field_errors",
            "The invitation has no flow that a link could lead to.",
        ));
    };
    let template =
        sent.text("template").filter(|t| !t.is_empty()).unwrap_or_else(|| "email/invitation.html".to_owned());
    if let Err(why) = templates::check(&template) {
        return Err(Fault::invalid("template", why));
    }
    let url = format!(
        "{}/if/flow/{}/?itoken={}",
        address::public(&call.core, &call.client)?,
        query::encode(flow.text("slug")),
        invitation.id
    );
    let left = invitation.expires.map(|at| templates::duration((at.0 - call.core.now().0) / 1_000_000));
    let values = json!({"url": url, "expires": invitation.expires, "expires_in": left, "invitation": {"name": invitation.name}});
    let user = call.principal.as_ref().map(|person| person.user.id);
    let mut batch = Batch::new();
    for address in to {
        let letter = Email {
            to: vec![address],
            cc: cc.clone(),
            bcc: bcc.clone(),
            subject: "You have been invited".to_owned(),
            template: template.clone(),
            values: values.as_object().cloned().unwrap_or_default(),
        };
        batch = batch.then(mail::queue(&call.core, &call.client, user, Via::Installation, &letter, None)?);
    }
    call.core.db.batch(batch).await?;
    Ok(Reply::Empty)
}
