//! Rate limit of codes. An attempt is counted before the code is compared, so that concurrent requests cannot
//! exceed the limit.
use signet_base::{Result, Span, Timestamp};
use signet_core::{Client, Core, device};
use signet_store::attempts::{self, AttemptOutcome};
use signet_store::devices::DeviceKind;

/// Maximum attempts and seconds per user and class. Guessing six digits for a year then succeeds with a
/// probability below 6 %.
const WINDOWS: [(i64, i64); 3] = [(5, 60), (20, 3600), (50, 86_400)];

/// A counter: separate for each known browser of a user, so that others who know the password cannot lock the
/// user out; common for all other browsers.
pub struct Counter(String);

impl Counter {
    pub async fn of(core: &Core, client: &Client, user: i64) -> Result<Self> {
        let known = device::is_known(core, client, user).await?;
        Ok(Self(if known {
            format!("{user}/{}", core.vault.digest("attempt", &format!("mfa\n{}", client.device)))
        } else {
            user.to_string()
        }))
    }
    fn name(&self, kind: DeviceKind, window: usize) -> String {
        format!("mfa/{}/{}/{window}", self.0, kind.as_str())
    }
}

/// Counts an attempt. `Err`: no code of the class is compared before this time.
pub async fn take(
    core: &Core,
    counter: &Counter,
    kind: DeviceKind,
    factor: Option<f64>,
) -> Result<Option<Timestamp>> {
    let Some(factor) = factor else { return Ok(None) };
    for (window, (limit, secs)) in WINDOWS.iter().enumerate() {
        #[allow(
            clippy::cast_possible_truncation,
            clippy::cast_precision_loss,
            reason = "at most 1000 days in seconds"
        )]
        let span = Span::from_secs(((*secs as f64) * factor).ceil() as i64);
        if let AttemptOutcome::Refused { until } =
            attempts::take(&core.db, &counter.name(kind, window), *limit, span, core.now()).await?
        {
            return Ok(Some(until));
        }
    }
    Ok(None)
}
/// Resets the counter after a right code.
pub async fn clear(core: &Core, counter: &Counter, kind: DeviceKind) -> Result<()> {
    for window in 0..WINDOWS.len() {
        attempts::clear(&core.db, &counter.name(kind, window)).await?;
    }
    Ok(())
}

/// `Too many wrong codes. Try again in 2 minutes.`
pub fn text(until: Timestamp, now: Timestamp) -> String {
    let secs = until.secs().saturating_sub(now.secs()).max(1);
    let (count, unit) = match secs {
        ..=90 => (secs, "second"),
        91..=5400 => ((secs + 59) / 60, "minute"),
        _ => ((secs + 3599) / 3600, "hour"),
    };
    format!("Too many wrong codes. Try again in {count} {unit}{}.", if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;
    #[test]
    fn the_wait_is_said_in_words() {
        let now = Timestamp::from_secs(1000);
        for (secs, words) in [(0, "1 second."), (45, "45 seconds."), (120, "2 minutes."), (7200, "2 hours.")]
        {
            assert!(text(now.plus_secs(secs), now).ends_with(words));
        }
    }
}
