//! The little DER (X.690) that is not worth a library: splitting elements and writing them.

pub(crate) const INTEGER: u8 = 0x02;
pub(crate) const OCTET_STRING: u8 = 0x04;
pub(crate) const OBJECT_IDENTIFIER: u8 = 0x06;
pub(crate) const SEQUENCE: u8 = 0x30;

/// Splits the first element off: tag, content and what follows.
/// `None` for truncated input, indefinite or over-long lengths, and tags of several bytes.
pub(crate) fn split(input: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, rest) = input.split_first()?;
    if tag & 0x1f == 0x1f {
        return None;
    }
    let (&first, mut rest) = rest.split_first()?;
    let length = match first {
        0..=0x7f => usize::from(first),
        0x81..=0x83 => {
            let (bytes, after) = rest.split_at_checked(usize::from(first & 0x7f))?;
            rest = after;
            bytes.iter().fold(0, |n, b| n << 8 | usize::from(*b))
        }
        _ => return None,
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some((tag, content, rest))
}

/// Splits off an element that must have the given tag: content and what follows.
pub(crate) fn expect(tag: u8, input: &[u8]) -> Option<(&[u8], &[u8])> {
    let (found, content, rest) = split(input)?;
    (found == tag).then_some((content, rest))
}

/// Appends one element.
pub(crate) fn push(out: &mut Vec<u8>, tag: u8, content: &[u8]) {
    out.push(tag);
    let length = content.len();
    if length < 0x80 {
        // Fits: just checked.
        out.push(length as u8);
    } else {
        let bytes = length.to_be_bytes();
        let skip = bytes.iter().take_while(|b| **b == 0).count();
        // At most eight bytes, so the count fits the low bits.
        out.push(0x80 | (bytes.len() - skip) as u8);
        out.extend_from_slice(&bytes[skip..]);
    }
    out.extend_from_slice(content);
}

/// Appends a non-negative INTEGER from its big-endian magnitude.
pub(crate) fn push_unsigned(out: &mut Vec<u8>, magnitude: &[u8]) {
    let mut content = Vec::with_capacity(magnitude.len() + 1);
    let trimmed = trim_zeros(magnitude);
    if trimmed.first().is_none_or(|b| b & 0x80 != 0) {
        content.push(0);
    }
    content.extend_from_slice(trimmed);
    push(out, INTEGER, &content);
}

/// The magnitude without leading zero bytes.
pub(crate) fn trim_zeros(magnitude: &[u8]) -> &[u8] {
    let start = magnitude.iter().position(|b| *b != 0).unwrap_or(magnitude.len());
    &magnitude[start..]
}

/// The parts of a PKCS#8 `PrivateKeyInfo` (RFC 5958 §2): the algorithm's OID content and the key.
pub(crate) fn pkcs8(input: &[u8]) -> Option<(&[u8], &[u8])> {
    let (info, rest) = expect(SEQUENCE, input)?;
    if !rest.is_empty() {
        return None;
    }
    let (_version, rest) = expect(INTEGER, info)?;
    let (algorithm, rest) = expect(SEQUENCE, rest)?;
    let (oid, _parameters) = expect(OBJECT_IDENTIFIER, algorithm)?;
    let (key, _attributes) = expect(OCTET_STRING, rest)?;
    Some((oid, key))
}
