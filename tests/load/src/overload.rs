//! More sign-ins than the machine can hash: four times the sustained rate arrives, whether the server keeps
//! up or not. What cannot be served in two seconds must be told so at once, and afterwards the server is as
//! it was.
use crate::bench::Bench;
use crate::client::{Jar, Result};
use crate::process::pss_mib;
use crate::report::{Line, Verdict, number};
use crate::rows::{below, median};
use crate::runner::Log;
use crate::signet::Algorithm;
use crate::site::{Person, Site};
use serde_json::json;
use std::sync::Arc;
use std::time::{Duration, Instant};

const FLOW: &str = "default-authentication-flow";
/// How often the sustained rate arrives.
const TIMES: f64 = 4.0;
/// Accounts that sign in: attempts of one account go in turns of their own, which is not what is measured
/// here.
const CROWD: usize = 300;
/// Memory that may come on top: the crowd's passwords were hashed just before, so hashing memory is there
/// already and only requests under way count, in MiB.
const MEMORY: f64 = 64.0;

enum Ended {
    Served(Duration),
    Refused(Duration),
}

pub const NAMES: [(&str, &str); 4] = [
    ("overload-refused", "overload, 4 × the sustained sign-ins: p99 of refusals"),
    ("overload-served", "overload: p99 of what was served"),
    ("overload-memory", "overload: memory on top"),
    ("overload-after", "overload: time until a sign-in is as quick as before"),
];

pub async fn measure(bench: &mut Bench) -> Result<Vec<Line>> {
    let site = bench.site(Algorithm::Es256)?;
    let mut admin = bench.admin()?;
    let mut people = Vec::new();
    for n in 0..CROWD {
        people.push(admin.person(&format!("crowd-{n}")).await?);
    }
    let pid = bench.server_pid();
    let before = pss_mib(pid).ok_or("/proc/<pid>/smaps_rollup cannot be read")?;
    let (alone, rate) = sustained(&site, &people).await?;
    let time = bench.time().min(Duration::from_secs(6));
    let count = (rate * TIMES * time.as_secs_f64()) as usize;
    let mut ready = Vec::with_capacity(count);
    for n in 0..count {
        let (name, password) = &people[n % people.len()];
        ready.push((at_the_password(&site, name).await?, password.clone()));
    }
    let pause = time / u32::try_from(count.max(1)).unwrap_or(u32::MAX);
    let began = Instant::now();
    let mut tasks = Vec::with_capacity(count);
    let mut peak = before;
    for (n, (person, password)) in ready.into_iter().enumerate() {
        tokio::time::sleep_until((began + pause * u32::try_from(n).unwrap_or(u32::MAX)).into()).await;
        tasks.push(tokio::spawn(answer(person, password)));
        if n % 100 == 99 {
            peak = peak.max(pss_mib(pid).unwrap_or(0.0));
        }
    }
    let (mut served, mut refused) = (Vec::new(), Vec::new());
    for task in tasks {
        match task.await.map_err(|e| e.to_string())?? {
            Ended::Served(took) => served.push(took.as_secs_f64() * 1e3),
            Ended::Refused(took) => refused.push(took.as_secs_f64() * 1e3),
        }
    }
    bench.alive()?;
    let after = recovered(&site, &people, alone).await?;
    let note = format!(
        "{} sign-ins in {} s, {} served, {} refused; sustained {}/s",
        count,
        number(time.as_secs_f64()),
        served.len(),
        refused.len(),
        number(rate)
    );
    if refused.is_empty() {
        return Ok(vec![Line {
            verdict: Verdict::Miss,
            ..below(NAMES[0].0, NAMES[0].1, 0.0, 50.0, "ms", format!("nothing was refused: {note}"))
        }]);
    }
    Ok(vec![
        below(NAMES[0].0, NAMES[0].1, tail(&mut refused), 50.0, "ms", note),
        below(
            NAMES[1].0,
            NAMES[1].1,
            tail(&mut served),
            2_500.0,
            "ms",
            "2 s in the queue, and the hash".into(),
        ),
        below(
            NAMES[2].0,
            NAMES[2].1,
            (peak - before).max(0.1),
            MEMORY,
            "MiB",
            format!("{} MiB before", number(before)),
        ),
        below(
            NAMES[3].0,
            NAMES[3].1,
            after.as_secs_f64().max(0.001),
            5.0,
            "s",
            format!("alone {} ms", number(alone.as_secs_f64() * 1e3)),
        ),
    ])
}

/// The time of a lone password answer, and how many the machine does in a second with all cores.
async fn sustained(site: &Arc<Site>, people: &[(String, String)]) -> Result<(Duration, f64)> {
    let mut alone = Vec::new();
    for (name, password) in people.iter().take(5) {
        let person = at_the_password(site, name).await?;
        match answer(person, password.clone()).await? {
            Ended::Served(took) => alone.push(took.as_secs_f64()),
            Ended::Refused(_) => return Err("a lone sign-in was refused".into()),
        }
    }
    let one = median(&alone);
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    Ok((Duration::from_secs_f64(one), cores as f64 / one.max(0.001)))
}

async fn at_the_password(site: &Arc<Site>, name: &str) -> Result<Person> {
    let mut person = Person::new(site);
    person.jar = Jar::default();
    let mut log = Log::default();
    person.challenge(FLOW, "", None, &mut log).await?;
    let challenge = person
        .challenge(
            FLOW,
            "",
            Some(&json!({"component": "ak-stage-identification", "uid_field": name})),
            &mut log,
        )
        .await?;
    if challenge["component"] == "ak-stage-password" {
        Ok(person)
    } else {
        Err(format!("not at the password: {challenge}"))
    }
}

/// The password, and how that ended. A refusal says when to come again (RFC 9110 §10.2.3).
async fn answer(mut person: Person, password: String) -> Result<Ended> {
    let began = Instant::now();
    let reply = person.post(FLOW, &json!({"component": "ak-stage-password", "password": password})).await?;
    let took = began.elapsed();
    match reply.status {
        200 | 302 => Ok(Ended::Served(took)),
        429 | 503 if reply.retry_after => Ok(Ended::Refused(took)),
        _ => Err(reply.text),
    }
}

/// How long after the load a sign-in takes no more than half as long again as before it.
async fn recovered(site: &Arc<Site>, people: &[(String, String)], alone: Duration) -> Result<Duration> {
    let began = Instant::now();
    let (name, password) = &people[0];
    while began.elapsed() < Duration::from_secs(10) {
        let person = at_the_password(site, name).await?;
        if let Ended::Served(took) = answer(person, password.clone()).await?
            && took < alone.mul_f64(1.5) + Duration::from_millis(5)
        {
            return Ok(began.elapsed());
        }
    }
    Ok(began.elapsed())
}

fn tail(times: &mut [f64]) -> f64 {
    times.sort_by(f64::total_cmp);
    times.get((times.len() * 99 / 100).min(times.len().saturating_sub(1))).copied().unwrap_or(0.0)
}
