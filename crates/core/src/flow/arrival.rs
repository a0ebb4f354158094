//! The query string with which a flow is entered, as a run stores it.
use super::token;
use signet_base::query;

/// Maximum size of the stored query, and of a query that is accepted, in bytes.
const MAX_KEPT: usize = 2048;
const MAX_QUERY: usize = 16 * 1024;
/// Parameters that flows use later.
const QUERY: [&str; 5] = ["next", "itoken", "token", "prompt", "inspector"];

fn needed(query: &str) -> impl Iterator<Item = (String, String)> {
    query::pairs(query).into_iter().filter(|(name, _)| QUERY.contains(&name.as_str()))
}
/// The part of a query that a run stores: of a long query only the used parameters, and never a link's key.
pub fn kept(query: &str) -> String {
    let short = token::without(query);
    if short.len() <= MAX_KEPT {
        return short;
    }
    let kept: Vec<(String, String)> = needed(query).collect();
    query::build(kept.iter().map(|(name, value)| (name.as_str(), value.as_str())))
}
/// Whether a query is too long (414).
pub fn is_too_long(query: &str) -> bool {
    query.len() > MAX_QUERY
        || (query.len() > MAX_KEPT
            && needed(query).map(|(name, value)| name.len() + value.len()).sum::<usize>() > MAX_KEPT)
}

#[cfg(test)]
mod tests {
    use super::*;
    #[test]
    fn redteam_06_of_a_long_query_only_what_flows_use_is_kept() {
        assert_eq!(kept("next=%2Fx&a=b&flow_token=secret"), "next=%2Fx&a=b");
        let long = format!("next=%2Fx&a={}&itoken=1", "y".repeat(MAX_KEPT));
        assert_eq!(kept(&long), "next=%2Fx&itoken=1");
        assert!(
            !is_too_long(&long)
                && is_too_long(&format!("next=/{}", "y".repeat(MAX_KEPT)))
                && is_too_long(&"y".repeat(MAX_QUERY + 1))
        );
    }
}
