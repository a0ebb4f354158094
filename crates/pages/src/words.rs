//! Texts for standard errors: what happened, what to do.
//!
//! The API has fixed texts; pages replace the standard ones by these. Other texts (such as an administrator's
//! policy message) are shown unchanged.

use crate::form::Purpose;
use crate::icons::Icon;

/// The sentence for a wrong password.
pub const WRONG_PASSWORD: &str = "That password is not right. Check Caps Lock and try again.";
/// The same, for pages with a password reset link.
pub const WRONG_PASSWORD_OR_RESET: &str =
    "That password is not right. Check Caps Lock and try again, or reset it.";

/// A wrong code of an authenticator app.
pub const WRONG_APP_CODE: &str = "That code is not right. Check that the clock of your device is right, then type the code that your app shows now.";
/// A wrong code that was sent.
pub const WRONG_SENT_CODE: &str = "That code is not right. Type the code that was sent last.";

/// A wrong recovery code.
pub const WRONG_RECOVERY_CODE: &str =
    "That code is not right, or it has been used. Type another one from your list.";

/// Two passwords differ.
pub const DIFFERENT_PASSWORDS: &str = "The two passwords are not the same. Type both again.";

/// The text for an error of a field, or of the form when `field` is `non_field_errors`.
pub fn error<'a>(field: &str, string: &'a str, code: &str) -> &'a str {
    match (field, code, string) {
        ("password", "required", _) => "Enter your password.",
        ("uid_field", "required", _) | (_, _, "No identification data provided.") => {
            "Enter your e-mail or username."
        }
        (_, _, "This field is required." | "This field may not be blank.")
        | (_, "required" | "blank", "") => "Fill in this field.",
        ("password", _, "Invalid password") => WRONG_PASSWORD,
        (_, _, "Failed to authenticate.") => "That did not work. Check what you typed and try again.",
        (_, _, "Passwords don't match.") => DIFFERENT_PASSWORDS,
        (_, _, "Enter a valid email address.") => {
            "This is not an e-mail address. Write it like name@example.org."
        }
        ("webauthn" | "passkey", _, _) => "Your passkey was not confirmed. Try again, or choose another way.",
        ("response", _, _) => "The passkey was not accepted. Try again, or use another device.",
        (_, _, "Username is already taken.") => "Somebody has this username already. Choose another one.",
        ("code", "required", _) => "Type the code.",
        ("code", _, string) if string.starts_with("Invalid Token") => WRONG_APP_CODE,
        ("code", _, "Code does not match" | "Invalid code") => WRONG_SENT_CODE,
        ("token" | "captcha_token", _, _) => "The check did not pass. Try it again.",
        (_, _, "A valid integer is required.") => "Write a whole number.",
        (_, _, "") => "That did not work. Check what you typed and try again.",
        _ => string,
    }
}

/// The heading for a title or label of the default flows, whose API texts are fixed; other texts are
/// unchanged.
pub fn delivered(words: &str) -> &str {
    match words {
        "Welcome to Signet!" | "Welcome to authentik!" => "Sign in",
        "Welcome to Signet! Please select a username." => "Choose a username",
        "Set up codes by email" => "Set up codes by e-mail",
        "Set up codes for emergencies" => "Set up recovery codes",
        "Set up Two-Factor authentication" => "Set up an authenticator app",
        "Set up a passkey or security key" => "Create a passkey",
        "Default Invalidation Flow" => "Sign out",
        "Update your info" => "Your details",
        "Email" => "E-mail",
        "Locale" => "Language",
        "Password (repeat)" => "Repeat the new password",
        other => other,
    }
}

/// The action that is refused, if no application is named.
pub(crate) fn refused(message: &str, purpose: Purpose) -> &'static str {
    match (purpose, message) {
        (_, text) if text.starts_with("This link ") => "This link does not work any more",
        (_, text) if text.starts_with("Too many ") => "Too many tries",
        (_, "Invalid invite/invite not found") => "This invitation does not work",
        (_, "Unknown error" | "Flow does not apply to current user.") => "There is nothing to do here",
        (_, text) if text.starts_with("The first run is over") => "Everything is set up already",
        (Purpose::Enrol, _) => "You can’t create an account here",
        (Purpose::Recover, _) => "You can’t reset your password here",
        (Purpose::SetUp, _) => "You can’t change this",
        (Purpose::Delete, _) => "You can’t delete your account here",
        (Purpose::SignIn, _) => "You can’t sign in here",
    }
}

