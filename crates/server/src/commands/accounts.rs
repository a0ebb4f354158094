//! Account commands, for administrators who cannot sign in.
use super::output::{self, note, say};
use crate::config::Options;
use crate::{first_run, serve, wiring};
use signet_base::{Error, Result, Secret, Span};
use signet_core::directory::{self, Author, GroupChange, TokenChange, Transaction, UserChange};
use signet_core::{Core, setup};
use signet_store::epoch::KeptSession;
use signet_store::groups::{self, Group};
use signet_store::tokens;
use signet_store::users::{self, User};
use std::io::{BufRead, IsTerminal};
use std::process::{Command, Stdio};
use std::sync::Arc;

const ADMINS: &str = "authentik Admins";
pub(super) const AKADMIN: &str = "akadmin";
/// The type of an account that can be an administrator.
const PERSON: &str = "internal";

pub(super) async fn prepared(options: &Options) -> Result<Arc<Core>> {
    let core = serve::open(options, wiring::ports(options)).await?;
    if !first_run::is_prepared(&core).await? {
        first_run::prepare(&core, &options.bootstrap).await?;
    }
    Ok(core)
}

async fn user(core: &Core, name: &str) -> Result<User> {
    users::by_username(&core.db, name)
        .await?
        .ok_or_else(|| Error::unavailable(format!("there is no user {name}")))
}

/// The group of administrators, made or made one again where it is none.
async fn admins(core: &Core, all: &mut Transaction<'_>) -> Result<Group> {
    let group = match groups::by_name(&core.db, ADMINS).await? {
        Some(group) if group.is_superuser => return Ok(group),
        Some(before) => {
            let group = Group { is_superuser: true, ..before.clone() };
            all.change(GroupChange::update(&before, group.clone())).await?;
            group
        }
        None => {
            let group = Group { is_superuser: true, ..Group::new(&core.ports, ADMINS) };
            all.change(GroupChange::create(group.clone())).await?;
            group
        }
    };
    Ok(group)
}

/// Without a name: akadmin. `create_admin_user` creates the account if it is missing.
pub async fn admin_group(options: &Options, name: Option<&str>) -> Result<()> {
    let core = prepared(options).await?;
    let author = Author::command("create_admin_group");
    let mut all = Transaction::new(&core, &author);
    let group = admins(&core, &mut all).await?;
    let user = match name {
        Some(name) => user(&core, name).await?,
        None => match users::by_username(&core.db, AKADMIN).await? {
            Some(user) => user,
            None => {
                all.commit().await?;
                say!(
                    "The group {} is ready. There is no {AKADMIN}: create_admin_user makes one.",
                    group.name
                );
                core.db.close().await;
                return Ok(());
            }
        },
    };
    all.change(UserChange::of(&user).join([group.id])).await?;
    all.commit().await?;
    say!("{} is an administrator (group {}).", user.username, group.name);
    core.db.close().await;
    Ok(())
}

pub async fn admin_user(options: &Options) -> Result<()> {
    let core = prepared(options).await?;
    let author = Author::command("create_admin_user");
    let user = repaired(&core, &author).await?;
    say!(
        "{AKADMIN} is an active administrator. Open this path on the server and confirm to sign in, once; then set a password:"
    );
    link(&core, &author, &user, Span::from_secs(3600)).await?;
    core.db.close().await;
    Ok(())
}

/// akadmin: created if missing, active, and a member of the administrators' group.
pub(super) async fn repaired(core: &Core, author: &Author) -> Result<User> {
    let mut all = Transaction::new(core, author);
    let group = admins(core, &mut all).await?;
    let change = match users::by_username(&core.db, AKADMIN).await? {
        Some(user) if user.is_active && user.user_type == PERSON => UserChange::of(&user),
        Some(before) => {
            let user = User { is_active: true, user_type: PERSON.into(), ..before.clone() };
            UserChange::update(&before, user)
        }
        None => UserChange::create(User { name: "Administrator".into(), ..User::new(&core.ports, AKADMIN) }),
    };
    all.change(change.join([group.id])).await?;
    all.commit().await?;
    user(core, AKADMIN).await
}

/// Prints the code of the first-run setup.
pub async fn setup_code(options: &Options) -> Result<()> {
    let core = prepared(options).await?;
    let code = setup::code(&core).await?;
    core.db.close().await;
    match code {
        Some(code) => {
            say!("{}", code.reveal());
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
    say!(
        "Whoever opens this path on the server within {minutes} minutes and confirms is signed in as {}, once:",
        user.username
    );
    link(&core, &Author::command("create_recovery_key"), &user, Span::from_secs(minutes * 60)).await?;
    core.db.close().await;
    Ok(())
}

pub(super) async fn link(core: &Core, author: &Author, user: &User, life: Span) -> Result<()> {
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
    directory::commit(core, author, TokenChange::create(token, key.clone())).await?;
    say!("/recovery/use-token/{}/", key.reveal());
    Ok(())
}

pub async fn change_password(options: &Options, name: &str) -> Result<()> {
    let core = prepared(options).await?;
    let user = user(&core, name).await?;
    let password = read_password(&user.username)?;
    let hash = core.hasher.hash(password).await?;
    let author = Author::command("changepassword");
    directory::set_password(&core, &author, &user, &hash, &KeptSession::default()).await?;
    if users::canonical(&user.username) == AKADMIN {
        setup::finish(&core).await?;
    }
    say!(
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
        output::notice(question);
    }
    let hidden = echo("-echo");
    let mut line = String::new();
    let read = std::io::stdin().lock().read_line(&mut line);
    if hidden {
        echo("echo");
        note!("");
    }
    read.map_err(Error::internal)?;
    Ok(Secret::new(line.trim_end_matches(['\r', '\n'])))
}
