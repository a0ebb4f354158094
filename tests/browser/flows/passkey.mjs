import assert from "node:assert/strict";
import { newUser } from "../lib/api.mjs";
import { base, check, newPerson } from "../lib/browser.mjs";
import { authenticator } from "../lib/devices.mjs";
import { signIn } from "../lib/forms.mjs";
import { look } from "../lib/look.mjs";
import { heading, library, signOut } from "./second-factor.mjs";

const me = async (context) => (await (await context.request.get(`${base}/api/v3/core/users/me/`)).json()).user?.username;

export async function passkey(browser) {
  const mary = await newUser("mary-passkey");
  const { context, page, wrong } = await newPerson(browser);
  const device = await authenticator(page);
  await check("passkey: made on the security page", async () => {
    await page.goto(`${base}/if/flow/default-authentication-flow/?next=/if/user/security/`);
    await signIn(page, mary);
    await heading(page, "Settings").waitFor();
    await page.getByRole("link", { name: "Passkey" }).click();
    await heading(page, "Create a passkey").waitFor();
    await look(page, "passkey-create");
    await page.getByRole("button", { name: "Create passkey" }).click();
    await heading(page, "Settings").waitFor();
    assert.equal((await device.credentials()).length, 1, "the device holds one passkey");
    await page.getByText("never used").waitFor();
  });
  await signOut(page);
  await check("passkey: signs in by itself among the suggestions for the name, without a password", async () => {
    await page.goto(`${base}/if/flow/login-passwordless/?next=/if/user/`);
    await library(page);
    assert.equal(await me(context), mary.username);
  });
  await signOut(page);
  await check("passkey: signs in where only a passkey is asked for", async () => {
    await page.goto(`${base}/if/flow/login-passkey/?next=/if/user/`);
    await library(page);
    assert.equal(await me(context), mary.username);
  });
  await signOut(page);
  await check("passkey: a device that does not know its owner is refused, and the page says what to do", async () => {
    await device.verified(false);
    await page.goto(`${base}/if/flow/login-passkey/?next=/if/user/`);
    await page.getByRole("alert").first().waitFor();
    await look(page, "passkey-refused");
    assert.equal((await context.request.get(`${base}/api/v3/core/users/me/`)).status(), 403);
  });
  await check("passkey: no policy violation, script error, 5xx or foreign host", () => assert.deepEqual(wrong, []));
  await context.close();
}
