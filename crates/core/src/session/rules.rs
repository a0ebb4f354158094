//! Session rules of the installation: `AUTHENTIK_SESSION_SECURITY__*`.
use signet_base::{Span, Timestamp};

/// Rules for all sessions. The default leaves everything to the stages.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Rules {
    /// Maximum idle time.
    pub idle: Option<Span>,
    /// Maximum time since sign-in.
    pub absolute: Option<Span>,
    /// Maximum time for sessions whose user chose to stay signed in; replaces `idle` and `absolute`.
    pub remember_me: Option<Span>,
    /// Maximum number of sessions per user; the oldest ends first.
    pub concurrent: Option<i64>,
    /// Whether sessions are bound to the address of their sign-in.
    pub ip_binding: bool,
    /// Whether cookies are `Secure` even on plain HTTP.
    pub secure_cookies: bool,
    pub same_site: SameSite,
}

/// The `SameSite` attribute of cookies.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum SameSite {
    /// `Lax`.
    #[default]
    Auto,
    Strict,
    Lax,
    /// For embedding, and for token renewal in a frame. Over TLS only; else `Lax`.
    None,
}

/// Minimum interval between updates of a session's last use, unless an idle time needs more.
const NOTE_EVERY_SECS: i64 = 60;

impl Rules {
    /// The latest end, regardless of use.
    pub fn absolute_end(&self, began: Timestamp, remembered: bool) -> Option<Timestamp> {
        let longest = match (remembered, self.remember_me) {
            (true, Some(longest)) => Some(longest),
            _ => self.absolute,
        };
        longest.map(|span| began.plus(span))
    }
    /// The end without further use.
    pub fn idle_end(&self, used: Timestamp, remembered: bool) -> Option<Timestamp> {
        let exempt = remembered && self.remember_me.is_some();
        self.idle.filter(|_| !exempt).map(|span| used.plus(span))
    }
    /// Interval of updating the last use: a twentieth of the idle time, at most a minute. An active session
    /// can end early by at most that.
    pub fn note_every(&self) -> Span {
        Span::from_secs(
            self.idle.map_or(NOTE_EVERY_SECS, |idle| (idle.secs() / 20).clamp(1, NOTE_EVERY_SECS)),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn staying_signed_in_has_a_length_of_its_own() {
        let hours = |n: i64| Span::from_secs(n * 3600);
        let at = |n: i64| Timestamp::from_secs(n * 3600);
        let guide = Rules {
            idle: Some(hours(2)),
            absolute: Some(hours(8)),
            remember_me: Some(hours(720)),
            ..Rules::default()
        };
        assert_eq!(
            (guide.idle_end(at(1), false), guide.absolute_end(at(1), false)),
            (Some(at(3)), Some(at(9)))
        );
        assert_eq!((guide.idle_end(at(1), true), guide.absolute_end(at(1), true)), (None, Some(at(721))));
        // Without its own limit, staying signed in is subject to the other two.
        let strict = Rules { remember_me: None, ..guide };
        assert_eq!(
            (strict.idle_end(at(1), true), strict.absolute_end(at(1), true)),
            (Some(at(3)), Some(at(9)))
        );
        let none = Rules::default();
        assert_eq!((none.idle_end(at(1), false), none.absolute_end(at(1), true)), (None, None));
    }
    #[test]
    fn use_is_noted_often_enough_for_the_idle_time() {
        let every = |idle: Option<i64>| {
            Rules { idle: idle.map(Span::from_secs), ..Rules::default() }.note_every().secs()
        };
        assert_eq!((every(None), every(Some(7200)), every(Some(100)), every(Some(1))), (60, 60, 5, 1));
    }
}
