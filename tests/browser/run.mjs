// The journeys in their order; the first one makes what the others need.
import { failed, withBrowser } from "./lib/browser.mjs";
import { journey, setUp, withoutScript } from "./journey.mjs";
import { tour } from "./tour.mjs";

const only = (process.env.ONLY ?? "").split(" ").filter(Boolean);
const wanted = (name) => only.length === 0 || only.includes(name);

await withBrowser(async (browser) => {
  await setUp(browser);
  for (const [name, part] of Object.entries({ journey, withoutScript, tour })) {
    if (wanted(name)) await part(browser).catch(() => {});
  }
}).catch((error) => console.log(error.message.split("\n")[0]));
process.exitCode = failed() ? 1 : 0;
