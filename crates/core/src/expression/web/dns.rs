//! DNS functions.
use super::super::objects::CallResult;
use super::{Outside, TIMEOUT};
use signet_expr::{CallError, Value};
use std::collections::BTreeSet;
use std::net::IpAddr;

/// `resolve_dns(host, ip_version=None)`: sorted addresses as strings; empty if the name does not exist.
pub async fn resolve(outside: &Outside, args: &[Value], kwargs: &[(String, Value)]) -> CallResult {
    if !outside.dns {
        return Err(CallError::Fatal(
            "names are not resolved for expressions (AUTHENTIK_EXPRESSIONS__DNS)".into(),
        ));
    }
    let host = args.first().and_then(Value::as_str).filter(|host| !host.is_empty() && host.len() < 254);
    let host = host.ok_or_else(|| CallError::Type("resolve_dns() takes a host name".into()))?;
    let version =
        args.get(1).or_else(|| kwargs.iter().find(|(name, _)| name == "ip_version").map(|(_, value)| value));
    let (four, six) = match version {
        None | Some(Value::None) => (true, true),
        Some(Value::Int(4)) => (true, false),
        Some(Value::Int(6)) => (false, true),
        Some(_) => return Err(CallError::Value("ip_version is 4 or 6".into())),
    };
    let found = tokio::time::timeout(TIMEOUT, tokio::net::lookup_host((host, 0))).await;
    let found = match found {
        Ok(Ok(found)) => found,
        // A name without addresses is not an error.
        Ok(Err(_)) => return Ok(Value::list(Vec::<Value>::new())),
        Err(_) => return Err(CallError::Failed(format!("{host} was not resolved in time"))),
    };
    let addresses: BTreeSet<String> = found
        .map(|at| at.ip())
        .filter(|ip| if ip.is_ipv4() { four } else { six })
        .map(|ip| ip.to_string())
        .collect();
    Ok(Value::list(addresses))
}

/// `reverse_dns(ip)`: the name of an address; the address itself if it has none.
pub async fn reverse(outside: &Outside, args: &[Value]) -> CallResult {
    if !outside.dns {
        return Err(CallError::Fatal(
            "names are not resolved for expressions (AUTHENTIK_EXPRESSIONS__DNS)".into(),
        ));
    }
    // An address is a string, or the result of `ip_address`.
    let text = match args.first() {
        Some(Value::Record(address)) => address.fields.get("compressed").and_then(Value::as_str),
        other => other.and_then(Value::as_str),
    };
    let text = text.unwrap_or_default().to_owned();
    let ip: IpAddr = text.parse().map_err(|_| CallError::Value("reverse_dns() takes an address".into()))?;
    let asked = tokio::task::spawn_blocking(move || dns_lookup::lookup_addr(&ip));
    match tokio::time::timeout(TIMEOUT, asked).await {
        Ok(Ok(Ok(name))) => Ok(name.into()),
        Ok(_) => Ok(text.into()),
        Err(_) => Err(CallError::Failed(format!("{text} was not resolved in time"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    #[tokio::test]
    async fn names_of_addresses_are_asked_for_only_where_that_is_open() {
        let open = Outside { hosts: Vec::new(), dns: true };
        assert!(matches!(
            reverse(&Outside::default(), &["127.0.0.1".into()]).await,
            Err(CallError::Fatal(_))
        ));
        assert!(matches!(reverse(&open, &["no address".into()]).await, Err(CallError::Value(_))));
        assert!(matches!(reverse(&open, &[]).await, Err(CallError::Value(_))));
        let named = reverse(&open, &["127.0.0.1".into()]).await.unwrap();
        assert!(named.as_str().is_some_and(|name| !name.is_empty()));
    }
}
