import assert from "node:assert/strict";
import { api, first, newUser } from "../lib/api.mjs";
import { base, check, newPerson } from "../lib/browser.mjs";
import { password, signIn, submit, username, which } from "../lib/forms.mjs";
import { look } from "../lib/look.mjs";
import { count, letter, link } from "../lib/mail.mjs";
import { heading, library, signOut } from "./second-factor.mjs";

const NEW = "Difference-Engine-1822";
const fill = (page, label, text) => page.getByLabel(label, { exact: true }).fill(text);
const me = async (context) => (await (await context.request.get(`${base}/api/v3/core/users/me/`)).json()).user?.username;

/** Opens a link of a letter and says that it was meant for oneself: only that uses it up. */
async function follow(page, address) {
  await page.goto(address);
  await page.getByText("Go on if it was you who asked for this").waitFor();
  await submit(page);
}

/** Both fields of a new password. */
async function newPassword(page) {
  const fields = page.locator("main input[type=password]");
  await fields.first().waitFor();
  assert.equal(await fields.count(), 2, "the password twice");
  await fields.nth(0).fill(NEW);
  await fields.nth(1).fill(NEW);
}

export async function recovery(browser) {
  const ada = await newUser("ada-recovery");
  const { context, page, wrong } = await newPerson(browser);
  const start = `${base}/if/flow/default-recovery-flow/?next=/if/user/`;
  await check("recovery: a name that nobody has looks the same, and no letter goes out", async () => {
    const seen = count();
    await page.goto(start);
    await username(page).fill("nobody@example.test");
    await submit(page);
    await heading(page, "Check your e-mail").waitFor();
    await new Promise((resolve) => setTimeout(resolve, 1500));
    assert.equal(count(), seen);
    await context.clearCookies();
  });
  let address;
  await check("recovery: a letter with a link comes", async () => {
    const seen = count();
    await page.goto(start);
    await username(page).fill(ada.email);
    await submit(page);
    await heading(page, "Check your e-mail").waitFor();
    await look(page, "recovery-sent");
    address = link(await letter(ada.email, seen));
    assert.ok(address.startsWith(base), address);
  });
  await check("recovery: it can be sent again", async () => {
    const seen = count();
    // It counts down for at most a minute first.
    await page.getByRole("button", { name: "Send again", disabled: false }).click({ timeout: 70_000 });
    await page.getByText("Sent again.").waitFor();
    address = link(await letter(ada.email, seen));
  });
  await check("recovery: a scanner that opens the link first does not burn it", async () => {
    const scanner = await newPerson(browser);
    await scanner.page.goto(address);
    await scanner.page.getByText("Go on if it was you who asked for this").waitFor();
    await look(scanner.page, "recovery-link");
    await scanner.context.close();
  });
  await check("recovery: the link leads to a new password, on another device too", async () => {
    const other = await newPerson(browser);
    await follow(other.page, address);
    await newPassword(other.page);
    await look(other.page, "recovery-password");
    await submit(other.page);
    await library(other.page);
    assert.equal(await me(other.context), ada.username);
    assert.deepEqual(other.wrong, []);
    await other.context.close();
  });
  await check("recovery: the link is used up, the new password works and the old one does not", async () => {
    await context.clearCookies();
    await page.goto(address);
    await heading(page, "This link does not work any more").waitFor();
    await page.goto(`${base}/if/flow/default-authentication-flow/?next=/if/user/`);
    await signIn(page, ada);
    await page.locator("input[name=password][aria-invalid=true]").waitFor();
    await password(page).fill(NEW);
    await submit(page);
    await library(page);
  });
  await check("recovery: no policy violation, script error, 5xx or foreign host", () => assert.deepEqual(wrong, []));
  await context.close();
}

export async function mailedCode(browser) {
  const ada = await newUser("ada-mail-code");
  const { context, page, wrong } = await newPerson(browser);
  await check("codes by e-mail: turned on with a code that came by mail", async () => {
    await page.goto(`${base}/if/flow/default-authentication-flow/?next=/if/user/security/`);
    await signIn(page, ada);
    await heading(page, "Settings").waitFor();
    const seen = count();
    await page.getByRole("link", { name: "Codes by e-mail" }).click();
    const asked = heading(page, "Set up codes by e-mail");
    const sent = heading(page, "Enter the code we sent");
    if ((await which({ asked, sent })) === "asked") {
      await page.locator("main input[name=email]").fill(ada.email);
      await submit(page);
      await sent.waitFor();
    }
    await look(page, "mailed-code");
    const code = page.locator("main input[name=code]");
    await code.fill("000000");
    await page.locator("input[name=code][aria-invalid=true]").waitFor();
    const digits = (await letter(ada.email, seen)).replace(/[\s\S]*?\n\r?\n/, "").match(/\b\d{6}\b/);
    assert.ok(digits, "six digits are in the letter");
    await code.fill(digits[0]);
    await submit(page);
    await heading(page, "Settings").waitFor();
    await page.locator(".list").getByText(/Codes by e-mail|Email/).first().waitFor();
  });
  await check("codes by e-mail: no policy violation, script error, 5xx or foreign host", () => assert.deepEqual(wrong, []));
  await context.close();
}

/** The two pages of an enrolment. */
async function enrol(page, name, mail) {
  await page.getByLabel("Username", { exact: true }).fill(name);
  await newPassword(page);
  await submit(page);
  await fill(page, "Name", `${name} Example`);
  if (mail) await fill(page, "E-mail", mail);
  await submit(page);
}

export async function enrolment(browser) {
  const { context, page, wrong } = await newPerson(browser);
  await check("enrolment: the account waits for the link in the letter", async () => {
    const seen = count();
    await page.goto(`${base}/if/flow/enrollment-email-verification/?next=/if/user/`);
    await look(page, "enrolment");
    await enrol(page, "eve-enrolled", "eve@example.test");
    await heading(page, "Check your e-mail").waitFor();
    assert.equal((await first("/core/users/?username=eve-enrolled")).is_active, false);
    await follow(page, link(await letter("eve@example.test", seen)));
    await library(page);
    assert.equal((await first("/core/users/?username=eve-enrolled")).is_active, true);
    assert.equal(await me(context), "eve-enrolled");
  });
  await check("enrolment: no policy violation, script error, 5xx or foreign host", () => assert.deepEqual(wrong, []));
  await context.close();
}

export async function invitation(browser) {
  const flow = await api("GET", "/flows/instances/enrollment-invitation/");
  const { pk } = await api("POST", "/stages/invitation/invitations/", { name: "for-ivy", flow: flow.pk, single_use: true, fixed_data: { email: "ivy@example.test" } });
  const address = `${base}/if/flow/enrollment-invitation/?itoken=${pk}&next=/if/user/`;
  const { context, page, wrong } = await newPerson(browser);
  await check("invitation: without one there is no account to be had", async () => {
    await page.goto(`${base}/if/flow/enrollment-invitation/`);
    await heading(page, /invitation does not work/).waitFor();
    await look(page, "invitation-missing");
    assert.equal(await page.locator("main input").count(), 0);
  });
  await check("invitation: its link leads to an account", async () => {
    await page.goto(address);
    await enrol(page, "ivy-invited", "ivy@example.test");
    await library(page);
    assert.equal(await me(context), "ivy-invited");
  });
  await signOut(page);
  await check("invitation: it works once", async () => {
    await page.goto(address);
    await heading(page, /invitation does not work/).waitFor();
    assert.equal(await page.locator("main input").count(), 0);
  });
  await check("invitation: no policy violation, script error, 5xx or foreign host", () => assert.deepEqual(wrong, []));
  await context.close();
}
