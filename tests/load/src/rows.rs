//! The rows of throughput and latency, and how one is measured: limit, peer and ours back to back, medians of
//! rounds.
use crate::bench::Bench;
use crate::client::Result;
use crate::disk::Disk;
use crate::limits::Limit;
use crate::load::{self, Kind, Load};
use crate::mfa;
use crate::report::{Line, Verdict, number};
use crate::runner::Outcome;
use crate::signet::Algorithm::{self, EdDsa, Es256, Rs256};
use std::time::Duration;

/// Rounds of a row; a noisy one gets as many again.
pub const ROUNDS: usize = 3;
/// Rounds of a row whose verdict is close: medians of three differ by a few hundredths from run to run of the
/// same build.
const CLOSE_ROUNDS: usize = 9;
/// Distance from the goal, as a share of it, that is close. On both sides: what holds narrowly is asked again
/// as well.
const CLOSE: f64 = 0.15;
/// Largest value of a series over its smallest that still counts as calm.
const SPREAD: f64 = 1.25;
/// Cores that others keep busy ([`Usage::others`](crate::process::Usage::others)) and that still count as
/// calm.
const NOISE: f64 = 0.5;

/// A throughput that has to reach a share of a limit.
pub struct Row {
    pub name: &'static str,
    pub title: &'static str,
    pub kind: Kind,
    pub algorithm: Algorithm,
    pub connections: usize,
    disk: Disk,
    limit: Limit,
    must: f64,
    aim: f64,
    /// Whether the peer can do it too.
    peer: bool,
    /// Not where the limit is one of our own making: such a row is shown.
    judged: bool,
}

const fn row(
    name: &'static str,
    title: &'static str,
    what: (Kind, Algorithm, usize),
    limit: Limit,
    goals: (f64, f64),
    peer: bool,
) -> Row {
    Row {
        name,
        title,
        kind: what.0,
        algorithm: what.1,
        connections: what.2,
        disk: Disk::Own,
        limit,
        must: goals.0,
        aim: goals.1,
        peer,
        judged: true,
    }
}

impl Row {
    /// The row where an fsync takes as long as where its goal was set.
    const fn on_reference_disk(self) -> Self {
        Self { disk: Disk::Reference, ..self }
    }
    const fn shown(self) -> Self {
        Self { judged: false, ..self }
    }
}

pub const ROWS: &[Row] = &[
    row("discovery", "discovery, c32", (Kind::Discovery, Es256, 32), Limit::Json, (0.60, 0.80), false),
    row("jwks", "JWKS, c32", (Kind::Jwks, Es256, 32), Limit::Json, (0.60, 0.80), false),
    row(
        "cc-rs256",
        "client_credentials RS256, c32",
        (Kind::ClientCredentials, Rs256, 32),
        Limit::Rsa,
        (0.75, 0.85),
        true,
    ),
    row(
        "cc-es256",
        "client_credentials ES256, c32",
        (Kind::ClientCredentials, Es256, 32),
        Limit::SignEs256,
        (0.40, 0.60),
        true,
    ),
    row(
        "cc-eddsa",
        "client_credentials EdDSA, c32",
        (Kind::ClientCredentials, EdDsa, 32),
        Limit::SignEdDsa,
        (0.35, 0.55),
        true,
    ),
    row(
        "introspection",
        "introspection of a JWT, c32",
        (Kind::Introspect, Es256, 32),
        Limit::Json,
        (0.20, 0.35),
        false,
    ),
    row("userinfo", "userinfo, c32", (Kind::Userinfo, Es256, 32), Limit::Json, (0.20, 0.35), false),
    row(
        "refresh-es256",
        "refresh with rotation ES256, durable, fsync of 4 ms, c16",
        (Kind::Refresh, Es256, 16),
        Limit::GroupedReference,
        (0.50, 0.75),
        true,
    )
    .on_reference_disk(),
    row(
        "refresh-es256-own",
        "the same on this machine's disk",
        (Kind::Refresh, Es256, 16),
        Limit::Durable { signatures: 2, requests: 1 },
        (0.50, 0.75),
        false,
    )
    .shown(),
    row(
        "refresh-rs256",
        "refresh with rotation RS256, durable, c16",
        (Kind::Refresh, Rs256, 16),
        Limit::Rsa,
        (0.70, 0.80),
        true,
    ),
    row(
        "code",
        "code flow with live session ES256, fsync of 4 ms, c16",
        (Kind::Code, Es256, 16),
        Limit::GroupedReference,
        (0.25, 0.40),
        true,
    )
    .on_reference_disk(),
    row(
        "code-own",
        "the same on this machine's disk",
        (Kind::Code, Es256, 16),
        Limit::Durable { signatures: 2, requests: 2 },
        (0.25, 0.40),
        false,
    )
    .shown(),
    // performance.md names no share for it: what rows 9 and 10 ask of their parts, taken together.
    row(
        "code-rs256",
        "code flow with live session RS256, c16",
        (Kind::Code, Rs256, 16),
        Limit::Rsa,
        (0.50, 0.65),
        true,
    ),
    row(
        "login",
        "password login, all steps to tokens, c16",
        (Kind::Login, Es256, 16),
        Limit::Argon2,
        (0.90, 0.95),
        false,
    ),
];

