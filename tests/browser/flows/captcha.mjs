import assert from "node:assert/strict";
import { createServer } from "node:http";
import { api, first, newUser } from "../lib/api.mjs";
import { base, check, newPerson } from "../lib/browser.mjs";
import { password, submit, username } from "../lib/forms.mjs";
import { look } from "../lib/look.mjs";
import { heading, library } from "./second-factor.mjs";

/** What the script of a captcha service does, in the least words: a button that says that somebody is there. */
const SCRIPT = `window.turnstile = { render(box, settings) {
  if (settings.size === "invisible") { setTimeout(() => settings.callback("seen-" + settings.sitekey), 50); return 1; }
  const button = document.createElement("button");
  button.type = "button"; button.textContent = "I am a person"; button.style.padding = "1rem";
  button.addEventListener("click", () => settings.callback("seen-" + settings.sitekey));
  box.append(button); return 1;
}, execute() {} };`;

/** A captcha service on another port: another origin. `asked` collects what the server wants to know. */
async function service(asked) {
  const server = createServer(async (request, response) => {
    if (request.url.startsWith("/api.js")) return response.writeHead(200, { "content-type": "text/javascript" }).end(SCRIPT);
    let body = "";
    for await (const part of request) body += part;
    const sent = new URLSearchParams(body);
    asked.push(sent);
    const success = sent.get("secret") === "private" && sent.get("response") === "seen-public";
    response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify({ success }));
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { server, url: `http://127.0.0.1:${server.address().port}` };
}

async function flow(slug, url, interactive) {
  const made = await api("POST", "/flows/instances/", { name: slug, slug, title: "Sign in", designation: "authentication" });
  const captcha = await api("POST", "/stages/captcha/", { name: slug, public_key: "public", private_key: "private", js_url: `${url}/api.js`, api_url: `${url}/siteverify`, interactive });
  const stages = [await first("/stages/identification/?name=default-authentication-identification"), captcha, await first("/stages/password/?name=default-authentication-password"), await first("/stages/user_login/?name=default-authentication-login")];
  for (const [order, stage] of stages.entries()) await api("POST", "/flows/bindings/", { target: made.pk, stage: stage.pk, order });
}

export async function captcha(browser) {
  const ada = await newUser("ada-captcha");
  const asked = [];
  const { server, url } = await service(asked);
  const { context, page, wrong } = await newPerson(browser);
  const enter = async (slug) => {
    await page.goto(`${base}/if/flow/${slug}/?next=/if/user/`);
    await username(page).fill(ada.username);
    await submit(page);
  };
  await check("captcha: the service's script runs under the policy of its page, and its answer is judged on the server", async () => {
    await flow("captcha-box", url, true);
    await enter("captcha-box");
    await heading(page, "One quick check").waitFor();
    await look(page, "captcha");
    await page.getByRole("button", { name: "I am a person" }).click();
    await password(page).fill(ada.password);
    await submit(page);
    await library(page);
    assert.deepEqual(asked.map((one) => one.get("response")), ["seen-public"]);
  });
  await context.clearCookies();
  await check("captcha: one that needs nobody goes on by itself", async () => {
    await flow("captcha-quiet", url, false);
    await enter("captcha-quiet");
    await password(page).fill(ada.password);
    await submit(page);
    await library(page);
  });
  await context.clearCookies();
  await check("captcha: a service that does not answer lets nobody pass, and the page says so", async () => {
    await flow("captcha-gone", "http://127.0.0.1:9", true);
    await enter("captcha-gone");
    await page.getByText("The check did not load.").waitFor();
  });
  await check("captcha: no policy violation, script error, 5xx or foreign host", () => assert.deepEqual(wrong, []));
  await context.close();
  server.close();
}
