// One check, one tab: whether this browser has the same link open elsewhere.
const WAIT_MS = 150;

/** True where another tab answers for the same id. From then on this tab answers for it, unless another did. */
export async function openElsewhere(id) {
  if (!window.BroadcastChannel) return false;
  const channel = new BroadcastChannel("liveguard-proof");
  const found = await new Promise((resolve) => {
    channel.onmessage = ({ data }) => data.here === id && resolve(true);
    channel.postMessage({ asks: id });
    setTimeout(() => resolve(false), WAIT_MS);
  });
  channel.onmessage = ({ data }) => !found && data.asks === id && channel.postMessage({ here: id });
  if (found) channel.close();
  return found;
}
