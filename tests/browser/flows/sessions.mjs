import assert from "node:assert/strict";
import { newUser } from "../lib/api.mjs";
import { base, check, newPerson } from "../lib/browser.mjs";
import { signIn, submit } from "../lib/forms.mjs";
import { axe, look } from "../lib/look.mjs";
import { heading, library, turnOnApp } from "./second-factor.mjs";

const status = async (context) => (await context.request.get(`${base}/api/v3/core/users/me/`)).status();

async function signedIn(browser, person, settings = {}) {
  const one = await newPerson(browser, settings);
  await one.page.goto(`${base}/if/flow/default-authentication-flow/?next=/if/user/`);
  await signIn(one.page, person);
  await library(one.page);
  return one;
}

/** The server of this run gives each person room for two sessions. */
export async function room(browser) {
  const ada = await newUser("ada-room");
  const all = [];
  await check("sessions: a third sign-in ends the oldest of two", async () => {
    for (let i = 0; i < 3; i++) all.push(await signedIn(browser, ada));
    assert.deepEqual(await Promise.all(all.map((one) => status(one.context))), [403, 200, 200]);
    await all[0].page.goto(`${base}/if/user/`);
    await all[0].page.waitForURL((url) => url.pathname.startsWith("/if/flow/"));
  });
  for (const { context } of all) await context.close();
}

export async function security(browser) {
  const ada = await newUser("ada-security");
  const { context, page, wrong } = await signedIn(browser, ada);
  const other = await signedIn(browser, ada);
  await check("security page: an authenticator app is added, named and removed", async () => {
    await page.goto(`${base}/if/user/security/`);
    await page.getByRole("link", { name: "Authenticator app" }).click();
    await turnOnApp(page);
    await heading(page, "Settings").waitFor();
    await page.locator("summary", { hasText: "Change" }).first().click();
    await page.locator("#methods").getByLabel("Name", { exact: true }).first().fill("Blue phone");
    await page.getByRole("button", { name: "Save name" }).first().click();
    await page.getByText("The name is saved.").waitFor();
    await page.getByText("Blue phone").first().waitFor();
    await look(page, "security");
    await page.locator("summary", { hasText: "Change" }).first().click();
    await page.getByRole("button", { name: /^Remove/ }).first().click();
    await page.getByText("The method is removed.").waitFor();
  });
  await check("security page: recovery codes are shown once, and counted", async () => {
    // Codes are offered beside another way.
    await page.getByRole("link", { name: "Authenticator app" }).click();
    await turnOnApp(page);
    await heading(page, "Settings").waitFor();
    await page.getByRole("link", { name: "Recovery codes" }).click();
    await heading(page, "Save your recovery codes").waitFor();
    assert.equal(await page.locator(".codes li").count(), 6);
    await page.getByLabel("I have stored these codes safely").check();
    await submit(page);
    await page.getByText("6 left").waitFor();
  });
  await check("security page: another session is signed out and is over at once", async () => {
    await page.getByRole("button", { name: /^Sign out (?!everywhere)/ }).first().click();
    await page.getByText("Signed out.").waitFor();
    assert.equal(await status(other.context), 403);
    assert.equal(await status(context), 200);
  });
  await check("security page: no policy violation, script error, 5xx or foreign host", () => assert.deepEqual(wrong, []));
  await context.close();
  await other.context.close();
  const reader = await signedIn(browser, await newUser("grace-security"), { bypassCSP: true });
  await check("security page: axe finds nothing serious", async () => {
    await reader.page.goto(`${base}/if/user/security/`);
    assert.deepEqual(await axe(reader.page), []);
  });
  await reader.context.close();
}
