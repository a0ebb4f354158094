// Every page with sample data, from the example `gallery` of signet-stages: axe, width, headings, script errors.
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import { extname, join, normalize } from "node:path";
import { appearance } from "./appearance.mjs";
import { authenticator } from "./lib/devices.mjs";
import { check, failed, withBrowser } from "./lib/browser.mjs";
import { axe } from "./lib/look.mjs";

const folder = process.env.GALLERY;
const types = { ".html": "text/html", ".css": "text/css", ".js": "text/javascript" };
const screens = {
  desktop: { viewport: { width: 1280, height: 800 }, suffix: "" },
  // 320 px: also what 1280 px are at 400 %.
  phone: { viewport: { width: 320, height: 640 }, hasTouch: true, isMobile: true, suffix: "-dark" },
};
// The sample of a flow that cannot go on has nowhere to go; this one goes away by itself.
const names = readdirSync(folder).filter((name) => name.endsWith(".html") && !name.includes("-dark") && name !== "redirect.html").map((name) => name.slice(0, -5));

const server = createServer((request, response) => {
  const path = join(folder, normalize(decodeURIComponent(new URL(request.url, "http://x").pathname)));
  try {
    response.setHeader("content-type", types[extname(path)] ?? "application/octet-stream");
    const body = readFileSync(path);
    if (!request.url.endsWith("?halves")) return response.end(body);
    // As over a slow line: the second half comes after the first paint.
    response.write(body.subarray(0, body.length / 2));
    setTimeout(() => response.end(body.subarray(body.length / 2)), 400);
  } catch {
    response.writeHead(404).end();
  }
});
await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
const base = `http://localhost:${server.address().port}`;

/** What the page sends for `field` when `action` is done. */
async function sent(page, field, action) {
  const posted = page.waitForRequest((request) => request.method() === "POST");
  await action();
  const form = new URLSearchParams((await posted).postData());
  await page.getByRole("heading", { name: "sent" }).waitFor();
  return JSON.parse(form.get(field));
}

/** The three ceremonies, with the browser's own reading of options and with ours for browsers that have none. */
async function passkeys(browser, native) {
  const context = await browser.newContext();
  if (!native) {
    await context.addInitScript(() => {
      delete PublicKeyCredential.parseRequestOptionsFromJSON;
      delete PublicKeyCredential.parseCreationOptionsFromJSON;
      delete PublicKeyCredential.prototype.toJSON;
    });
  }
  const page = await context.newPage();
  await page.route("**/if/flow/**", (route) => route.fulfill({ contentType: "text/html", body: "<h1>sent</h1>" }));
  const device = await authenticator(page);
  await check(`passkeys, ${native ? "options read by the browser" : "options read by us"}: created, used when asked, used among the suggestions`, async () => {
    await page.goto(`${base}/setup-passkey.html`);
    const made = await sent(page, "response", () => page.getByRole("button", { name: "Create passkey" }).click());
    assert.equal(made.type, "public-key");
    assert.ok(made.id && made.rawId === made.id && made.response.attestationObject && made.response.clientDataJSON && made.response.transports.includes("internal"));
    assert.equal((await device.credentials()).length, 1);
    // Where a passkey is the way, the page asks by itself.
    const used = await sent(page, "webauthn", () => page.goto(`${base}/validate-passkey.html`, { waitUntil: "commit" }));
    assert.equal(used.id, made.id);
    assert.ok(used.response.authenticatorData && used.response.signature && used.response.userHandle);
    const suggested = await sent(page, "passkey", () => page.goto(`${base}/identification-passkey.html`, { waitUntil: "commit" }));
    assert.equal(suggested.id, made.id);
    await device.verified(false);
    await page.goto(`${base}/setup-passkey.html`);
    await page.getByRole("button", { name: "Create passkey" }).click();
    await page.getByRole("alert").getByText("Your passkey was not confirmed.").or(page.getByText("Passkeys do not work")).or(page.getByText("cannot make the passkey")).waitFor();
    await page.getByRole("button", { name: "Try again" }).waitFor();
  });
  await context.close();
}

/** The set-up of Duo asks whether the phone is ready, with the token of the form, and goes on when it is. */
async function duo(browser) {
  const context = await browser.newContext();
  const page = await context.newPage();
  const answers = ["waiting", "success"];
  const asked = [];
  await page.route("**/enrollment_status/", (route) => {
    asked.push(route.request().headers()["x-authentik-csrf"]);
    return route.fulfill({ json: { duo_response: answers.shift() } });
  });
  await page.route("**/if/flow/**", (route) => route.fulfill({ contentType: "text/html", body: "<h1>sent</h1>" }));
  await check("duo: the page asks until the phone is ready and goes on by itself", async () => {
    await page.goto(`${base}/setup-duo.html`);
    await page.getByText("Waiting for Duo…").waitFor();
    await page.getByRole("heading", { name: "sent" }).waitFor();
    assert.deepEqual(asked, ["sample", "sample"]);
  });
  await context.close();
}

await withBrowser(async (browser) => {
  await duo(browser).catch(() => {});
  for (const [screen, { suffix, ...settings }] of Object.entries(screens)) {
    const context = await browser.newContext(settings);
    // Samples name hosts that do not exist.
    await context.route((url) => url.hostname !== "localhost", (route) => route.abort());
    const page = await context.newPage();
    const errors = [];
    page.on("pageerror", (error) => errors.push(error.message));
    await check(`gallery, ${screen}${suffix}: ${names.length} pages: axe, width, one heading, no script error`, async () => {
      const found = [];
      for (const name of names) {
        await page.goto(`${base}/${name}${suffix}.html`);
        found.push(...(await axe(page)).map((violation) => `${name}: ${violation}`));
        const [content, window] = await page.evaluate(() => [document.documentElement.scrollWidth, document.documentElement.clientWidth]);
        if (content > window) found.push(`${name} is ${content} wide in a window of ${window}`);
        if ((await page.getByRole("heading", { level: 1 }).count()) !== 1) found.push(`${name} has not one main heading`);
      }
      assert.deepEqual([...found, ...errors], []);
    }).catch(() => {});
    await context.close();
  }
  for (const native of [true, false]) await passkeys(browser, native).catch(() => {});
  await appearance(browser, base);
});
server.close();
process.exitCode = failed() ? 1 : 0;
