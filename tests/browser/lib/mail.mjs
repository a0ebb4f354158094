// Letters that the mail server of the test took.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

const folder = process.env.MAILS;

/** Quoted-printable and base64 parts as text (RFC 2045). */
function decoded(text) {
  return text.split(/\r?\n(?=--)/).map((part) => {
    const [head, ...rest] = part.split(/\r?\n\r?\n/);
    const body = rest.join("\n\n");
    if (/content-transfer-encoding:\s*base64/i.test(head)) return `${head}\n\n${Buffer.from(body.replace(/\s/g, ""), "base64").toString("utf8")}`;
    if (!/content-transfer-encoding:\s*quoted-printable/i.test(head)) return part;
    const bytes = body.replace(/=\r?\n/g, "").replace(/=([0-9A-F]{2})/gi, (_, hex) => String.fromCharCode(parseInt(hex, 16)));
    return `${head}\n\n${Buffer.from(bytes, "latin1").toString("utf8")}`;
  }).join("\n");
}

/** How many letters came so far. */
export const count = () => readdirSync(folder).filter((name) => name.endsWith(".eml")).length;

/** The text of the next letter to `address` after the first `seen`. */
export async function letter(address, seen, timeout = 15_000) {
  const end = Date.now() + timeout;
  while (Date.now() < end) {
    for (const name of readdirSync(folder).filter((one) => one.endsWith(".eml")).sort().slice(seen)) {
      const text = readFileSync(join(folder, name), "utf8");
      if (text.slice(0, 2000).includes(address)) return decoded(text);
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`no letter to ${address} came`);
}

/** The address with a flow token in a letter. */
export function link(text) {
  const found = text.replaceAll("&amp;", "&").match(/https?:\/\/[^\s"'<>]*flow_token=[^\s"'<>]*/);
  if (!found) throw new Error(`no link in the letter: ${text.slice(0, 500)}`);
  return found[0];
}
