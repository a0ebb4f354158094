//! Breached passwords: counts from a sorted file of digests, or from a range service that gets the first five
//! hexadecimal digits of the digest only (k-anonymity).
use aws_lc_rs::digest;
use signet_base::outbound::HttpRequest;
use signet_base::{Error, Result, Secret};
use signet_core::Core;
use std::fs::File;
use std::io::{BufRead, BufReader, Seek, SeekFrom};
use std::time::Duration;

const SERVICE: &str = "https://api.pwnedpasswords.com/range/";
const PATIENCE: Duration = Duration::from_secs(5);
/// Maximum length of a line in the file: digest, colon, count.
const LINE: u64 = 128;

/// Zero: in no known breach.
///
/// # Errors
/// Neither file nor service is available; the password must then be refused.
pub async fn count(core: &Core, password: &Secret) -> Result<i64> {
    let digest = sha1(password.reveal());
    let path = core.settings.breached_passwords.clone();
    if path.is_empty() {
        return by_service(core, &digest).await;
    }
    let found =
        tokio::task::spawn_blocking(move || File::open(&path).and_then(|file| by_file(file, &digest)));
    found
        .await
        .map_err(Error::internal)?
        .map_err(|e| Error::unavailable(format!("the file of breached passwords cannot be read: {e}")))
}

/// SHA-1 in upper-case hexadecimal.
fn sha1(text: &str) -> String {
    signet_base::vault::hex(digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, text.as_bytes()).as_ref())
        .to_ascii_uppercase()
}

async fn by_service(core: &Core, digest: &str) -> Result<i64> {
    let (prefix, rest) = digest.split_at(5);
    // `Add-Padding` hides the number of results for the prefix.
    let request = HttpRequest { timeout: PATIENCE, ..HttpRequest::new("GET", format!("{SERVICE}{prefix}")) }
        .header("add-padding", "true");
    let answer = core
        .ports
        .http
        .send(request)
        .await
        .map_err(|e| Error::unavailable(format!("known breaches could not be asked for: {e}")))?;
    if answer.status != 200 {
        return Err(Error::unavailable(format!(
            "known breaches could not be asked for: status {}",
            answer.status
        )));
    }
    Ok(String::from_utf8_lossy(&answer.body).lines().find_map(|line| entry(line, rest)).unwrap_or(0))
}

/// The count in a line, if the line is about this digest.
fn entry(line: &str, digest: &str) -> Option<i64> {
    let (found, count) = line.trim().split_once(':').unwrap_or((line.trim(), "1"));
    found.eq_ignore_ascii_case(digest).then(|| count.trim().parse().unwrap_or(1))
}

/// Binary search in a file sorted by digest: about thirty reads for a billion lines.
fn by_file(file: impl std::io::Read + Seek, digest: &str) -> std::io::Result<i64> {
    let mut file = BufReader::with_capacity(512, file);
    let (mut low, mut high) = (0, file.seek(SeekFrom::End(0))?);
    // Invariant: the wanted line starts in `low..high`.
    while low < high {
        let middle = low + (high - low) / 2;
        let (start, line) = line_from(&mut file, middle)?;
        if line.is_empty() || start >= high {
            high = middle;
            continue;
        }
        let found = line.trim().split(':').next().unwrap_or_default().to_ascii_uppercase();
        match found.as_str().cmp(digest) {
            std::cmp::Ordering::Equal => return Ok(entry(&line, digest).unwrap_or(1)),
            std::cmp::Ordering::Less => low = start + line.len() as u64,
            std::cmp::Ordering::Greater => high = middle,
        }
    }
    Ok(0)
}

/// The first line that starts at or after `offset`, and its position; empty at the end.
fn line_from(file: &mut (impl BufRead + Seek), offset: u64) -> std::io::Result<(u64, String)> {
    let mut start = offset;
    if offset > 0 {
        // A line starts after a line feed, so the preceding byte is read first.
        file.seek(SeekFrom::Start(offset - 1))?;
        start = offset - 1 + read_line(file)?.len() as u64;
    } else {
        file.seek(SeekFrom::Start(0))?;
    }
    Ok((start, read_line(file)?))
}

fn read_line(file: &mut impl BufRead) -> std::io::Result<String> {
    let mut line = Vec::new();
    std::io::Read::take(&mut *file, LINE).read_until(b'\n', &mut line)?;
    if line.len() as u64 == LINE {
        return Err(std::io::Error::new(
            std::io::ErrorKind::InvalidData,
            "a line is too long: one digest a line is expected",
        ));
    }
    String::from_utf8(line).map_err(|_| std::io::Error::new(std::io::ErrorKind::InvalidData, "not a text"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Cursor;

    fn look(text: &str, digest: &str) -> i64 {
        by_file(Cursor::new(text.as_bytes()), digest).unwrap()
    }
    #[test]
    fn digests_are_those_of_the_standard() {
        assert_eq!(sha1("password"), "5BAA61E4C9B93F3F0682250B6CF8331B7EE68FD8");
    }
    #[test]
    fn every_line_of_a_sorted_file_is_found_and_nothing_else() {
        for count in [0_usize, 1, 2, 3, 10, 257] {
            for (end, counted) in [("\n", true), ("\r\n", true), ("\n", false)] {
                let mut digests: Vec<String> = (0..count).map(|n| sha1(&format!("word{n}"))).collect();
                digests.sort();
                let lines: Vec<String> = digests
                    .iter()
                    .enumerate()
                    .map(|(n, d)| if counted { format!("{d}:{}", n * 1000 + 7) } else { d.clone() })
                    .collect();
                let whole = lines.join(end);
                for text in [whole.clone(), format!("{whole}{end}")] {
                    for (n, digest) in digests.iter().enumerate() {
                        let wanted = if counted { i64::try_from(n).unwrap() * 1000 + 7 } else { 1 };
                        assert_eq!(look(&text, digest), wanted, "{n} of {count}");
                    }
                    for absent in ["other", "another", "", "x"] {
                        assert_eq!(look(&text, &sha1(absent)), 0);
                    }
                    assert_eq!(look(&text, &"0".repeat(40)) + look(&text, &"F".repeat(40)), 0);
                }
            }
        }
    }
    #[test]
    fn what_is_no_list_of_digests_is_an_error() {
        assert!(by_file(Cursor::new(vec![b'a'; 4096]), &sha1("x")).is_err());
        assert!(by_file(Cursor::new(vec![0xff, 0xfe, b'\n', 0xff, b'\n']), &sha1("x")).is_err());
    }
    #[test]
    fn lines_of_the_service_end_with_a_count() {
        assert_eq!(
            (entry("00AB:12", "00ab"), entry("00AB:0", "00AB"), entry("00AC:12", "00AB")),
            (Some(12), Some(0), None)
        );
    }
}
