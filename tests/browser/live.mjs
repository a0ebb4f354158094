// Open pages keep a WebSocket: they see the end of their session, and come back after a restart of the server.
import assert from "node:assert/strict";
import { api, newUser, sessionApi } from "./lib/api.mjs";
import { base, check, failed, newPerson, withBrowser } from "./lib/browser.mjs";
import { signIn } from "./lib/forms.mjs";

const ENDED = 1008;
const STOPPING = 1001;

/** What happens to the sockets of a page: `open`, or the code of a close. */
async function sockets(page) {
  const seen = [];
  await page.exposeFunction("reportSocket", (what) => seen.push(what));
  await page.addInitScript(() => {
    globalThis.WebSocket = class extends WebSocket {
      constructor(...given) {
        super(...given);
        this.addEventListener("open", () => globalThis.reportSocket("open"));
        this.addEventListener("close", (event) => globalThis.reportSocket(event.code));
      }
    };
  });
  return seen;
}

async function until(probe, what, timeout = 20_000) {
  const end = Date.now() + timeout;
  while (!(await probe())) {
    assert.ok(Date.now() < end, `${what}: not within ${timeout} ms`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

async function signedIn(browser, person) {
  const one = await newPerson(browser);
  const seen = await sockets(one.page);
  await one.page.goto(`${base}/if/flow/default-authentication-flow/?next=/if/user/`);
  await signIn(one.page, person);
  await one.page.waitForURL((url) => url.pathname === "/if/user/");
  await until(() => seen.includes("open"), "the page has a socket");
  // Gone when the page is loaded again.
  await one.page.evaluate(() => (globalThis.sameDocument = true));
  return { ...one, seen };
}

const same = (page) => page.evaluate(() => globalThis.sameDocument === true).catch(() => false);
const atSignIn = (page) => page.waitForURL((url) => url.pathname.startsWith("/if/flow/default-authentication-flow/"), { timeout: 20_000 });
const sessions = async (person) => (await api("GET", `/core/authenticated_sessions/?user__username=${person.username}`)).results;

async function live(browser) {
  const ada = await newUser("ada-live");
  let one, two;
  await check("live: pages of a signed-in person have a socket", async () => {
    one = await signedIn(browser, ada);
    two = await signedIn(browser, ada);
  });
  await check("live: the page of a session that somebody ended shows the sign-in, the other page stays", async () => {
    const ended = (await sessionApi(one.context)("GET", "/core/authenticated_sessions/")).results.find((session) => session.current);
    await sessionApi(two.context)("DELETE", `/core/authenticated_sessions/${ended.uuid}/`);
    await atSignIn(one.page);
    assert.ok(one.seen.includes(ENDED), String(one.seen));
    assert.ok(await same(two.page));
    assert.deepEqual(two.seen, ["open"]);
  });
  await check("live: a page comes back to the server after a restart, and is not loaded again", async () => {
    process.kill(Number(process.env.SIGNET_PID), "SIGTERM");
    await until(() => two.seen.includes(STOPPING), "the page is told of the stop");
    await until(() => two.seen.filter((what) => what === "open").length === 2, "the page has a socket again", 60_000);
    assert.ok(await same(two.page));
  });
  await check("live: the socket that came back sees the end of the session too", async () => {
    for (const { uuid } of await sessions(ada)) await api("DELETE", `/core/authenticated_sessions/${uuid}/`);
    await atSignIn(two.page);
  });
  await check("live: no policy violation, script error, 5xx or foreign host", () => assert.deepEqual([...one.wrong, ...two.wrong], []));
  await one.context.close();
  await two.context.close();
}

await withBrowser(live).catch((error) => error.told || console.log(`FAIL ${error.message.split("\n")[0]}`));
process.exitCode = failed() ? 1 : 0;
