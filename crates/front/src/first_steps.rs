//! `/if/admin/`: the next tasks of an administrator, as long as there is no console. Also shown instead of an
//! empty library.
use crate::edge::Edge;
use crate::library::{set_csrf, to_sign_in};
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use signet_base::{Error, Result};
use signet_core::models::Application;
use signet_core::page::{AccountMenu, PageContext};
use signet_core::{Core, Principal, address};
use signet_pages::{FirstStep, FirstStepsPage, PagePolicy, first_steps_page};
use signet_store::users;

/// `/if/admin/`
pub async fn admin(edge: Edge) -> Response {
    let Some(person) = edge.session.principal() else { return to_sign_in(&edge) };
    if !person.may(signet_core::permission::ADMIN_INTERFACE) {
        return edge.fail(&Error::denied(
            "The administration is open to members of an administrators’ group. Ask one of them to add you.",
        ));
    }
    match page(&edge, person).await {
        Ok(mut response) => {
            set_csrf(&edge, &mut response);
            edge.send(response).await
        }
        Err(error) => edge.fail(&error),
    }
}

/// Renders the page. The caller has checked that the user is an administrator.
pub async fn page(edge: &Edge, person: &Principal) -> Result<Response> {
    let core = &edge.core;
    let steps = steps(core).await?;
    let page_context = PageContext::of(core, &edge.client, &edge.cookies);
    let menu = AccountMenu::of(person, edge.session.csrf_if_known(core));
    let page = first_steps_page(&FirstStepsPage {
        page: page_context.page(core),
        account: menu.account("/if/admin/"),
        steps: &steps,
        home_url: "/if/user/",
        api_url: "/api/v3/",
    });
    Ok(page_context.answer(StatusCode::OK, &PagePolicy::default(), page).into_response())
}

/// The tasks. Each is done when its condition holds, not when it was clicked.
async fn steps(core: &Core) -> Result<Vec<FirstStep>> {
    let known = address::base(core).map(|origin| origin.to_string());
    let shown = known.as_deref().unwrap_or("https://id.example.com");
    Ok(vec![
        FirstStep {
            title: "Say where people find this server",
            text: "Links in mails lead to this address. Set the variable in the server’s environment (with Docker, in the file .env) and start it again.".into(),
            command: format!("AUTHENTIK_WEB__BASE_URL={shown}"),
            done: known.is_some(),
        },
        FirstStep {
            title: "Add the first person",
            text: "The second command prints a link that signs the person in once; there they choose a password. Put the names of your person in.".into(),
            command: PERSON.into(),
            // Users other than akadmin.
            done: users::count(&core.db).await? > 1,
        },
        FirstStep {
            title: "Connect the first application",
            text: "Put in the name of the application, its address, and the address that it gives for answers. Enter the same client ID and secret there, \
                and this as its issuer: "
                .to_owned()
                + shown
                + "/application/o/wiki/",
            command: APPLICATION.replace("SECRET", &core.ports.alphanumeric(40)),
            done: core.config().all::<Application>().next().is_some(),
        },
    ])
}

/// The commands shown; the tests run them.
pub const PERSON: &str = "signet apply_blueprint - <<'END'
version: 1
entries:
- model: authentik_core.user
  identifiers: {username: ada}
  attrs: {name: Ada Lovelace, email: ada@example.com}
END
signet create_recovery_key 1440 ada";

pub const APPLICATION: &str = "signet apply_blueprint - <<'END'
version: 1
entries:
- model: authentik_providers_oauth2.oauth2provider
  id: provider
  identifiers: {name: Wiki}
  attrs:
    client_id: wiki
    client_secret: SECRET
    redirect_uris: [{matching_mode: strict, url: 'https://wiki.example.com/callback'}]
    authorization_flow: !Find [authentik_flows.flow, [slug, default-provider-authorization-implicit-consent]]
    invalidation_flow: !Find [authentik_flows.flow, [slug, default-provider-invalidation-flow]]
    signing_key: !Find [authentik_crypto.certificatekeypair, [name, authentik Self-signed Certificate]]
    property_mappings:
    - !Find [authentik_providers_oauth2.scopemapping, [managed, goauthentik.io/providers/oauth2/scope-openid]]
    - !Find [authentik_providers_oauth2.scopemapping, [managed, goauthentik.io/providers/oauth2/scope-email]]
    - !Find [authentik_providers_oauth2.scopemapping, [managed, goauthentik.io/providers/oauth2/scope-profile]]
- model: authentik_core.application
  identifiers: {slug: wiki}
  attrs: {name: Wiki, provider: !KeyOf provider, meta_launch_url: 'https://wiki.example.com/'}
END";
