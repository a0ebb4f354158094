//! Converts `?` markers to PostgreSQL's `$n`.
use std::borrow::Cow;

/// Numbers the markers, except in string literals.
pub(super) fn numbered(sql: &str) -> Cow<'_, str> {
    if !sql.contains('?') {
        return Cow::Borrowed(sql);
    }
    let mut out = String::with_capacity(sql.len() + 16);
    let (mut n, mut literal) = (0usize, false);
    for c in sql.chars() {
        match c {
            '\'' => {
                literal = !literal;
                out.push(c);
            }
            '?' if !literal => {
                n += 1;
                out.push('$');
                out.push_str(&n.to_string());
            }
            _ => out.push(c),
        }
    }
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::numbered;
    #[test]
    fn numbers_markers_outside_of_literals() {
        assert_eq!(numbered("a = ? AND b = 'is it?' AND c = ?"), "a = $1 AND b = 'is it?' AND c = $2");
        assert_eq!(numbered("x = 'it''s ?' OR y = ?"), "x = 'it''s ?' OR y = $1");
        assert_eq!(numbered("SELECT 1"), "SELECT 1");
    }
}
