// Comfort for the sign-in pages. Every one of them works without this module.
import { captchas } from './lib/captcha.ts';
import { codes } from './lib/code.ts';
import { autosubmit, busy, copy, files, focus, keep, recheck, remember, reveal } from './lib/comfort.ts';
import { passkeys } from './lib/passkey.ts';
import { proofs } from './lib/proof.ts';
import { strengths } from './lib/strength.ts';
import { theme } from './lib/theme.ts';
import { wordmark } from './lib/wordmark.ts';
import { duo, progress, rests } from './lib/waiting.ts';

theme();
wordmark();
remember();
reveal();
files();
recheck();
strengths();
rests();
codes();
copy();
keep();
captchas();
proofs();
// Last of the submit listeners: what came before may still hold a submit back.
busy();
progress();
focus();
autosubmit();
passkeys();
duo();
