//! The table: what was measured, the limit of the same run, their ratio, and whether the goal holds.
use std::fmt::Write;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    Ok,
    Miss,
    /// Measured and shown, judged by nothing.
    Info,
}

/// One line of the table.
#[derive(Clone)]
pub struct Line {
    pub name: String,
    pub title: String,
    pub measured: String,
    pub limit: String,
    pub ratio: String,
    pub must: String,
    pub peer: String,
    pub verdict: Verdict,
    /// Latencies, cost of the server, noise, or why it failed.
    pub note: String,
}

impl Line {
    /// A line that could not be measured: a must that nobody saw holding is missed.
    pub fn failed(name: &str, title: &str, why: &str) -> Self {
        let text = || "–".to_owned();
        Self {
            name: name.into(),
            title: title.into(),
            measured: text(),
            limit: text(),
            ratio: text(),
            must: text(),
            peer: text(),
            verdict: Verdict::Miss,
            note: why.into(),
        }
    }
    fn cells(&self) -> [&str; 9] {
        let verdict = match self.verdict {
            Verdict::Ok => "ok",
            Verdict::Miss => "MISS",
            Verdict::Info => "",
        };
        [
            &self.name,
            &self.title,
            &self.measured,
            &self.limit,
            &self.ratio,
            &self.must,
            &self.peer,
            verdict,
            &self.note,
        ]
    }
}

const HEAD: [&str; 9] =
    ["name", "what", "measured", "limit or goal", "ratio", "must", "peer", "verdict", "notes"];

/// Columns for a terminal. Lines are printed as they come, so widths are fixed.
pub fn heading() -> String {
    columns(HEAD)
}
pub fn line(line: &Line) -> String {
    columns(line.cells())
}
fn columns(cells: [&str; 9]) -> String {
    const WIDTHS: [usize; 9] = [16, 44, 12, 13, 7, 8, 10, 7, 0];
    let mut out = String::new();
    for (cell, width) in cells.iter().zip(WIDTHS) {
        let pad = width.saturating_sub(cell.chars().count());
        let _ = write!(out, "{cell}{} ", " ".repeat(pad));
    }
    out.trim_end().to_owned()
}

/// The same as a Markdown table.
pub fn markdown(lines: &[Line]) -> String {
    let row = |cells: [&str; 9]| {
        format!("| {} |\n", cells.map(|c| c.replace('|', "/").replace('\n', " ")).join(" | "))
    };
    let mut out = row(HEAD) + &format!("|{}\n", "---|".repeat(HEAD.len()));
    out.extend(lines.iter().map(|line| row(line.cells())));
    out
}

/// `document` with the table between its two marks replaced; `None` when it has no marks.
pub fn put(document: &str, table: &str) -> Option<String> {
    const OPEN: &str = "<!-- last run -->\n";
    const CLOSE: &str = "<!-- end of last run -->";
    let (before, rest) = document.split_once(OPEN)?;
    let (_, after) = rest.split_once(CLOSE)?;
    Some(format!("{before}{OPEN}{table}{CLOSE}{after}"))
}

/// Three significant figures, thousands separated.
pub fn number(value: f64) -> String {
    let decimals = match value.abs() {
        v if v >= 100.0 => 0,
        v if v >= 10.0 => 1,
        v if v >= 1.0 => 2,
        _ => 3,
    };
    let text = format!("{value:.decimals$}");
    let (whole, rest) =
        text.split_once('.').map_or((text.as_str(), String::new()), |(w, r)| (w, format!(".{r}")));
    let mut out = String::new();
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && digit.is_ascii_digit() && (whole.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out + &rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        assert_eq!(
            [57_893.4, 1691.0, 44.94, 3.456, 0.1234].map(number),
            ["57,893", "1,691", "44.9", "3.46", "0.123"]
        );
    }

    #[test]
    fn the_table_is_replaced() {
        let line = Line { verdict: Verdict::Ok, ..Line::failed("jwks", "JWKS", "a|b") };
        let table = markdown(&[line]);
        assert!(table.contains("| jwks | JWKS |") && table.contains("| ok | a/b |"));
        let text = put("a\n<!-- last run -->\nold\n<!-- end of last run -->\nb", &table).unwrap();
        assert!(
            !text.contains("old")
                && text.starts_with("a\n")
                && text.ends_with("\nb")
                && put(&text, "x\n").unwrap().contains("-->\nx\n<!--")
        );
        assert!(put("no marks", "x").is_none());
    }
}
