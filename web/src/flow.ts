// Comfort for the sign-in pages. Every one of them works without this module.
import { codes } from './lib/code.ts';
import { autosubmit, busy, copy, files, focus, recheck, remember, reveal } from './lib/comfort.ts';
import { theme } from './lib/theme.ts';

theme();
remember();
reveal();
files();
recheck();
codes();
copy();
// Last of the submit listeners: what came before may still hold a submit back.
busy();
focus();
autosubmit();
