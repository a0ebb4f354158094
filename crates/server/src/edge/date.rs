//! The `Date` header (RFC 9110 §6.6.1) from the current clock. The HTTP library's own header lags behind a
//! clock that was set back.
use http::HeaderValue;
use signet_base::Timestamp;

const DAYS: [&str; 7] = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// `Sun, 06 Nov 1994 08:49:37 GMT`
pub fn header(now: Timestamp) -> HeaderValue {
    let at = now.to_offset();
    let day = DAYS[usize::from(at.weekday().number_days_from_sunday()) % 7];
    let month = MONTHS[usize::from(u8::from(at.month()) - 1) % 12];
    let text = format!(
        "{day}, {:02} {month} {:04} {:02}:{:02}:{:02} GMT",
        at.day(),
        at.year(),
        at.hour(),
        at.minute(),
        at.second()
    );
    HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static("Thu, 01 Jan 1970 00:00:00 GMT"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scale_b9_dates_have_the_form_of_the_rfc() {
        for (at, text) in [
            ("1994-11-06T08:49:37Z", "Sun, 06 Nov 1994 08:49:37 GMT"),
            ("2026-02-28T23:59:59Z", "Sat, 28 Feb 2026 23:59:59 GMT"),
        ] {
            assert_eq!(header(Timestamp::parse(at).unwrap()), text);
        }
    }
}
