//! The user chip of sign-in pages.

use maud::{Markup, html};

use crate::url::{safe_href, safe_image};

/// The user of a challenge.
#[derive(Debug, Clone, Copy)]
pub struct Person<'a> {
    /// Username, or the typed identifier.
    pub name: &'a str,
    /// URL of a picture. Generated initials (SVG data URIs) are replaced by a monogram.
    pub avatar: Option<&'a str>,
    /// URL of "Not you?".
    pub not_you_url: Option<&'a str>,
}

/// The API's URL for a user without a picture; pages show a monogram instead.
const NO_PICTURE: &str = "/static/dist/assets/images/user_default.png";

/// Monogram or picture, name, and the "Not you?" link.
#[must_use]
pub fn person_chip(person: &Person) -> Markup {
    let picture = person
        .avatar
        .filter(|url| !url.starts_with("data:image/svg") && *url != NO_PICTURE)
        .and_then(safe_image);
    html! {
        div class="person" {
            @if let Some(url) = picture {
                img class="mono" src=(url) alt="" width="32" height="32" referrerpolicy="no-referrer";
            } @else {
                (monogram("mono", person.name, 2))
            }
            span class="who-n" title=(person.name) { bdi { (person.name) } }
            @if let Some(url) = person.not_you_url.and_then(safe_href) { a class="tap" href=(url) { "Not you?" } }
        }
    }
}

/// Up to `length` letters on one of eight colours, determined by the name.
#[must_use]
pub fn monogram(class: &str, name: &str, length: usize) -> Markup {
    html! { span class={ (class) " c" (hue(name)) } aria-hidden="true" { (initials(name, length)) } }
}

/// First letters of the first words, or of a single word. An email address counts up to its `@`.
fn initials(name: &str, length: usize) -> String {
    let name = match name.split_once('@') {
        Some((local, _)) if !local.is_empty() => local,
        _ => name,
    };
    let words: Vec<&str> =
        name.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).collect();
    match words.as_slice() {
        [] => "?".to_owned(),
        [one] => one.chars().take(length).collect(),
        many => many.iter().filter_map(|word| word.chars().next()).take(length).collect(),
    }
}

/// The colour number (FNV-1a of the name).
fn hue(name: &str) -> u32 {
    let hash =
        name.bytes().fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    (hash >> 16) % 8 + 1
}

#[cfg(test)]
mod tests {
    use super::{hue, initials};

    #[test]
    fn initials_come_from_words() {
        assert_eq!(initials("mara.lindqvist", 2), "ml");
        assert_eq!(initials("Grafana", 2), "Gr");
        assert_eq!(initials("mara@fernhill.example", 2), "ma");
        assert_eq!(initials("Expense claims and more", 2), "Ec");
        assert_eq!(initials("", 2), "?");
        assert_eq!(initials("ملف", 2), "مل");
    }

    #[test]
    fn who_has_no_picture_has_a_monogram() {
        for avatar in
            [None, Some(super::NO_PICTURE), Some("data:image/svg+xml;base64,AA"), Some("javascript:1")]
        {
            let chip =
                super::person_chip(&super::Person { name: "Ada", avatar, not_you_url: None }).into_string();
            assert!(chip.contains("Ad") && !chip.contains("<img"), "{avatar:?}");
        }
    }

    #[test]
    fn colours_stay_in_range() {
        for name in ["", "a", "mara", "ünïcode", "x y z"] {
            assert!((1..=8).contains(&hue(name)));
        }
    }
}
