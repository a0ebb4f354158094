//! Times of recurring work in the form of crontab(5): minute, hour, day of month, month, day of week, in UTC.
use crate::Timestamp;
use time::{Date, Duration, OffsetDateTime, Time};

/// A parsed crontab. As in cron, a day fits by its date or by its weekday where both are restricted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Crontab {
    /// A bit for each value that fits.
    minutes: u64,
    hours: u64,
    days: u64,
    months: u64,
    weekdays: u64,
    either_day: bool,
}

const MONTHS: [&str; 12] =
    ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const WEEKDAYS: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];
/// A date such as 29 February comes at least every eight years.
const MOST_DAYS: i64 = 366 * 9;

impl Crontab {
    /// `None` for a text that is no crontab.
    pub fn parse(text: &str) -> Option<Self> {
        let mut fields = text.split_whitespace();
        let mut next = || fields.next();
        let (minutes, hours, days, months, weekdays) = (next()?, next()?, next()?, next()?, next()?);
        if next().is_some() {
            return None;
        }
        let either_day = !days.starts_with('*') && !weekdays.starts_with('*');
        let weekdays = bits(weekdays, (0, 7), 0, &WEEKDAYS)?;
        Some(Self {
            minutes: bits(minutes, (0, 59), 0, &[])?,
            hours: bits(hours, (0, 23), 0, &[])?,
            days: bits(days, (1, 31), 0, &[])?,
            months: bits(months, (1, 12), 1, &MONTHS)?,
            // 7 is Sunday too.
            weekdays: weekdays | weekdays >> 7,
            either_day,
        })
    }

    /// The first time after this one; `None` where there is none, as on 30 February.
    pub fn next(&self, after: Timestamp) -> Option<Timestamp> {
        let from = after.to_offset() + Duration::minutes(1);
        let first = u32::from(from.hour()) * 60 + u32::from(from.minute());
        let mut day = from.date();
        for n in 0..MOST_DAYS {
            if self.fits(day) {
                let start = if n == 0 { first } else { 0 };
                let minute = (start..24 * 60)
                    .find(|minute| has(self.hours, minute / 60) && has(self.minutes, minute % 60));
                if let Some(minute) = minute {
                    let at = OffsetDateTime::new_utc(day, Time::MIDNIGHT) + Duration::minutes(minute.into());
                    return Some(Timestamp::from_secs(at.unix_timestamp()));
                }
            }
            day = day.next_day()?;
        }
        None
    }

    fn fits(&self, day: Date) -> bool {
        let date = has(self.days, day.day().into());
        let weekday = has(self.weekdays, day.weekday().number_days_from_sunday().into());
        let fits = if self.either_day { date || weekday } else { date && weekday };
        has(self.months, day.month() as u32) && fits
    }
}

fn has(bits: u64, value: u32) -> bool {
    bits >> value & 1 == 1
}

/// `*`, `*/5`, `1-5`, `1-5/2`, `8,12`, `mon`; the first name stands for the number `first`.
fn bits(text: &str, (low, high): (u32, u32), first: u32, names: &[&str]) -> Option<u64> {
    let number = |text: &str| {
        let named = names.iter().position(|name| name.eq_ignore_ascii_case(text));
        let number = match named {
            Some(at) => u32::try_from(at).ok()? + first,
            None => text.parse().ok()?,
        };
        (low..=high).contains(&number).then_some(number)
    };
    let mut bits = 0;
    for part in text.split(',') {
        let (range, step) = match part.split_once('/') {
            Some((range, step)) => (range, step.parse::<usize>().ok().filter(|step| *step > 0)?),
            None => (part, 1),
        };
        let (from, to) = match range.split_once('-') {
            _ if range == "*" => (low, high),
            Some((from, to)) => (number(from)?, number(to)?),
            // `5/15` begins at 5.
            None if part.contains('/') => (number(range)?, high),
            None => (number(range)?, number(range)?),
        };
        if from > to {
            return None;
        }
        (from..=to).step_by(step).for_each(|value| bits |= 1 << value);
    }
    Some(bits)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn next(crontab: &str, after: &str) -> String {
        let after = Timestamp::parse(after).unwrap();
        Crontab::parse(crontab)
            .unwrap_or_else(|| panic!("{crontab}"))
            .next(after)
            .map_or_else(String::new, |at| at.to_string())
    }

    #[test]
    fn the_next_time_is_the_first_that_fits_every_field() {
        for (crontab, after, expected) in [
            ("* * * * *", "2026-11-30T20:00:00Z", "2026-11-30T20:01:00Z"),
            ("* * * * *", "2026-11-30T20:00:59.999Z", "2026-11-30T20:01:00Z"),
            ("*/5 * * * *", "2026-11-30T20:04:30Z", "2026-11-30T20:05:00Z"),
            ("*/5 * * * *", "2026-11-30T23:55:00Z", "2026-12-01T00:00:00Z"),
            ("5/20 1-3,22 * * *", "2026-11-30T03:45:00Z", "2026-11-30T22:05:00Z"),
            ("30 4 * * *", "2026-12-31T04:30:00Z", "2027-01-01T04:30:00Z"),
            ("0 0 29 2 *", "2026-11-30T00:00:00Z", "2028-02-29T00:00:00Z"),
            ("0 12 * * mon-fri", "2026-12-04T12:00:00Z", "2026-12-07T12:00:00Z"),
            ("0 12 * * 7", "2026-12-04T12:00:00Z", "2026-12-06T12:00:00Z"),
            ("0 0 13 * fri", "2026-11-30T00:00:00Z", "2026-12-04T00:00:00Z"),
            ("0 0 1 JAN *", "2026-11-30T00:00:00Z", "2027-01-01T00:00:00Z"),
            ("0 0 30 2 *", "2026-11-30T00:00:00Z", ""),
        ] {
            assert_eq!(next(crontab, after), expected, "{crontab} after {after}");
        }
    }

    #[test]
    fn what_is_no_crontab_is_refused() {
        for text in [
            "",
            "* * * *",
            "* * * * * *",
            "60 * * * *",
            "* 24 * * *",
            "* * 0 * *",
            "* * * 13 *",
            "* * * * 8",
            "*/0 * * * *",
            "5-1 * * * *",
            "a * * * *",
            "-1 * * * *",
            "1, * * * *",
            "@daily",
        ] {
            assert_eq!(Crontab::parse(text), None, "{text}");
        }
    }
}
