//! Time window policy: weekday and time of day.
use crate::Slice;
use async_trait::async_trait;
use jiff::civil::Weekday;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use signet_base::{Error, FieldErrors, Result, Timestamp};
use signet_core::policy::{Policy, Question, Verdict};
use signet_model::def::Prepared;
use signet_model::{Change, Choice, Model, ModelDef, Object, Snapshot};
use std::sync::Arc;

pub const SLICE: Slice =
    Slice { models: &[TimeWindowPolicy::DEF], kind: || Arc::new(TimeWindow), actions: signet_rest::none };

#[derive(Debug, Clone, Copy, PartialEq, Eq, Choice)]
pub enum Day {
    Monday,
    Tuesday,
    Wednesday,
    Thursday,
    Friday,
    Saturday,
    Sunday,
}
impl Day {
    fn of(day: Weekday) -> Self {
        match day {
            Weekday::Monday => Day::Monday,
            Weekday::Tuesday => Day::Tuesday,
            Weekday::Wednesday => Day::Wednesday,
            Weekday::Thursday => Day::Thursday,
            Weekday::Friday => Day::Friday,
            Weekday::Saturday => Day::Saturday,
            Weekday::Sunday => Day::Sunday,
        }
    }
}

/// Passes on the chosen days between two times of day. A window that ends before it begins goes on past
/// midnight, and belongs to the day on which it began.
#[derive(Debug, Clone, Model, Serialize, Deserialize)]
#[model(app = "signet_policies_time_window", path = "policies/time_window", base = Policy, label = "Time Window Policy", plural = "Time Window Policies", component = "ak-policy-time-window-form", search("name"), check = check, prepare = prepare)]
pub struct TimeWindowPolicy {
    #[field(unique, filter)]
    pub name: String,
    /// Write an event for each run.
    #[field(default = false, filter)]
    pub execution_logging: bool,
    /// None: every day.
    #[field(choice, default = [])]
    pub days: Vec<Day>,
    /// As 09:00.
    #[field(default = "00:00", max = 5, filter)]
    pub start: String,
    /// As 17:30; 24:00 is the end of the day. This minute is not part of the window.
    #[field(default = "24:00", max = 5, filter)]
    pub end: String,
    /// As Europe/Berlin, with its summer time.
    #[field(default = "UTC", max = 100, filter)]
    pub timezone: String,
    /// Not before this time at all.
    pub valid_from: Option<Timestamp>,
    /// Not from this time on.
    pub valid_until: Option<Timestamp>,
}

/// Minutes since midnight.
fn minutes(text: &str) -> Option<i32> {
    let (hours, minutes) = text.split_once(':')?;
    let two = |digits: &str| {
        (digits.len() == 2 && digits.bytes().all(|b| b.is_ascii_digit()))
            .then(|| digits.parse::<i32>().ok())?
    };
    let (hours, minutes) = (two(hours)?, two(minutes)?);
    (minutes < 60 && (hours < 24 || (hours, minutes) == (24, 0))).then_some(hours * 60 + minutes)
}

fn check(change: &mut Change<'_>, _: &Snapshot) -> Result<(), FieldErrors> {
    let mut errors = FieldErrors::new();
    for field in ["start", "end"] {
        if minutes(change.text(field)).is_none() {
            errors.add(field, "Write a time as 09:30, from 00:00 to 24:00.");
        }
    }
    if change.text("start") == change.text("end") {
        errors.add("end", "A window has a length: use 00:00 and 24:00 for the whole day.");
    }
    if TimeZone::get(change.text("timezone")).is_err() {
        errors.add("timezone", "This time zone is not known. Write it as Europe/Berlin.");
    }
    let (from, until) =
        (Timestamp::parse(change.text("valid_from")), Timestamp::parse(change.text("valid_until")));
    if let (Ok(from), Ok(until)) = (from, until)
        && until <= from
    {
        errors.add("valid_until", "The end is not after the beginning.");
    }
    if errors.is_empty() { Ok(()) } else { Err(errors) }
}

