//! Whatever is sent: an answer that says what is wrong, never a fault of ours.
use crate::support::{ADMIN, App};
use http::Method;
use signet_base::{Json, json};
use signet_store::testdb::{each_database, sqlite};

#[tokio::test]
async fn addresses_forms_and_verbs_are_judged_as_recorded() {
    let app = App::start(sqlite().await).await;
    let bearer = format!("Bearer {ADMIN}");
    let json_headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
    for path in
        ["/core/users", "/no/such/thing/", "/core/users/1/nothing/", "/core//users/", "/core/groups/{}/"]
    {
        let answer = app.call(Some(ADMIN), "GET", &path.replace("{}", "%7B%7D"), None).await;
        assert_eq!(answer.status, 404, "{path}");
    }
    let page = app.call(Some(ADMIN), "GET", "/no/such/thing/", None).await;
    assert!(
        page.headers["content-type"].to_str().unwrap().starts_with("text/html")
            && page.headers.get("allow").is_none()
    );
    let none = app.call(Some(ADMIN), "POST", "/core/groups", Some(json!({"name": "x"}))).await;
    assert_eq!(
        (none.status, &none.body, &none.headers["allow"]),
        (405, &Json::Null, &"GET, HEAD, OPTIONS".parse().unwrap())
    );
    let verb = app.call(Some(ADMIN), "DELETE", "/core/users/", None).await;
    assert_eq!((verb.status, &verb.body), (405, &json!({"detail": "Method \"DELETE\" not allowed."})));
    assert_eq!(app.send("POST", "/core/groups/", &json_headers, "{not json").await.status, 400);
    assert!(app.send("POST", "/core/groups/", &json_headers, "[]").await.body["non_field_errors"].is_array());
    assert_eq!(
        app.send(
            "POST",
            "/core/groups/",
            &[("authorization", &bearer), ("content-type", "application/x-www-form-urlencoded")],
            "name=x"
        )
        .await
        .status,
        415
    );
    assert_eq!(
        app.send("GET", "/core/groups/", &[("authorization", &bearer), ("accept", "application/xml")], "")
            .await
            .status,
        406
    );
    assert_eq!(
        app.send(
            "POST",
            "/core/groups/",
            &json_headers,
            format!("{{\"name\": \"{}\"}}", "x".repeat(1 << 20))
        )
        .await
        .status,
        413
    );
    let head = app.call(Some(ADMIN), "HEAD", "/core/groups/", None).await;
    assert_eq!(
        (head.status, &head.body, &head.headers["allow"]),
        (200, &Json::Null, &"GET, POST, HEAD, OPTIONS".parse().unwrap())
    );
    let options = app.call(Some(ADMIN), "OPTIONS", "/core/groups/", None).await.body;
    assert_eq!(
        (&options["name"], &options["actions"]["POST"]["name"]),
        (
            &json!("Group List"),
            &json!({"type": "string", "required": true, "read_only": false, "label": "Name"})
        )
    );
}

#[tokio::test]
async fn nothing_that_is_sent_to_a_route_breaks_it() {
    let app = App::start(sqlite().await).await;
    let table = signet_api::table(&app.core.registry, Vec::new(), 0);
    let nasty = [
        json!(null),
        json!(true),
        json!(-1),
        json!(1e308),
        json!(i64::MAX),
        json!(""),
        json!("\u{0}"),
        json!("x".repeat(10_000)),
        json!([]),
        json!([[]]),
        json!({}),
        json!([{}]),
        json!([1, "x", null]),
        json!({"a": [{"b": null}]}),
    ];
    let flow = app
        .admin(
            "POST",
            "/flows/instances/",
            json!({"name": "F", "slug": "f", "title": "F", "designation": "recovery"}),
        )
        .await
        .body;
    let keys = [
        "f".to_owned(),
        app.plain.to_string(),
        app.admins.id.to_string(),
        flow["pk"].as_str().unwrap().to_owned(),
        "plain-token".to_owned(),
        "%00".to_owned(),
        "9".repeat(40),
    ];
    for route in table.routes() {
        for action in &route.actions {
            // What would end the test's own ways in is left out.
            if action.path.ends_with("set_key") || action.method == Method::DELETE {
                continue;
            }
            let names: Vec<&str> = action
                .input
                .iter()
                .map(|f| f.name)
                .chain(action.def.iter().flat_map(|d| d.fields).map(|f| f.name))
                .chain(["name", "slug", "username", "identifier", "groups", "users", "parents", "attributes"])
                .collect();
            for (n, value) in nasty.iter().enumerate() {
                let body: Json = names
                    .iter()
                    .map(|name| ((*name).to_owned(), value.clone()))
                    .collect::<signet_base::Map>()
                    .into();
                let key = &keys[n % keys.len()];
                let path = route
                    .path
                    .split('/')
                    .map(|s| if s.starts_with('{') { key } else { s })
                    .collect::<Vec<_>>()
                    .join("/");
                let query = format!(
                    "?page_size={n}&ordering=-{0},x__y&search=%00{0}&is_active=x&attributes=%7B%7D&managed__isnull=1",
                    names[0]
                );
                let path = if path.is_empty() { "/".to_owned() } else { format!("/{path}/{query}") };
                let answer = app
                    .call(
                        Some(ADMIN),
                        action.method.as_str(),
                        &path,
                        (action.method != Method::GET).then_some(body),
                    )
                    .await;
                assert!(
                    answer.status < 500,
                    "{} {path} {value}: {} {}",
                    action.method,
                    answer.status,
                    answer.body
                );
            }
        }
    }
    assert_eq!(app.admin("GET", "/core/users/me/", Json::Null).await.status, 200);
}

