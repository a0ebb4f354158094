// A stranger's way: first-run set-up, then a real application behind the sign-in, consent, the protected page, sign-out.
import assert from "node:assert/strict";
import { sessionApi, newApplication } from "./lib/api.mjs";
import { apache, base, check, newPerson } from "./lib/browser.mjs";
import { go, password, signIn, submit, username, which } from "./lib/forms.mjs";

export const admin = { username: "akadmin", email: "admin@example.test", password: "Correct-Horse-7-Battery" };
export const ada = { username: "ada", email: "ada@example.test", password: "Analytical-Engine-1843" };

async function claim(page, name) {
  return (await page.locator(`#${name}`).innerText()).trim();
}

/** To the protected page and through what stands before it; whether consent was asked for. */
async function toProtectedPage(page, person) {
  await page.goto(`${apache}/protected/`);
  await signIn(page, person);
  const welcome = page.getByRole("heading", { name: "Welcome", exact: true });
  const consent = page.locator("form:has(input[name=component][value=ak-stage-consent])");
  const seen = await which({ welcome, consent });
  if (seen === "consent") {
    assert.match(await page.getByRole("main").innerText(), /e-?mail/i, "consent names what is shared");
    await submit(page);
    await welcome.waitFor();
  }
  assert.equal(page.url(), `${apache}/protected/`);
  assert.equal(await claim(page, "preferred_username"), person.username);
  assert.equal(await claim(page, "email"), person.email);
  assert.equal(await claim(page, "iss"), `${base}/application/o/apache/`);
  return seen === "consent";
}

async function signOut(page) {
  const bye = `${apache}/bye.html`;
  await page.goto(`${apache}/protected/redirect_uri?logout=${encodeURIComponent(bye)}`);
  await page.waitForURL(bye);
}

export async function setUp(browser) {
  const { context, page, wrong } = await newPerson(browser);
  await check("first run: the printed address leads to the set-up", async () => {
    await page.goto(`${base}/`);
    await page.waitForURL(/\/if\/flow\/initial-setup\//);
  });
  await check("first run: e-mail and password, then signed in", async () => {
    const address = page.getByLabel(/e-?mail/i).and(page.locator("input:not([type=hidden])")).first();
    if (await address.count()) await address.fill(admin.email);
    const secrets = page.locator("main input[type=password]");
    assert.equal(await secrets.count(), 2, "the password twice");
    await secrets.nth(0).fill(admin.password);
    await secrets.nth(1).fill(admin.password);
    await submit(page);
    await page.waitForURL(/\/if\/user\//);
  });
  await check("first run: happens only once", async () => {
    const stranger = await newPerson(browser);
    await stranger.page.goto(`${base}/if/flow/initial-setup/`);
    await stranger.page.getByRole("heading", { level: 1 }).waitFor();
    assert.equal(await stranger.page.locator("main input[type=password]").count(), 0);
    await stranger.page.goto(`${base}/`);
    await username(stranger.page).waitFor();
    await stranger.context.close();
  });
  const api = sessionApi(context);
  await check("the administrator's session makes applications and people by the API", async () => {
    const client = { client_id: process.env.CLIENT_ID, client_secret: process.env.CLIENT_SECRET };
    await newApplication(api, { slug: "apache", name: "Apache", redirect: `${apache}/protected/redirect_uri`, logout: `${apache}/bye.html`, invalidation: "default-invalidation-flow", client });
    await newApplication(api, { slug: "wiki", name: "Wiki", group: "Documents", redirect: `${apache}/bye.html`, client: { client_id: "tour-wiki" }, meta_description: "What everybody knows" });
    const vault = await newApplication(api, { slug: "vault", name: "Vault", redirect: `${apache}/bye.html`, client: { client_id: "tour-vault" } });
    const admins = (await api("GET", `/core/groups/?name=${encodeURIComponent("authentik Admins")}`)).results[0];
    await api("POST", "/policies/bindings/", { target: vault.application.pk, group: admins.pk, order: 0 });
    const user = await api("POST", "/core/users/", { username: ada.username, name: "Ada Lovelace", email: ada.email, path: "users" });
    await api("POST", `/core/users/${user.pk}/set_password/`, { password: ada.password });
  });
  await check("first run: no policy violation, script error, 5xx or foreign host", () => assert.deepEqual(wrong, []));
  await context.close();
}

export async function journey(browser) {
  const { context, page, wrong } = await newPerson(browser);
  await check("Apache: sign-in, consent, the protected page with the claims", async () => {
    assert.equal(await toProtectedPage(page, admin), true, "consent is asked for");
    assert.match(await claim(page, "groups"), /authentik Admins/);
  });
  await check("Apache: sign-out by end-session ends both sessions", async () => {
    await signOut(page);
    const me = await context.request.get(`${base}/api/v3/core/users/me/`);
    assert.equal(me.status(), 403);
    await page.goto(`${apache}/protected/`);
    await username(page).waitFor();
  });
  await check("a wrong password is told at its field, the right one then works", async () => {
    await username(page).fill(admin.username);
    await submit(page);
    await password(page).fill("not-this-one");
    await submit(page);
    await page.locator("input[name=password][aria-invalid=true]").waitFor();
    await password(page).fill(admin.password);
    await submit(page);
    const welcome = page.getByRole("heading", { name: "Welcome", exact: true });
    if ((await which({ welcome, form: go(page) })) === "form") await submit(page);
    await welcome.waitFor();
  });
  await check("Apache: no policy violation, script error, 5xx or foreign host", () => assert.deepEqual(wrong, []));
  await context.close();
}

export async function withoutScript(browser) {
  const { context, page, wrong } = await newPerson(browser, { javaScriptEnabled: false });
  await check("without script: sign-in, consent, the protected page with the claims", async () => {
    assert.equal(await toProtectedPage(page, ada), true, "consent is asked for");
  });
  await check("without script: sign-out", () => signOut(page));
  await check("without script: no 5xx or foreign host", () => assert.deepEqual(wrong, []));
  await context.close();
}