/// A latency that has to stay below a time, one client and no other load.
pub struct Quiet {
    pub name: &'static str,
    pub title: &'static str,
    kind: Kind,
    algorithm: Algorithm,
    /// Milliseconds.
    goal: f64,
}

pub const QUIET: &[Quiet] = &[
    Quiet {
        name: "single-discovery",
        title: "discovery, one client, p50",
        kind: Kind::Discovery,
        algorithm: Es256,
        goal: 0.15,
    },
    Quiet {
        name: "single-cc",
        title: "client_credentials EdDSA, one client, p50",
        kind: Kind::ClientCredentials,
        algorithm: EdDsa,
        goal: 0.35,
    },
    Quiet {
        name: "single-cc-rs256",
        title: "client_credentials RS256, one client, p50",
        kind: Kind::ClientCredentials,
        algorithm: Rs256,
        goal: 1.45,
    },
    Quiet {
        name: "single-introspect",
        title: "introspection, one client, p50",
        kind: Kind::Introspect,
        algorithm: Es256,
        goal: 0.25,
    },
];

/// What the rounds of one side gave.
#[derive(Default)]
pub struct Series {
    pub rates: Vec<f64>,
}

impl Series {
    pub fn median(&self) -> f64 {
        median(&self.rates)
    }
    fn spread(&self) -> f64 {
        let (low, high) =
            self.rates.iter().fold((f64::MAX, 0.0f64), |(low, high), rate| (low.min(*rate), high.max(*rate)));
        if low > 0.0 { high / low } else { f64::INFINITY }
    }
}

/// Whether a value lies so near its goal that a few windows do not tell on which side.
fn close(value: f64, goal: f64) -> bool {
    (value / goal - 1.0).abs() < CLOSE
}

/// Rounds of a row, judged after the first [`ROUNDS`] of a full run.
fn rounds(quick: bool, close: bool, restless: bool) -> usize {
    match (quick, close, restless) {
        (false, true, _) => CLOSE_ROUNDS,
        (false, false, true) => 2 * ROUNDS,
        _ => ROUNDS,
    }
}

/// The middle value; the mean of the two middle ones when their number is even.
pub fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    match (sorted.len(), sorted.len() / 2) {
        (0, _) => 0.0,
        (n, middle) if n % 2 == 1 => sorted[middle],
        (_, middle) => f64::midpoint(sorted[middle - 1], sorted[middle]),
    }
}

/// Time before the window opens: as long as the first operations of all connections take.
pub fn ramp(kind: Kind) -> Duration {
    Duration::from_millis(if kind == Kind::Login { 1200 } else { 400 })
}

pub fn sound(outcome: Outcome) -> Result<Outcome> {
    match (&outcome.first, outcome.whole.count()) {
        (Some(error), _) => Err(format!("{} errors, the first: {error}", outcome.errors)),
        (None, 0) => Err("nothing ended in the window".into()),
        _ => Ok(outcome),
    }
}

impl Row {
    /// One window of our side; nothing is judged.
    pub async fn alone(&self, bench: &mut Bench, time: Duration) -> Result<Line> {
        let (site, pid) = bench.site_on(self.disk, self.algorithm).await?;
        let mut load = Load::prepare(self.kind, &site, self.connections).await?;
        let outcome = sound(load.run(ramp(self.kind), time).await?)?;
        let cost = |pid| number(outcome.usage.of(pid) * 1e6 / outcome.whole.count().max(1) as f64);
        let note = format!(
            "p50 {} ms, p99 {} ms; server {} µs/op, tool {} µs/op, others {:.2} cores",
            number(outcome.whole.quantile(0.5)),
            number(outcome.whole.quantile(0.99)),
            cost(pid),
            number(outcome.usage.own * 1e6 / outcome.whole.count().max(1) as f64),
            outcome.usage.others()
        );
        Ok(Line {
            measured: format!("{}/s", number(outcome.per_second)),
            verdict: Verdict::Info,
            note,
            ..Line::failed(self.name, self.title, "")
        })
    }

