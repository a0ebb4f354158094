//! Account commands, for administrators who cannot sign in.
use crate::config::Options;
use crate::{first_run, serve, wiring};
use signet_base::{Error, Result, Secret, Span, json};
use signet_core::{Client, Core, directory, setup};
use signet_store::epoch::KeptSession;
use signet_store::groups::{self, Group};
use signet_store::tokens;
use signet_store::users::{self, User};
use std::io::{BufRead, IsTerminal, Write};
use std::process::{Command, Stdio};
use std::sync::Arc;

const ADMINS: &str = "authentik Admins";
pub(super) const AKADMIN: &str = "akadmin";

pub(super) async fn prepared(options: &Options) -> Result<Arc<Core>> {
    let core = serve::open(options, wiring::ports()).await?;
    if !first_run::is_prepared(&core).await? {
        first_run::prepare(&core, &options.bootstrap).await?;
    }
    Ok(core)
}

async fn user(core: &Core, name: &str) -> Result<User> {
    users::by_username(&core.db, name)
        .await?
        .ok_or_else(|| Error::Unavailable(format!("there is no user {name}")))
}

pub(super) async fn admins(core: &Core) -> Result<Group> {
    let mut group = match groups::by_name(&core.db, ADMINS).await? {
        Some(group) => group,
        None => {
            let mut group = Group::new(&core.ports, ADMINS);
            group.is_superuser = true;
            groups::insert(&core.db, &group, &[], &[]).await?;
            return Ok(group);
        }
    };
    if !group.is_superuser {
        group.is_superuser = true;
        groups::update(&core.db, &group, None, None, core.now()).await?;
    }
    Ok(group)
}

pub(super) async fn note(core: &Core, action: &str, user: &User) {
    let model = json!({"app": "authentik_core", "model_name": "user", "pk": user.id, "name": user.username});
    core.event(
        &Client::internal(),
        None,
        action,
        "signet.command",
        json!({"model": model, "message": "by the command line"}),
    )
    .await;
}

/// Without a name: akadmin. `create_admin_user` creates the account if it is missing.
pub async fn admin_group(options: &Options, name: Option<&str>) -> Result<()> {
    let core = prepared(options).await?;
    let group = admins(&core).await?;
    let user = match name {
        Some(name) => user(&core, name).await?,
        None => match users::by_username(&core.db, AKADMIN).await? {
            Some(user) => user,
            None => {
                println!(
                    "The group {} is ready. There is no {AKADMIN}: create_admin_user makes one.",
                    group.name
                );
                core.db.close().await;
                return Ok(());
            }
        },
    };
    users::join_group(&core.db, user.id, group.id).await?;
    note(&core, "model_updated", &user).await;
    println!("{} is an administrator (group {}).", user.username, group.name);
    core.db.close().await;
    Ok(())
}

pub async fn admin_user(options: &Options) -> Result<()> {
    let core = prepared(options).await?;
    let user = repaired(&core).await?;
    println!(
        "{AKADMIN} is an active administrator. Open this path on the server and confirm to sign in, once; then set a password:"
    );
    link(&core, &user, Span::from_secs(3600)).await?;
    core.db.close().await;
    Ok(())
}

/// akadmin: created if missing, active, and a member of the administrators' group.
pub(super) async fn repaired(core: &Core) -> Result<User> {
    let mut user = match users::by_username(&core.db, AKADMIN).await? {
        Some(user) => user,
        None => {
            let mut user = User::new(&core.ports, AKADMIN);
            user.name = "Administrator".into();
            user.id = users::insert(&core.db, &user, &[]).await?;
            user
        }
    };
    if !user.is_active {
        user.is_active = true;
        users::update(&core.db, &user, None, None, core.now()).await?;
    }
    let group = admins(core).await?;
    users::join_group(&core.db, user.id, group.id).await?;
    Ok(user)
}

/// Prints the code of the first-run setup.
pub async fn setup_code(options: &Options) -> Result<()> {
    let core = prepared(options).await?;
    let code = setup::code(&core).await?;
    core.db.close().await;
    match code {
        Some(code) => {
            println!("{}", code.reveal());
            Ok(())
        }
        None => Err(Error::Unavailable("the first run is over: nobody is asked for a code any more".into())),
    }
}

pub async fn recovery_key(options: &Options, minutes: i64, name: &str) -> Result<()> {
    if !(1..=525_600).contains(&minutes) {
        return Err(Error::Unavailable("the duration is a number of minutes from 1 to 525600".into()));
    }
    let core = prepared(options).await?;
    let user = user(&core, name).await?;
    println!(
        "Whoever opens this path on the server within {minutes} minutes and confirms is signed in as {}, once:",
        user.username
    );
    link(&core, &user, Span::from_secs(minutes * 60)).await?;
    core.db.close().await;
    Ok(())
}

pub(super) async fn link(core: &Core, user: &User, life: Span) -> Result<()> {
    let key = Secret::new(core.ports.alphanumeric(60));
    let now = core.now();
    let mut token = tokens::Token::new(
        core.ports.uuid(),
        format!("signet-recovery-{}", core.ports.hex(8)),
        "recovery",
        user.id,
        now,
    );
    token.description = "Recovery link made on the command line".into();
    token.expiring = true;
    token.expires = Some(now.plus(life));
    tokens::insert(&core.db, &core.vault, &token, &key).await?;
    note(core, "model_created", user).await;
    println!("/recovery/use-token/{}/", key.reveal());
    Ok(())
}

pub async fn change_password(options: &Options, name: &str) -> Result<()> {
    let core = prepared(options).await?;
    let user = user(&core, name).await?;
    let password = read_password(&user.username)?;
    let hash = core.hasher.hash(password).await?;
    directory::set_password(&core, user.id, &hash, &KeptSession::default()).await?;
    if users::canonical(&user.username) == AKADMIN {
        setup::finish(&core).await?;
    }
    note(&core, "password_set", &user).await;
    println!(
        "The password of {} was changed; their sessions have ended, and what was granted in them.",
        user.username
    );
    core.db.close().await;
    Ok(())
}

fn read_password(name: &str) -> Result<Secret> {
    let first = ask(&format!("New password for {name}: "))?;
    if first.is_empty() {
        return Err(Error::Unavailable("the password is empty: nothing was changed".into()));
    }
    if std::io::stdin().is_terminal() && !ask("Once more: ")?.matches(first.reveal()) {
        return Err(Error::Unavailable("the passwords differ: nothing was changed".into()));
    }
    Ok(first)
}

/// Reads one line from standard input; a terminal does not echo it.
fn ask(question: &str) -> Result<Secret> {
    let terminal = std::io::stdin().is_terminal();
    let echo = |mode: &str| {
        terminal && Command::new("stty").arg(mode).stderr(Stdio::null()).status().is_ok_and(|s| s.success())
    };
    if terminal {
        eprint!("{question}");
        let _ = std::io::stderr().flush();
    }
    let hidden = echo("-echo");
    let mut line = String::new();
    let read = std::io::stdin().lock().read_line(&mut line);
    if hidden {
        echo("echo");
        eprintln!();
    }
    read.map_err(Error::internal)?;
    Ok(Secret::new(line.trim_end_matches(['\r', '\n'])))
}
