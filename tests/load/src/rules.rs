//! What rules cost: the same call with them and without, one client, the difference of the medians.
use crate::bench::Bench;
use crate::client::{Connection, Result, request};
use crate::report::Line;
use crate::rows::{below, median};
use crate::runner::{self, Log, Work};
use crate::signet::{Admin, Algorithm};
use serde_json::{Value, json};
use std::time::Duration;

pub const NAMES: [(&str, &str); 3] = [
    ("policies", "five expression bindings on an application, added to a sign-in"),
    ("expression", "one typical expression, by the test action of policies"),
    ("expression-functions", "one with a function of its own, the same way"),
];
const ROUNDS: usize = 15;

/// Rules as administrators write them.
const RULES: [&str; 5] = [
    "return request.user.is_active",
    "return not ak_client_ip.is_multicast",
    "return regex_match(request.user.email, r'@example\\.test$')",
    "return request.user.username.startswith('ak-') or ak_is_group_member(request.user, name='staff')",
    "return len([g for g in request.user.all_groups() if g.name == 'suspended']) == 0",
];
/// With a loop and a name of its own.
const TYPICAL: &str = "allowed = ['example.test', 'example.org']\nfor domain in allowed:\n    if request.user.email.endswith('@' + domain):\n        return True\nak_message('This address is not allowed.')\nreturn False";
/// With a function of its own.
const FUNCTIONS: &str = "def ends(address, domains):\n    return any(address.endswith('@' + domain) for domain in domains)\n\nif ends(request.user.email, ['example.org', 'example.test']):\n    return True\nak_message('This address is not allowed.')\nreturn False";

struct Same {
    connection: Connection,
    request: Vec<u8>,
}
impl Work for Same {
    async fn turn(&mut self, _: &mut Log) -> Result<()> {
        let answer = self.connection.send(&self.request).await?;
        let text = String::from_utf8_lossy(&answer.body);
        if answer.status == 200 && (text.contains("\"passing\":true") || text.contains("\"access_token\":")) {
            Ok(())
        } else {
            Err(answer.unexpected("a call with rules"))
        }
    }
}

pub async fn measure(bench: &mut Bench) -> Result<Vec<Line>> {
    let mut admin = bench.admin()?;
    let mut lines = vec![engine(bench, &mut admin).await?];
    lines.extend(expressions(bench, &mut admin).await?);
    Ok(lines)
}

async fn policy(admin: &mut Admin, name: &str, text: &str) -> Result<Value> {
    Ok(admin.call("POST", "/policies/expression/", Some(json!({"name": name, "expression": text}))).await?["pk"].clone())
}

/// A sign-in asks twice: at the authorization and at the token. Asked here by a machine's token request,
/// which asks once and waits for no commit; its question comes with a context, so that no answer is kept.
async fn engine(bench: &mut Bench, admin: &mut Admin) -> Result<Line> {
    let slug = Algorithm::Es256.slug();
    let application = admin.call("GET", &format!("/core/applications/{slug}/"), None).await?;
    admin
        .call("PATCH", &format!("/core/applications/{slug}/"), Some(json!({"policy_engine_mode": "all"})))
        .await?;
    let site = bench.site(Algorithm::Es256)?;
    let mut asking = vec![Same {
        connection: Connection::new(site.address),
        request: site.form(&site.token, "grant_type=client_credentials"),
    }];
    // The first call makes the machine's account.
    window(bench, &mut asking).await?;
    let account = admin
        .call("GET", &format!("/core/users/?username=ak-{slug}-client_credentials"), None)
        .await?["results"][0]["pk"]
        .clone();
    admin
        .call("PATCH", &format!("/core/users/{account}/"), Some(json!({"email": "machine@example.test"})))
        .await?;
    let mut made = Vec::new();
    for (order, text) in RULES.iter().enumerate() {
        let policy = policy(admin, &format!("bench-rule-{order}"), text).await?;
        let binding =
            json!({"target": application["pk"], "policy": policy, "order": order, "enabled": false});
        made.push(admin.call("POST", "/policies/bindings/", Some(binding)).await?["pk"].clone());
    }
    let mut compared = Compared::default();
    for _ in 0..ROUNDS {
        for enabled in [false, true] {
            for binding in &made {
                admin
                    .call(
                        "PATCH",
                        &format!("/policies/bindings/{}/", text(binding)),
                        Some(json!({"enabled": enabled})),
                    )
                    .await?;
            }
            compared.add(enabled, window(bench, &mut asking).await?);
        }
    }
    for binding in &made {
        admin.call("DELETE", &format!("/policies/bindings/{}/", text(binding)), None).await?;
    }
    Ok(compared.line(NAMES[0], 2.0, 300.0))
}

