/** The close code of a session that has ended (RFC 6455 §7.4.1). */
const ENDED = 1008;
/** Pauses before the server is asked again, in milliseconds. */
const FIRST = 1_000;
const LONGEST = 60_000;

/** The next pause. */
export function pause(before: number): number {
  return Math.min(Math.max(before * 2, FIRST), LONGEST);
}

/**
 * What is done when a socket closes. `opened`: this socket was open; `everOpened`: one of this page was. A page that never had
 * an open socket has no session. A script is not told why a handshake failed: `ask` finds out whether the session has ended.
 */
export function after(code: number, opened: boolean, everOpened: boolean): 'reload' | 'retry' | 'ask' | 'nothing' {
  if (code === ENDED) return 'reload';
  if (!everOpened) return 'nothing';
  return opened ? 'retry' : 'ask';
}

/** Whether the server says that nobody is signed in. A server that does not answer says nothing. */
async function signedOut(): Promise<boolean> {
  try {
    const answer = await fetch('/api/v3/core/users/me/', { cache: 'no-store' });
    return answer.status === 401 || answer.status === 403;
  } catch {
    return false;
  }
}

/** Keeps a socket to the server open: when the session ends anywhere, the page shows that it is signed out. */
export function live(): void {
  let wait = 0;
  let everOpened = false;
  const again = (): void => {
    wait = pause(wait);
    // Pages that are not shown wait until they are.
    setTimeout(() => {
      if (document.hidden) document.addEventListener('visibilitychange', connect, { once: true });
      else connect();
    }, wait);
  };
  const connect = (): void => {
    let opened = false;
    const socket = new WebSocket(`${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}/ws/client/`);
    socket.addEventListener('open', () => {
      opened = everOpened = true;
      wait = 0;
    });
    socket.addEventListener('close', async (event) => {
      const next = after(event.code, opened, everOpened);
      if (next === 'nothing') return;
      if (next === 'reload' || (next === 'ask' && (await signedOut()))) location.reload();
      else again();
    });
  };
  connect();
}
