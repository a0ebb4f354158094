//! Icons: 20-px grid, 1.5-px stroke. They are decorative; text beside them names the function.

use maud::{Markup, PreEscaped, html};

/// The icons. Each has one meaning in all pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Icon {
    /// A warning.
    Alert,
    /// Applications.
    Apps,
    /// A company or directory.
    Building,
    /// A tick.
    Check,
    /// Time, lasting access.
    Clock,
    /// Code, the API.
    Code,
    /// Recovery codes.
    Codes,
    /// Copy.
    Copy,
    /// Documents.
    Doc,
    /// Expands.
    Down,
    /// Save as a file.
    Download,
    /// A fault.
    Error,
    /// Opens in a new tab.
    External,
    /// Show.
    Eye,
    /// A hint.
    Info,
    /// A key, access.
    Key,
    /// A session on a computer.
    Laptop,
    /// Closed.
    Lock,
    /// Sign out.
    Logout,
    /// E-mail.
    Mail,
    /// A text message.
    Message,
    /// System theme.
    Monitor,
    /// Dark theme.
    Moon,
    /// Done.
    Ok,
    /// A passkey.
    Passkey,
    /// An authenticator app or phone.
    Phone,
    /// Create.
    Plus,
    /// Print.
    Print,
    /// Continue.
    Right,
    /// Search.
    Search,
    /// Account security.
    Shield,
    /// The user's settings.
    Sliders,
    /// A favourite.
    Star,
    /// Light theme.
    Sun,
    /// Delete.
    Trash,
    /// A user.
    User,
    /// Groups.
    Users,
}