async fn expressions(bench: &mut Bench, admin: &mut Admin) -> Result<[Line; 2]> {
    let site = bench.site(Algorithm::Es256)?;
    let (name, _) = site.people.first().ok_or("nobody to ask about")?;
    let user =
        admin.call("GET", &format!("/core/users/?username={name}"), None).await?["results"][0]["pk"].clone();
    let body = json!({"user": user}).to_string();
    let mut asking = Vec::new();
    for (name, text) in
        [("bench-none", "return True"), ("bench-typical", TYPICAL), ("bench-functions", FUNCTIONS)]
    {
        let policy = policy(admin, name, text).await?;
        let path = format!("/api/v3/policies/all/{}/test/", self::text(&policy));
        let bytes = request(
            "POST",
            &path,
            &site.host(),
            &[("authorization", admin.authorization())],
            Some(("application/json", &body)),
        );
        asking.push(vec![Same { connection: Connection::new(site.address), request: bytes }]);
    }
    let (mut typical, mut functions) = (Compared::default(), Compared::default());
    for _ in 0..ROUNDS {
        let none = window(bench, &mut asking[0]).await?;
        for (compared, workers) in [&mut typical, &mut functions].into_iter().zip(&mut asking[1..]) {
            compared.add(false, none);
            compared.add(true, window(bench, workers).await?);
        }
    }
    Ok([typical.line(NAMES[1], 1.0, 60.0), functions.line(NAMES[2], 1.0, 60.0)])
}

/// The median time of one short window, in milliseconds.
async fn window(bench: &Bench, workers: &mut Vec<Same>) -> Result<f64> {
    let outcome = runner::run(workers, Duration::from_millis(100), bench.short() / 5).await?;
    match outcome.first {
        Some(error) => Err(error),
        None => Ok(outcome.whole.quantile(0.5)),
    }
}

/// Windows with and without, in turns. The machine changes its pace from one second to the next, so each
/// window is compared with its neighbour, and the middle of the differences counts.
#[derive(Default)]
struct Compared {
    without: Vec<f64>,
    with: Vec<f64>,
}

impl Compared {
    fn add(&mut self, with: bool, time: f64) {
        if with { &mut self.with } else { &mut self.without }.push(time);
    }
    /// Microseconds that are added by `times` questions.
    fn added(&self, times: f64) -> f64 {
        let differences: Vec<f64> =
            self.with.iter().zip(&self.without).map(|(with, without)| (with - without) * 1e3).collect();
        median(&differences) * times
    }
    fn line(&self, (name, title): (&str, &str), times: f64, goal: f64) -> Line {
        let note = format!(
            "a call takes {:.3} ms with, {:.3} ms without",
            median(&self.with),
            median(&self.without)
        );
        below(name, title, told(self.added(times), goal), goal, "µs", note)
    }
}

/// What rules seem to add. Where the calls with them were quicker by more than the goal, the noise is larger
/// than what is to be judged: nothing was measured, and the row is missed.
fn told(added: f64, goal: f64) -> f64 {
    if added < -goal { 0.0 } else { added.max(0.1) }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::{Compared, told};

    #[test]
    fn neighbours_are_compared() {
        // A slow second in the middle concerns both of its windows.
        let compared = Compared { without: vec![1.0, 5.0, 1.0], with: vec![1.25, 5.25, 1.5] };
        assert!((compared.added(2.0) - 500.0).abs() < 1e-6);
    }
    #[test]
    fn noise_is_no_result() {
        assert_eq!([told(20.0, 60.0), told(-5.0, 60.0), told(-61.0, 60.0)], [20.0, 0.1, 0.0]);
    }
}
