import { describe, expect, it } from 'vitest';
import { service } from './captcha.ts';
import { digits } from './code.ts';
import { after, pause } from './live.ts';
import { address, basePath, curl, groups } from './openapi.ts';
import { base64url, bytes, creationOptions, credentialJson, requestOptions } from './passkey.ts';
import { find } from './proof.ts';
import { changes } from './save-bar.ts';
import { sha256 } from './sha256.ts';
import { fold, matches, rank } from './search.ts';
import { bits, strength } from './strength.ts';
import { readTheme } from './theme.ts';
import { clock } from './waiting.ts';
import { when } from './when.ts';

describe('digits', () => {
  it('accepts spaces and dashes and keeps the length', () => {
    expect(digits('482 913', 6)).toBe('482913');
    expect(digits('482-913-77', 6)).toBe('482913');
    expect(digits('code: 12', 6)).toBe('12');
  });
});

describe('proof of work', () => {
  const hex = (text: string): string => [...sha256(text)].map((word) => word.toString(16).padStart(8, '0')).join('');
  it('digests as FIPS 180-4 says, at every length of the padding', async () => {
    expect(hex('')).toBe('e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855');
    expect(hex('abc')).toBe('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad');
    for (let length = 50; length < 130; length++) {
      const text = 'x'.repeat(length);
      const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text)));
      expect(hex(text)).toBe([...digest].map((byte) => byte.toString(16).padStart(2, '0')).join(''));
    }
  });
  it('finds an answer and goes on where it stopped', () => {
    let [from, answer] = [0, undefined as string | undefined];
    while (answer === undefined) ({ answer, nonce: from } = find('a.b', 12, from, 0));
    expect(hex(answer).startsWith('000')).toBe(true);
    expect(answer).toMatch(/^a\.b:\d+$/);
  });
});

describe('search', () => {
  it('ignores case and accents and needs every word', () => {
    expect(fold('Café')).toBe('cafe');
    expect(matches('cafe tra', 'Café, travel')).toBe(true);
    expect(matches('cafe x', 'Café, travel')).toBe(false);
    expect(matches('  ', 'anything')).toBe(true);
  });
});

describe('order of hits', () => {
  it('puts the start of a name before the start of a word before the inside of one', () => {
    expect(['ERPNext', 'The Next', 'Nextcloud'].map((name) => rank('next', name))).toEqual([2, 1, 0]);
    expect(rank('(', 'a (b)')).toBe(1);
  });
});

describe('moments', () => {
  const say = (at: string): string => when(new Date(at), new Date('2026-11-30T14:30:00Z'), 'en-GB', 'UTC');
  it('are said as people near them say them', () => {
    expect(say('2026-11-30T14:29:40Z')).toBe('just now');
    expect(say('2026-11-30T14:29:00Z')).toBe('1 minute ago');
    expect(say('2026-11-30T14:02:00Z')).toBe('28 minutes ago');
    expect(say('2026-11-30T08:12:00Z')).toBe('today, 08:12');
    expect(say('2026-11-29T08:12:00Z')).toBe('yesterday, 08:12');
    expect(say('2026-11-18T08:12:00Z')).toBe('18 Nov');
    expect(say('2025-11-18T08:12:00Z')).toBe('18 Nov 2025');
  });
});

describe('strength of a new password', () => {
  it('says what is missing before it judges', () => {
    expect(strength('ab', 8)).toEqual([0, '2 characters of at least 8.']);
    expect(strength('a', 8)[1]).toBe('1 character of at least 8.');
  });
  it('counts words of every list, rows of keys, repetition and names on the page for little', () => {
    for (const weak of ['password1234', 'P@ssw0rd!', 'qwertyuiop', 'aaaaaaaaaaaa', '12345678', 'Summer2026']) {
      expect(strength(weak, 8)[0], weak).toBe(1);
    }
    expect(strength('akadmin-ops', 8, ['ops@fernhill.example', 'akadmin'])[0]).toBe(1);
    expect(bits('ada.lovelace', ['Ada Lovelace'])).toBeLessThan(bits('ada.lovelace'));
  });
  it('rises with length and with what nobody expects', () => {
    expect(strength('an-ink-seal-on-paper', 8)).toEqual([4, 'Strong, 20 characters.']);
    expect(strength('Difference-Engine-1822', 8)[0]).toBe(4);
    const steps = ['tivoka', 'tivokaru', 'tivokaru9', 'tivokaru9-Mex', 'tivokaru9-Mex-Lop'].map((text) => strength(text, 6)[0]);
    expect([...steps].sort()).toEqual(steps);
  });
  it('counts letters of every script', () => {
    expect(strength('пароль-из-четырёх-слов', 8)[0]).toBeGreaterThan(2);
  });
});

describe('time that is left', () => {
  it('is said in minutes and seconds', () => {
    expect([0, 5, 42, 60, 125].map(clock)).toEqual(['0:00', '0:05', '0:42', '1:00', '2:05']);
  });
});

describe('theme cookie', () => {
  it('reads only known values of its own cookie', () => {
    expect(readTheme('a=1; signet_theme=dark')).toBe('dark');
    expect(readTheme('signet_theme=evil')).toBeUndefined();
    expect(readTheme('x_signet_theme=dark')).toBeUndefined();
  });
});