    pub async fn measure(&self, bench: &mut Bench) -> Result<Line> {
        let (site, pid) = bench.site_on(self.disk, self.algorithm).await?;
        let mut ours = Load::prepare(self.kind, &site, self.connections).await?;
        let (mut peers, absent) = match if self.peer { bench.peer().await } else { Ok(None) } {
            Ok(Some(peer)) => match peer.site(self.algorithm) {
                Some(site) => (
                    Some(
                        Load::prepare(self.kind, site, self.connections)
                            .await
                            .map_err(|e| format!("the peer: {e}"))?,
                    ),
                    false,
                ),
                None => (None, true),
            },
            Ok(None) => (None, false),
            Err(_) => (None, true),
        };
        // A row against RSA is judged by what its answers hold: the limit counts signatures, not answers.
        let share = if self.limit == Limit::Rsa { ours.signatures.max(1) as f64 } else { 1.0 };
        let (mut limits, mut rates, mut peer_rates, mut outcomes, mut noise) =
            (Series::default(), Series::default(), Series::default(), Vec::new(), 0.0f64);
        let time = if self.kind == Kind::Login { bench.long() } else { bench.time() };
        let ramp = ramp(self.kind);
        let mut wanted = ROUNDS;
        while outcomes.len() < wanted {
            limits.rates.push(bench.limit(self.limit, self.connections, ramp).await? / share);
            // The peer decides nothing: it is not asked again.
            if let Some(load) = peers.as_mut().filter(|_| outcomes.len() < ROUNDS) {
                peer_rates.rates.push(
                    sound(load.run(ramp, time).await?).map_err(|e| format!("the peer: {e}"))?.per_second,
                );
            }
            let outcome = sound(ours.run(ramp, time).await?)?;
            bench.alive()?;
            rates.rates.push(outcome.per_second);
            noise = noise.max(outcome.usage.others());
            outcomes.push(outcome);
            if outcomes.len() == ROUNDS {
                let restless = limits.spread() > SPREAD || rates.spread() > SPREAD || noise > NOISE;
                wanted = rounds(
                    bench.quick,
                    self.judged && close(rates.median() / limits.median(), self.must),
                    restless,
                );
            }
        }
        let ratio = rates.median() / limits.median();
        let middle = &outcomes[outcomes.len() / 2];
        let operations = middle.whole.count().max(1) as f64;
        let mut notes = vec![
            format!(
                "p50 {} ms, p99 {} ms",
                number(middle.whole.quantile(0.5)),
                number(middle.whole.quantile(0.99))
            ),
            format!("server {} µs/op", number(middle.usage.of(pid) * 1e6 / operations)),
        ];
        if wanted > ROUNDS {
            notes.push(format!("{wanted} rounds"));
        }
        if share > 1.0 {
            notes.push(format!("limit ÷ {share} signatures an answer"));
        }
        if self.judged && ratio >= self.must {
            notes.push(if ratio >= self.aim {
                format!("aim {} reached", self.aim)
            } else {
                format!("aim {}", self.aim)
            });
        }
        for (what, series) in [("limit", &limits), ("ours", &rates)] {
            if series.spread() > SPREAD {
                notes.push(format!("{what} varied by {:.2}", series.spread()));
            }
        }
        if noise > NOISE {
            notes.push(format!("others used {noise:.1} cores"));
        }
        Ok(Line {
            name: self.name.into(),
            title: self.title.into(),
            measured: format!("{}/s", number(rates.median())),
            limit: format!("{}/s", number(limits.median())),
            ratio: format!("{ratio:.2}"),
            must: if self.judged { format!("≥ {:.2}", self.must) } else { "–".into() },
            peer: match peers {
                Some(_) => format!("{}/s", number(peer_rates.median())),
                None if absent => "absent".into(),
                None => "–".into(),
            },
            verdict: match ratio >= self.must {
                _ if !self.judged => Verdict::Info,
                true => Verdict::Ok,
                false => Verdict::Miss,
            },
            note: notes.join("; "),
        })
    }
}

impl Quiet {
    pub async fn measure(&self, bench: &mut Bench) -> Result<Line> {
        let site = bench.site(self.algorithm)?;
        let mut load = Load::prepare(self.kind, &site, 1).await?;
        let mut times = Vec::new();
        let mut tail = 0.0f64;
        let mut wanted = ROUNDS;
        while times.len() < wanted {
            let outcome = sound(load.run(Duration::from_millis(200), bench.short()).await?)?;
            times.push(outcome.whole.quantile(0.5));
            tail = tail.max(outcome.whole.quantile(0.99));
            if times.len() == ROUNDS {
                wanted = rounds(bench.quick, close(median(&times), self.goal), false);
            }
        }
        Ok(below(self.name, self.title, median(&times), self.goal, "ms", format!("p99 {} ms", number(tail))))
    }
}

