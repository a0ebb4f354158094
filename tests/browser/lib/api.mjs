// The API with the session of a signed-in browser: cookies and the CSRF header, as our own pages use it.
import { base } from "./browser.mjs";

export function sessionApi(context) {
  return async (method, path, data) => {
    const token = (await context.cookies(base)).find((cookie) => cookie.name === "authentik_csrf")?.value;
    const answer = await context.request.fetch(`${base}/api/v3${path}`, {
      method,
      data,
      headers: { referer: `${base}/`, ...(token ? { "x-authentik-csrf": token } : {}) },
    });
    if (!answer.ok()) throw new Error(`${method} ${path}: ${answer.status()} ${(await answer.text()).slice(0, 300)}`);
    return answer.status() === 204 ? null : answer.json();
  };
}

/** An application with a provider that asks for consent. */
export async function newApplication(api, { slug, name, group = "", redirect, logout, client = {}, invalidation = "default-provider-invalidation-flow", ...extra }) {
  const flow = async (of) => (await api("GET", `/flows/instances/${of}/`)).pk;
  const scopes = (await api("GET", "/propertymappings/provider/scope/?page_size=100")).results;
  const keys = (await api("GET", "/crypto/certificatekeypairs/?has_key=true")).results;
  const uris = [{ matching_mode: "strict", url: redirect, redirect_uri_type: "authorization" }];
  if (logout) uris.push({ matching_mode: "strict", url: logout, redirect_uri_type: "logout" });
  const provider = await api("POST", "/providers/oauth2/", {
    name,
    authorization_flow: await flow("default-provider-authorization-explicit-consent"),
    invalidation_flow: await flow(invalidation),
    redirect_uris: uris,
    property_mappings: scopes.filter((m) => m.managed && ["openid", "email", "profile"].includes(m.scope_name)).map((m) => m.pk),
    signing_key: keys[0]?.pk ?? null,
    grant_types: ["authorization_code", "refresh_token"],
    ...client,
  });
  const application = await api("POST", "/core/applications/", { name, slug, group, provider: provider.pk, meta_launch_url: `${new URL(redirect).origin}/`, ...extra });
  return { application, provider };
}

/** The API with the key of the administrator. */
export async function api(method, path, data) {
  const headers = { authorization: `Bearer ${process.env.SIGNET_TOKEN}`, ...(data === undefined ? {} : { "content-type": "application/json" }) };
  const answer = await fetch(`${base}/api/v3${path}`, { method, headers, body: data === undefined ? undefined : JSON.stringify(data) });
  if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${(await answer.text()).slice(0, 300)}`);
  return answer.status === 204 ? null : answer.json();
}

/** A person with a password. */
export async function newUser(username, { groups = [], password = "Analytical-Engine-1843" } = {}) {
  const email = `${username}@example.test`;
  const user = await api("POST", "/core/users/", { username, name: `${username} Example`, email, path: "users", groups });
  await api("POST", `/core/users/${user.pk}/set_password/`, { password });
  return { pk: user.pk, username, email, password };
}

/** The first object of a list. */
export async function first(path) {
  const found = (await api("GET", path)).results[0];
  if (!found) throw new Error(`nothing at ${path}`);
  return found;
}
