//! The settings table of the manual.
use super::{TABLE, Use};
use std::fmt::Write;

/// Markdown, one row per variable.
pub fn table() -> String {
    let mut out = String::from("| Variable | Default | Expected | Meaning |\n|---|---|---|---|\n");
    for s in TABLE {
        let meaning = match s.used {
            Use::Now => s.doc.to_owned(),
            Use::Later(what) => format!("Accepted; nothing uses it yet ({what})."),
            Use::Never(why) => format!("Accepted, without effect: {why}."),
        };
        let default = if s.default.is_empty() { "–".to_owned() } else { format!("`{}`", s.default) };
        let prefix = if s.name == "DATA_DIR" { "SIGNET_" } else { "AUTHENTIK_" };
        let secret = if s.secret { " (secret)" } else { "" };
        // Writing to a String cannot fail.
        let _ = writeln!(
            out,
            "| `{prefix}{}`{secret} | {default} | {} | {} |",
            s.name,
            s.kind.expected(),
            meaning.replace('|', "\\|")
        );
    }
    out
}
