//! What rules cost: the same call with them and without, one client, the difference of the medians.
use crate::bench::Bench;
use crate::client::{Connection, Result, request};
use crate::load::{Kind, Load};
use crate::report::Line;
use crate::rows::{below, median};
use crate::runner::{self, Log, Work};
use crate::signet::{Admin, Algorithm};
use serde_json::{Value, json};
use std::time::Duration;

pub const NAMES: [(&str, &str); 2] =
    [("policies", "five expression bindings on an application, added to a code flow"), ("expression", "one typical expression, by the test action of policies")];
const ROUNDS: usize = 5;

/// Rules as administrators write them.
const RULES: [&str; 5] = [
    "return request.user.is_active",
    "return not ak_client_ip.is_multicast",
    "return regex_match(request.user.email, r'@example\\.test$')",
    "return request.user.username.startswith('bench-') or ak_is_group_member(request.user, name='staff')",
    "return len([g for g in request.user.all_groups() if g.name == 'suspended']) == 0",
];
/// With a loop and a name of its own: it runs in the interpreter.
const TYPICAL: &str = "allowed = ['example.test', 'example.org']\nfor domain in allowed:\n    if request.user.email.endswith('@' + domain):\n        return True\nak_message('This address is not allowed.')\nreturn False";

struct Same {
    connection: Connection,
    request: Vec<u8>,
}
impl Work for Same {
    async fn turn(&mut self, _: &mut Log) -> Result<()> {
        let answer = self.connection.send(&self.request).await?;
        if answer.status == 200 && String::from_utf8_lossy(&answer.body).contains("\"passing\":true") { Ok(()) } else { Err(answer.unexpected("policy test")) }
    }
}

pub async fn measure(bench: &mut Bench) -> Result<Vec<Line>> {
    let mut admin = bench.admin()?;
    Ok(vec![engine(bench, &mut admin).await?, expression(bench, &mut admin).await?])
}

async fn policy(admin: &mut Admin, name: &str, text: &str) -> Result<Value> {
    Ok(admin.call("POST", "/policies/expression/", Some(json!({"name": name, "expression": text}))).await?["pk"].clone())
}

/// A code flow asks twice: at the authorization and at the token.
async fn engine(bench: &mut Bench, admin: &mut Admin) -> Result<Line> {
    let slug = Algorithm::Es256.slug();
    let application = admin.call("GET", &format!("/core/applications/{slug}/"), None).await?;
    admin.call("PATCH", &format!("/core/applications/{slug}/"), Some(json!({"policy_engine_mode": "all"}))).await?;
    let mut made = Vec::new();
    for (order, text) in RULES.iter().enumerate() {
        let policy = policy(admin, &format!("bench-rule-{order}"), text).await?;
        let binding = json!({"target": application["pk"], "policy": policy, "order": order, "enabled": false});
        made.push(admin.call("POST", "/policies/bindings/", Some(binding)).await?["pk"].clone());
    }
    let site = bench.site(Algorithm::Es256)?;
    let mut load = Load::prepare(Kind::Code, &site, 1).await?;
    let (mut with, mut without) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        for (enabled, times) in [(false, &mut without), (true, &mut with)] {
            for binding in &made {
                admin.call("PATCH", &format!("/policies/bindings/{}/", text(binding)), Some(json!({"enabled": enabled}))).await?;
            }
            let outcome = load.run(Duration::from_millis(200), bench.short()).await?;
            if let Some(error) = outcome.first {
                return Err(error);
            }
            times.push(outcome.whole.quantile(0.5));
        }
    }
    for binding in &made {
        admin.call("DELETE", &format!("/policies/bindings/{}/", text(binding)), None).await?;
    }
    let added = (median(&with) - median(&without)) * 1e3;
    Ok(below(NAMES[0].0, NAMES[0].1, told(added, 300.0), 300.0, "µs", format!("{:.3} ms with, {:.3} ms without", median(&with), median(&without))))
}

async fn expression(bench: &mut Bench, admin: &mut Admin) -> Result<Line> {
    let site = bench.site(Algorithm::Es256)?;
    let (name, _) = site.people.first().ok_or("nobody to ask about")?;
    let user = admin.call("GET", &format!("/core/users/?username={name}"), None).await?["results"][0]["pk"].clone();
    let mut medians = Vec::new();
    for (name, text) in [("bench-none", "return True"), ("bench-typical", TYPICAL)] {
        let policy = policy(admin, name, text).await?;
        let path = format!("/api/v3/policies/all/{}/test/", self::text(&policy));
        let body = json!({"user": user}).to_string();
        let bytes = request("POST", &path, &site.host(), &[("authorization", admin.authorization())], Some(("application/json", &body)));
        let mut times = Vec::new();
        for _ in 0..ROUNDS {
            let mut workers = vec![Same { connection: Connection::new(site.address), request: bytes.clone() }];
            let outcome = runner::run(&mut workers, Duration::from_millis(200), bench.short()).await?;
            if let Some(error) = outcome.first {
                return Err(error);
            }
            times.push(outcome.whole.quantile(0.5));
        }
        medians.push(median(&times));
    }
    let added = (medians[1] - medians[0]) * 1e3;
    Ok(below(NAMES[1].0, NAMES[1].1, told(added, 60.0), 60.0, "µs", format!("{:.3} ms against {:.3} ms for `return True`", medians[1], medians[0])))
}

/// What rules seem to add. Where the calls with them were quicker by more than the goal, the noise is larger than what is to
/// be judged: nothing was measured, and the row is missed.
fn told(added: f64, goal: f64) -> f64 {
    if added < -goal { 0.0 } else { added.max(0.1) }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::told;

    #[test]
    fn noise_is_no_result() {
        assert_eq!([told(20.0, 60.0), told(-5.0, 60.0), told(-61.0, 60.0)], [20.0, 0.1, 0.0]);
    }
}
