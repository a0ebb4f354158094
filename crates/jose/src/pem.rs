//! PEM text (RFC 7468): read leniently about line ends and explanatory text, strictly about the rest.
use crate::KeyError;
use base64::{Engine, engine::general_purpose::STANDARD};
use zeroize::Zeroizing;

/// Texts above this are refused unread: certificates and keys are a few kilobytes.
const MAX_LENGTH: usize = 512 * 1024;

/// One PEM block.
pub(crate) struct Block {
    pub(crate) label: String,
    pub(crate) der: Zeroizing<Vec<u8>>,
    /// RFC 1421 headers say that the content is encrypted.
    pub(crate) encrypted: bool,
}

/// All blocks of a text, in order. Text outside of blocks is skipped.
pub(crate) fn blocks(text: &str) -> Result<Vec<Block>, KeyError> {
    if text.len() > MAX_LENGTH {
        return Err(KeyError::MalformedPem);
    }
    let mut found = Vec::new();
    let mut lines = text.lines().map(str::trim);
    while let Some(line) = lines.next() {
        if let Some(label) = boundary(line, "-----BEGIN ") {
            found.push(block(label, &mut lines)?);
        }
    }
    Ok(found)
}

fn block<'a>(label: &str, lines: &mut impl Iterator<Item = &'a str>) -> Result<Block, KeyError> {
    let mut body = Zeroizing::new(String::new());
    let mut encrypted = false;
    for line in lines {
        if let Some(end) = boundary(line, "-----END ") {
            if end != label {
                return Err(KeyError::MalformedPem);
            }
            // The content of an encrypted block may use any padding; nobody will look at it.
            let der = if encrypted {
                Vec::new()
            } else {
                STANDARD.decode(body.as_bytes()).map_err(|_| KeyError::MalformedPem)?
            };
            return Ok(Block { label: label.to_owned(), der: Zeroizing::new(der), encrypted });
        }
        if line.contains(':') {
            encrypted |= line.starts_with("Proc-Type:") && line.contains("ENCRYPTED");
        } else {
            body.push_str(line);
        }
    }
    Err(KeyError::MalformedPem)
}

fn boundary<'a>(line: &'a str, start: &str) -> Option<&'a str> {
    line.strip_prefix(start)?.strip_suffix("-----")
}

/// Writes one block with lines of 64 characters and a final line feed.
pub(crate) fn encode(label: &str, der: &[u8]) -> Zeroizing<String> {
    let body = Zeroizing::new(STANDARD.encode(der));
    // Room for all, so that no copy of a private key stays behind in a freed buffer.
    let mut out = Zeroizing::new(String::with_capacity(body.len() + body.len() / 64 + 2 * label.len() + 40));
    out.push_str("-----BEGIN ");
    out.push_str(label);
    out.push_str("-----\n");
    let mut rest = body.as_str();
    while !rest.is_empty() {
        // Base64 is ASCII, so every index is a character boundary.
        let (line, after) = rest.split_at(rest.len().min(64));
        out.push_str(line);
        out.push('\n');
        rest = after;
    }
    out.push_str("-----END ");
    out.push_str(label);
    out.push_str("-----\n");
    out
}
