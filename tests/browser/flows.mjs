// Sign-in flows as people meet them: second factors, passkeys, mails, invitations, risk, expiry, room for sessions.
import { failed, withBrowser } from "./lib/browser.mjs";
import { acting } from "./flows/acting.mjs";
import { captcha } from "./flows/captcha.mjs";
import { enrolment, invitation, mailedCode, recovery } from "./flows/letters.mjs";
import { passkey } from "./flows/passkey.mjs";
import { sms } from "./flows/sms.mjs";
import { room, security } from "./flows/sessions.mjs";
import { enterprise, expiry } from "./flows/risk.mjs";
import { secondFactor, secondFactorWithoutScript, severalWays } from "./flows/second-factor.mjs";

const parts = { secondFactor, secondFactorWithoutScript, severalWays, passkey, recovery, mailedCode, enrolment, invitation, enterprise, expiry, captcha, sms, room, security, acting };
const only = (process.env.ONLY ?? "").split(" ").filter(Boolean);

await withBrowser(async (browser) => {
  for (const [name, part] of Object.entries(parts)) {
    if (only.length > 0 && !only.includes(name)) continue;
    // A check that failed was printed; the other journeys do not need it.
    await part(browser).catch((error) => error.told || console.log(`FAIL ${name}: ${error.message.split("\n")[0]}`));
  }
}).catch((error) => console.log(`FAIL ${error.message.split("\n")[0]}`));
process.exitCode = failed() ? 1 : 0;
