// A sign-in while somebody tries passwords: the page computes a proof of work and goes on, and says what to do without a script.
import assert from "node:assert/strict";
import { newUser } from "./lib/api.mjs";
import { base, check, failed, newPerson, withBrowser } from "./lib/browser.mjs";
import { password, submit, username } from "./lib/forms.mjs";
import { look } from "./lib/look.mjs";

const flow = "default-authentication-flow";
const limit = Number(process.env.PROOF_OF_WORK);

/** One try of a password, by a program without cookies of others; the last challenge. */
async function guess(name) {
  const url = `${base}/api/v3/flows/executor/${flow}/?query=`;
  let cookie = "";
  const post = async (body) => {
    const headers = { "content-type": "application/json", ...(cookie ? { cookie } : {}) };
    const answer = await fetch(url, { method: "POST", headers, body: JSON.stringify(body), redirect: "manual" });
    cookie = answer.headers.getSetCookie().map((one) => one.split(";")[0]).join("; ") || cookie;
    return answer;
  };
  await post({ component: "ak-stage-identification", uid_field: name });
  const answer = await post({ component: "ak-stage-password", password: "wrong" });
  return answer.status === 200 ? answer.json() : fetch(url, { headers: { cookie } }).then((next) => next.json());
}

/** The page that asks for the password. */
async function atPassword(page, person) {
  await page.goto(`${base}/if/flow/${flow}/?next=/if/user/`);
  await username(page).fill(person.username);
  await submit(page);
  await password(page).waitFor();
}

const proof = (page) => page.locator("input[name=proof_of_work]");
const library = (page) => page.getByRole("heading", { level: 1, name: "Applications" }).waitFor();

async function withScript(browser, ada) {
  const { context, page, wrong } = await newPerson(browser);
  await check("under attack: the page computes the proof while the password is typed", async () => {
    await atPassword(page, ada);
    assert.match(await proof(page).getAttribute("data-challenge"), /./);
    await look(page, "proof-of-work");
    let value = "";
    for (let n = 0; n < 200 && value === ""; n++) {
      value = await proof(page).inputValue();
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    const challenge = await proof(page).getAttribute("data-challenge");
    assert.ok(value.startsWith(`${challenge}:`), value);
  });
  await check("under attack: a wrong password is called wrong, with work for the next one", async () => {
    const before = await proof(page).getAttribute("data-challenge");
    await password(page).fill("not the password");
    await submit(page);
    await page.locator(".error, [role=alert]").first().waitFor();
    assert.notEqual(await proof(page).getAttribute("data-challenge"), before);
    assert.equal(await page.getByText("computes something").isVisible(), false);
  });
  await check("under attack: the right password goes on, also for whoever is quicker than the proof", async () => {
    await password(page).fill(ada.password);
    await submit(page);
    await library(page);
  });
  await check("under attack: a known browser is not asked for it", async () => {
    await context.clearCookies({ name: "authentik_session" });
    await atPassword(page, ada);
    assert.equal(await proof(page).count(), 0);
    await password(page).fill(ada.password);
    await submit(page);
    await library(page);
  });
  await check("under attack: no policy violation, script error, 5xx or foreign host", () => assert.deepEqual(wrong, []));
  await context.close();
}

async function withoutScript(browser, grace) {
  const { context, page, wrong } = await newPerson(browser, { javaScriptEnabled: false });
  await check("under attack without script: the page says that one password is checked every 30 seconds", async () => {
    await atPassword(page, grace);
    // What stands in <noscript> is no text for a locator.
    assert.match(await page.locator("main").innerText(), /one password is checked every 30 seconds/);
    await look(page, "proof-of-work-without-script");
  });
  await check("under attack without script: it says after how many seconds to try again", async () => {
    // Whoever comes first within these seconds is judged.
    await guess("somebody");
    await password(page).fill(grace.password);
    await submit(page);
    await page.getByText(/try again in \d+ seconds/).waitFor();
    assert.equal(await password(page).isVisible(), true);
  });
  await check("under attack without script: no 5xx or foreign host", () => assert.deepEqual(wrong, []));
  await context.close();
}

await withBrowser(async (browser) => {
  const [ada, grace] = [await newUser("ada-attacked"), await newUser("grace-attacked")];
  await check("before the attack nobody is asked for a proof of work", async () => {
    const { context, page } = await newPerson(browser);
    await atPassword(page, grace);
    assert.equal(await proof(page).count(), 0);
    await context.close();
  });
  await check("after many wrong passwords each costs one", async () => {
    for (let n = 0; n < limit; n++) assert.equal((await guess(`nobody-${n}`)).component, "ak-stage-password");
    let last;
    for (let n = 0; n < 3; n++) last = await guess("nobody");
    assert.equal(last.response_errors?.non_field_errors?.[0].code, "proof_of_work", JSON.stringify(last));
  });
  await withScript(browser, ada);
  await withoutScript(browser, grace);
}).catch((error) => error.told || console.log(`FAIL ${error.message.split("\n")[0]}`));
process.exitCode = failed() ? 1 : 0;
