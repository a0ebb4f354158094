//! Pictures that configuration names: an address, a file of the program, or a stored file.
use crate::Core;
use signet_base::storage::FileName;
use signet_base::{Json, json};

/// The stored file that a value names. `None`: it is an address, the name of an icon (`fa://…`), or no file's name.
pub fn stored(value: &str) -> Option<FileName> {
    if value.starts_with('/') || value.contains(':') { None } else { FileName::parse(value).ok() }
}

/// What a page may put into `src`.
pub fn url(core: &Core, value: &str) -> String {
    match stored(value) {
        Some(name) => core.ports.media.url(&name.themed("light"), None),
        None => value.to_owned(),
    }
}

/// The addresses by theme, of a file that has one for each.
pub fn themed_urls(core: &Core, value: &str) -> Json {
    match stored(value).filter(FileName::is_themed) {
        Some(name) => {
            let of = |theme| core.ports.media.url(&name.themed(theme), None);
            json!({"light": of("light"), "dark": of("dark")})
        }
        None => Json::Null,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_icons_are_no_files() {
        for (value, is) in [
            ("application-icons/a.png", true),
            ("logo-%(theme)s.svg", true),
            ("", false),
            ("/static/dist/a.png", false),
            ("https://cdn.test/a.png", false),
            ("fa://fa-user", false),
            ("data:image/png;base64,AA", false),
            ("../a.png", false),
        ] {
            assert_eq!(stored(value).is_some(), is, "{value}");
        }
    }
}
