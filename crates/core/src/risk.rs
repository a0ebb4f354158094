//! Risk score of a request: 0 (nothing unusual) to 100, with reasons. Computed once per request and user;
//! policies, expressions and explanations see the same value.
use crate::flow::{Context, keys};
use crate::geoip::{distance_km, is_impossible};
use crate::policy::Question;
use crate::{Client, Core, Principal, device, reputation};
use signet_base::{Json, Result, json};
use signet_store::Batch;
use signet_store::logins::{self, Login};
use std::collections::HashSet;
use std::net::IpAddr;
use std::sync::Arc;

/// Points per finding. The sum is limited to 100.
const NEW_DEVICE: i64 = 25;
const NEW_COUNTRY: i64 = 25;
const IMPOSSIBLE_TRAVEL: i64 = 50;
const EXTERNAL_NETWORK: i64 = 10;
/// For each point of reputation below zero.
const BAD_REPUTATION: i64 = 8;
const MOST_FOR_REPUTATION: i64 = 40;
/// Number of earlier sign-ins considered.
const HISTORY: i64 = 20;
/// Inaccuracy of GeoIP locations.
const TOLERANCE_KM: f64 = 100.0;

/// A finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason {
    /// `reputation`, `new_device`, `new_country`, `impossible_travel` or `external_network`.
    pub name: &'static str,
    pub points: i64,
    /// For administrators.
    pub detail: String,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Risk {
    /// 0 to 100.
    pub score: i64,
    pub reasons: Vec<Reason>,
}

impl Risk {
    fn of(reasons: Vec<Reason>) -> Self {
        let sum = reasons.iter().fold(0_i64, |sum, r| sum.saturating_add(r.points));
        Self { score: sum.clamp(0, 100), reasons }
    }
    /// `{"score": 35, "reasons": [{"name": "new_device", "points": 25, "detail": "…"}]}`
    pub fn to_json(&self) -> Json {
        let reasons: Vec<Json> = self
            .reasons
            .iter()
            .map(|r| json!({"name": r.name, "points": r.points, "detail": r.detail}))
            .collect();
        json!({"score": self.score, "reasons": reasons})
    }
}

/// The risk of this request for the user.
///
/// # Errors
/// Data that cannot be read does not count as no risk.
pub async fn assess(question: &Question<'_>) -> Result<Arc<Risk>> {
    let (core, client) = (question.core, question.client);
    let typed = Context(question.context.clone());
    let name = question
        .user
        .map(|u| u.user.username.clone())
        .or_else(|| typed.get(&keys::PENDING_USER).map(|u| u.username))
        .or_else(|| typed.get(&keys::PENDING_USER_IDENTIFIER));
    let of = (question.user.map_or(0, |u| u.user.id), name.clone().unwrap_or_default());
    if let Some(known) = client.decision_log.risk(&of) {
        return Ok(known);
    }
    let mut reasons = Vec::new();
    reasons.extend(of_reputation(reputation::score(core, client, name.as_deref(), true).await?));
    if !is_internal(core, client.ip) {
        reasons.push(Reason {
            name: "external_network",
            points: EXTERNAL_NETWORK,
            detail: format!("{} is outside of the internal networks", client.ip),
        });
    }
    if let Some(person) = question.user {
        if !device::is_known(core, client, person.user.id).await? {
            reasons.push(Reason {
                name: "new_device",
                points: NEW_DEVICE,
                detail: "the person has not signed in with this browser before".to_owned(),
            });
        }
        let history = logins::latest(&core.db, person.user.id, HISTORY).await?;
        reasons.extend(of_history(core, client.ip, &history, question.now().secs())?);
    }
    let risk = Arc::new(Risk::of(reasons));
    client.decision_log.keep_risk(of, risk.clone());
    Ok(risk)
}

fn of_reputation(score: i64) -> Option<Reason> {
    let points = score.min(0).saturating_neg().saturating_mul(BAD_REPUTATION).min(MOST_FOR_REPUTATION);
    (points > 0).then(|| Reason {
        name: "reputation",
        points,
        detail: format!("the reputation of name and address is {score}"),
    })
}

fn of_history(core: &Core, ip: IpAddr, history: &[Login], now: i64) -> Result<Vec<Reason>> {
    let mut reasons = Vec::new();
    let Some(place) = core.geoip.look_up(ip)?.place else { return Ok(reasons) };
    let countries: HashSet<&str> =
        history.iter().map(|l| l.country.as_str()).filter(|c| !c.is_empty()).collect();
    if !place.country.is_empty() && !countries.is_empty() && !countries.contains(place.country.as_str()) {
        reasons.push(Reason {
            name: "new_country",
            points: NEW_COUNTRY,
            detail: format!("the person has not signed in from {} lately", place.country),
        });
    }
    let last = history.iter().find_map(|l| Some((l, l.place?)));
    if let (Some(here), Some((login, there))) = (place.point, last) {
        let (far, seconds) = (distance_km(here, there), now - login.at.secs());
        if is_impossible(far, seconds, TOLERANCE_KM) {
            let detail = format!("{far:.0} km from the last sign-in {} minutes ago", seconds / 60);
            reasons.push(Reason { name: "impossible_travel", points: IMPOSSIBLE_TRAVEL, detail });
        }
    }
    Ok(reasons)
}

/// Whether an address is in `RISK__INTERNAL_NETWORKS`.
pub fn is_internal(core: &Core, ip: IpAddr) -> bool {
    core.settings
        .internal_networks
        .iter()
        .any(|(network, prefix)| crate::client::covers(*network, *prefix, ip))
}

/// Keeps where a person signed in from, for the next assessment.
pub fn sign_in_batch(core: &Core, client: &Client, person: &Principal) -> Batch {
    let located = core.geoip.look_up(client.ip).unwrap_or_default();
    let place = located.place.unwrap_or_default();
    let login = Login {
        user_id: person.user.id,
        at: core.now(),
        ip: client.ip.to_string(),
        country: place.country,
        place: place.point,
        asn: located.network.map(|n| n.asn),
    };
    logins::insert_batch(&login)
}

#[cfg(test)]
mod tests {
    use super::*;
    #[test]
    fn findings_add_up_to_at_most_a_hundred() {
        assert_eq!(Risk::of(Vec::new()).score, 0);
        let all = [NEW_DEVICE, NEW_COUNTRY, IMPOSSIBLE_TRAVEL, EXTERNAL_NETWORK].map(|points| Reason {
            name: "x",
            points,
            detail: String::new(),
        });
        assert_eq!(Risk::of(all.to_vec()).score, 100);
        assert_eq!(Risk::of(all[..2].to_vec()).score, 50);
    }
    #[test]
    fn only_a_bad_reputation_counts() {
        assert!(of_reputation(0).is_none() && of_reputation(5).is_none());
        assert_eq!(of_reputation(-2).unwrap().points, 16);
        assert_eq!(of_reputation(i64::MIN).unwrap().points, MOST_FOR_REPUTATION);
    }
}