struct Window {
    start: i32,
    end: i32,
    zone: TimeZone,
}
fn prepare(policy: &TimeWindowPolicy) -> Result<Prepared, String> {
    let time = |text: &str| minutes(text).ok_or_else(|| format!("{text} is no time"));
    let zone = TimeZone::get(&policy.timezone).map_err(|e| e.to_string())?;
    Ok(Arc::new(Window { start: time(&policy.start)?, end: time(&policy.end)?, zone }))
}

/// Whether a point in time is inside the window.
fn is_open(policy: &TimeWindowPolicy, window: &Window, now: Timestamp) -> Result<bool> {
    if policy.valid_from.is_some_and(|from| now < from)
        || policy.valid_until.is_some_and(|until| now >= until)
    {
        return Ok(false);
    }
    let at = jiff::Timestamp::from_microsecond(now.0).map_err(Error::internal)?.to_zoned(window.zone.clone());
    let minute = i32::from(at.hour()) * 60 + i32::from(at.minute());
    let (today, yesterday) = (Day::of(at.weekday()), Day::of(at.weekday().previous()));
    let on = |day: Day| policy.days.is_empty() || policy.days.contains(&day);
    Ok(if window.start < window.end {
        on(today) && (window.start..window.end).contains(&minute)
    } else {
        (on(today) && minute >= window.start) || (on(yesterday) && minute < window.end)
    })
}

struct TimeWindow;

#[async_trait]
impl Policy for TimeWindow {
    fn def(&self) -> &'static ModelDef {
        TimeWindowPolicy::DEF
    }
    async fn judge(&self, policy: &Arc<Object>, question: &Question<'_>) -> Result<Verdict> {
        let settings =
            policy.get::<TimeWindowPolicy>().ok_or_else(|| Error::internal("not a time window policy"))?;
        let window = policy.prepared::<Window>()?;
        Ok(if is_open(settings, window, question.now())? {
            Verdict::pass()
        } else {
            Verdict::fail("This is not possible at this time.")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(days: &[Day], start: &str, end: &str, zone: &str, at: &str) -> bool {
        let policy = TimeWindowPolicy {
            name: "a".into(),
            execution_logging: false,
            days: days.to_vec(),
            start: start.into(),
            end: end.into(),
            timezone: zone.into(),
            valid_from: None,
            valid_until: None,
        };
        let window = prepare(&policy).unwrap();
        is_open(&policy, window.downcast_ref().unwrap(), Timestamp::parse(at).unwrap()).unwrap()
    }
    #[test]
    fn the_window_has_edges_in_its_own_zone() {
        // 2026-11-24 is a Tuesday; Berlin is one hour ahead in winter, two in summer.
        let office = |at: &str| open(&[Day::Tuesday], "09:00", "17:00", "Europe/Berlin", at);
        assert!(
            !office("2026-11-24T07:59:59Z")
                && office("2026-11-24T08:00:00Z")
                && office("2026-11-24T15:59:59Z")
                && !office("2026-11-24T16:00:00Z")
        );
        assert!(!office("2026-11-25T10:00:00Z"));
        assert!(office("2026-07-07T07:00:00Z") && !office("2026-07-07T06:59:00Z"));
        assert!(open(&[], "00:00", "24:00", "UTC", "2026-11-24T23:59:59Z"));
    }
    #[test]
    fn a_window_past_midnight_belongs_to_its_first_day() {
        let night = |at: &str| open(&[Day::Tuesday], "22:00", "06:00", "UTC", at);
        assert!(
            night("2026-11-24T22:00:00Z") && night("2026-11-25T05:59:00Z") && !night("2026-11-25T06:00:00Z")
        );
        assert!(!night("2026-11-24T05:00:00Z") && !night("2026-11-25T22:00:00Z"));
    }
    #[test]
    fn times_have_one_form() {
        assert_eq!((minutes("00:00"), minutes("09:05"), minutes("24:00")), (Some(0), Some(545), Some(1440)));
        for wrong in ["", "9:00", "09", "24:01", "25:00", "12:60", "-1:00", "+9:00", "aa:bb", "09:00:00"] {
            assert_eq!(minutes(wrong), None, "{wrong}");
        }
    }
}
