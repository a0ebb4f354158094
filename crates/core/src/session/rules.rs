//! What an administrator has decided about all sessions: `AUTHENTIK_SESSION_SECURITY__*`.
use signet_base::{Span, Timestamp};

/// Rules for every session of the installation. The default leaves everything to the stages.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Rules {
    /// A session ends when it was not used for so long.
    pub idle: Option<Span>,
    /// A session ends so long after sign-in, however much it is used.
    pub absolute: Option<Span>,
    /// For people who chose to stay signed in: this length holds in place of `idle` and `absolute`.
    pub remember_me: Option<Span>,
    /// Sessions of one person at the same time; the oldest ends first.
    pub concurrent: Option<i64>,
    /// Sessions hold for the address they began at.
    pub ip_binding: bool,
    /// Cookies are sent over TLS only, also where this server is asked without it.
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
    /// For sites that embed a sign-in, or renew tokens in a frame. Over TLS only; else `Lax`.
    None,
}

/// How often the use of a session is written down at most, where no idle time asks for more.
const NOTE_EVERY_SECS: i64 = 60;

impl Rules {
    /// The end that no activity puts off.
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
    /// How long a use may go unwritten: a twentieth of the idle time, at most a minute, so that a session in
    /// use ends at most so much early.
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
        // Without a length for it, staying signed in frees nobody from the other two.
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