describe('API document', () => {
  const schema = {
    servers: [{ url: '/api/v3/' }],
    paths: {
      '/core/users/{id}/': {
        parameters: [{ $ref: '#/components/parameters/id' }],
        get: { tags: ['core'], operationId: 'core_users_retrieve', parameters: [{ name: 'q', in: 'query' }] },
        delete: { tags: ['core'], operationId: 'core_users_destroy' },
        patch: { tags: ['core'], requestBody: { content: { 'application/json': { schema: { $ref: '#/components/schemas/User' } } } } },
      },
      '/admin/version/': { get: { operationId: 'v' } },
      '/broken/': null,
    },
    components: {
      parameters: { id: { name: 'id', in: 'path', required: true } },
      schemas: { User: { required: ['name'], properties: { age: { type: 'integer' }, name: { type: 'string', description: 'Their name.' } } } },
    },
  };
  it('groups by tag and resolves references', () => {
    const found = groups(schema);
    expect(found.map((group) => [group.tag, group.operations.length])).toEqual([['core', 3], ['other', 1]]);
    expect(found[0]?.operations[0]?.parameters.map((one) => one.name)).toEqual(['id', 'q']);
    expect(groups(null)).toEqual([]);
    expect(groups({ paths: [] })).toEqual([]);
  });
  it('builds addresses and refuses to leave the path', () => {
    const get = groups(schema)[0]?.operations.find((one) => one.method === 'get');
    if (!get) throw new Error('missing');
    expect(address(get, { id: 'a/b', q: 'x y' })).toBe('/core/users/a%2Fb/?q=x+y');
    expect(address(get, {})).toBeUndefined();
    expect(address(get, { id: '..' })).toBeUndefined();
  });
  it('says what a body holds and how to send it', () => {
    const patch = groups(schema)[0]?.operations.find((one) => one.method === 'patch');
    if (!patch) throw new Error('missing');
    expect(patch.body).toEqual([
      { name: 'name', type: 'string', required: true, description: 'Their name.' },
      { name: 'age', type: 'integer', required: false, description: '' },
    ]);
    expect(curl(patch, 'https://id.test/api/v3')).toBe(
      `curl -X PATCH 'https://id.test/api/v3/core/users/{id}/' -H "Authorization: Bearer $TOKEN" -H 'Content-Type: application/json' -d '{"name": "…"}'`,
    );
  });
  it('stays on this host', () => {
    expect(basePath(schema)).toBe('/api/v3');
    expect(basePath({ servers: [{ url: '//elsewhere' }] })).toBe('');
    expect(basePath({ servers: [{ url: 'https://elsewhere' }] })).toBe('');
  });
});

describe('passkeys without help of the browser', () => {
  it('turns base64url to bytes and back', () => {
    expect(base64url(bytes('-_8AAQ').buffer)).toBe('-_8AAQ');
    expect([...bytes('AAEC')]).toEqual([0, 1, 2]);
  });
  it('reads options', () => {
    const get = requestOptions({ challenge: 'AAEC', rpId: 'a.test', allowCredentials: [{ type: 'public-key', id: 'AQ' }] });
    expect(get.rpId).toBe('a.test');
    expect([...(get.challenge as Uint8Array)]).toEqual([0, 1, 2]);
    expect([...(get.allowCredentials?.[0]?.id as Uint8Array)]).toEqual([1]);
    const create = creationOptions({ challenge: 'AAEC', user: { id: 'AQ', name: 'ada' } });
    expect([...(create.user.id as Uint8Array)]).toEqual([1]);
    expect(create.excludeCredentials).toBeUndefined();
  });
  it('writes the answer', () => {
    const buffer = bytes('AAEC').buffer;
    const credential = {
      id: 'AQ', rawId: bytes('AQ').buffer, type: 'public-key', authenticatorAttachment: null,
      response: { clientDataJSON: buffer, authenticatorData: buffer, signature: buffer, userHandle: null },
      getClientExtensionResults: () => ({}),
    } as unknown as PublicKeyCredential;
    expect(credentialJson(credential)).toEqual({
      id: 'AQ', rawId: 'AQ', type: 'public-key', authenticatorAttachment: null, clientExtensionResults: {},
      response: { clientDataJSON: 'AAEC', authenticatorData: 'AAEC', signature: 'AAEC' },
    });
  });
});

describe('captcha', () => {
  it('finds the service that was loaded', () => {
    const render = (): void => {};
    expect(service({})).toBeUndefined();
    expect(service({ hcaptcha: { render } })?.render).toBe(render);
    expect(service({ grecaptcha: { enterprise: { render } } })?.render).toBe(render);
  });
});

describe('the save bar', () => {
  it('counts in words', () => {
    expect([changes(1), changes(2)]).toEqual(['1 unsaved change', '2 unsaved changes']);
  });
});

describe('the live socket', () => {
  it('shows the page anew only when the session has ended', () => {
    expect(after(1008, true, true)).toBe('reload');
    expect(after(1001, true, true)).toBe('retry');
    expect(after(1006, false, false)).toBe('nothing');
  });
  it('asks whether the session has ended where a handshake fails later', () => {
    expect(after(1006, false, true)).toBe('ask');
  });
  it('asks less and less often', () => {
    expect([pause(0), pause(1_000), pause(50_000)]).toEqual([1_000, 2_000, 60_000]);
  });
});
