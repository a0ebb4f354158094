//! QR codes as SVG.

use std::fmt::Write;

use maud::{Markup, PreEscaped, html};
use qrcodegen::{QrCode, QrCodeEcc};

/// Quiet zone: empty modules around the code (ISO/IEC 18004).
const QUIET: i32 = 4;

/// A QR code of `text` as SVG with the accessible name `label`; black on white in every theme. `None` if the
/// text is too long.
#[must_use]
pub fn qr_code(text: &str, label: &str) -> Option<Markup> {
    let code = QrCode::encode_text(text, QrCodeEcc::Medium).ok()?;
    let size = code.size();
    let mut path = String::new();
    for y in 0..size {
        let mut x = 0;
        while x < size {
            let start = x;
            while x < size && code.get_module(x, y) {
                x += 1;
            }
            if x > start {
                let run = x - start;
                // Writing to a String cannot fail.
                let _ = write!(path, "M{} {}h{run}v1h-{run}z", start + QUIET, y + QUIET);
            }
            x += 1;
        }
    }
    let side = size + 2 * QUIET;
    Some(html! {
        div class="qr" {
            svg viewBox={ "0 0 " (side) " " (side) } width="200" height="200" shape-rendering="crispEdges" role="img" aria-label=(label) {
                // Raw: numbers and path commands written above.
                (PreEscaped(format!("<path d=\"{path}\"/>")))
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::qr_code;

    #[test]
    fn a_code_is_drawn_and_a_text_too_long_is_not() {
        let drawing = qr_code("otpauth://totp/a?secret=JBSWY3DPEHPK3PXP", "<x>").expect("fits").into_string();
        assert!(drawing.contains("<path d=\"M4 4h7v1h-7z") && drawing.contains("&lt;x&gt;"));
        assert!(!drawing.contains("secret"));
        assert!(qr_code(&"x".repeat(5000), "").is_none());
    }
}
