//! Time zones: the UTC offset at a time.
use crate::{CallError, Value};
use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, TimeZone, db};
use jiff::{SignedDuration, Timestamp};

/// `_signet_zone(name, seconds, wall)`: seconds east of UTC at a time (seconds since 1970), which is local
/// time if `wall`, else UTC. Without seconds: whether the name exists; without a name: all names.
pub(super) const ZONE: &str = "_signet_zone";

pub(super) fn zone(args: &[Value]) -> Result<Value, CallError> {
    let (name, seconds, wall) = match args {
        [Value::None, ..] => return Ok(Value::list(db().available().map(|name| name.as_str().to_owned()))),
        [Value::Str(name), Value::None, _] => return Ok(find(name).is_some().into()),
        [Value::Str(name), Value::Int(seconds), wall] => (name, *seconds, wall.is_truthy()),
        _ => return Err(CallError::Type("a time zone has a name".into())),
    };
    let zone = find(name).ok_or_else(|| {
        CallError::Raised(crate::Raised::Key, format!("No time zone found with key {name}"))
    })?;
    let far = || CallError::Value("the time is too far away".into());
    let offset = if wall {
        let clock = DateTime::constant(1970, 1, 1, 0, 0, 0, 0)
            .checked_add(SignedDuration::from_secs(seconds))
            .map_err(|_| far())?;
        // A local time that occurs twice, or never, has the earlier offset, as in Python (`fold=0`).
        match zone.to_ambiguous_timestamp(clock).offset() {
            AmbiguousOffset::Unambiguous { offset } => offset,
            AmbiguousOffset::Gap { before, .. } | AmbiguousOffset::Fold { before, .. } => before,
        }
    } else {
        zone.to_offset(Timestamp::from_second(seconds).map_err(|_| far())?)
    };
    Ok(i64::from(offset.seconds()).into())
}

/// Names are paths in the database, so only names without other characters are looked up, with exact case.
fn find(name: &str) -> Option<TimeZone> {
    let clean = !name.is_empty()
        && name.len() < 64
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"/_+-".contains(&b));
    TimeZone::get(name).ok().filter(|zone| clean && zone.iana_name() == Some(name))
}
