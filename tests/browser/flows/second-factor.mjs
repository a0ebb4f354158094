import assert from "node:assert/strict";
import { newUser } from "../lib/api.mjs";
import { base, check, newPerson } from "../lib/browser.mjs";
import { totp } from "../lib/devices.mjs";
import { password, signIn, submit, username } from "../lib/forms.mjs";
import { look } from "../lib/look.mjs";

export const code = (page) => page.locator("main input[name=code]");
export const heading = (page, name) => page.getByRole("heading", { level: 1, name });
export const library = (page) => page.waitForURL(/\/if\/user\//);

/** Chooses the authenticator app, reads the key from the page and turns it on; the key. */
export async function setUpApp(page) {
  await heading(page, "Protect your account").waitFor();
  await page.getByRole("button", { name: /Authenticator app/ }).click();
  return turnOnApp(page);
}

export async function turnOnApp(page) {
  await heading(page, "Set up an authenticator app").waitFor();
  await page.getByRole("img", { name: /QR code/ }).waitFor();
  const key = (await page.locator("code.key").innerText()).replace(/\s/g, "");
  // Six digits are sent by the page itself; without script by the button.
  await code(page).fill(totp(key));
  return key;
}

/** Signs out by the default flow. */
export async function signOut(page) {
  await page.goto(`${base}/if/flow/default-invalidation-flow/`);
  await page.context().clearCookies({ name: "authentik_session" });
}

export async function secondFactor(browser) {
  const ada = await newUser("ada-totp");
  const { context, page, wrong } = await newPerson(browser);
  const start = `${base}/if/flow/login-2fa/?next=/if/user/`;
  let key;
  await check("second factor: who has none sets up an authenticator app on the way in", async () => {
    await page.goto(start);
    await signIn(page, ada);
    await heading(page, "Protect your account").waitFor();
    await look(page, "second-factor-choose");
    await page.getByRole("button", { name: /Authenticator app/ }).click();
    await heading(page, "Set up an authenticator app").waitFor();
    await look(page, "second-factor-app");
    key = await turnOnApp(page);
    await library(page);
  });
  await signOut(page);
  await check("second factor: a wrong code is told at its field and does not sign in", async () => {
    await page.goto(start);
    await signIn(page, ada);
    await heading(page, "Enter your one-time code").waitFor();
    const right = totp(key, 1);
    await code(page).fill(right === "000000" ? "111111" : "000000");
    await page.locator("input[name=code][aria-invalid=true]").waitFor();
    await page.getByText("That code is not right.").waitFor();
    await look(page, "second-factor-wrong");
    assert.equal((await context.request.get(`${base}/api/v3/core/users/me/`)).status(), 403);
  });
  await check("second factor: the right code does, typed with a space as apps show it", async () => {
    const right = totp(key, 1);
    await code(page).fill("");
    await code(page).pressSequentially(`${right.slice(0, 3)} ${right.slice(3)}`);
    // After an error the page waits for the button.
    await submit(page);
    await library(page);
  });
  await check("second factor: no policy violation, script error, 5xx or foreign host", () => assert.deepEqual(wrong, []));
  await context.close();
}

export async function secondFactorWithoutScript(browser) {
  const grace = await newUser("grace-totp");
  const { context, page, wrong } = await newPerson(browser, { javaScriptEnabled: false });
  await check("without script: password, setting up an app, library", async () => {
    await page.goto(`${base}/if/flow/login-2fa/?next=/if/user/`);
    await username(page).fill(grace.username);
    await submit(page);
    await password(page).fill(grace.password);
    await submit(page);
    await setUpApp(page);
    await submit(page);
    await library(page);
  });
  await check("without script: no 5xx or foreign host", () => assert.deepEqual(wrong, []));
  await context.close();
}
