/** The processes that a service runs in: taken in turn, and left alone for a while after they did not answer. */
export interface Peers {
  /** The next one; when none seems well, the one whose pause ends first. */
  pick(): Peer;
  all(): readonly Peer[];
}

export interface Peer {
  readonly url: string;
  failed(): void;
  answered(): void;
}

const firstPauseMs = 250;
const longestPauseMs = 5_000;

export function createPeers(urls: readonly string[], now: () => number = () => performance.now()): Peers {
  const peers = urls.map((url) => createPeer(url.replace(/\/+$/, ''), now));
  let turn = Math.floor(Math.random() * peers.length);
  return {
    all: () => peers,
    pick() {
      turn = (turn + 1) % peers.length;
      const inTurn = [...peers.slice(turn), ...peers.slice(0, turn)];
      const at = now();
      return (
        inTurn.find((peer) => peer.pausedUntil() <= at) ??
        inTurn.reduce((a, b) => (b.pausedUntil() < a.pausedUntil() ? b : a))
      );
    },
  };
}

function createPeer(url: string, now: () => number) {
  let pausedUntil = 0;
  let pauseMs = 0;
  return {
    url,
    pausedUntil: () => pausedUntil,
    failed() {
      pauseMs = Math.min(longestPauseMs, Math.max(firstPauseMs, pauseMs * 2));
      pausedUntil = now() + pauseMs;
    },
    answered() {
      pausedUntil = pauseMs = 0;
    },
  };
}
