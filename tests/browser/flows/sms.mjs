import assert from "node:assert/strict";
import { createServer } from "node:http";
import { api, newUser } from "../lib/api.mjs";
import { base, check, newPerson } from "../lib/browser.mjs";
import { signIn, submit } from "../lib/forms.mjs";
import { look } from "../lib/look.mjs";
import { code, heading, library, signOut } from "./second-factor.mjs";

/** Takes messages as a web address of one's own does; `messages` are what was posted. */
async function carrier(messages) {
  const server = createServer(async (request, response) => {
    let body = "";
    for await (const part of request) body += part;
    messages.push({ ...JSON.parse(body), authorization: request.headers.authorization });
    response.writeHead(200, { "content-type": "application/json" }).end("{}");
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { server, url: `http://127.0.0.1:${server.address().port}/send` };
}

/** Text messages: set up by a number, sent when they are asked for, sent again. */
export async function sms(browser) {
  const ada = await newUser("ada-sms");
  const messages = [];
  const { server, url } = await carrier(messages);
  const last = () => String(messages.at(-1).Body).match(/\d{6}/)[0];
  const stage = await api("POST", "/stages/authenticator/sms/", { name: "sms", provider: "generic", from_number: "+15550100", account_sid: url, auth: "key", auth_type: "bearer" });
  const setUp = await api("POST", "/flows/instances/", { name: "sms-setup", slug: "sms-setup", title: "Text messages", designation: "stage_configuration", authentication: "require_authenticated" });
  await api("POST", "/flows/bindings/", { target: setUp.pk, stage: stage.pk, order: 0 });
  await api("PATCH", `/stages/authenticator/sms/${stage.pk}/`, { configure_flow: setUp.pk });
  const login = await api("POST", "/flows/instances/", { name: "login-sms", slug: "login-sms", title: "Sign in", designation: "authentication" });
  const validate = await api("POST", "/stages/authenticator/validate/", { name: "login-sms", not_configured_action: "deny", device_classes: ["sms"] });
  const by = async (path) => (await api("GET", path)).results[0];
  const stages = [await by("/stages/identification/?name=default-authentication-identification"), await by("/stages/password/?name=default-authentication-password"), validate, await by("/stages/user_login/?name=default-authentication-login")];
  for (const [order, one] of stages.entries()) await api("POST", "/flows/bindings/", { target: login.pk, stage: one.pk, order });
  const { context, page, wrong } = await newPerson(browser);
  await check("text messages: set up by a number, and a code that came to it", async () => {
    await page.goto(`${base}/if/flow/default-authentication-flow/?next=/if/user/security/`);
    await signIn(page, ada);
    await heading(page, "Settings").waitFor();
    await page.getByRole("link", { name: "Text message" }).click();
    await heading(page, "Set up text messages").waitFor();
    await look(page, "sms-number");
    await page.getByLabel("Phone number").fill("+49 151 23456789");
    await submit(page);
    await heading(page, "Enter the code we sent").waitFor();
    assert.equal(messages.at(-1).authorization, "Bearer key");
    await code(page).fill(last());
    await heading(page, "Settings").waitFor();
  });
  await signOut(page);
  await check("text messages: a code goes out when it is asked for, and again", async () => {
    const before = messages.length;
    await page.goto(`${base}/if/flow/login-sms/?next=/if/user/`);
    await signIn(page, ada);
    await heading(page, "Get a code by text message").waitFor();
    assert.equal(messages.length, before, "nothing was sent unasked");
    await page.getByRole("button", { name: "Send the code" }).click();
    await heading(page, "Enter the code we sent").waitFor();
    await page.reload();
    await heading(page, "Enter the code we sent").waitFor();
    assert.equal(messages.length, before + 1, "a reload sends nothing");
    await look(page, "sms-code");
    // It counts down for at most a minute first.
    await page.getByRole("button", { name: "Send a new code", disabled: false }).click({ timeout: 70_000 });
    for (let i = 0; i < 100 && messages.length < before + 2; i++) await new Promise((resolve) => setTimeout(resolve, 50));
    await heading(page, "Enter the code we sent").waitFor();
    await code(page).fill(last());
    await library(page);
  });
  await check("text messages: no policy violation, script error, 5xx or foreign host", () => assert.deepEqual(wrong, []));
  await context.close();
  server.close();
}