/// The text for a refusal.
pub(crate) fn refusal(message: &str) -> &str {
    match message {
        "" => "Your account has no access to this. Somebody who manages it can give it to you.",
        "Unknown error" => "This page does nothing when it is opened by itself.",
        "Invalid invite/invite not found" => {
            "This invitation has been used or is over. Ask whoever invited you for a new one."
        }
        "No pending user." | "No Pending User." => {
            "It is not known who you are here. Start again from the beginning."
        }
        "You have no second factor set up." => {
            "A second step is needed here, and your account has none. Ask an administrator to help you set one up."
        }
        "Flow does not apply to current user." => {
            "This step is not for your account, or it has been done already. You can go back to your applications."
        }
        "This link is no longer valid. Ask for a new one." => {
            "It has been used, or its time is over. Ask for a new one."
        }
        text if text.starts_with("The first run is over") => {
            "There is an administrator, so the first run is over. Nothing is left to do here."
        }
        "Invalid next URL" => {
            "The link that brought you here points to another site. Start again from the application."
        }
        other => other,
    }
}

/// Whether a scope description is a default of this server or of authentik.
pub(crate) fn is_delivered(name: &str) -> bool {
    let texts = [
        "Email address",
        "General Profile Information",
        "Access to request new tokens without interaction",
        "Application entitlements",
        "authentik API Access on behalf of your user",
    ];
    texts.contains(&name)
}

/// The text for a scope without a description.
pub(crate) fn permission(id: &str) -> Option<&'static str> {
    Some(match id {
        "openid" => "Who you are here",
        "profile" => "Your name, username and groups",
        "email" => "Your e-mail address",
        "phone" => "Your phone number",
        "address" => "Your address",
        "groups" => "The groups you belong to",
        "entitlements" => "What you may do in this application",
        "offline_access" => "Access while you are away",
        "goauthentik.io/api" => "Acting for you in this service’s own API",
        _ => return None,
    })
}

/// The date of a timestamp (RFC 3339) in words; other texts unchanged.
pub(crate) fn day(moment: &str) -> String {
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let mut parts = moment.split('T').next().unwrap_or_default().split('-');
    let (year, month, day) = (
        parts.next(),
        parts.next().and_then(|m| m.parse::<usize>().ok()),
        parts.next().and_then(|d| d.parse::<u32>().ok()),
    );
    match (year, month.and_then(|m| MONTHS.get(m.checked_sub(1)?)), day) {
        (Some(year), Some(month), Some(day)) => format!("{day} {month} {year}"),
        _ => moment.to_owned(),
    }
}

/// Date and time of a timestamp (RFC 3339) in UTC; other texts unchanged.
pub(crate) fn minute(moment: &str) -> String {
    let time =
        moment.split_once('T').and_then(|(_, time)| time.get(..5)).filter(|time| time.as_bytes()[2] == b':');
    match (day(moment), time) {
        (day, Some(time)) if day != moment => format!("{day}, {time} UTC"),
        (day, _) => day,
    }
}

/// Browser and operating system from a `User-Agent`. For recognition only: the header is not trustworthy.
pub(crate) fn browser(user_agent: &str) -> (Icon, String) {
    let has = |word: &str| user_agent.contains(word);
    let program = [
        ("Edg/", "Edge"),
        ("OPR/", "Opera"),
        ("Firefox/", "Firefox"),
        ("Chrome/", "Chrome"),
        ("Safari/", "Safari"),
    ]
    .into_iter()
    .find(|(sign, _)| has(sign));
    let systems = [
        ("iPhone", "iPhone"),
        ("iPad", "iPad"),
        ("Android", "Android"),
        ("Windows", "Windows"),
        ("Mac OS X", "macOS"),
        ("CrOS", "ChromeOS"),
        ("Linux", "Linux"),
    ];
    let system = systems.into_iter().find(|(sign, _)| has(sign));
    let drawing = match system {
        Some((_, "iPhone" | "iPad" | "Android")) => Icon::Phone,
        Some(_) => Icon::Laptop,
        None => Icon::Monitor,
    };
    let words = match (program, system) {
        (Some((_, program)), Some((_, system))) => format!("{program} on {system}"),
        (Some((_, name)), None) | (None, Some((_, name))) => name.to_owned(),
        (None, None) => "A program".to_owned(),
    };
    (drawing, words)
}

#[cfg(test)]
mod tests {
    use super::{browser, day, minute};

    #[test]
    fn days_and_browsers_are_read() {
        assert_eq!(day("2026-11-04T08:12:00.5Z"), "4 Nov 2026");
        assert_eq!(minute("2026-11-04T08:12:00.5Z"), "4 Nov 2026, 08:12 UTC");
        assert_eq!((minute("soon").as_str(), minute("2026-11-04Té").as_str()), ("soon", "4 Nov 2026"));
        assert_eq!(day("soon"), "soon");
        assert_eq!(day("2026-13-01"), "2026-13-01");
        let phone = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Mobile/15E148 Safari/604.1";
        assert_eq!(browser(phone).1, "Safari on iPhone");
        assert_eq!(browser("curl/8").1, "A program");
        assert_eq!(
            browser("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0").1,
            "Firefox on Linux"
        );
    }
}
