//! Brand of a host, and its appearance.
use crate::media;
use crate::models::{
    Brand, CertificateKeyPair, DEFAULT_BACKGROUND, Designation, ES256, Flow, FlowStageBinding, Requirement,
    SELF_SIGNED, flow_bindings,
};
use crate::policy::{self, Question};
use crate::{Client, Core, Principal};
use signet_base::{Json, Map, Result, Uuid};
use signet_model::{Object, Snapshot};
use std::sync::Arc;

/// The brand of a request: the one with the longest domain that covers the host, else the default, else
/// `None`.
pub fn of<'a>(config: &'a Snapshot, domain: &str) -> Option<(&'a Arc<Object>, &'a Brand)> {
    let covers = |b: &Brand| {
        domain
            .strip_suffix(b.domain.as_str())
            .is_some_and(|rest| rest.is_empty() || rest.ends_with('.') || b.domain.starts_with('.'))
    };
    config
        .all::<Brand>()
        .filter(|(_, b)| covers(b))
        .max_by_key(|(_, b)| b.domain.len())
        .or_else(|| config.all::<Brand>().find(|(_, b)| b.default))
}

/// The parts of a brand that pages show.
#[derive(Debug, Clone)]
pub struct BrandTheme {
    pub title: String,
    pub logo: String,
    pub favicon: String,
    pub custom_css: String,
    pub background: String,
    /// `automatic`, `light` or `dark`
    pub theme: String,
    pub locale: String,
    /// Accent colour: `settings.theme.brand` of the brand's attributes.
    pub colour: Option<String>,
    /// Whether the logo contains the name (`settings.theme.wordmark`).
    pub wordmark: bool,
    /// Name or address of the help desk, `settings.help`.
    pub help: String,
    /// `(name, URL)`
    pub footer_links: Vec<(String, String)>,
}

pub fn look(core: &Core, client: &Client) -> BrandTheme {
    let config = core.config();
    let system = core.system();
    let brand = of(&config, client.domain()).map(|(_, b)| b);
    let setting = |path: &[&str]| {
        brand.and_then(|b| dig(&b.attributes, path)).and_then(Json::as_str).map(str::to_owned)
    };
    let footer_links = system
        .footer_links
        .as_array()
        .map(|l| {
            l.iter()
                .filter_map(|e| {
                    Some((
                        e.get("name")?.as_str()?.to_owned(),
                        e.get("href").and_then(Json::as_str).unwrap_or_default().to_owned(),
                    ))
                })
                .collect()
        })
        .unwrap_or_default();
    BrandTheme {
        title: brand.map_or_else(|| "Signet".to_owned(), |b| b.branding_title.clone()),
        logo: brand.map_or_else(
            || "/static/dist/assets/icons/icon_left_brand.svg".to_owned(),
            |b| media::url(core, &b.branding_logo),
        ),
        favicon: brand.map_or_else(
            || "/static/dist/assets/icons/icon.png".to_owned(),
            |b| media::url(core, &b.branding_favicon),
        ),
        custom_css: brand.map_or_else(String::new, |b| b.branding_custom_css.clone()),
        background: brand
            .map(|b| media::url(core, &b.branding_default_flow_background))
            .filter(|b| !b.is_empty())
            .unwrap_or_else(|| DEFAULT_BACKGROUND.to_owned()),
        theme: setting(&["settings", "theme", "base"])
            .filter(|t| ["automatic", "light", "dark"].contains(&t.as_str()))
            .unwrap_or_else(|| "automatic".to_owned()),
        locale: setting(&["settings", "locale"]).unwrap_or_default(),
        colour: setting(&["settings", "theme", "brand"]),
        wordmark: brand
            .and_then(|b| dig(&b.attributes, &["settings", "theme", "wordmark"]))
            .and_then(Json::as_bool)
            .unwrap_or_default(),
        help: setting(&["settings", "help"]).unwrap_or_default(),
        footer_links,
    }
}
fn dig<'a>(map: &'a Map, path: &[&str]) -> Option<&'a Json> {
    let (first, rest) = path.split_first()?;
    let value = map.get(*first)?;
    if rest.is_empty() { Some(value) } else { dig(value.as_object()?, rest) }
}

/// The brand's flow for a designation; else the first by slug whose policies pass.
pub async fn flow_for(
    core: &Arc<Core>,
    client: &Client,
    user: Option<&Principal>,
    designation: Designation,
) -> Result<Option<Arc<Object>>> {
    let config = core.config();
    let named = of(&config, client.domain()).and_then(|(_, b)| match designation {
        Designation::Authentication => b.flow_authentication,
        Designation::Invalidation => b.flow_invalidation,
        Designation::Recovery => b.flow_recovery,
        Designation::Unenrollment => b.flow_unenrollment,
        _ => None,
    });
    if let Some(flow) = named.and_then(|pk| config.get(pk)) {
        return Ok(Some(flow.clone()));
    }
    let mut all: Vec<(&Arc<Object>, &Flow)> =
        config.all::<Flow>().filter(|(_, f)| f.designation == designation).collect();
    all.sort_by(|a, b| a.1.slug.cmp(&b.1.slug));
    for (object, flow) in all {
        let Some(pbm) = object.pbm() else { continue };
        let question = Question { core, client, user, context: &Map::new(), target: Some(object) };
        if policy::judge(pbm, flow.policy_engine_mode, &question).await?.passing {
            return Ok(Some(object.clone()));
        }
    }
    Ok(None)
}

