// Passkeys (Web Authentication, level 3): asks the browser and sends its answer with the form of the page.
import { all } from './dom.ts';

type Json = Record<string, unknown>;

/** Bytes of base64url text. */
export function bytes(text: string): Uint8Array<ArrayBuffer> {
  const plain = atob(text.replaceAll('-', '+').replaceAll('_', '/'));
  return Uint8Array.from(plain, (letter) => letter.charCodeAt(0));
}

/** Base64url text of bytes, without padding. */
export function base64url(buffer: ArrayBuffer): string {
  const text = String.fromCharCode(...new Uint8Array(buffer));
  return btoa(text).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
}

const ids = (list: unknown): unknown => (Array.isArray(list) ? list.map((one: Json) => ({ ...one, id: bytes(String(one['id'])) })) : undefined);

/** Options for `get` from their JSON: by the browser, or by hand where it cannot. */
export function requestOptions(json: Json): PublicKeyCredentialRequestOptions {
  const native = globalThis.PublicKeyCredential?.parseRequestOptionsFromJSON;
  if (native) return native.call(PublicKeyCredential, json as unknown as PublicKeyCredentialRequestOptionsJSON);
  return { ...json, challenge: bytes(String(json['challenge'])), allowCredentials: ids(json['allowCredentials']) } as PublicKeyCredentialRequestOptions;
}

/** Options for `create` from their JSON. */
export function creationOptions(json: Json): PublicKeyCredentialCreationOptions {
  const native = globalThis.PublicKeyCredential?.parseCreationOptionsFromJSON;
  if (native) return native.call(PublicKeyCredential, json as unknown as PublicKeyCredentialCreationOptionsJSON);
  const user = json['user'] as Json;
  const made = { ...json, challenge: bytes(String(json['challenge'])), user: { ...user, id: bytes(String(user['id'])) }, excludeCredentials: ids(json['excludeCredentials']) };
  return made as unknown as PublicKeyCredentialCreationOptions;
}

/** The browser's answer as JSON. */
export function credentialJson(credential: PublicKeyCredential): unknown {
  if (typeof credential.toJSON === 'function') return credential.toJSON();
  const answer = credential.response as AuthenticatorAttestationResponse & AuthenticatorAssertionResponse;
  const response: Json = { clientDataJSON: base64url(answer.clientDataJSON) };
  for (const name of ['attestationObject', 'authenticatorData', 'signature', 'userHandle'] as const) {
    if (answer[name]) response[name] = base64url(answer[name]);
  }
  if (typeof answer.getTransports === 'function') response['transports'] = answer.getTransports();
  const { id, type, authenticatorAttachment } = credential;
  return { id, rawId: base64url(credential.rawId), type, authenticatorAttachment, response, clientExtensionResults: credential.getClientExtensionResults() };
}

/** One running call at a time: a new one ends the one before. */
let running: AbortController | undefined;

async function ask(box: HTMLElement, kind: 'get' | 'create', mediation?: CredentialMediationRequirement): Promise<void> {
  const input = box.querySelector<HTMLInputElement>(`input[name="${box.dataset['field'] ?? ''}"]`);
  const form = input?.form;
  if (!input || !form) return;
  running?.abort();
  const own = new AbortController();
  running = own;
  const { signal } = own;
  const json = JSON.parse(box.dataset['options'] ?? '{}') as Json;
  const credential =
    kind === 'create'
      ? await navigator.credentials.create({ publicKey: creationOptions(json), signal })
      : await navigator.credentials.get({ publicKey: requestOptions(json), signal, ...(mediation ? { mediation } : {}) });
  if (!credential || signal.aborted) return;
  input.value = JSON.stringify(credentialJson(credential as PublicKeyCredential));
  // The name may be empty: the passkey says who it is.
  form.noValidate = true;
  form.requestSubmit();
}

/** Why it did not work, where the reason helps. */
function reason(error: unknown): [string, string] | undefined {
  const name = error instanceof DOMException ? error.name : '';
  if (name === 'AbortError') return undefined;
  if (name === 'InvalidStateError') return ['This device has a passkey for you already.', 'Use another device, or leave it at that: it works already.'];
  if (name === 'SecurityError') return ['Passkeys do not work at this address.', 'Open this page by its name and with https.'];
  if (name === 'NotSupportedError') return ['This device cannot make the passkey that is asked for.', 'Use another device.'];
  return ['Your passkey was not confirmed.', 'The request timed out or was cancelled. Unlock your device or plug in your key, then try again.'];
}

const part = (box: Element, name: string): HTMLElement | null => box.querySelector<HTMLElement>(`[data-part="${name}"]`);

function tell(box: HTMLElement, error: unknown): void {
  const words = reason(error);
  const notice = part(box, 'failed');
  if (!words || !notice) return;
  const [title, text] = [notice.querySelector('[data-part-title]'), notice.querySelector('[data-part-text]')];
  if (title) title.textContent = words[0];
  if (text) text.textContent = words[1];
  notice.hidden = false;
}

function ceremony(box: HTMLElement, kind: 'get' | 'create'): void {
  const [go, waiting, failed] = [part(box, 'go'), part(box, 'waiting'), part(box, 'failed')];
  if (!(go instanceof HTMLButtonElement)) return;
  const label = go.querySelector('[data-label]');
  const start = async (): Promise<void> => {
    // While the browser asks, asking again is the second choice.
    go.classList.remove('btn--primary');
    if (label) label.textContent = 'Ask again';
    if (waiting) waiting.hidden = false;
    if (failed) failed.hidden = true;
    try {
      await ask(box, kind);
    } catch (error) {
      // The call that replaced this one goes on.
      if (error instanceof DOMException && error.name === 'AbortError') return;
      tell(box, error);
      go.classList.add('btn--primary');
      if (label) label.textContent = 'Try again';
      if (waiting) waiting.hidden = true;
    }
  };
  go.hidden = false;
  go.addEventListener('click', () => void start());
  if (box.dataset['auto'] !== undefined) void start();
}

/** Passkeys among the suggestions for the name, and a button that asks for one outright. */
async function suggestions(box: HTMLElement): Promise<void> {
  const wait = (): void => {
    ask(box, 'get', 'conditional').catch(() => {
      // Nobody asked for it by hand: a failure needs no words.
    });
  };
  const asking = document.querySelector<HTMLElement>('[data-passkey-ask]');
  const button = asking?.querySelector('button');
  const can = (await PublicKeyCredential.isConditionalMediationAvailable?.()) ?? false;
  if (asking && button) {
    asking.hidden = false;
    button.addEventListener('click', () => {
      const notice = part(box, 'failed');
      if (notice) notice.hidden = true;
      ask(box, 'get').catch((error: unknown) => {
        tell(box, error);
        if (can) wait();
      });
    });
  }
  if (can) wait();
}

/** Serves the elements `data-passkey`; a browser without passkeys is told so. */
export function passkeys(): void {
  for (const box of all<HTMLElement>('[data-passkey]')) {
    const kind = box.dataset['passkey'];
    if (!globalThis.PublicKeyCredential || !navigator.credentials) {
      if (kind !== 'conditional') tell(box, new DOMException('', 'SecurityError'));
      continue;
    }
    if (kind === 'conditional') void suggestions(box);
    else if (kind === 'get' || kind === 'create') ceremony(box, kind);
  }
}
