//! Emails with Django templates.
use signet_base::{Json, json};
use signet_testkit::{App, Browser, DbKind, MailSink, Setup};
use std::path::{Path, PathBuf};
use std::time::Duration;

fn folder(name: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("signet-letters-{name}-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

async fn start(folder: &Path, port: u16) -> App {
    let setup = Setup::new(DbKind::Sqlite)
        .await
        .with("AUTHENTIK_EMAIL__HOST", "127.0.0.1")
        .with("AUTHENTIK_EMAIL__PORT", &port.to_string());
    setup.with("AUTHENTIK_EMAIL__TEMPLATE_DIR", &folder.display().to_string()).start().await.unwrap()
}

async fn made(admin: &mut Browser, path: &str, body: Json) -> Json {
    let answer = admin.post(&format!("/api/v3{path}"), body).await;
    assert_eq!(answer.status, 201, "{path}: {}", answer.text());
    answer.json()
}

/// A recovery flow that mails by the template; its slug.
async fn recovery(admin: &mut Browser, name: &str, template: &str) -> String {
    let ident = made(
        admin,
        "/stages/identification/",
        json!({"name": format!("{name}-i"), "user_fields": ["username"]}),
    )
    .await;
    let mail = made(admin, "/stages/email/", json!({"name": format!("{name}-m"), "use_global_settings": true, "template": template, "subject": "s"})).await;
    let flow = made(
        admin,
        "/flows/instances/",
        json!({"name": name, "slug": name, "title": name, "designation": "recovery"}),
    )
    .await;
    for (order, stage) in [ident, mail].iter().enumerate() {
        made(admin, "/flows/bindings/", json!({"target": flow["pk"], "stage": stage["pk"], "order": order}))
            .await;
    }
    name.to_owned()
}

#[tokio::test]
async fn field_17_18_letters_of_the_field_are_written() {
    let sink = MailSink::start(Duration::ZERO).await;
    let folder = folder("field");
    std::fs::write(
        folder.join("attributes.html"),
        "<p>{{ user.attributes.team }}|{{ user.group_attributes.from_group }}|{{ nope.deep }}|{% if user.attributes.missing %}no{% endif %}ok</p>",
    )
    .unwrap();
    std::fs::write(
        folder.join("tags.html"),
        "{% load static %}<p>{% for g in user.groups.all %}{{ forloop.counter }}{{ g.name|capfirst }}{% empty %}-{% endfor %} {% now 'Y' %} {{ expires|date:'Y-m-d' }} {{ user.name|truncatechars:5 }} {% static 'x.png' %}</p>",
    )
    .unwrap();
    let app = start(&folder, sink.port).await;
    let mut admin = app.admin().await;
    let group =
        made(&mut admin, "/core/groups/", json!({"name": "staff", "attributes": {"from_group": "g"}})).await;
    made(&mut admin, "/core/users/", json!({"username": "ada", "name": "Ada <b>", "email": "ada@corp.test", "attributes": {"team": "blue"}, "groups": [group["pk"]]})).await;
    for (template, said) in [
        ("attributes.html", vec!["blue|g||ok"]),
        ("tags.html", vec!["<p>1Staff 2026 2026-11-23 Ada …", "/static/x.png"]),
    ] {
        let slug = recovery(&mut admin, template.trim_end_matches(".html"), template).await;
        let mut browser = app.browser();
        browser.challenge(&slug, "").await;
        let seen = browser
            .answer(&slug, "", json!({"component": "ak-stage-identification", "uid_field": "ada"}))
            .await;
        assert_eq!(seen["component"], "ak-stage-email", "{seen}");
        let letter = sink.next().await.unwrap_or_else(|| panic!("no letter by {template}"));
        for said in said {
            assert!(letter.contains(said), "{template}: {said}\n{letter}");
        }
    }
    app.stop().await;
    std::fs::remove_dir_all(folder).unwrap();
}

#[tokio::test]
async fn field_17_a_template_that_cannot_work_is_said_when_it_is_chosen() {
    let folder = folder("broken");
    std::fs::write(folder.join("broken.html"), "a\n{% if user %}").unwrap();
    std::fs::write(folder.join("child.html"), "{% extends 'nothing.html' %}").unwrap();
    std::fs::write(folder.join("twin.html"), "ok").unwrap();
    std::fs::write(folder.join("twin.txt"), "{{ user.name|shout }}").unwrap();
    let app = start(&folder, 9).await;
    let mut admin = app.admin().await;
    for (template, said) in [
        ("broken.html", "The template cannot be used: broken.html, line 2: endif is missing."),
        (
            "child.html",
            "The template cannot be used: child.html, line 1: there is no template called nothing.html.",
        ),
        ("twin.html", "The template cannot be used: twin.txt, line 1: there is no filter called “shout”."),
        ("none.html", "Invalid template 'none.html' specified."),
    ] {
        for path in ["/api/v3/stages/email/", "/api/v3/stages/authenticator/email/"] {
            let answer = admin.post(path, json!({"name": "x", "template": template})).await;
            assert_eq!((answer.status.as_u16(), answer.json()), (400, json!({"template": [said]})), "{path}");
        }
    }
    // Whoever looks at the list sees it too, in rows as the generated clients read them.
    let rows = admin.get("/api/v3/stages/email/templates/").await.json();
    let broken = rows.as_array().unwrap().iter().find(|r| r["name"] == "broken.html").unwrap();
    assert!(broken["description"].as_str().unwrap().contains("endif is missing"), "{broken}");
    app.stop().await;
    std::fs::remove_dir_all(folder).unwrap();
}
