// People whom another server (npm oidc-provider) vouches for: enrolment, sign-in, connecting, disconnecting, a denied match.
import assert from "node:assert/strict";
import { newUser, sessionApi } from "./lib/api.mjs";
import { base, check, failed, newPerson, withBrowser } from "./lib/browser.mjs";
import { signIn, submit } from "./lib/forms.mjs";
import { axe, look } from "./lib/look.mjs";

const issuer = process.env.ISSUER;
const settings = `${base}/if/user/security/`;
const heading = (page, name) => page.getByRole("heading", { level: 1, name });
const library = (page) => page.waitForURL((url) => url.pathname === "/if/user/");
const start = (page) => page.goto(`${base}/if/flow/default-authentication-flow/?next=/if/user/`);
const who = async (context) => (await sessionApi(context)("GET", "/core/users/me/")).user.username;

/** Goes from the sign-in page to the other server by its button. */
async function go(page, source) {
  await start(page);
  await page.getByRole("main").getByText(source).first().click();
}

/** At the other server: says who they are. */
async function choose(page, name) {
  await heading(page, "Who are you?").waitFor();
  assert.ok(page.url().startsWith(issuer), page.url());
  await page.getByRole("link", { name, exact: true }).click();
}

const row = (page, source) => page.locator("#connections li", { hasText: source });

async function enrolment(browser) {
  const { context, page, wrong } = await newPerson(browser);
  await check("source: the sign-in page offers it, and a newcomer gets an account of the told name", async () => {
    await start(page);
    await look(page, "source-sign-in");
    await go(page, "Up Company");
    await choose(page, "ada");
    await library(page);
    assert.equal(await who(context), "ada");
  });
  await check("source: no policy violation, script error, 5xx or foreign host on the way in", () => assert.deepEqual(wrong, []));
  await context.close();

  const other = await newPerson(browser, { bypassCSP: true });
  await check("source: a newcomer whose name is not told is asked for it", async () => {
    await go(other.page, "Up Company");
    await choose(other.page, "nameless");
    await heading(other.page, "Choose a username").waitFor();
    await look(other.page, "source-enrolment");
    assert.deepEqual(await axe(other.page), []);
    await other.page.getByLabel("Username").and(other.page.locator("input:not([type=hidden])")).fill("grace");
    await submit(other.page);
    await library(other.page);
    assert.equal(await who(other.context), "grace");
  });
  await other.context.close();
}

async function signingIn(browser) {
  const { context, page, wrong } = await newPerson(browser);
  await check("source: whoever has enrolled signs in, and comes to the wanted page", async () => {
    await page.goto(settings);
    await page.getByRole("main").getByText("Up Company").first().click();
    await choose(page, "ada");
    await page.waitForURL(settings);
    assert.equal(await who(context), "ada");
  });
  await check("source: signing in again asks nothing there", async () => {
    await context.clearCookies({ name: "authentik_session" });
    await go(page, "Up Company");
    await library(page);
    assert.equal(await who(context), "ada");
  });
  await check("source: no policy violation, script error, 5xx or foreign host", () => assert.deepEqual(wrong, []));
  await context.close();

  const plain = await newPerson(browser, { javaScriptEnabled: false });
  await check("source: it works without script", async () => {
    await go(plain.page, "Up Company");
    await choose(plain.page, "ada");
    await library(plain.page);
  });
  await plain.context.close();
}

/** Somebody goes to the source that denies names that are taken. */
async function denied(browser, what) {
  const { context, page, wrong } = await newPerson(browser, { bypassCSP: true });
  await check(`source: ${what}`, async () => {
    await go(page, "Strict Company");
    await choose(page, "bob");
    await heading(page, "Strict Company did not sign you in").waitFor();
    await look(page, "source-denied");
    assert.deepEqual(await axe(page), []);
    assert.equal((await context.request.get(`${base}/api/v3/core/users/me/`)).status(), 403);
    await page.getByRole("link", { name: "Try again" }).click();
    await page.getByRole("main").getByText("Strict Company").first().waitFor();
  });
  await check("source: nothing wrong on the refusal's pages", () => assert.deepEqual(wrong, []));
  await context.close();
}

async function connecting(browser, bob, script) {
  const how = script ? "with script" : "without script";
  const { context, page, wrong } = await newPerson(browser, script ? {} : { javaScriptEnabled: false });
  await start(page);
  await signIn(page, bob);
  await library(page);
  await check(`connecting, ${how}: a button of the settings leads there and back`, async () => {
    await page.goto(settings);
    await row(page, "Strict Company").getByText("Not connected").waitFor();
    await row(page, "Strict Company").getByRole("button", { name: /^Connect/ }).click();
    await choose(page, "bob");
    await row(page, "Strict Company").getByText("Connected since").waitFor();
    await look(page, `source-connected-${script ? "script" : "plain"}`);
  });
  const fresh = await newPerson(browser);
  await check(`connecting, ${how}: the account signs in by it`, async () => {
    await go(fresh.page, "Strict Company");
    await choose(fresh.page, "bob");
    await library(fresh.page);
    assert.equal(await who(fresh.context), "bob");
  });
  await fresh.context.close();
  await check(`disconnecting, ${how}: the settings say so, and the session goes on`, async () => {
    await row(page, "Strict Company").getByRole("button", { name: /^Disconnect/ }).click();
    await row(page, "Strict Company").getByText("Not connected").waitFor();
    assert.equal(await who(context), "bob");
  });
  await check(`connecting, ${how}: no policy violation, script error, 5xx or foreign host`, () => assert.deepEqual(wrong, []));
  await context.close();
  await denied(browser, `after disconnecting, ${how}, it does not sign in any more`);
}

await withBrowser(async (browser) => {
  await enrolment(browser);
  await signingIn(browser);
  const bob = await newUser("bob");
  await denied(browser, "a match that its mode denies is told, and signs nobody in");
  await connecting(browser, bob, true);
  await connecting(browser, bob, false);
}).catch((error) => error.told || console.log(`FAIL ${error.message.split("\n")[0]}`));
process.exitCode = failed() ? 1 : 0;
