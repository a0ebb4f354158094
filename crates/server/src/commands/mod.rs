//! The command line.
mod accounts;
mod blueprint;
mod explain;
mod explain_permission;
mod mail;
mod output;
mod probe;
mod rescue;

use crate::config::{Config, Options, SettingError, manual};
use crate::{log, serve, wiring};
use clap::{Parser, Subcommand};
use output::{note, say};
use signet_base::error::Chain;
use signet_base::{Error, Ports, Result};
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

#[derive(Parser)]
#[command(
    name = "signet",
    version,
    about = "Identity provider: sign-in, single sign-on, directory.",
    disable_help_subcommand = true
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
#[command(rename_all = "snake_case")]
enum Command {
    /// Answer HTTP and HTTPS; also does the work of a worker.
    Server,
    /// Only work beside requests, on PostgreSQL.
    Worker,
    /// Bring the database's schema up to date.
    Migrate,
    /// Judge the settings without starting.
    Check,
    /// Ask the running server on this machine whether it is ready.
    Healthcheck,
    /// Print the effective settings, secrets hidden.
    DumpConfig,
    /// Create or repair the group of administrators and put a user into it: akadmin, where none is named.
    CreateAdminGroup { user: Option<String> },
    /// Create or repair akadmin and print a recovery link.
    CreateAdminUser,
    /// Print the code that the first run asks for when it is opened from another machine.
    #[command(alias = "setup-code")]
    SetupCode,
    /// Give a locked-out installation a way in: akadmin, the sign-in flow and the brand as they were shipped.
    Rescue,
    /// Print a link that signs a user in once.
    CreateRecoveryKey {
        /// Minutes that the link lives.
        duration: i64,
        user: String,
    },
    /// Set a user's password, read from the terminal or from standard input.
    Changepassword { user: String },
    /// Import a blueprint file; `-` reads standard input.
    ApplyBlueprint { path: PathBuf },
    /// Say why somebody may use an application or run a flow, or not.
    Explain(explain::Query),
    /// Say which role, group or object permission gives somebody a permission, or what is missing.
    #[command(alias = "explain-permission")]
    ExplainPermission(explain_permission::Query),
    /// Send a test mail and say what the mail server answers.
    TestEmail {
        to: String,
        /// Name or key of an e-mail stage with a server of its own.
        #[arg(short = 'S', long)]
        stage: Option<String>,
    },
    /// Print versions.
    Version,
    /// Print the manual's table of settings.
    #[command(hide = true)]
    SettingsTable,
}

/// Runs the command line. Exit code 2: invalid arguments or settings; 1: the command failed.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(error) => {
            // clap reports help and version as errors with exit code 0.
            let _ = error.print();
            return if error.use_stderr() { ExitCode::from(2) } else { ExitCode::SUCCESS };
        }
    };
    signet_base::machine::keep_new_files_private();
    output::end(execute(cli))
}

fn execute(cli: Cli) -> ExitCode {
    match &cli.command {
        Command::Version => {
            say!("Signet {} (API {})", env!("CARGO_PKG_VERSION"), signet_core::system::API_VERSION);
            return ExitCode::SUCCESS;
        }
        Command::SettingsTable => {
            output::text(manual());
            return ExitCode::SUCCESS;
        }
        _ => {}
    }
    let config = match Config::from_process() {
        Ok(config) => config,
        Err(mistakes) => return refuse(&mistakes),
    };
    let options = Options::of(&config);
    match &cli.command {
        Command::Check => {
            config.warnings.iter().for_each(|w| note!("warning: {w}"));
            say!("The settings are valid.");
            return ExitCode::SUCCESS;
        }
        Command::DumpConfig => {
            output::text(config.dump());
            return ExitCode::SUCCESS;
        }
        Command::Healthcheck => return probe::run(&options),
        _ => {}
    }
    log::start(&options);
    if matches!(cli.command, Command::Server | Command::Worker | Command::Migrate) {
        config.warnings.iter().for_each(|w| tracing::warn!("{w}"));
    }
    let mut threads = tokio::runtime::Builder::new_multi_thread();
    threads.worker_threads(options.threads()).thread_stack_size(signet_expr::STACK_BYTES).enable_all();
    let runtime = match threads.on_thread_start(signet_expr::run_on_this_thread).build() {
        Ok(runtime) => runtime,
        Err(error) => {
            note!("signet: {error}");
            return ExitCode::FAILURE;
        }
    };
    match runtime.block_on(run(cli.command, &options)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            note!("signet: {}", words(&error));
            ExitCode::FAILURE
        }
    }
}

fn refuse(mistakes: &[SettingError]) -> ExitCode {
    note!("signet: the settings are wrong:");
    mistakes.iter().for_each(|m| note!("  {m}"));
    ExitCode::from(2)
}

/// An error message for the terminal.
fn words(error: &Error) -> String {
    match error {
        Error::Invalid(fields) => match fields.to_json() {
            signet_base::Json::Object(map) => {
                map.values().filter_map(|v| v.get(0).and_then(|m| m.as_str())).collect::<Vec<_>>().join("\n")
            }
            other => other.to_string(),
        },
        Error::Denied(why) => why.clone(),
        Error::Conflict(why) => why.to_string(),
        Error::Unavailable(why) | Error::Internal(why) => Chain(&**why).to_string(),
        Error::TooMany { .. } => error.to_string(),
        Error::NotFound => "there is no such thing".into(),
    }
}

async fn run(command: Command, options: &Options) -> Result<()> {
    match command {
        Command::Server => serve::run(options).await,
        Command::Worker => serve::worker(options).await,
        Command::Migrate => {
            let db = wiring::open_database(options).await?;
            let count = signet_store::migrate(&db, &Ports::system()).await?;
            say!(
                "{}",
                if count == 0 {
                    "The schema is up to date.".to_owned()
                } else {
                    format!("{count} migrations applied.")
                }
            );
            db.close().await;
            Ok(())
        }
        Command::CreateAdminGroup { user } => accounts::admin_group(options, user.as_deref()).await,
        Command::SetupCode => accounts::setup_code(options).await,
        Command::Rescue => rescue::run(options).await,
        Command::CreateAdminUser => accounts::admin_user(options).await,
        Command::CreateRecoveryKey { duration, user } => {
            accounts::recovery_key(options, duration, &user).await
        }
        Command::Changepassword { user } => accounts::change_password(options, &user).await,
        Command::ApplyBlueprint { path } => blueprint::apply(options, &path).await,
        Command::Explain(query) => explain::run(options, &query).await,
        Command::ExplainPermission(query) => explain_permission::run(options, &query).await,
        Command::TestEmail { to, stage } => mail::test(options, &to, stage.as_deref()).await,
        // Handled before the settings are read.
        Command::Check
        | Command::Healthcheck
        | Command::DumpConfig
        | Command::Version
        | Command::SettingsTable => Ok(()),
    }
}
