//! Addresses of one machine or network must not be tracked: package registries in lock files, absolute
//! folders, private hosts.
use super::Finding;
use super::allow::Allowances;

/// Hosts of package registries, in two parts, so that this file does not match itself.
const REGISTRIES: [&str; 6] = [
    concat!("registry.", "npmjs.org"),
    concat!("registry.", "yarnpkg.com"),
    concat!("files.", "pythonhosted.org"),
    concat!("pypi.org", "/simple"),
    concat!("index.", "crates.io"),
    concat!("proxy.", "golang.org"),
];
/// Folders that exist on one machine only, with the API paths that may follow them.
const FOLDERS: [(&str, &[&str]); 4] = [
    (concat!("/ro", "ot/"), &["config"]),
    (concat!("/wo", "rk/"), &[]),
    (concat!("/ho", "me/"), &[]),
    (concat!("/Us", "ers/"), &[]),
];

pub fn judge(path: &str, text: &str, allowances: &mut Allowances) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (number, line) in text.lines().enumerate().map(|(i, line)| (i + 1, line)) {
        if let Some(host) = REGISTRIES.iter().find(|host| line.contains(**host)) {
            findings.push(format!("{path}:{number}: names the registry {host}"));
        }
        if let Some(folder) = machine_folder(line)
            && !allowances.has("path", path)
        {
            findings.push(format!("{path}:{number}: names a folder of one machine ({folder}…)"));
        }
        if let Some(address) = private_address(line)
            && !allowances.has("address", path)
        {
            findings.push(format!("{path}:{number}: names the private address {address}"));
        }
    }
    if path.ends_with("package-lock.json") && text.contains("\"resolved\":") {
        findings.push(format!("{path}: names where packages came from; omit-lockfile-registry-resolved=true in .npmrc leaves that out"));
    }
    findings
}

fn machine_folder(line: &str) -> Option<&'static str> {
    FOLDERS.iter().find_map(|(folder, fine)| {
        line.match_indices(folder)
            .any(|(at, _)| {
                let before = line[..at].chars().next_back();
                let inside =
                    before.is_some_and(|c| c.is_alphanumeric() || matches!(c, '.' | '-' | '_' | '}' | '/'));
                !inside && !fine.iter().any(|word| line[at + folder.len()..].starts_with(word))
            })
            .then_some(*folder)
    })
}

/// An RFC 1918 address. Whole networks (`…/8`, or ending in `.0`) are defaults that every server has.
fn private_address(line: &str) -> Option<&str> {
    let is_part = |c: char| c.is_ascii_digit() || c == '.';
    let mut rest = line;
    while let Some(start) = rest.find(is_part) {
        let word = &rest[start..];
        let end = word.find(|c| !is_part(c)).unwrap_or(word.len());
        let (word, after) = word.split_at(end);
        let name =
            rest[..start].chars().next_back().is_some_and(|c| c.is_alphanumeric() || c == '-' || c == '_');
        rest = after;
        let parts: Vec<u8> = word.trim_end_matches('.').split('.').map_while(|p| p.parse().ok()).collect();
        let private = matches!(parts[..], [10, _, _, _] | [192, 168, _, _] | [172, 16..=31, _, _]);
        if private && parts[3] != 0 && !name && !after.starts_with('/') {
            return Some(word);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(line: &str) -> usize {
        judge("a.rs", line, &mut Allowances::default()).len()
    }

    #[test]
    fn registries_are_found() {
        assert_eq!(found(&format!("\"resolved\": \"https://{}/x\"", REGISTRIES[0])), 1);
        assert_eq!(
            judge(
                "web/package-lock.json",
                "  \"resolved\": \"https://elsewhere.example/x.tgz\"",
                &mut Allowances::default()
            )
            .len(),
            1
        );
    }

    #[test]
    fn folders_of_a_machine_are_found_and_the_api_is_not() {
        assert_eq!(found(&format!("cp {}x .", FOLDERS[0].0)), 1);
        assert_eq!(found(&format!("see {}main", FOLDERS[1].0)), 1);
        assert_eq!(found(&format!("GET {}config/", FOLDERS[0].0)), 0);
        assert_eq!(found(&format!("https://x.example{}y", FOLDERS[1].0)), 0);
    }

    #[test]
    fn private_hosts_are_found_and_networks_are_not() {
        let own = ["10", "1.2.3"].join(".");
        assert_eq!(found(&format!("host = \"{own}\"")), 1);
        assert_eq!(found(&format!("host = \"{own}:5432\"")), 1);
        assert_eq!(found(&format!("cidr = \"{own}/8\"")), 0);
        assert_eq!(found(&["192", "168.0.1"].join(".")), 1);
        assert_eq!(found(&["172", "32.0.1"].join(".")), 0);
        assert_eq!(found("127.0.0.1 and version 10.1.2 and 210.1.2.3"), 0);
    }

    #[test]
    fn an_exception_covers_the_whole_file() {
        let (mut allowed, _) = Allowances::parse("address a.rs an example of a client's network");
        let own = ["10", "1.2.3"].join(".");
        assert!(judge("a.rs", &format!("{own}\n{own}"), &mut allowed).is_empty());
    }
}
