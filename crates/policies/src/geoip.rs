//! GeoIP policy: country and AS of an address, and distance to earlier sign-ins.
use crate::Slice;
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use signet_base::{Error, Map, Result, json};
use signet_core::geoip::{countries, distance_km, is_impossible};
use signet_core::policy::{Policy, Question, Verdict};
use signet_model::{Choice, FieldDef, FieldKind, Model, ModelDef, Object, Snapshot};
use signet_rest::{Action, ApiResult, Call, Output, Permission, Reply, run};
use signet_store::logins::{self, Login};
use std::sync::Arc;

pub const SLICE: Slice = Slice { models: &[GeoIPPolicy::DEF], kind: || Arc::new(GeoIp), actions };

fn actions() -> Vec<Action> {
    let permission = Permission::Named(&["authentik_policies_geoip.view_geoippolicy"]);
    vec![
        Action::get("policies/geoip_iso3166", permission, "Countries and their codes.", run!(iso3166))
            .output(Output::Plain("DetailedCountry")),
    ]
}

async fn iso3166(_: &mut Call) -> ApiResult {
    let all = countries::ALL.iter().map(|(code, name)| json!({"code": code, "name": name}));
    Ok(Reply::ok(all.collect::<Vec<_>>()))
}

/// An ISO 3166 code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Country(pub String);
impl Choice for Country {
    const VALUES: &'static [&'static str] = countries::CODES;
}

const EXTRA: &[FieldDef] = &[FieldDef::shown("countries_obj", FieldKind::List(&FieldKind::Object))];

/// Passes for addresses in one of the countries or networks, when any are set. Distances to earlier sign-ins,
/// when they are checked, refuse. Without a database of places or networks the policy fails.
#[derive(Debug, Clone, Model, Serialize, Deserialize)]
#[model(app = "authentik_policies_geoip", path = "policies/geoip", base = Policy, label = "GeoIP Policy", plural = "GeoIP Policies", component = "ak-policy-geoip-form", search("name"), present = present, extra = EXTRA)]
pub struct GeoIPPolicy {
    #[field(unique, filter)]
    pub name: String,
    /// Write an event for each run.
    #[field(default = false, filter)]
    pub execution_logging: bool,
    /// Numbers of networks (AS).
    #[field(default = [], min = 0, max = 4_294_967_295)]
    pub asns: Vec<i64>,
    /// Codes of countries; may be empty.
    #[field(choice)]
    pub countries: Vec<Country>,
    /// Refuse addresses that are far from earlier sign-ins.
    #[field(default = false)]
    pub check_history_distance: bool,
    /// How far is too far, in kilometres.
    #[field(default = 100, min = 0)]
    pub history_max_distance_km: i64,
    /// Taken off from distances, in kilometres: places of addresses are not exact.
    #[field(default = 50, min = 0, max = 2_147_483_647)]
    pub distance_tolerance_km: i64,
    /// How many earlier sign-ins are looked at.
    #[field(default = 5, min = 0, max = 1000)]
    pub history_login_count: i64,
    /// Refuse when nobody could have travelled so far since an earlier sign-in.
    #[field(default = false)]
    pub check_impossible_travel: bool,
    /// Taken off from distances when travel is judged, in kilometres.
    #[field(default = 100, min = 0, max = 2_147_483_647)]
    pub impossible_tolerance_km: i64,
}

fn present(policy: &Object, _: &Snapshot, out: &mut Map) {
    let chosen = policy
        .data
        .get("countries")
        .and_then(|c| c.as_array())
        .into_iter()
        .flatten()
        .filter_map(|c| c.as_str());
    let shown: Vec<_> =
        chosen.map(|code| json!({"code": code, "name": countries::name(code).unwrap_or_default()})).collect();
    out.insert("countries_obj".into(), json!(shown));
}

struct GeoIp;