/// The key pair that answers HTTPS under a name: the brand's, else the one that the first start made.
pub fn certificate_for<'a>(
    config: &'a Snapshot,
    name: &str,
) -> Option<(&'a Arc<Object>, &'a CertificateKeyPair)> {
    let own = of(config, name)
        .and_then(|(_, brand)| brand.web_certificate)
        .and_then(|pk| config.get_typed::<CertificateKeyPair>(pk));
    let by_name = |name: &str| config.find::<CertificateKeyPair>("name", name);
    own.or_else(|| by_name(SELF_SIGNED)).or_else(|| by_name(ES256))
}

/// Sign-in flows that are open to everyone without a second factor, while the brand's own flow requires one:
/// the brand's domain and their slugs. Their URLs bypass the requirement.
pub fn open_beside(config: &Snapshot) -> Vec<(String, Vec<String>)> {
    let asks = |flow: Uuid| {
        let stages = flow_bindings(config, flow)
            .into_iter()
            .filter_map(|b| config.get(b.get::<FlowStageBinding>()?.stage));
        stages.into_iter().any(|s| {
            s.def.full_name() == "authentik_stages_authenticator_validate.authenticatorvalidatestage"
                && s.text("not_configured_action") != "skip"
        })
    };
    let mut open: Vec<String> = config
        .all::<Flow>()
        .filter(|(o, f)| is_for_strangers(f) && !asks(o.pk))
        .map(|(_, f)| f.slug.clone())
        .collect();
    open.sort();
    let strict = config.all::<Brand>().filter(|(_, b)| b.flow_authentication.is_some_and(asks));
    strict.filter(|_| !open.is_empty()).map(|(_, b)| (b.domain.clone(), open.clone())).collect()
}

/// Identification stages of open sign-in flows with both `pretend_user_exists` and `show_matched_user`: the
/// difference reveals which names are accounts.
pub fn tell_accounts(config: &Snapshot) -> Vec<String> {
    let stages = config.all::<Flow>().filter(|(_, flow)| is_for_strangers(flow)).flat_map(|(flow, _)| {
        flow_bindings(config, flow.pk)
            .into_iter()
            .filter_map(|b| config.get(b.get::<FlowStageBinding>()?.stage))
    });
    let set = |stage: &Object, field: &str| stage.data.get(field) == Some(&Json::Bool(true));
    let tells = |stage: &&Arc<Object>| {
        stage.def.full_name() == "authentik_stages_identification.identificationstage"
            && set(stage, "show_matched_user")
            && set(stage, "pretend_user_exists")
    };
    let mut names: Vec<String> = stages.filter(tells).map(|stage| stage.name().to_owned()).collect();
    names.sort();
    names.dedup();
    names
}

/// Whether users who are not signed in can open the flow.
fn is_for_strangers(flow: &Flow) -> bool {
    flow.designation == Designation::Authentication
        && matches!(flow.authentication, Requirement::None | Requirement::RequireUnauthenticated)
}

/// The slug of a flow.
pub fn slug(config: &Snapshot, flow: Option<Uuid>) -> Option<String> {
    flow.and_then(|pk| config.get(pk)).map(|f| f.text("slug").to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use signet_base::{Ports, Timestamp, json};
    use signet_model::{Lookup, Model, check};
    struct NoRows;
    impl Lookup for NoRows {
        fn user_exists(&self, _: i64) -> bool {
            false
        }
        fn group_exists(&self, _: Uuid) -> bool {
            false
        }
    }
    fn brand(n: u128, domain: &str, default: bool) -> Arc<Object> {
        let sent = json!({"domain": domain, "default": default}).as_object().cloned().unwrap();
        let change =
            check(Brand::DEF, &sent, None, false, &Snapshot::default(), &NoRows, &Ports::system()).unwrap();
        Arc::new(
            Object::new(
                Uuid::from_u128(n),
                None,
                Brand::DEF,
                change.data,
                change.secrets,
                1,
                Timestamp(0),
                Timestamp(0),
            )
            .unwrap(),
        )
    }
    #[test]
    fn the_longest_domain_that_covers_the_host_wins_and_look_alikes_do_not() {
        let config = Snapshot::new(
            1,
            [brand(1, "authentik-default", true), brand(2, "a.test", false), brand(3, "x.a.test", false)],
        );
        let found = |host: &str| of(&config, host).unwrap().1.domain.clone();
        assert_eq!(found("y.x.a.test"), "x.a.test");
        assert_eq!(found("a.test"), "a.test");
        assert_eq!(found("evila.test"), "authentik-default");
        assert_eq!(found("other.test"), "authentik-default");
    }
}
