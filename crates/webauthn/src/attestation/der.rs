//! DER (X.690): the elements that attestation extensions use.
use crate::WebAuthnError;

pub const INTEGER: u32 = 0x02;
pub const OCTETS: u32 = 0x04;
pub const ENUMERATED: u32 = 0x0a;
pub const SEQUENCE: u32 = 0x10;
pub const SET: u32 = 0x11;
/// Added to the tag number of context-specific tags.
pub const CONTEXT: u32 = 1 << 24;

const WRONG: WebAuthnError = WebAuthnError::Attestation("a certificate extension could not be read");

pub struct Der<'a>(pub &'a [u8]);

impl<'a> Der<'a> {
    fn byte(&mut self) -> Result<u8, WebAuthnError> {
        let (head, tail) = self.0.split_first().ok_or(WRONG)?;
        self.0 = tail;
        Ok(*head)
    }
    /// The next element: its tag number (plus [`CONTEXT`] for a context-specific tag) and its content.
    pub fn next(&mut self) -> Result<(u32, &'a [u8]), WebAuthnError> {
        let head = self.byte()?;
        let mut number = u32::from(head & 0x1f);
        if number == 0x1f {
            number = 0;
            loop {
                let byte = self.byte()?;
                number = number << 7 | u32::from(byte & 0x7f);
                if number >= CONTEXT >> 7 {
                    return Err(WRONG);
                }
                if byte & 0x80 == 0 {
                    break;
                }
            }
        }
        let tag = match head >> 6 {
            0 => number,
            2 => number | CONTEXT,
            _ => return Err(WRONG),
        };
        let first = self.byte()?;
        let length = if first < 0x80 {
            usize::from(first)
        } else {
            let mut length = 0usize;
            for _ in 0..first & 0x7f {
                length = length.checked_mul(256).ok_or(WRONG)? | usize::from(self.byte()?);
            }
            length
        };
        let (content, rest) = self.0.split_at_checked(length).ok_or(WRONG)?;
        self.0 = rest;
        Ok((tag, content))
    }
    /// The content of the next element, which must have this tag.
    pub fn expect(&mut self, tag: u32) -> Result<&'a [u8], WebAuthnError> {
        match self.next()? {
            (found, content) if found == tag => Ok(content),
            _ => Err(WRONG),
        }
    }
}
