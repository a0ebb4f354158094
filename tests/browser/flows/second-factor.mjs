import assert from "node:assert/strict";
import { newUser } from "../lib/api.mjs";
import { base, check, newPerson } from "../lib/browser.mjs";
import { totp } from "../lib/devices.mjs";
import { password, signIn, submit, username, which } from "../lib/forms.mjs";
import { look } from "../lib/look.mjs";

export const code = (page) => page.locator("main input[name=code]");
export const heading = (page, name) => page.getByRole("heading", { level: 1, name });
/** Signed in and at the applications; `next` in the address of a flow is not enough. */
export const library = (page) => page.waitForURL((url) => url.pathname === "/if/user/");

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
    await heading(page, "Enter your one‑time code").waitFor();
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

/** An app and recovery codes: the way of last time comes first, the others are one step away. */
export async function severalWays(browser) {
  const hedy = await newUser("hedy-several");
  const { context, page, wrong } = await newPerson(browser);
  const start = `${base}/if/flow/login-2fa/?next=/if/user/`;
  let codes;
  await check("several ways: app and recovery codes are set up on the security page", async () => {
    await page.goto(`${base}/if/flow/default-authentication-flow/?next=/if/user/security/`);
    await signIn(page, hedy);
    await heading(page, "Settings").waitFor();
    await page.getByRole("link", { name: "Authenticator app" }).click();
    await turnOnApp(page);
    await heading(page, "Settings").waitFor();
    await page.getByRole("link", { name: "Recovery codes" }).click();
    await heading(page, "Save your recovery codes").waitFor();
    codes = await page.locator(".codes code").allInnerTexts();
    const saved = page.waitForEvent("download");
    await page.getByRole("button", { name: "Save" }).click();
    assert.equal((await saved).suggestedFilename(), "recovery-codes.txt");
    await look(page, "recovery-codes");
    await page.getByLabel("I have stored these codes safely").check();
    await submit(page);
    await heading(page, "Settings").waitFor();
  });
  /** To the list of ways, whichever came first, and to the recovery code. */
  const toRecoveryCode = async () => {
    await page.goto(start);
    await signIn(page, hedy);
    const list = heading(page, "Verify it’s you");
    const other = page.getByRole("button", { name: "Try another way" });
    if ((await which({ list, other })) === "other") await other.click();
    await list.waitFor();
    await look(page, "several-ways");
    await page.getByRole("button", { name: /Recovery code/ }).click();
    await heading(page, "Enter a recovery code").waitFor();
  };
  await signOut(page);
  await check("several ways: a recovery code instead of the app", async () => {
    await toRecoveryCode();
    // The page of a chosen way stays after a reload and after an error.
    await page.reload();
    await code(page).fill("not-a-code");
    await submit(page);
    await page.locator("input[name=code][aria-invalid=true]").waitFor();
    await heading(page, "Enter a recovery code").waitFor();
    await code(page).fill(codes[0]);
    await submit(page);
    await library(page);
  });
  await signOut(page);
  await check("several ways: the same recovery code does not work twice, another one does", async () => {
    await page.goto(start);
    await signIn(page, hedy);
    // The way of last time comes first.
    await heading(page, "Enter a recovery code").waitFor();
    await code(page).fill(codes[0]);
    await submit(page);
    await page.locator("input[name=code][aria-invalid=true]").waitFor();
    await code(page).fill(codes[1]);
    await submit(page);
    await library(page);
  });
  await check("several ways: no policy violation, script error, 5xx or foreign host", () => assert.deepEqual(wrong, []));
  await context.close();
}
