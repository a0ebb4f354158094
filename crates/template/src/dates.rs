//! Timestamps by Django's format characters, and durations in words.
use signet_base::Timestamp;

const DAYS: [&str; 7] = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
/// Month abbreviations in Associated Press style (format character `N`).
const SHORT: [&str; 12] =
    ["Jan.", "Feb.", "March", "April", "May", "June", "July", "Aug.", "Sept.", "Oct.", "Nov.", "Dec."];

/// Formats by a named format (`DATE_FORMAT`) or by format characters.
pub fn date(at: Timestamp, format: &str) -> String {
    letters(
        at,
        match format {
            "" | "DATE_FORMAT" => "N j, Y",
            "DATETIME_FORMAT" => "N j, Y, P",
            "SHORT_DATE_FORMAT" => "m/d/Y",
            "SHORT_DATETIME_FORMAT" => "m/d/Y P",
            "TIME_FORMAT" => "P",
            "YEAR_MONTH_FORMAT" => "F Y",
            "MONTH_DAY_FORMAT" => "F j",
            other => other,
        },
    )
}

fn letters(at: Timestamp, format: &str) -> String {
    let t = at.to_offset();
    let (year, day, hour, minute, second) = (t.year(), t.day(), t.hour(), t.minute(), t.second());
    let month = usize::from(u8::from(t.month()));
    let weekday = usize::from(t.weekday().number_days_from_sunday());
    let twelve = if hour % 12 == 0 { 12 } else { hour % 12 };
    let leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    let clock = |h: u8| if minute == 0 { h.to_string() } else { format!("{h}:{minute:02}") };
    let half = if hour < 12 { "a.m." } else { "p.m." };
    let mut out = String::new();
    let mut chars = format.chars();
    while let Some(c) = chars.next() {
        out.push_str(&match c {
            'a' => half.to_owned(),
            'A' => if hour < 12 { "AM" } else { "PM" }.to_owned(),
            'b' => MONTHS[month - 1][..3].to_lowercase(),
            'c' => at.to_string().trim_end_matches('Z').to_owned() + "+00:00",
            'd' => format!("{day:02}"),
            'D' => DAYS[weekday][..3].to_owned(),
            'e' | 'T' => "UTC".to_owned(),
            'E' | 'F' => MONTHS[month - 1].to_owned(),
            'f' => clock(twelve),
            'g' => twelve.to_string(),
            'G' => hour.to_string(),
            'h' => format!("{twelve:02}"),
            'H' => format!("{hour:02}"),
            'i' => format!("{minute:02}"),
            'I' => "0".to_owned(),
            'j' => day.to_string(),
            'l' => DAYS[weekday].to_owned(),
            'L' => if leap { "True" } else { "False" }.to_owned(),
            'm' => format!("{month:02}"),
            'M' => MONTHS[month - 1][..3].to_owned(),
            'n' => month.to_string(),
            'N' => SHORT[month - 1].to_owned(),
            'o' => t.to_iso_week_date().0.to_string(),
            'O' => "+0000".to_owned(),
            'P' => match (hour, minute) {
                (0, 0) => "midnight".to_owned(),
                (12, 0) => "noon".to_owned(),
                _ => format!("{} {half}", clock(twelve)),
            },
            'r' => format!(
                "{}, {day} {} {year} {hour:02}:{minute:02}:{second:02} +0000",
                &DAYS[weekday][..3],
                &MONTHS[month - 1][..3]
            ),
            's' => format!("{second:02}"),
            'S' => crate::numbers::ordinal(&signet_base::Json::from(day).into())
                .trim_start_matches(|c: char| c.is_ascii_digit())
                .to_owned(),
            't' => t.month().length(year).to_string(),
            'u' => format!("{:06}", t.microsecond()),
            'U' => at.secs().to_string(),
            'w' => weekday.to_string(),
            'W' => t.iso_week().to_string(),
            'y' => format!("{:02}", year.rem_euclid(100)),
            'Y' => format!("{year:04}"),
            'z' => t.ordinal().to_string(),
            'Z' => "0".to_owned(),
            '\\' => chars.next().map(String::from).unwrap_or_default(),
            other => other.to_string(),
        });
    }
    out
}

/// A duration in at most two adjacent units: `2 weeks, 3 days`. Below one minute it is `0 minutes`.
pub fn span(secs: i64) -> String {
    const UNITS: [(i64, &str); 6] = [
        (365 * 86_400, "year"),
        (30 * 86_400, "month"),
        (7 * 86_400, "week"),
        (86_400, "day"),
        (3600, "hour"),
        (60, "minute"),
    ];
    let said = |n: i64, unit: &str| format!("{n}\u{a0}{unit}{}", if n == 1 { "" } else { "s" });
    let Some(at) = UNITS.iter().position(|(size, _)| secs >= *size) else { return said(0, "minute") };
    let (size, unit) = UNITS[at];
    let mut out = said(secs / size, unit);
    if let Some((next, unit)) = UNITS.get(at + 1)
        && secs % size / next > 0
    {
        out.push_str(&format!(", {}", said(secs % size / next, unit)));
    }
    out
}

/// `naturaltime`: `30 minutes from now`, `2 days ago`.
pub fn natural(now: Timestamp, at: Timestamp) -> String {
    let micros = at.0 - now.0;
    // Rounded up: a link that is valid for 30 minutes reads "30 minutes" although some milliseconds have
    // passed.
    let secs = if micros >= 0 { (micros + 999_999) / 1_000_000 } else { -micros / 1_000_000 };
    let when = |text: String| if micros >= 0 { format!("{text} from now") } else { format!("{text} ago") };
    match secs {
        0 => "now".to_owned(),
        1 => when("a second".to_owned()),
        2..60 => when(format!("{secs}\u{a0}seconds")),
        60..120 => when("a minute".to_owned()),
        120..3600 => when(format!("{}\u{a0}minutes", secs / 60)),
        3600..7200 => when("an hour".to_owned()),
        7200..86_400 => when(format!("{}\u{a0}hours", secs / 3600)),
        _ => when(span(secs)),
    }
}

/// `naturalday`: `today`, `tomorrow`, `yesterday`, or the date.
pub fn natural_day(now: Timestamp, at: Timestamp, format: &str) -> String {
    match at.secs().div_euclid(86_400) - now.secs().div_euclid(86_400) {
        0 => "today".to_owned(),
        1 => "tomorrow".to_owned(),
        -1 => "yesterday".to_owned(),
        _ => date(at, format),
    }
}
