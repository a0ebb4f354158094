import assert from "node:assert/strict";
import { api, first, newUser } from "../lib/api.mjs";
import { base, check, newPerson } from "../lib/browser.mjs";
import { totp } from "../lib/devices.mjs";
import { password, signIn, submit, username, which } from "../lib/forms.mjs";
import { look } from "../lib/look.mjs";
import { code, heading, library, setUpApp, signOut } from "./second-factor.mjs";

const ENTERPRISE = `${base}/if/flow/enterprise-sso/?next=/if/user/`;

/** The hours in which people may sign in: always, or never. */
async function hours(open) {
  const policy = await first("/policies/time_window/?name=enterprise-sso-working-hours");
  const all = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
  const today = (new Date().getUTCDay() + 6) % 7;
  const days = open ? all : [all[(today + 3) % 7]];
  await api("PATCH", `/policies/time_window/${policy.pk}/`, { days, start: "00:00", end: open ? "24:00" : "00:01" });
}

export async function enterprise(browser) {
  const members = await first(`/core/groups/?name=${encodeURIComponent("Enterprise SSO users")}`);
  const ada = await newUser("ada-enterprise", { groups: [members.pk] });
  const mallory = await newUser("mallory-enterprise");
  await hours(true);
  const { context, page, wrong } = await newPerson(browser);
  let key;
  await check("enterprise: an unknown browser is asked for a second factor", async () => {
    await page.goto(ENTERPRISE);
    await signIn(page, ada);
    key = await setUpApp(page);
    await library(page);
  });
  await signOut(page);
  // From here on a bad reputation alone is reason enough; good and bad ones of the runs before are forgotten.
  const risk = await first("/policies/risk/?name=enterprise-sso-high-risk");
  await api("PATCH", `/policies/risk/${risk.pk}/`, { threshold: 16 });
  for (const { pk } of (await api("GET", "/policies/reputation/scores/?page_size=100")).results) await api("DELETE", `/policies/reputation/scores/${pk}/`);
  await check("enterprise: the same browser, nothing unusual: the password is enough", async () => {
    await page.goto(ENTERPRISE);
    await signIn(page, ada);
    await library(page);
  });
  await signOut(page);
  await check("enterprise: after wrong passwords the risk is high and the second factor is asked for again", async () => {
    await page.goto(ENTERPRISE);
    await username(page).fill(ada.username);
    await submit(page);
    for (let i = 0; i < 4; i++) {
      await password(page).fill(`wrong-${i}`);
      await submit(page);
      await page.locator("input[name=password][aria-invalid=true]").waitFor();
    }
    await password(page).fill(ada.password);
    await submit(page);
    await heading(page, "Enter your one‑time code").waitFor();
    await code(page).fill(totp(key, 1));
    await library(page);
    await api("PATCH", `/policies/risk/${risk.pk}/`, { threshold: 50 });
  });
  await check("enterprise: who is in no group is refused, with an id to look up", async () => {
    const other = await newPerson(browser);
    await other.page.goto(ENTERPRISE);
    await signIn(other.page, mallory);
    await setUpApp(other.page);
    await heading(other.page, /can’t sign in/).waitFor();
    await other.page.getByText("You cannot sign in here, or not at this time.").waitFor();
    assert.match(await other.page.locator(".trace code").innerText(), /\S/);
    await look(other.page, "enterprise-refused");
    assert.equal((await other.context.request.get(`${base}/api/v3/core/users/me/`)).status(), 403);
    await other.context.close();
  });
  await signOut(page);
  await check("enterprise: outside of the hours nobody passes", async () => {
    await hours(false);
    await page.goto(ENTERPRISE);
    await signIn(page, ada);
    const refused = heading(page, /can’t sign in/);
    const asked = heading(page, "Enter your one‑time code");
    // The wrong passwords of before may still ask for the second factor.
    if ((await which({ refused, asked })) === "asked") throw new Error("the second factor was asked for although the threshold is back");
    await hours(true);
  });
  await check("enterprise: no policy violation, script error, 5xx or foreign host", () => assert.deepEqual(wrong, []));
  await context.close();
}

/** A sign-in flow that asks for a new password when the old one is too old. */
async function expiryFlow() {
  const stage = (path, name) => first(`/stages/${path}/?name=${name}`);
  const flow = await api("POST", "/flows/instances/", { name: "Sign in", slug: "login-expiry", title: "Sign in", designation: "authentication" });
  const policy = await api("POST", "/policies/password_expiry/", { name: "login-expiry", days: 0, deny_only: true });
  const bind = async (object, order, guarded) => {
    const binding = await api("POST", "/flows/bindings/", { target: flow.pk, stage: object.pk, order, re_evaluate_policies: true });
    // Negated: the step is for those whose password is too old.
    if (guarded) await api("POST", "/policies/bindings/", { target: binding.pk, policy: policy.pk, order: 0, negate: true });
  };
  await bind(await stage("identification", "default-authentication-identification"), 10, false);
  await bind(await stage("password", "default-authentication-password"), 20, false);
  await bind(await stage("prompt/stages", "default-password-change-prompt"), 30, true);
  await bind(await stage("user_write", "default-password-change-write"), 40, true);
  await bind(await stage("user_login", "default-authentication-login"), 100, false);
  return policy;
}

export async function expiry(browser) {
  const ada = await newUser("ada-expiry");
  const policy = await expiryFlow();
  const { context, page, wrong } = await newPerson(browser);
  const start = `${base}/if/flow/login-expiry/?next=/if/user/`;
  const fresh = { ...ada, password: "Difference-Engine-1822" };
  await check("expiry: who signs in with a password that is too old chooses a new one first", async () => {
    await page.goto(start);
    await signIn(page, ada);
    const fields = page.locator("main input[type=password]");
    await fields.nth(1).waitFor();
    assert.equal((await context.request.get(`${base}/api/v3/core/users/me/`)).status(), 403, "not signed in before");
    await look(page, "expiry");
    await fields.nth(0).fill(fresh.password);
    await fields.nth(1).fill(fresh.password);
    await submit(page);
    await library(page);
  });
  await signOut(page);
  await check("expiry: the new password is young enough and signs in at once, the old one never again", async () => {
    await api("PATCH", `/policies/password_expiry/${policy.pk}/`, { days: 90 });
    await page.goto(start);
    await signIn(page, ada);
    await page.locator("input[name=password][aria-invalid=true]").waitFor();
    await password(page).fill(fresh.password);
    await submit(page);
    await library(page);
  });
  await check("expiry: no policy violation, script error, 5xx or foreign host", () => assert.deepEqual(wrong, []));
  await context.close();
}