impl Icon {
    /// The paths, for a `viewBox` of 20 × 20.
    fn paths(self) -> &'static str {
        match self {
            Self::Trash => {
                r#"<path d="M3.75 5.5h12.5M8 5.5V4a1 1 0 0 1 1-1h2a1 1 0 0 1 1 1v1.5M5.25 5.5l.65 9.6a1.5 1.5 0 0 0 1.5 1.4h5.2a1.5 1.5 0 0 0 1.5-1.4l.65-9.6"/>"#
            }
            Self::Shield => {
                r#"<path d="M10 2.75 15.75 5v4.5c0 3.6-2.3 6.3-5.75 7.75-3.45-1.45-5.75-4.15-5.75-7.75V5z"/><path d="m7.25 9.75 2 2 3.5-3.75"/>"#
            }
            Self::Plus => r#"<path d="M10 4.5v11M4.5 10h11"/>"#,
            Self::Sliders => {
                r#"<path d="M3.5 6h7M14.5 6h2M3.5 14h2M9.5 14h7"/><circle cx="12.5" cy="6" r="2"/><circle cx="7.5" cy="14" r="2"/>"#
            }
            Self::Star => {
                r#"<path d="m10 3 2.15 4.5 4.85.65-3.55 3.4.9 4.9L10 14.05l-4.35 2.4.9-4.9L3 8.15l4.85-.65z"/>"#
            }
            Self::Right => r#"<path d="M8 5.5 12.5 10 8 14.5"/>"#,
            Self::Print => {
                r#"<path d="M6 7V3.5h8V7M6 14H4.5A1.5 1.5 0 0 1 3 12.5v-4A1.5 1.5 0 0 1 4.5 7h11A1.5 1.5 0 0 1 17 8.5v4a1.5 1.5 0 0 1-1.5 1.5H14M6 11.5h8v5H6z"/>"#
            }
            Self::Phone => {
                r#"<rect x="6" y="2.75" width="8" height="14.5" rx="2"/><path d="M9.25 14.75h1.5"/>"#
            }
            Self::Message => {
                r#"<path d="M4.5 4h11A1.5 1.5 0 0 1 17 5.5v7a1.5 1.5 0 0 1-1.5 1.5H9l-3.75 2.75V14H4.5A1.5 1.5 0 0 1 3 12.5v-7A1.5 1.5 0 0 1 4.5 4zM6.75 9h.01M10 9h.01M13.25 9h.01"/>"#
            }
            Self::Lock => {
                r#"<rect x="4" y="9" width="12" height="8" rx="2"/><path d="M6.75 9V6.5a3.25 3.25 0 0 1 6.5 0V9"/>"#
            }
            Self::Laptop => {
                r#"<rect x="4" y="4.5" width="12" height="8.5" rx="1.5"/><path d="M2.5 15.75h15"/>"#
            }
            Self::Download => r#"<path d="M10 3.5v9M6.5 9.25 10 12.75l3.5-3.5M3.5 16.5h13"/>"#,
            Self::Codes => r#"<path d="M3.5 5h6M3.5 10h6M3.5 15h6M12.5 5h4M12.5 10h4M12.5 15h4"/>"#,
            Self::Check => r#"<path d="m4.5 10.5 3.5 3.5 7.5-8"/>"#,
            Self::Alert => {
                r#"<path d="M8.7 4 2.9 14a1.5 1.5 0 0 0 1.3 2.25h11.6A1.5 1.5 0 0 0 17.1 14L11.3 4a1.5 1.5 0 0 0-2.6 0zM10 8v3.25M10 13.5h.01"/>"#
            }
            Self::Apps => {
                r#"<rect x="3.5" y="3.5" width="5.25" height="5.25" rx="1.25"/><rect x="11.25" y="3.5" width="5.25" height="5.25" rx="1.25"/><rect x="3.5" y="11.25" width="5.25" height="5.25" rx="1.25"/><rect x="11.25" y="11.25" width="5.25" height="5.25" rx="1.25"/>"#
            }
            Self::Building => {
                r#"<rect x="4.5" y="3" width="11" height="14" rx="1.25"/><path d="M8.25 17v-3h3.5v3M8 6.5h.75M11.25 6.5H12M8 10h.75M11.25 10H12"/>"#
            }
            Self::Clock => r#"<circle cx="10" cy="10" r="7"/><path d="M10 6v4l2.75 1.75"/>"#,
            Self::Code => r#"<path d="M7 6 3 10l4 4M13 6l4 4-4 4"/>"#,
            Self::Copy => {
                r#"<rect x="7" y="7" width="9.5" height="9.5" rx="2"/><path d="M13 7V5.5a2 2 0 0 0-2-2H5.5a2 2 0 0 0-2 2V11a2 2 0 0 0 2 2H7"/>"#
            }
            Self::Doc => {
                r#"<path d="M5.5 3h6l4.5 4.5v8A1.5 1.5 0 0 1 14.5 17h-9A1.5 1.5 0 0 1 4 15.5v-11A1.5 1.5 0 0 1 5.5 3zM11.5 3v4.5H16"/>"#
            }
            Self::Down => r#"<path d="M5.5 8 10 12.5 14.5 8"/>"#,
            Self::Error => r#"<circle cx="10" cy="10" r="7"/><path d="M10 6.5v4M10 13.25h.01"/>"#,
            Self::External => {
                r#"<path d="M8 5H5.25a1.75 1.75 0 0 0-1.75 1.75v8c0 .97.78 1.75 1.75 1.75h8A1.75 1.75 0 0 0 15 14.75V12M11.5 3.5h5V8.5M16.25 3.75 9.5 10.5"/>"#
            }
            Self::Eye => {
                r#"<path d="M2.5 10S5 4.75 10 4.75 17.5 10 17.5 10 15 15.25 10 15.25 2.5 10 2.5 10z"/><circle cx="10" cy="10" r="2.25"/>"#
            }
            Self::Info => r#"<circle cx="10" cy="10" r="7"/><path d="M10 9.25v4M10 6.75h.01"/>"#,
            Self::Key => {
                r#"<circle cx="6.75" cy="13.25" r="3.5"/><path d="m9.25 10.75 7-7M12.75 7.25l2.5 2.5"/>"#
            }
            Self::Logout => {
                r#"<path d="M11.5 3.5h-6A1.5 1.5 0 0 0 4 5v10a1.5 1.5 0 0 0 1.5 1.5h6M8.5 10H17M14 7l3 3-3 3"/>"#
            }
            Self::Mail => {
                r#"<rect x="3" y="4.5" width="14" height="11" rx="2"/><path d="M3.5 6.5 10 11l6.5-4.5"/>"#
            }
            Self::Monitor => {
                r#"<rect x="3" y="3.75" width="14" height="9.75" rx="1.5"/><path d="M7.5 16.5h5M10 13.5v3"/>"#
            }
            Self::Moon => {
                r#"<path d="M16.500 11.9A6.75 6.75 0 0 1 8.100 3.500a6.75 6.75 0 1 0 8.400 8.400z"/>"#
            }
            Self::Ok => r#"<circle cx="10" cy="10" r="7"/><path d="m6.75 10.25 2.25 2.25 4.25-4.75"/>"#,
            Self::Passkey => {
                r#"<circle cx="8" cy="6.25" r="2.75"/><path d="M2.75 16.5c.25-3.25 2.25-5.1 5.25-5.1.75 0 1.4.1 2 .3"/><circle cx="14.5" cy="10.75" r="2.25"/><path d="M14.5 13v4.25l1.5-1.5M14.5 15l1.25-1"/>"#
            }
            Self::Search => r#"<circle cx="9" cy="9" r="5.25"/><path d="m13 13 3.5 3.5"/>"#,
            Self::Sun => {
                r#"<circle cx="10" cy="10" r="3.25"/><path d="M10 2.5v1.75M10 15.75v1.75M2.5 10h1.75M15.75 10h1.75M4.7 4.7l1.25 1.25M14.05 14.05l1.25 1.25M15.3 4.7l-1.25 1.25M5.95 14.05 4.7 15.3"/>"#
            }
            Self::User => {
                r#"<circle cx="10" cy="6.75" r="3"/><path d="M4 16.75c.4-3.4 2.6-5.25 6-5.25s5.6 1.85 6 5.25"/>"#
            }
            Self::Users => {
                r#"<circle cx="7.5" cy="7" r="2.75"/><path d="M2.25 16.25c.35-3 2.25-4.75 5.25-4.75s4.9 1.75 5.25 4.75M12.75 4.5a2.75 2.75 0 0 1 0 5.1M14.75 11.9c1.8.6 2.8 2.1 3 4.35"/>"#
            }
        }
    }
}