#[async_trait]
impl Policy for GeoIp {
    fn def(&self) -> &'static ModelDef {
        GeoIPPolicy::DEF
    }
    async fn judge(&self, policy: &Arc<Object>, question: &Question<'_>) -> Result<Verdict> {
        let settings = policy.get::<GeoIPPolicy>().ok_or_else(|| Error::internal("not a GeoIP policy"))?;
        let geoip = &question.core.geoip;
        let history = settings.check_history_distance || settings.check_impossible_travel;
        if history || !settings.countries.is_empty() {
            geoip.knows_places()?;
        }
        if !settings.asns.is_empty() {
            geoip.knows_networks()?;
        }
        let located = geoip.look_up(question.client.ip)?;
        let mut messages = Vec::new();
        let network = located.network.as_ref().is_some_and(|n| settings.asns.contains(&n.asn));
        let country =
            located.place.as_ref().is_some_and(|p| settings.countries.iter().any(|c| c.0 == p.country));
        let anywhere = settings.asns.is_empty() && settings.countries.is_empty();
        if !anywhere && !network && !country {
            if !settings.asns.is_empty() {
                messages.push("Client IP is not part of an allowed autonomous system.".to_owned());
            }
            if !settings.countries.is_empty() {
                messages.push("Client IP is not in an allowed country.".to_owned());
            }
        }
        if let Some(person) = question.user.filter(|_| history) {
            let earlier =
                logins::latest(&question.core.db, person.user.id, settings.history_login_count).await?;
            let here = located.place.and_then(|p| p.point);
            messages.extend(far(settings, here, &earlier, question.now().secs()));
        }
        Ok(Verdict { passing: messages.is_empty(), messages, ..Verdict::default() })
    }
}

/// The reason why the location does not match earlier sign-ins; `None` if it does, or if there are none.
fn far(policy: &GeoIPPolicy, here: Option<(f64, f64)>, earlier: &[Login], now: i64) -> Option<String> {
    let mut known = earlier.iter().filter_map(|l| Some((l, l.place?))).peekable();
    known.peek()?;
    // An unknown location does not count as near.
    let Some(here) = here else { return Some("The place of the client IP is not known.".to_owned()) };
    #[allow(clippy::cast_precision_loss, reason = "kilometres on the globe")]
    let km = |setting: i64| setting as f64;
    for (login, there) in known {
        let distance = distance_km(here, there);
        if policy.check_history_distance
            && distance > km(policy.history_max_distance_km) + km(policy.distance_tolerance_km)
        {
            return Some("Distance from previous authentication is larger than threshold.".to_owned());
        }
        if policy.check_impossible_travel
            && is_impossible(distance, now - login.at.secs(), km(policy.impossible_tolerance_km))
        {
            return Some("Distance is further than possible.".to_owned());
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::create;
    use signet_base::{Json, Timestamp};

    const BERLIN: (f64, f64) = (52.52, 13.405);
    const POTSDAM: (f64, f64) = (52.39, 13.06);
    const NEW_YORK: (f64, f64) = (40.7128, -74.006);

    fn policy(mut sent: Json) -> GeoIPPolicy {
        sent["name"] = json!("a");
        sent["countries"] = json!([]);
        serde_json::from_value(create(GeoIPPolicy::DEF, sent).unwrap()).unwrap()
    }
    fn login(at: i64, place: Option<(f64, f64)>) -> Login {
        Login {
            user_id: 1,
            at: Timestamp::from_secs(at),
            ip: String::new(),
            country: String::new(),
            place,
            asn: None,
        }
    }
    #[test]
    fn distances_are_judged_against_what_is_known() {
        let near = policy(json!({"check_history_distance": true}));
        assert_eq!(far(&near, Some(BERLIN), &[login(0, Some(POTSDAM))], 10), None);
        assert!(far(&near, Some(BERLIN), &[login(0, Some(POTSDAM)), login(0, Some(NEW_YORK))], 10).is_some());
        assert_eq!(far(&near, Some(BERLIN), &[], 10), None, "a first sign-in has no history");
        assert_eq!(far(&near, Some(BERLIN), &[login(0, None)], 10), None);
        assert!(far(&near, None, &[login(0, Some(BERLIN))], 10).is_some(), "an unknown place is not near");
    }
    #[test]
    fn travel_has_a_speed() {
        let travel = policy(json!({"check_impossible_travel": true}));
        assert!(far(&travel, Some(NEW_YORK), &[login(0, Some(BERLIN))], 3600).is_some());
        assert_eq!(far(&travel, Some(NEW_YORK), &[login(0, Some(BERLIN))], 8 * 3600), None);
        assert_eq!(far(&travel, Some(POTSDAM), &[login(0, Some(BERLIN))], 0), None);
    }
    #[test]
    fn countries_are_those_of_the_standard() {
        assert!(create(GeoIPPolicy::DEF, json!({"name": "a"})).unwrap_err().get("countries").is_some());
        assert!(
            create(GeoIPPolicy::DEF, json!({"name": "a", "countries": ["XX"]}))
                .unwrap_err()
                .get("countries")
                .is_some()
        );
        assert!(create(GeoIPPolicy::DEF, json!({"name": "a", "countries": ["DE"], "asns": [64496]})).is_ok());
        assert!(
            create(GeoIPPolicy::DEF, json!({"name": "a", "countries": [], "asns": [-1]}))
                .unwrap_err()
                .get("asns")
                .is_some()
        );
    }
}
