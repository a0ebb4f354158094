/** The close code of a session that has ended (RFC 6455 §7.4.1). */
const ENDED = 1008;
/** Pauses before the server is asked again, in milliseconds. */
const FIRST = 1_000;
const LONGEST = 60_000;

/** The next pause. */
export function pause(before: number): number {
  return Math.min(Math.max(before * 2, FIRST), LONGEST);
}

/** What is done when a socket closes. One that never opened is refused: this page has no session. */
export function after(code: number, everOpened: boolean): 'reload' | 'retry' | 'nothing' {
  if (code === ENDED) return 'reload';
  return everOpened ? 'retry' : 'nothing';
}

/** Keeps a socket to the server open: when the session ends anywhere, the page shows that it is signed out. */
export function live(): void {
  let wait = 0;
  let everOpened = false;
  const connect = (): void => {
    const socket = new WebSocket(`${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}/ws/client/`);
    socket.addEventListener('open', () => {
      everOpened = true;
      wait = 0;
    });
    socket.addEventListener('close', (event) => {
      const next = after(event.code, everOpened);
      if (next === 'reload') location.reload();
      if (next !== 'retry') return;
      wait = pause(wait);
      // Pages that are not shown wait until they are.
      setTimeout(() => {
        if (document.hidden) addEventListener('visibilitychange', connect, { once: true });
        else connect();
      }, wait);
    });
  };
  connect();
}