/// Steps of the flow executor that hash nothing, c16: their p50 and p99.
pub async fn steps(bench: &mut Bench) -> Result<Vec<Line>> {
    let site = bench.site(Es256)?;
    let mut load = Load::prepare(Kind::Steps, &site, 16).await?;
    let (mut half, mut most, mut rate) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let outcome = sound(load.run(ramp(Kind::Steps), bench.time()).await?)?;
        half.push(outcome.steps.quantile(0.5));
        most.push(outcome.steps.quantile(0.99));
        rate.push(outcome.steps.count() as f64 / bench.time().as_secs_f64());
    }
    let note = format!("{} steps/s", number(median(&rate)));
    Ok(vec![
        below("steps-p50", "flow executor step, c16, p50", median(&half), 1.5, "ms", note.clone()),
        below("steps-p99", "flow executor step, c16, p99", median(&most), 10.0, "ms", note),
    ])
}

/// People for so many sign-ins a second over so many seconds, in which a password alone signs in as long:
/// each has a code of this period, of the next, and one more each period. That of the period before is used
/// up by setting the device up.
fn crowd(pace: f64, seconds: f64) -> usize {
    let codes = 2.0 + (2.0 * seconds / mfa::PERIOD as f64).floor();
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a few thousand")]
    let count = (1.3 * pace * seconds / codes).ceil() as usize;
    count.max(64)
}

/// A second factor must not slow a sign-in down: password and TOTP against the password alone.
pub async fn totp(bench: &mut Bench) -> Result<Line> {
    const MUST: f64 = 0.97;
    let site = bench.site(Es256)?;
    let mut alone = Load::prepare(Kind::Login, &site, 16).await?;
    let (ramp, time) = (ramp(Kind::Login), bench.long());
    let pace = sound(alone.run(ramp, bench.short()).await?)?.per_second;
    // Nearly the same as the password alone: always close.
    let rounds = rounds(bench.quick, true, false);
    let people =
        mfa::people(&mut bench.admin()?, &site, crowd(pace, rounds as f64 * (ramp + time).as_secs_f64()))
            .await?;
    let mut with = load::totp(&site, &people, 16);
    let (mut limits, mut rates, mut note) = (Series::default(), Series::default(), String::new());
    for _ in 0..rounds {
        limits.rates.push(sound(alone.run(ramp, time).await?)?.per_second);
        let outcome = sound(with.run(ramp, time).await?)?;
        note = format!(
            "p50 {} ms, p99 {} ms",
            number(outcome.whole.quantile(0.5)),
            number(outcome.whole.quantile(0.99))
        );
        rates.rates.push(outcome.per_second);
    }
    let ratio = rates.median() / limits.median();
    Ok(Line {
        name: "login-totp".into(),
        title: "login with password and TOTP, c16".into(),
        measured: format!("{}/s", number(rates.median())),
        limit: format!("{}/s", number(limits.median())),
        ratio: format!("{ratio:.2}"),
        must: format!("≥ {MUST:.2}"),
        peer: "–".into(),
        verdict: if ratio >= MUST { Verdict::Ok } else { Verdict::Miss },
        note,
    })
}

/// A line for a value that must not be larger than its goal.
pub fn below(name: &str, title: &str, value: f64, goal: f64, unit: &str, note: String) -> Line {
    Line {
        name: name.into(),
        title: title.into(),
        measured: format!("{} {unit}", number(value)),
        limit: format!("{} {unit}", number(goal)),
        ratio: format!("{:.2}", value / goal),
        must: "≤ 1.00".into(),
        peer: "–".into(),
        // A value of nothing was not measured.
        verdict: if value > 0.0 && value <= goal { Verdict::Ok } else { Verdict::Miss },
        note,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians_and_spread() {
        assert_eq!([median(&[]), median(&[3.0, 1.0, 2.0]), median(&[1.0, 2.0, 4.0, 3.0])], [0.0, 2.0, 2.5]);
        assert_eq!(Series { rates: vec![100.0, 150.0] }.spread(), 1.5);
    }

    #[test]
    fn a_verdict_is_close_on_both_sides() {
        assert_eq!([0.84, 0.95, 1.04, 0.76].map(|ratio| close(ratio, 0.90)), [true, true, false, false]);
    }

    #[test]
    fn only_a_full_run_measures_again() {
        assert_eq!(
            [(true, true), (true, false), (false, true), (false, false)]
                .map(|(close, restless)| rounds(false, close, restless)),
            [9, 9, 6, 3]
        );
        assert_eq!(rounds(true, true, true), 3);
    }

    #[test]
    fn a_crowd_has_codes_enough() {
        assert_eq!([crowd(1.0, 10.0), crowd(100.0, 33.6)], [64, 1092]);
    }

    #[test]
    fn a_goal_is_a_bound() {
        assert_eq!(below("a", "b", 1.0, 1.0, "ms", String::new()).verdict, Verdict::Ok);
        assert_eq!(below("a", "b", 1.01, 1.0, "ms", String::new()).verdict, Verdict::Miss);
        assert_eq!(below("a", "b", 0.0, 1.0, "ms", String::new()).verdict, Verdict::Miss);
    }
}
