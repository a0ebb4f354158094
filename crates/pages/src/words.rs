//! The sentences of standard errors: what happened, then what to do.
//!
//! Stages answer programs with the wording of the API; people read ours. A sentence that is not a standard one (of an
//! administrator's policy, say) is shown as it came.

/// The sentence for a wrong password.
pub(crate) const WRONG_PASSWORD: &str = "That password is not right. Check Caps Lock and try again.";
/// The same, where the page offers to reset it.
pub(crate) const WRONG_PASSWORD_OR_RESET: &str = "That password is not right. Check Caps Lock and try again, or reset it.";

/// The sentence for an error at a field, or of the whole form when `field` is `non_field_errors`.
pub(crate) fn error<'a>(field: &str, string: &'a str, code: &str) -> &'a str {
    match (field, code, string) {
        ("password", "required", _) => "Enter your password.",
        ("uid_field", "required", _) | (_, _, "No identification data provided.") => "Enter your e-mail or username.",
        (_, _, "This field is required." | "This field may not be blank.") | (_, "required" | "blank", "") => "Fill in this field.",
        ("password", _, "Invalid password") => WRONG_PASSWORD,
        (_, _, "Failed to authenticate.") => "That did not work. Check what you typed and try again.",
        (_, _, "Passwords don't match.") => "The two passwords are not the same. Type both again.",
        (_, _, "Enter a valid email address.") => "That is no e-mail address. Write it like name@example.org.",
        ("webauthn" | "passkey", _, _) => "Your passkey was not confirmed. Try again, or choose another way.",
        ("response", _, _) => "The passkey was not accepted. Try again, or use another device.",
        ("code", "required", _) => "Type the code.",
        ("code", _, string) if string.starts_with("Invalid Token") => "That code is not right. Check that the clock of your device is right and type the newest code.",
        ("code", _, "Code does not match" | "Invalid code") => "That code is not right. Type the newest one.",
        ("token" | "captcha_token", _, _) => "The check did not pass. Try it again.",
        (_, _, "A valid integer is required.") => "Write a whole number.",
        (_, _, "") => "That did not work. Check what you typed and try again.",
        _ => string,
    }
}

/// The sentence for a refusal.
pub(crate) fn refusal(message: &str) -> &str {
    match message {
        "" => "Your account has no access to this. Somebody who manages it can give it to you.",
        "Flow does not apply to current user." => "This step is not for your account, or it has been done already. You can go back to your applications.",
        "Invalid next URL" => "The link that brought you here points to another site. Start again from the application.",
        other => other,
    }
}

/// The words for a permission that comes without a description of its own.
pub(crate) fn permission(id: &str) -> Option<&'static str> {
    Some(match id {
        "openid" => "Who you are here",
        "profile" => "Your name and username",
        "email" => "Your e-mail address",
        "phone" => "Your phone number",
        "address" => "Your address",
        "groups" => "The groups you belong to",
        "entitlements" => "What you may do in this application",
        "offline_access" => "Access while you are away",
        _ => return None,
    })
}
