// Chromium as Debian ships it, and a watch over what its pages must never do.
import { chromium } from "playwright-core";

export const base = process.env.SIGNET_URL;
export const apache = process.env.APACHE_URL;

const options = {
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
};

let failures = 0;

/** The pages that are open now, for the words of a failure. */
const open = new Set();

async function words(page) {
  const text = await page.locator("main").innerText({ timeout: 1000 }).catch(() => "no text");
  return text.replace(/\s+/g, " ").slice(0, 300);
}

/** Runs one check and prints its line; a failure is thrown on. */
export async function check(what, action) {
  try {
    const value = await action();
    console.log(`ok ${what}`);
    return value;
  } catch (error) {
    failures++;
    console.log(`FAIL ${what}: ${error.message.split("\n").slice(0, 12).join(" | ")}`);
    for (const page of [...open].slice(-2)) console.log(`  at ${page.url()}: ${await words(page)}`);
    error.told = true;
    throw error;
  }
}

export const failed = () => failures;

/** One browser for all journeys. */
export async function withBrowser(action) {
  const browser = await chromium.launch(options);
  try {
    await action(browser);
  } finally {
    await browser.close();
  }
}

/** A fresh person: own cookies, own window. `wrong` collects policy violations, script errors and calls to other hosts. */
export async function newPerson(browser, settings = {}) {
  const context = await browser.newContext({ locale: "en-GB", ...settings });
  context.setDefaultTimeout(10_000);
  const wrong = [];
  if (settings.javaScriptEnabled !== false) {
    await context.exposeFunction("reportViolation", (text) => wrong.push(text));
    await context.addInitScript(() => {
      document.addEventListener("securitypolicyviolation", (event) => {
        window.reportViolation(`policy violation: ${event.violatedDirective} by ${event.blockedURI} ${event.sourceFile ?? ""}`);
      });
    });
  }
  context.on("console", (message) => {
    if (/content security policy|trusted ?types?/i.test(message.text())) wrong.push(`console: ${message.text().slice(0, 200)}`);
  });
  context.on("weberror", (error) => wrong.push(`script error: ${error.error().message}`));
  context.on("request", (request) => {
    const url = new URL(request.url());
    if (url.protocol.startsWith("http") && !["127.0.0.1", "localhost"].includes(url.hostname)) wrong.push(`call to ${url.host}`);
  });
  context.on("response", (response) => {
    if (response.status() >= 500) wrong.push(`${response.status()} from ${response.url()}`);
  });
  const page = await context.newPage();
  open.add(page);
  page.on("close", () => open.delete(page));
  return { context, page, wrong };
}