#[tokio::test]
async fn lists_are_paged_filtered_and_ordered() {
    each_database(|db| async move {
        let app = App::start(db).await;
        for n in 0..25 {
            let body = json!({"username": format!("wd-page-{n:02}"), "name": "P", "path": "wd/pages", "type": if n % 2 == 1 { "external" } else { "internal" }});
            assert_eq!(app.admin("POST", "/core/users/", body).await.status, 201);
        }
        let list = |query: &'static str| {
            let app = &app;
            async move { app.admin("GET", &format!("/core/users/?path=wd/pages&{query}"), Json::Null).await }
        };
        let names = |body: &Json| body["results"].as_array().unwrap().iter().map(|u| u["username"].as_str().unwrap()[8..].to_owned()).collect::<Vec<_>>().join(" ");
        let third = list("page_size=10&page=3&ordering=username").await.body;
        assert_eq!(names(&third), "20 21 22 23 24");
        assert_eq!(third["pagination"], json!({"next": 0, "previous": 2, "count": 25, "current": 3, "total_pages": 3, "start_index": 21, "end_index": 25}));
        for query in ["page=9&page_size=10", "page=0", "page=x"] {
            let answer = list(query).await;
            assert_eq!((answer.status, answer.body), (404, json!({"detail": "Invalid page."})), "{query}");
        }
        for (query, count) in [("page_size=0", 20), ("page_size=x", 20), ("page_size=-1", 20), ("page_size=1000", 25)] {
            assert_eq!(list(query).await.body["results"].as_array().unwrap().len(), count, "{query}");
        }
        for (query, expected) in [
            ("ordering=-username&page_size=2", "24 23"),
            ("ordering=nothing&page_size=2", "00 01"),
            ("search=WD-PAGE-07", "07"),
            ("search=zzz-none", ""),
            ("username=wd-page-03", "03"),
            ("type=external&page_size=3&ordering=username", "01 03 05"),
            ("is_active=bogus&page_size=1&ordering=username", "00"),
            ("no_such_filter=1&page_size=1&ordering=username", "00"),
            ("search=username%20%3D%20%22wd-page-05%22", "05"),
            ("search=username%20%3D%3D%3D%3D%20x", ""),
            ("attributes=%7B%22a%22%3A1%7D", ""),
            ("path_startswith=wd&page_size=1&ordering=username", "00"),
        ] {
            let answer = list(query).await;
            assert_eq!((answer.status, names(&answer.body).as_str()), (200, expected), "{query}");
        }
        for (query, field) in [("type=bogus", "type"), ("groups_by_pk=bogus", "groups_by_pk"), ("uuid=x", "uuid")] {
            let answer = list(query).await;
            assert_eq!((answer.status, answer.body.get(field).is_some()), (400, true), "{query}");
        }
        assert!(list("attributes=notjson").await.body.is_array());
        assert_eq!(list("include_groups=false&page_size=1").await.body["results"][0]["groups_obj"], Json::Null);
    })
    .await;
}

#[tokio::test]
async fn the_document_is_served_in_both_forms() {
    let app = App::start(sqlite().await).await;
    let json = app.call(None, "GET", "/schema/?format=json", None).await;
    assert_eq!(
        (
            json.status,
            &json.body["openapi"],
            &json.body["components"]["securitySchemes"]["authentik"]["scheme"]
        ),
        (200, &json!("3.0.3"), &json!("bearer"))
    );
    let yaml = app.call(None, "GET", "/schema/", None).await;
    assert!(yaml.body.as_str().unwrap().starts_with("\"openapi\": \"3.0.3\"\n"));
    let page = app.call(None, "GET", "/", None).await;
    assert!(page.status == 200 && page.body.as_str().unwrap().contains("/api/v3/schema/"));
}
