//! Answers of `ListObjectsV2`: the few elements that are read.
use signet_base::Timestamp;

/// One page of a list.
#[derive(Debug, PartialEq)]
pub(crate) struct Page {
    pub objects: Vec<Listed>,
    /// Where the next page goes on.
    pub next: Option<String>,
}

#[derive(Debug, PartialEq)]
pub(crate) struct Listed {
    pub key: String,
    pub size: u64,
    pub modified: Timestamp,
}

/// Reads a page that was asked for with `encoding-type=url`. `None` if it is no such answer.
pub(crate) fn parse(xml: &str) -> Option<Page> {
    let result = element(xml, "ListBucketResult")?;
    let mut objects = Vec::new();
    let mut rest = result;
    while let Some((object, after)) = next(rest, "Contents") {
        rest = after;
        // Some stores encode a space as `+`.
        let key = text(element(object, "Key")?).replace('+', " ");
        objects.push(Listed {
            key: percent_encoding::percent_decode_str(&key).decode_utf8().ok()?.into_owned(),
            size: element(object, "Size")?.trim().parse().ok()?,
            modified: Timestamp::parse(element(object, "LastModified")?.trim()).ok()?,
        });
    }
    let truncated = element(result, "IsTruncated").is_some_and(|word| word.trim() == "true");
    let next = match element(result, "NextContinuationToken") {
        Some(token) if truncated => Some(text(token)),
        _ if truncated => return None,
        _ => None,
    };
    Some(Page { objects, next })
}

/// The code of an error document.
pub(crate) fn error_code(xml: &str) -> Option<String> {
    element(element(xml, "Error")?, "Code").map(text).filter(|code| code.len() <= 100)
}

/// The content of the first element with this name, and what follows it.
fn next<'a>(xml: &'a str, name: &str) -> Option<(&'a str, &'a str)> {
    let mut from = 0;
    loop {
        let start = from + xml.get(from..)?.find(&format!("<{name}"))? + 1 + name.len();
        let rest = xml.get(start..)?;
        // `<KeyCount>` is not `<Key>`.
        if rest.starts_with(['>', ' ', '\n', '\r', '\t']) {
            let content = rest.get(rest.find('>')? + 1..)?;
            let end = content.find(&format!("</{name}>"))?;
            return Some((content.get(..end)?, content.get(end + name.len() + 3..)?));
        }
        from = start;
    }
}
fn element<'a>(xml: &'a str, name: &str) -> Option<&'a str> {
    next(xml, name).map(|(content, _)| content)
}
/// Resolves the predefined entities.
fn text(escaped: &str) -> String {
    let plain = escaped.trim().replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"");
    plain.replace("&#34;", "\"").replace("&#39;", "'").replace("&apos;", "'").replace("&amp;", "&")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_read_and_what_is_no_page_is_refused() {
        let xml = r#"<?xml version="1.0"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>b</Name><KeyCount>2</KeyCount><IsTruncated>true</IsTruncated><NextContinuationToken>a&amp;b==</NextContinuationToken><Contents><Key>media/public/a.png</Key><LastModified>2026-11-23T20:00:00.000Z</LastModified><Size>5</Size></Contents><Contents><Key>media/public/logo-%25%28theme%29s.svg</Key><LastModified>2026-11-23T20:00:01Z</LastModified><Size>0</Size></Contents></ListBucketResult>"#;
        let page = parse(xml).unwrap();
        let keys: Vec<_> = page.objects.iter().map(|o| (o.key.as_str(), o.size)).collect();
        assert_eq!(keys, [("media/public/a.png", 5), ("media/public/logo-%(theme)s.svg", 0)]);
        assert_eq!(page.next.as_deref(), Some("a&b=="));
        let empty = "<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>";
        assert_eq!(parse(empty), Some(Page { objects: Vec::new(), next: None }));
        for bad in [
            "",
            "<html>",
            "<ListBucketResult><Contents><Key>a</Key></Contents></ListBucketResult>",
            "<ListBucketResult><IsTruncated>true</IsTruncated></ListBucketResult>",
        ] {
            assert_eq!(parse(bad), None, "{bad}");
        }
        assert_eq!(error_code("<Error><Code>AccessDenied</Code></Error>").as_deref(), Some("AccessDenied"));
    }
}
