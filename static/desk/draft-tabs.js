/** The other tabs of this browser in which the same work is open: each tells the rest what it saved. */
export function otherTabs(token, heard, signal) {
  if (!("BroadcastChannel" in window)) return { tell() {} };
  const channel = new BroadcastChannel(`concord.draft.${document.body.dataset.labeler ?? ""}.${token}`);
  channel.addEventListener("message", (event) => heard(event.data));
  signal.addEventListener("abort", () => channel.close());
  return { tell: (news) => signal.aborted || channel.postMessage(news) };
}