const MARK: &str = r#"<path fill-rule="evenodd" d="M8 2.4h8c.5 0 .96.24 1.24.64l2.3 3.3a9.2 9.2 0 1 1-15.08 0l2.3-3.3c.28-.4.74-.64 1.24-.64zM12 8.5a5.3 5.3 0 1 0 0 10.6 5.3 5.3 0 0 0 0-10.6z"/>"#;

/// An icon of 20 px.
#[must_use]
pub fn icon(icon: Icon) -> Markup {
    drawing("i", icon)
}

/// An icon of 16 px.
pub fn icon_s(icon: Icon) -> Markup {
    drawing("i i--s", icon)
}

/// An icon of 24 px.
pub fn icon_l(icon: Icon) -> Markup {
    drawing("i i--l", icon)
}

/// A faint icon of 16 px that is mirrored in right-to-left text.
pub fn icon_flip(icon: Icon) -> Markup {
    drawing("i i--s i--flip faint", icon)
}

fn drawing(class: &str, icon: Icon) -> Markup {
    // Raw: a constant of this file.
    html! { svg class=(class) viewBox="0 0 20 20" width="20" height="20" aria-hidden="true" { (PreEscaped(icon.paths())) } }
}

/// The product's mark: a signet ring in profile.
pub(crate) fn mark(class: &str) -> Markup {
    // Raw: a constant of this file.
    html! { svg class=(class) viewBox="0 0 24 24" width="24" height="24" aria-hidden="true" { (PreEscaped(MARK)) } }
}
